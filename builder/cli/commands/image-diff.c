#include "builder/cli/commands/image-diff.h"
#include "base/text.h"

/* ---- files ------------------------------------------------------------------------------------------------------------- */

struct comparing {
    bool times;
    json_t *list;
};

static const char *type_name(int type)
{
    switch (type) {
    case CB_DIR:
        return "directory";
    case CB_SYMLINK:
        return "link";
    case CB_CHAR:
    case CB_BLOCK:
        return "device";
    case CB_FIFO:
        return "fifo";
    default:
        return "file";
    }
}

/* What people want to know of an entry, in a few words. */
static json_t *entry_text(const struct cache_entry *e)
{
    char size[16];
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_printf(&b, "%s %04o %u:%u", type_name(e->type), e->mode & 07777, e->uid, e->gid);
    if (e->type == CB_FILE)
        cb_buf_printf(&b, " %s", cb_human_size(e->size, size));
    if (e->type == CB_SYMLINK)
        cb_buf_printf(&b, " -> %s", e->link);
    if (e->type == CB_CHAR || e->type == CB_BLOCK)
        cb_buf_printf(&b, " %u,%u", e->dev_major, e->dev_minor);
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, b.data, b.len);
    return json_string(clean.data);
}

static void add_file(const struct comparing *c, const struct cache_node *old, const struct cache_node *new, json_t *what)
{
    CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT;
    const char *bytes = cache_node_path(new ? new : old);
    cb_buf_addc(&path, '/');
    cb_utf8_sanitize(&path, bytes, strlen(bytes));
    json_t *j = json_object();
    json_object_set_new(j, "path", json_string(path.data));
    json_object_set_new(j, "change", json_string(!old ? "added" : !new ? "removed" : "changed"));
    if (old)
        json_object_set_new(j, "old", entry_text(&old->e));
    if (new)
        json_object_set_new(j, "new", entry_text(&new->e));
    if (what)
        json_object_set_new(j, "what", what);
    json_array_append_new(c->list, j);
}

static bool same_link(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static json_t *what_changed(const struct comparing *c, const struct cache_entry *a, const struct cache_entry *b)
{
    json_t *what = json_array();
    const struct {
        bool differs;
        const char *name;
    } parts[] = {
        {a->type != b->type, "type"},
        {a->type == b->type && !cb_digest_eq(&a->digest, &b->digest), "content"},
        {a->type == CB_FILE && b->type == CB_FILE && a->size != b->size, "size"},
        {(a->mode & 07777) != (b->mode & 07777), "mode"},
        {a->uid != b->uid || a->gid != b->gid, "owner"},
        {a->type == b->type && !same_link(a->link, b->link), "link"},
        {a->type == b->type && (a->dev_major != b->dev_major || a->dev_minor != b->dev_minor), "device"},
        {!cache_same_xattrs(a, b), "attributes"},
        {c->times && a->mtime != b->mtime, "time"},
    };
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (parts[i].differs)
            json_array_append_new(what, json_string(parts[i].name));
    return what;
}

struct nodes {
    const struct cache_node **items;
    size_t n, cap;
};

/* All of a tree but its root, in the order of an index. Without recursion: an image may be as deep as it likes. */
static void list_nodes(struct cache_tree *t, struct nodes *ret)
{
    struct nodes open = {0};
    CB_PUSH(open.items, open.n, open.cap) = cache_tree_root(t);
    while (open.n) {
        const struct cache_node *n = open.items[--open.n];
        if (n->parent)
            CB_PUSH(ret->items, ret->n, ret->cap) = n;
        for (size_t i = n->n_children; i-- > 0;)
            CB_PUSH(open.items, open.n, open.cap) = n->children[i];
    }
    free(open.items);
}

static void compare(const struct comparing *c, const struct cache_node *old, const struct cache_node *new)
{
    json_t *what = old && new ? what_changed(c, &old->e, &new->e) : NULL;
    if (!old || !new || json_array_size(what) > 0)
        add_file(c, old, new, json_incref(what));
    json_decref(what);
}

void cli_diff_files(struct cache_tree *a, struct cache_tree *b, bool times, json_t *list)
{
    const struct comparing c = {.times = times, .list = list};
    struct nodes old = {0}, new = {0};
    list_nodes(a, &old);
    list_nodes(b, &new);
    for (size_t i = 0, k = 0; i < old.n || k < new.n;) {
        int order = i == old.n   ? 1
                    : k == new.n ? -1
                                 : cache_index_compare(cache_node_path(old.items[i]), cache_node_path(new.items[k]));
        compare(&c, order <= 0 ? old.items[i] : NULL, order >= 0 ? new.items[k] : NULL);
        i += order <= 0;
        k += order >= 0;
    }
    free(old.items);
    free(new.items);
}

/* ---- configs ----------------------------------------------------------------------------------------------------------- */

static void add_member(json_t *list, const char *path, json_t *old, json_t *new)
{
    json_t *j = json_object();
    json_object_set_new(j, "path", json_string(path));
    json_object_set_new(j, "change", json_string(!old ? "added" : !new ? "removed" : "changed"));
    if (old)
        json_object_set(j, "old", old);
    if (new)
        json_object_set(j, "new", new);
    json_array_append_new(list, j);
}

/* ["A=1"] as {"A": "1"}; what is no list of such is left as it is. A new reference; NULL stays. */
static json_t *variables(json_t *list)
{
    size_t i;
    json_t *v;
    if (!json_is_array(list))
        return json_incref(list);
    json_t *map = json_object();
    json_array_foreach (list, i, v) {
        const char *value = NULL, *text = json_string_value(v);
        CB_AUTO(free) char *name = text ? cb_split_pair(text, &value) : NULL;
        if (name)
            json_object_set_new(map, name, json_string(value ? value : ""));
    }
    return map;
}

static void diff_values(const char *path, json_t *old, json_t *new, json_t *list);

static void diff_member(const char *path, const char *name, json_t *a, json_t *b, json_t *list)
{
    CB_AUTO(free) char *below = *path ? cb_printf("%s.%s", path, name) : cb_strdup(name);
    bool env = strcmp(below, "config.Env") == 0;
    CB_AUTO(json) json_t *old = env ? variables(json_object_get(a, name)) : json_incref(json_object_get(a, name));
    CB_AUTO(json) json_t *new = env ? variables(json_object_get(b, name)) : json_incref(json_object_get(b, name));
    if (strcmp(below, "rootfs") != 0 && strcmp(below, "history") != 0)
        diff_values(below, old, new, list);
}

static void diff_values(const char *path, json_t *old, json_t *new, json_t *list)
{
    const char *name;
    json_t *ignored;
    if ((!old && !new) || (old && new &&json_equal(old, new)))
        return;
    if (!json_is_object(old) || !json_is_object(new)) {
        add_member(list, path, old, new);
        return;
    }
    json_object_foreach (old, name, ignored)
        diff_member(path, name, old, new, list);
    json_object_foreach (new, name, ignored)
        if (!json_object_get(old, name))
            diff_member(path, name, old, new, list);
}

void cli_diff_configs(json_t *a, json_t *b, json_t *list)
{
    diff_values("", a, b, list);
}
