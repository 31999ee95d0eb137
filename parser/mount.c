#include "parser/mount.h"

#include "base/text.h"
#include "parser/csv.h"
#include "parser/value.h"
#include <strings.h>

const char *const df_mount_type_names[DF_MOUNT_COUNT] = {"bind", "cache", "tmpfs", "secret", "ssh"};
const char *const df_sharing_names[DF_SHARING_COUNT] = {"shared", "private", "locked"};

/* A value being decoded. */
struct decoder {
    struct df_mount *m;
    const char *key;   /* lower case */
    const char *field; /* as written */
    bool readonly_given;
    struct cb_error *err;
};

typedef int value_fn(struct decoder *d, const char *value);

void df_mount_done(struct df_mount *m)
{
    free(m->target);
    free(m->source);
    free(m->from);
    free(m->id);
    free(m->env);
    *m = (struct df_mount){0};
}

/* ---- errors ----------------------------------------------------------------------------------- */

static int fail_suggest(struct cb_error *err, const char *message, const char *word, const char *const *names, size_t n)
{
    const char *meant = cb_did_you_mean(word, names, n, false);
    if (meant)
        return cb_fail(err, CB_E_DOCKERFILE, "%s (did you mean %s?)", message, meant);
    return cb_fail(err, CB_E_DOCKERFILE, "%s", message);
}

static int bad_value(struct decoder *d, const char *value)
{
    return cb_fail(d->err, CB_E_DOCKERFILE, "invalid value for %s: %s", d->key, value);
}

static int wrong_type(struct decoder *d)
{
    return cb_fail(d->err, CB_E_DOCKERFILE, "unexpected key '%s' for mount type '%s'", d->key, df_mount_type_names[d->m->type]);
}

/* The number of a word in a table, without regard to case; -1 with `err` set. */
static int find_word(const char *value, const char *const *names, size_t n, const char *what, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(value, names[i]) == 0)
            return (int)i;
    CB_AUTO(cb_buf) struct cb_buf message = CB_BUF_INIT;
    cb_buf_printf(&message, "unsupported %s ", what);
    cb_quote_go(&message, value, strlen(value));
    return fail_suggest(err, message.data, value, names, n);
}

/* ---- keys ------------------------------------------------------------------------------------- */

static void set_text(char **to, const char *value)
{
    free(*to);
    *to = cb_strdup(value);
}

static int set_type(struct decoder *d, const char *value)
{
    int i = find_word(value, df_mount_type_names, DF_MOUNT_COUNT, "mount type", d->err);
    if (i >= 0)
        d->m->type = (enum df_mount_type)i;
    return i < 0 ? -1 : 0;
}

static int set_sharing(struct decoder *d, const char *value)
{
    int i = find_word(value, df_sharing_names, DF_SHARING_COUNT, "sharing value", d->err);
    if (i < 0)
        return -1;
    d->m->sharing = (enum df_sharing)i;
    d->m->has_sharing = true;
    return 0;
}

static int set_from(struct decoder *d, const char *value)
{
    set_text(&d->m->from, value);
    return 0;
}

static int set_source(struct decoder *d, const char *value)
{
    set_text(&d->m->source, value);
    return 0;
}

static int set_target(struct decoder *d, const char *value)
{
    set_text(&d->m->target, value);
    return 0;
}

static int set_id(struct decoder *d, const char *value)
{
    set_text(&d->m->id, value);
    return 0;
}

static int set_env(struct decoder *d, const char *value)
{
    set_text(&d->m->env, value);
    d->m->has_env = true;
    return 0;
}

static int set_readonly(struct decoder *d, const char *value)
{
    d->readonly_given = true;
    return df_parse_bool(value, &d->m->readonly) ? 0 : bad_value(d, value);
}

static int set_readwrite(struct decoder *d, const char *value)
{
    bool writable;
    if (!df_parse_bool(value, &writable))
        return bad_value(d, value);
    d->readonly_given = true;
    d->m->readonly = !writable;
    return 0;
}

static int set_required(struct decoder *d, const char *value)
{
    if (d->m->type != DF_MOUNT_SECRET && d->m->type != DF_MOUNT_SSH)
        return wrong_type(d);
    return df_parse_bool(value, &d->m->required) ? 0 : bad_value(d, value);
}

static int set_size(struct decoder *d, const char *value)
{
    int64_t size;
    if (d->m->type != DF_MOUNT_TMPFS)
        return wrong_type(d);
    if (!df_parse_size(value, &size))
        return bad_value(d, value);
    d->m->size = (uint64_t)size;
    d->m->has_size = true;
    return 0;
}

static int bad_number(struct decoder *d, const char *value)
{
    return cb_fail(d->err, CB_E_DOCKERFILE, "invalid value %s for %s", value, d->key);
}

static int set_mode(struct decoder *d, const char *value)
{
    d->m->has_mode = cb_parse_octal(value, UINT32_MAX, &d->m->mode);
    return d->m->has_mode ? 0 : bad_number(d, value);
}

static int set_uid(struct decoder *d, const char *value)
{
    d->m->has_uid = df_parse_u32(value, &d->m->uid);
    return d->m->has_uid ? 0 : bad_number(d, value);
}

static int set_gid(struct decoder *d, const char *value)
{
    d->m->has_gid = df_parse_u32(value, &d->m->gid);
    return d->m->has_gid ? 0 : bad_number(d, value);
}

