/* SOURCE_DATE_EPOCH (dockerfile.md §9): a number, or what names one: a context, or a stage that is nothing but one
 * download, whose time it takes. Resolved before anything else is planned, because ARGs see the number. */
#include "base/text.h"
#include "builder/context/fetch.h"
#include "builder/plan/planner-internal.h"
#include "parser/gitref.h"
#include "parser/value.h"

static const char *lookup(void *arg, const char *name)
{
    const struct build_vars *v = arg;
    return build_vars_get(v, name);
}

static int expand(const struct build_planner *p, struct build_vars *vars, const char *word, char **ret, struct cb_error *err)
{
    struct df_expand x = {.escape = p->plan->file->escape, .lookup = lookup, .lookup_arg = vars};
    return df_expand_word(&x, word, ret, err);
}

static int set_args(const struct build_planner *p, struct build_vars *env, const struct df_instruction *i, struct cb_error *err)
{
    for (size_t k = 0; k < i->args.n; k++) {
        const struct df_arg *a = &i->args.items[k];
        const char *value = build_vars_get(&p->build_args, a->name);
        CB_AUTO(free) char *expanded = NULL;
        if (!value && a->value) {
            if (expand(p, env, a->value, &expanded, err) < 0)
                return -1;
            value = expanded;
        }
        if (!value)
            value = build_vars_get(&p->globals, a->name);
        if (value)
            build_vars_set(env, a->name, value);
    }
    return 0;
}

/* The only source of the only ADD, expanded. */
static int find_source(struct build_planner *p, const struct df_stage *stage, const struct df_instruction **ret_add, char **ret,
                       struct cb_error *err)
{
    CB_AUTO(build_vars) struct build_vars env = {0};
    CB_AUTO(free) char *base = NULL;
    size_t n = 0;
    if (expand(p, &p->globals, stage->from->from.image, &base, err) < 0)
        return -1;
    if (strcmp(base, "scratch") != 0)
        return cb_fail(err, CB_E_DOCKERFILE, "SOURCE_DATE_EPOCH stage must use FROM scratch");
    for (size_t k = 0; k < stage->n; k++) {
        const struct df_instruction *i = &stage->items[k];
        if (i->kind == DF_ARG && set_args(p, &env, i, err) < 0)
            return -1;
        if (i->kind != DF_ARG && i->kind != DF_ADD)
            return cb_fail(err, CB_E_DOCKERFILE,
                           "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported %s instruction",
                           df_kind_name(i->kind));
        if (i->kind != DF_ADD || n++ > 0)
            continue;
        *ret_add = i;
        if (i->copy.sources.n != 1 || i->copy.n_files > 0)
            return cb_fail(err, CB_E_DOCKERFILE, "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD");
        if (expand(p, &env, i->copy.sources.items[0], ret, err) < 0)
            return -1;
    }
    if (n != 1)
        return cb_fail(err, CB_E_DOCKERFILE, "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD");
    return 0;
}

static int is_remote(const char *source, struct cb_error *err)
{
    CB_AUTO(df_gitref) struct df_gitref git = {0};
    int r = df_gitref_parse(source, &git, err);
    return r < 0 ? -1 : (r > 0 && !git.like_local) || cb_starts(source, "http://") || cb_starts(source, "https://");
}

static int stage_time(struct build_planner *p, const struct df_stage *stage, int64_t *ret, struct cb_error *err)
{
    const struct df_instruction *add = NULL;
    CB_AUTO(free) char *source = NULL;
    struct build_remote *remote = NULL;
    if (find_source(p, stage, &add, &source, err) < 0)
        return -1;
    int r = is_remote(source, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return cb_fail(err, CB_E_DOCKERFILE, "SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD");
    struct build_remote_request q = {.url = source, .keep_git_dir = add->copy.keep_git_dir};
    if (p->in->effects->fetch(p->in->arg, &q, &remote, err) < 0)
        return -1;
    *ret = remote->git ? remote->checkout.time : cache_tree_root(remote->tree)->children[0]->e.mtime;
    p->in->effects->release(p->in->arg, remote);
    return 1;
}

/* 1: *ret. 0: it is known and has no time. */
static int resolve(struct build_planner *p, const char *text, int64_t *ret, struct cb_error *err)
{
    const struct df_dockerfile *d = &p->plan->dockerfile;
    if (cb_parse_i64(text, ret))
        return 1;
    int r = p->in->effects->context_time(p->in->arg, text, ret);
    if (r >= 0)
        return r;
    for (size_t i = d->n_stages; i-- > 0;) {
        const struct df_stage *s = &d->stages[i];
        if (!s->from->from.name || strcasecmp(s->from->from.name, text) != 0)
            continue;
        r = stage_time(p, s, ret, err);
        return r < 0 ? cb_at(err, s->from->at.line, s->from->at.last_line) : r;
    }
    return cb_fail(err, CB_E_USAGE, "invalid SOURCE_DATE_EPOCH: %s", text);
}

int build_set_epoch(struct build_planner *p, struct cb_error *err)
{
    const char *given = build_vars_get(&p->build_args, "SOURCE_DATE_EPOCH");
    const char *text = given ? given : build_vars_get(&p->globals, "SOURCE_DATE_EPOCH");
    int known = text && *text ? resolve(p, text, &p->plan->epoch, err) : 0;
    if (known < 0)
        return -1;
    p->plan->has_epoch = known;
    CB_AUTO(free) char *digits = known ? cb_printf("%lld", (long long)p->plan->epoch) : NULL;
    if (given || !known)
        build_vars_set(&p->build_args, "SOURCE_DATE_EPOCH", digits);
    if (!given || !known)
        build_vars_set(&p->globals, "SOURCE_DATE_EPOCH", digits);
    return 0;
}
