/* All instructions of a file to stages, with the checks that need to see them all (dockerfile.md §8). */
#include "parser/instruction-internal.h"

struct assembly {
    struct df_decoder d;
    struct df_dockerfile *ret;
    struct df_errors *errors;
    struct df_instruction *items; /* one for each node */
    size_t cap_stages;
};

void df_errors_done(struct df_errors *e)
{
    for (size_t i = 0; i < e->n; i++)
        cb_error_done(&e->items[i]);
    free(e->items);
    *e = (struct df_errors){0};
}

void df_errors_take(struct df_errors *e, struct cb_error *err)
{
    if (e->n < DF_MAX_ERRORS)
        cb_error_move(&CB_PUSH(e->items, e->n, e->cap), err);
    cb_error_done(err);
}

int df_errors_split(struct df_errors *e, struct cb_error *ret, struct df_errors *rest)
{
    if (!e->n)
        return 0;
    cb_error_move(ret, &e->items[0]);
    for (size_t i = 1; i < e->n; i++)
        df_errors_take(rest, &e->items[i]);
    df_errors_done(e);
    return -1;
}

static void take_error(struct assembly *a, struct cb_error *err)
{
    df_errors_take(a->errors, err);
    a->d.lint = NULL; /* BuildKit stops here: later warnings are not part of its answer */
}

/* ---- checks over the whole ------------------------------------------------------------------ */

/* No comment above an instruction switches these off. */

static bool all_lower(const char *s)
{
    return !s[strcspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

static bool all_upper(const char *s)
{
    return !s[strcspn(s, "abcdefghijklmnopqrstuvwxyz")];
}

static void lint_casing(struct df_lint *lint, const struct df_instruction *items, size_t n)
{
    size_t lower = 0, upper = 0;
    for (size_t i = 0; i < n; i++) {
        lower += all_lower(items[i].keyword);
        upper += all_upper(items[i].keyword);
    }
    for (size_t i = 0; i < n; i++)
        if (lower > upper ? !all_lower(items[i].keyword) : !all_upper(items[i].keyword))
            df_lint_warn(lint, DF_LINT_CONSISTENT_INSTRUCTION_CASING, NULL, items[i].at, items[i].keyword,
                         lower > upper ? "lowercase" : "uppercase");
}

static void lint_stage_names(struct df_lint *lint, const struct df_dockerfile *df)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    for (size_t i = 0; i < df->n_stages; i++) {
        const struct df_instruction *from = df->stages[i].from;
        const char *name = from->from.name;
        if (!name)
            continue;
        if (strcmp(name, "scratch") == 0 || strcmp(name, "context") == 0)
            df_lint_warn(lint, DF_LINT_RESERVED_STAGE_NAME, NULL, from->at, name);
        if (cb_map_has(&seen, name))
            df_lint_warn(lint, DF_LINT_DUPLICATE_STAGE_NAME, NULL, from->at, name);
        cb_map_set(&seen, name, NULL);
    }
}

/* ---- instructions --------------------------------------------------------------------------- */

static void start_stage(struct assembly *a, struct df_instruction *from)
{
    struct df_dockerfile *df = a->ret;
    struct df_stage stage = {.index = df->n_stages, .from = from, .items = from + 1};
    CB_PUSH(df->stages, df->n_stages, a->cap_stages) = stage;
}

/* Puts a decoded instruction where it belongs. */
static void place(struct assembly *a, struct df_instruction *i, struct cb_error *err)
{
    struct df_dockerfile *df = a->ret;
    if (i->kind == DF_FROM)
        start_stage(a, i);
    else if (df->n_stages)
        df->stages[df->n_stages - 1].n++;
    else if (i->kind == DF_ARG)
        df->n_args++;
    else if (!a->errors->n) /* after another mistake that may well be the reason, say a FROM with a wrong flag */
        cb_fail(err, CB_E_DOCKERFILE, "no build stage in current context");
}

static void decode_all(struct assembly *a)
{
    const struct df_file *file = a->ret->file;
    for (size_t k = 0; k < file->n_nodes && a->errors->n < DF_MAX_ERRORS; k++) {
        const struct df_node *node = &file->nodes[k];
        struct cb_error err = CB_ERROR_INIT;
        a->d.err = &err;
        if (df_decode_node(&a->d, node, &a->items[k]) < 0)
            cb_prefix(&err, "dockerfile parse error on line %d", node->at.line);
        else
            place(a, &a->items[k], &err);
        if (err.code) {
            cb_at(&err, node->at.line, node->at.last_line);
            take_error(a, &err);
        }
    }
}

static void lint_continuations(struct df_decoder *d)
{
    for (size_t k = 0; k < d->file->n_nodes; k++) {
        const struct df_node *node = &d->file->nodes[k];
        struct cb_place at = {node->empty_continuation, node->empty_continuation};
        if (at.line)
            df_lint_warn(d->lint, DF_LINT_NO_EMPTY_CONTINUATION, NULL, at);
    }
}

int df_decode(struct df_file *file, struct df_lint *lint, struct df_dockerfile *ret, struct df_errors *errors)
{
    struct assembly a = {.d = {.file = file, .lint = lint}, .ret = ret, .errors = errors};
    *ret = (struct df_dockerfile){.file = file};
    a.items = cb_arena_alloc(&file->arena, file->n_nodes * sizeof(*a.items));
    lint_continuations(&a.d);
    decode_all(&a);
    ret->args = a.items;
    if (!ret->n_stages && !errors->n) {
        struct cb_error err = CB_ERROR_INIT;
        cb_fail(&err, CB_E_DOCKERFILE, "dockerfile contains no stages to build");
        take_error(&a, &err);
    }
    struct df_stage *stages = ret->stages;
    if (ret->n_stages) {
        ret->stages = cb_arena_alloc(&file->arena, ret->n_stages * sizeof(*stages));
        memcpy(ret->stages, stages, ret->n_stages * sizeof(*stages));
    }
    free(stages);
    if (errors->n)
        return -1;
    lint_stage_names(lint, ret);
    lint_casing(lint, a.items + ret->n_args, file->n_nodes - ret->n_args);
    return 0;
}

int df_decode_trigger(struct df_file *file, struct df_lint *lint, struct df_instruction **ret, struct cb_error *err)
{
    struct df_decoder d = {.file = file, .lint = lint, .err = err};
    struct df_instruction *i = cb_arena_alloc(&file->arena, sizeof(*i));
    const struct df_node *node = &file->nodes[0];
    if (df_check_trigger(node->kind, err) < 0 || df_decode_node(&d, node, i) < 0)
        return cb_at(err, node->at.line, node->at.last_line);
    *ret = i;
    return 0;
}