static const struct key {
    const char *name;
    value_fn *set;
    bool alone; /* may be given without a value, which means true */
} keys[] = {
    {"type", set_type, false},       {"from", set_from, false},        {"source", set_source, false},
    {"target", set_target, false},   {"readonly", set_readonly, true}, {"id", set_id, false},
    {"sharing", set_sharing, false}, {"required", set_required, true}, {"size", set_size, false},
    {"mode", set_mode, false},       {"uid", set_uid, false},          {"gid", set_gid, false},
    {"src", set_source, false},      {"dst", set_target, false},       {"destination", set_target, false},
    {"ro", set_readonly, true},      {"rw", set_readwrite, true},      {"readwrite", set_readwrite, true},
    {"env", set_env, false},
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < CB_LEN(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static int unknown_key(struct decoder *d)
{
    const char *names[CB_LEN(keys)];
    for (size_t i = 0; i < CB_LEN(keys); i++)
        names[i] = keys[i].name;
    CB_AUTO(free) char *message = cb_printf("unexpected key '%s' in '%s'", d->key, d->field);
    return fail_suggest(d->err, message, d->key, names, CB_LEN(names));
}

/* ---- fields ----------------------------------------------------------------------------------- */

/* The key in lower case (caller frees) and the value after '=', NULL when there is no '='. */
static char *split_field(const char *field, const char **ret_value)
{
    const char *equals = strchr(field, '=');
    char *key = cb_memdup0(field, equals ? (size_t)(equals - field) : strlen(field));
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    *ret_value = equals ? equals + 1 : NULL;
    return key;
}

static int read_fields(const char *value, struct cb_strv *fields, struct cb_error *err)
{
    if (df_csv_fields(value, CB_E_DOCKERFILE, fields, err) < 0)
        return cb_prefix(err, "failed to parse csv mounts");
    return 0;
}

int df_mount_check(const char *value, char **ret_from, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    const char *from = "";
    if (read_fields(value, &fields, err) < 0)
        return -1;
    for (size_t i = 0; i < fields.n; i++) {
        const char *text;
        CB_AUTO(free) char *name = split_field(fields.items[i], &text);
        const struct key *key = text ? find_key(name) : NULL;
        if (!key || key->set != set_from)
            continue;
        const char *dollar = strchr(text, '$');
        if (dollar && dollar[1])
            return cb_fail(err, CB_E_DOCKERFILE, "'from' doesn't support variable expansion, define alias stage instead");
        from = text;
    }
    if (ret_from)
        *ret_from = cb_strdup(from);
    return 0;
}

static int decode_field(struct decoder *d, const struct df_expand *x)
{
    const char *text;
    CB_AUTO(free) char *name = split_field(d->field, &text);
    CB_AUTO(free) char *value = NULL;
    const struct key *key = find_key(name);
    d->key = name;
    if (!text) {
        if (!key || !key->alone)
            return cb_fail(d->err, CB_E_DOCKERFILE, "invalid field '%s' must be a key=value pair", d->field);
        return key->set(d, "true");
    }
    if (df_expand_word(x, text, &value, d->err) < 0)
        return -1;
    return key ? key->set(d, value) : unknown_key(d);
}

/* What only the whole value can show. */
static int check_whole(const struct df_mount *m, struct cb_error *err)
{
    bool has_files_owner = m->type == DF_MOUNT_CACHE || m->type == DF_MOUNT_SECRET || m->type == DF_MOUNT_SSH;
    const char *owner = m->has_mode ? "mode" : m->has_uid ? "uid" : m->has_gid ? "gid" : NULL;
    if (owner && !has_files_owner)
        return cb_fail(err, CB_E_DOCKERFILE, "%s not allowed for \"%s\" type mounts", owner, df_mount_type_names[m->type]);
    if (m->type == DF_MOUNT_SECRET) {
        if (*m->from)
            return cb_fail(err, CB_E_DOCKERFILE, "secret mount should not have a from");
        if (m->has_sharing)
            return cb_fail(err, CB_E_DOCKERFILE, "secret mount should not define sharing");
        if (!*m->source && !*m->target && !*m->id)
            return cb_fail(err, CB_E_DOCKERFILE, "invalid secret mount. one of source, target required");
        if (*m->source && *m->id)
            return cb_fail(err, CB_E_DOCKERFILE, "both source and id can't be set");
    }
    if (m->has_sharing && m->type != DF_MOUNT_CACHE)
        return cb_fail(err, CB_E_DOCKERFILE, "invalid cache sharing set for %s mount", df_mount_type_names[m->type]);
    return 0;
}

int df_mount_parse(const char *value, const struct df_expand *x, struct df_mount *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    CB_AUTO(df_mount) struct df_mount m = {0};
    struct decoder d = {.m = &m, .err = err};
    char **texts[] = {&m.target, &m.source, &m.from, &m.id, &m.env};
    for (size_t i = 0; i < CB_LEN(texts); i++)
        *texts[i] = cb_strdup("");
    if (read_fields(value, &fields, err) < 0)
        return -1;
    for (size_t i = 0; i < fields.n; i++) {
        d.field = fields.items[i];
        if (decode_field(&d, x) < 0)
            return -1;
    }
    if (check_whole(&m, err) < 0)
        return -1;
    if (!d.readonly_given)
        m.readonly = m.type != DF_MOUNT_CACHE && m.type != DF_MOUNT_TMPFS;
    *ret = m;
    m = (struct df_mount){0};
    return 0;
}
