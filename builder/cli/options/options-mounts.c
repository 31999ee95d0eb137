/* --tmpfs and --mount, as docker and podman take them for a container. */
#include "base/text.h"
#include "builder/cli/options/options.h"
#include "builder/cli/options/options-values.h"
#include "parser/csv.h"
#include "parser/value.h"

#include <stdlib.h>

/* ---- the fields of a tmpfs ----------------------------------------------------------------------------------------- */

static int set_size(struct build_volume *v, const char *value, struct cb_error *err)
{
    return cli_set_size(value, &v->size, err);
}

static int set_mode(struct build_volume *v, const char *value, struct cb_error *err)
{
    char *end;
    unsigned long mode = strtoul(value, &end, 8);
    if (!*value || *end || value[strspn(value, "01234567")] || mode > 07777)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a mode (try 1777)", value);
    v->mode = (uint32_t)mode;
    v->has_mode = true;
    return 0;
}

static const struct {
    const char *name;
    bool readonly, open; /* what it sets */
} tmpfs_words[] = {
    {"rw"}, {"ro", .readonly = true}, {"nosuid"}, {"nodev"}, {"noexec"}, {"exec", .open = true},
};

static int set_tmpfs_option(const char *option, struct build_volume *v, struct cb_error *err)
{
    const char *value;
    CB_AUTO(free) char *name = cb_split_pair(option, &value);
    if (value && strcmp(name, "size") == 0)
        return set_size(v, value, err);
    if (value && strcmp(name, "mode") == 0)
        return set_mode(v, value, err);
    for (size_t i = 0; !value && i < CB_LEN(tmpfs_words); i++)
        if (strcmp(tmpfs_words[i].name, name) == 0) {
            v->readonly |= tmpfs_words[i].readonly;
            v->open |= tmpfs_words[i].open;
            return 0;
        }
    return cb_fail(err, CB_E_USAGE, "'%s' is not an option of a tmpfs (size=, mode=, ro, exec)", option);
}

static int check_target(const char *target, struct cb_error *err)
{
    if (target && *target == '/' && strspn(target, "/") != strlen(target))
        return 0;
    return cb_fail(err, CB_E_USAGE, "expected an absolute path that is not /, as the place of a mount");
}

int cli_add_tmpfs(const char *value, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct build_volume *v = &CB_PUSH(r->volumes, r->n_volumes, r->cap_volumes);
    CB_AUTO(free) char *text = cb_strdup(value);
    char *options = text;
    const char *target = strsep(&options, ":");
    if (check_target(target, err) < 0)
        return -1;
    v->target = cb_strdup(target);
    for (const char *option; (option = strsep(&options, ","));)
        if (set_tmpfs_option(option, v, err) < 0)
            return -1;
    return 0;
}

/* ---- --mount ------------------------------------------------------------------------------------------------------- */

struct mount {
    struct build_volume *v;
    const char *type, *source; /* borrowed from the fields */
};

static int set_type(struct mount *m, const char *value, struct cb_error *err)
{
    if (strcmp(value, "bind") != 0 && strcmp(value, "tmpfs") != 0) {
        cb_fail(err, CB_E_UNSUPPORTED, "type '%s' is not one of bind, tmpfs: there are no volumes with names", value);
        return cb_hint(err, "type=bind,src=DIR,dst=PATH shows a directory of the host");
    }
    m->type = value;
    return 0;
}

static int set_source(struct mount *m, const char *value, struct cb_error *err)
{
    (void)err;
    m->source = value;
    return 0;
}

static int set_target(struct mount *m, const char *value, struct cb_error *err)
{
    if (check_target(value, err) < 0)
        return -1;
    return cli_put(&m->v->target, value);
}

static int set_readonly(struct mount *m, const char *value, struct cb_error *err)
{
    return cli_set_switch(*value ? value : "true", &m->v->readonly, err);
}

static int set_tmpfs_size(struct mount *m, const char *value, struct cb_error *err)
{
    return set_size(m->v, value, err);
}

static int set_tmpfs_mode(struct mount *m, const char *value, struct cb_error *err)
{
    return set_mode(m->v, value, err);
}

/* What is mounted here is seen by nobody else anyway. */
static int set_propagation(struct mount *m, const char *value, struct cb_error *err)
{
    (void)m;
    return strcmp(value, "private") == 0 || strcmp(value, "rprivate") == 0
               ? 0
               : cb_fail(err, CB_E_UNSUPPORTED, "mounts are private: '%s' is not possible", value);
}

static const struct {
    const char *name;
    int (*set)(struct mount *m, const char *value, struct cb_error *err);
} mount_fields[] = {
    {"type", set_type},
    {"source", set_source},
    {"src", set_source},
    {"target", set_target},
    {"destination", set_target},
    {"dst", set_target},
    {"readonly", set_readonly},
    {"ro", set_readonly},
    {"tmpfs-size", set_tmpfs_size},
    {"tmpfs-mode", set_tmpfs_mode},
    {"bind-propagation", set_propagation},
};

static int set_field(struct mount *m, char *field, struct cb_error *err)
{
    char *value = strchr(field, '=');
    if (value)
        *value++ = 0;
    for (size_t i = 0; i < CB_LEN(mount_fields); i++)
        if (strcmp(mount_fields[i].name, field) == 0)
            return mount_fields[i].set(m, value ? value : "", err) < 0 ? cb_prefix(err, "%s", field) : 0;
    return cb_fail(err, CB_E_USAGE, "'%s' is not one of type, src, dst, readonly, tmpfs-size, tmpfs-mode", field);
}

/* Without a type docker means a volume. */
static int end_mount(struct mount *m, struct cb_error *err)
{
    bool bind = m->type && strcmp(m->type, "bind") == 0;
    if (!m->type)
        return set_type(m, "volume", err);
    if (!m->v->target)
        return cb_fail(err, CB_E_USAGE, "dst= is missing");
    if (bind != (m->source != NULL))
        return cb_fail(err, CB_E_USAGE, bind ? "src= is missing" : "a tmpfs has no src=");
    return bind ? cli_volume_source(m->source, m->v, err) : 0;
}

int cli_add_mount(const char *value, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct mount m = {.v = &CB_PUSH(r->volumes, r->n_volumes, r->cap_volumes)};
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    if (df_csv_fields(value, CB_E_USAGE, &fields, err) < 0)
        return -1;
    for (size_t i = 0; i < fields.n; i++)
        if (set_field(&m, fields.items[i], err) < 0)
            return -1;
    return end_mount(&m, err);
}
