#include "builder/cli/commands/outline.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/outline.h"
#include "builder/show/table.h"

struct item {
    const char *name, *value, *description;
    bool required;
    struct cb_place at;
    size_t order;
};
struct items {
    struct item *list;
    size_t n, cap;
};

static int by_line(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void items_sort(struct items *l)
{
    for (size_t i = 0; i < l->n; i++)
        l->list[i].order = i;
    if (l->n > 1)
        qsort(l->list, l->n, sizeof(*l->list), by_line);
}

static struct items list_args(const struct build_outline *o)
{
    struct items l = {0};
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&o->args, it));) {
        const struct build_outline_arg *a = it->value;
        if (cb_map_has(&o->used, it->key))
            CB_PUSH(l.list, l.n, l.cap) =
                (struct item){.name = it->key, .value = a->value, .description = a->description, .at = a->at};
    }
    items_sort(&l);
    return l;
}

static const char *mount_id(const struct df_mount *m)
{
    if (m->type == DF_MOUNT_SECRET && !*m->id)
        return *m->source ? m->source : cb_path_base(m->target);
    return m->type == DF_MOUNT_SSH && !*m->id ? "default" : m->id;
}

/* Each ID once, where it stands first; of a plan's steps all are needed by the target. */
static struct items list_mounts(const struct build *b, enum df_mount_type type)
{
    struct items l = {0};
    CB_AUTO(cb_map) struct cb_map seen = {0};
    for (size_t i = 0; i < b->plan.n_steps; i++) {
        const struct build_step *s = b->plan.steps[i];
        for (const struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next) {
            const char *id = mount_id(m->m);
            if (m->m->type != type || cb_map_has(&seen, id))
                continue;
            cb_map_set(&seen, id, NULL);
            CB_PUSH(l.list, l.n, l.cap) = (struct item){.name = id, .value = m->target, .required = m->m->required, .at = s->at};
        }
    }
    items_sort(&l);
    return l;
}

/* What a step mounts, as both forms show it. */
static const struct {
    enum df_mount_type type;
    const char *key, *id_key; /* JSON, names as buildx has them */
    const char *head[2];
    bool shows_target;
} mount_lists[] = {
    {DF_MOUNT_SECRET, "secrets", "name", {"SECRET", "REQUIRED"}, false},
    {DF_MOUNT_SSH, "ssh", "name", {"SSH", "REQUIRED"}, false},
    {DF_MOUNT_CACHE, "cache", "ID", {"CACHE MOUNT", "TARGET"}, true},
};

static void print_table(struct build_table *t, struct cb_buf *out)
{
    build_table_print(t, out);
    cb_buf_addc(out, '\n');
}

void cli_outline_text(const struct build *b, struct cb_buf *out)
{
    const struct build_outline *o = b->plan.outline;
    if (*o->name || *o->description) {
        struct build_table t = {.columns = 2, .gap = 1};
        build_table_row(&t, (const char *const[]){"TARGET:", *o->name ? o->name : "(default)"});
        if (*o->description)
            build_table_row(&t, (const char *const[]){"DESCRIPTION:", o->description});
        print_table(&t, out);
    }
    struct items args = list_args(o);
    if (args.n) {
        struct build_table t = {.columns = 3, .gap = 3};
        build_table_row(&t, (const char *const[]){"BUILD ARG", "VALUE", "DESCRIPTION"});
        for (size_t i = 0; i < args.n; i++)
            build_table_row(&t, (const char *const[]){args.list[i].name, args.list[i].value, args.list[i].description});
        print_table(&t, out);
    }
    free(args.list);
    for (size_t k = 0; k < CB_LEN(mount_lists); k++) {
        struct items l = list_mounts(b, mount_lists[k].type);
        struct build_table t = {.columns = 2, .gap = 3};
        if (l.n)
            build_table_row(&t, mount_lists[k].head);
        for (size_t i = 0; i < l.n; i++) {
            const char *second = mount_lists[k].shows_target ? l.list[i].value : l.list[i].required ? "true" : "";
            build_table_row(&t, (const char *const[]){l.list[i].name, second});
        }
        if (l.n)
            print_table(&t, out);
        free(l.list);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

json_t *cli_json_text(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    if (s)
        cb_utf8_sanitize(&clean, s, strlen(s));
    return json_stringn(clean.data, clean.len);
}

json_t *cli_json_sources(const struct build *b)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_base64_encode(&text, b->contexts.dockerfile.data, b->contexts.dockerfile.len);
    return json_pack("[o]", json_stringn(text.data, text.len));
}

static void put_text(json_t *j, const char *key, const char *value)
{
    if (value && *value)
        json_object_set_new(j, key, cli_json_text(value));
}

void cli_outline_json(const struct build *b, struct cb_buf *out)
{
    CB_AUTO(json) json_t *doc = json_object();
    put_text(doc, "name", b->plan.outline->name);
    put_text(doc, "description", b->plan.outline->description);
    struct items args = list_args(b->plan.outline);
    json_t *array = json_array();
    for (size_t i = 0; i < args.n; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "name", cli_json_text(args.list[i].name));
        put_text(j, "description", args.list[i].description);
        put_text(j, "value", args.list[i].value);
        json_object_set_new(j, "location", df_json_location(args.list[i].at));
        json_array_append_new(array, j);
    }
    free(args.list);
    json_object_set_new(doc, "args", array);
    for (size_t k = 0; k < CB_LEN(mount_lists); k++) {
        struct items l = list_mounts(b, mount_lists[k].type);
        array = json_array();
        for (size_t i = 0; i < l.n; i++) {
            json_t *j = json_object();
            json_object_set_new(j, mount_lists[k].id_key, cli_json_text(l.list[i].name));
            if (l.list[i].required)
                json_object_set_new(j, "required", json_true());
            json_object_set_new(j, "location", df_json_location(l.list[i].at));
            json_array_append_new(array, j);
        }
        free(l.list);
        json_object_set_new(doc, mount_lists[k].key, array);
    }
    json_object_set_new(doc, "sources", cli_json_sources(b));
    cb_json_dump(doc, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}
