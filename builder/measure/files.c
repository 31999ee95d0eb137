#include "builder/measure/files.h"
#include "base/pack.h"
#include "cache/image.h"
#include "cache/store/tree.h"

void measure_files_done(struct measure_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].path);
    free(f->items);
    *f = (struct measure_files){0};
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static void add(struct measure_files *f, const char *path, const struct cb_buf *what)
{
    struct measure_file *new = &CB_PUSH(f->items, f->n, f->cap);
    new->path = cb_strdup(path);
    cb_sha256(what->data, what->len, &new->what);
}

static void add_entry(struct measure_files *f, const struct cache_entry *e)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_put_u32(&b, (uint32_t)e->type);
    cb_put_u32(&b, e->mode);
    cb_put_u32(&b, e->uid);
    cb_put_u32(&b, e->gid);
    cb_put_u32(&b, e->dev_major);
    cb_put_u32(&b, e->dev_minor);
    cb_put_str(&b, e->link ? e->link : "");
    cb_buf_add(&b, &e->digest, sizeof(e->digest));
    for (size_t i = 0; i < e->n_xattrs; i++) {
        cb_put_str(&b, e->xattrs[i].name);
        cb_put_bytes(&b, e->xattrs[i].value, e->xattrs[i].len);
    }
    add(f, e->path, &b);
}

/* Without recursion over what an image may have made as deep as it likes. */
static void add_tree(struct measure_files *f, struct cache_tree *t)
{
    struct cache_node **stack = NULL;
    size_t n = 0, cap = 0;
    cache_tree_sort(t);
    CB_PUSH(stack, n, cap) = cache_tree_root(t);
    while (n) {
        struct cache_node *node = stack[--n];
        if (node->parent)
            add_entry(f, &node->e);
        for (size_t i = node->n_children; i-- > 0;)
            CB_PUSH(stack, n, cap) = node->children[i];
    }
    free(stack);
}

static int by_path(const void *a, const void *b)
{
    return cache_index_compare(((const struct measure_file *)a)->path, ((const struct measure_file *)b)->path);
}

static void add_layers(struct cache_store *s, const struct cache_image *image, struct measure_files *ret)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    for (size_t i = 0; i < image->n_layers; i++) {
        CB_AUTO(cache_index) struct cache_index x = {0};
        CB_AUTO(cb_error) struct cb_error none = CB_ERROR_INIT;
        if (cache_layer_index(s, &image->layers[i].id, &x, &none) == 0) {
            cache_tree_apply(t, &x, (int)i);
            continue;
        }
        char id[CB_DIGEST_TEXT + 1];
        CB_AUTO(cb_buf) struct cb_buf empty = CB_BUF_INIT;
        cb_digest_text(&image->layers[i].id, id);
        add(ret, id, &empty);
    }
    add_tree(ret, t);
    if (ret->n)
        qsort(ret->items, ret->n, sizeof(*ret->items), by_path);
}

static int load(struct cache_store *s, const char *image, struct measure_files *ret, struct cb_error *err)
{
    struct cache_image *list = NULL;
    struct cb_digest id;
    size_t n = 0;
    bool found = false;
    if (cache_image_list(s, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n && !found && cb_digest_parse(image, &id); i++) {
        const struct cache_image *of = cache_image_with_id(&list[i], &id);
        found = of;
        if (of)
            add_layers(s, of, ret);
    }
    cache_image_list_free(list, n);
    return found ? 0 : cb_fail(err, CB_E_NOT_FOUND, "the image '%s' is not in the store '%s'", image, s->path);
}

int measure_files_load(const char *store, const char *image, struct measure_files *ret, struct cb_error *err)
{
    struct cache_store *s;
    if (cache_store_open(store, &s, err) < 0)
        return -1;
    int r = load(s, image, ret, err);
    cache_store_free(s);
    return r;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

void measure_files_compare(const struct measure_files *a, const struct measure_files *b, struct cb_strv *ret,
                           struct cb_strv *ret_gone)
{
    size_t i = 0, k = 0;
    while (i < a->n || k < b->n) {
        int order = i == a->n ? 1 : k == b->n ? -1 : cache_index_compare(a->items[i].path, b->items[k].path);
        if (order < 0)
            cb_strv_push(ret_gone ? ret_gone : ret, a->items[i].path);
        else if (order > 0)
            cb_strv_push(ret, b->items[k].path);
        else if (!cb_digest_eq(&a->items[i].what, &b->items[k].what))
            cb_strv_push(ret, a->items[i].path);
        i += order <= 0;
        k += order >= 0;
    }
}
