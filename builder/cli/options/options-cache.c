/* The options of shared caches, --cache-from, --cache-to and --cache-ttl; and what of the contexts does not count. */
#include "builder/cli/options/options-values.h"
#include "builder/share/share.h"

int cli_set_cache_ttl(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    r->ages = true;
    return cli_set_span(v, &r->max_age, err);
}

/* The type says which keys there are, wherever it stands. Of a key that is given twice the last one counts, as in docker. */
static int find_type(void *arg, const char *key, const char *value, struct cb_error *err)
{
    const struct build_share_ops **ops = arg;
    if (!value)
        return cb_fail(err, CB_E_USAGE, "invalid field '%s' must be a key=value pair", key);
    if (strcmp(key, "type") != 0 || (*ops = build_share_find(value)) != NULL)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    build_share_types(&all, ", ");
    return cb_fail(err, CB_E_UNSUPPORTED, "type '%s' is not one of %s", value, all.data);
}

static int share_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    return strcmp(key, "type") == 0 ? 0 : build_share_set(arg, key, value, err);
}

static int add(const char *option, const char *v, bool writes, struct build_request *r, struct cb_error *err)
{
    const struct build_share_ops *ops = NULL;
    bool bare = !strchr(v, '=');
    if (!*v)
        return cb_fail(err, CB_E_USAGE, "%s: a cache is missing (a repository's name, or type=…,key=value)", option);
    if (!bare && cli_each_field(option, v, find_type, &ops, err) < 0)
        return -1;
    if (bare)
        ops = build_share_bare();
    if (!ops)
        return cb_fail(err, CB_E_USAGE, "%s '%s': type= is missing", option, v);
    struct build_share *o = &CB_PUSH(r->shares, r->n_shares, r->cap_shares);
    build_share_begin(o, ops, writes);
    if ((bare ? build_share_set_bare(o, v, err) : cli_each_field(option, v, share_field, o, err)) < 0)
        return -1;
    if (build_share_end(o, err) < 0)
        return cb_prefix(err, "%s '%s'", option, v);
    struct build_share image;
    r->inline_cache |= build_share_is_image(o);
    if (build_share_is_image(o))
        r->n_shares--; /* it has nothing to be freed */
    else if (build_share_also(o, &image))
        CB_PUSH(r->shares, r->n_shares, r->cap_shares) = image;
    return 0;
}

/* One with fields, or, as buildah has it, names with commas between them. */
static int set(const char *option, const char *v, bool writes, struct build_request *r, struct cb_error *err)
{
    if (strchr(v, '='))
        return add(option, v, writes, r, err);
    CB_AUTO(free) char *text = cb_strdup(v);
    for (char *rest = text, *name; (name = strsep(&rest, ","));)
        if (add(option, name, writes, r, err) < 0)
            return -1;
    return 0;
}

int cli_set_cache_from(const char *v, void *to, struct cb_error *err)
{
    return set("--cache-from", v, false, to, err);
}

int cli_set_cache_to(const char *v, void *to, struct cb_error *err)
{
    return set("--cache-to", v, true, to, err);
}

int cli_set_cache_ignore(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    if (strcmp(v, "mode") != 0)
        return cb_fail(err, CB_E_USAGE, "--cache-ignore '%s' is not one of mode", v);
    r->ignores_modes = true;
    return 0;
}
