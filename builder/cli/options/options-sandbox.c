/* The options that say what a RUN, or the command of `cbuild run`, finds in its sandbox. Volumes are not in the key of a step. */
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/session/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- --ulimit ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

static bool parse_limit(const char *s, rlim_t *ret)
{
    uint64_t v;
    if (strcmp(s, "-1") == 0) {
        *ret = RLIM_INFINITY;
        return true;
    }
    if (!cb_parse_u64(s, UINT64_MAX, &v))
        return false;
    *ret = v;
    return true;
}

static int add_ulimit(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    const char *eq = strchr(v, '=');
    CB_AUTO(free) char *soft = cb_strdup(eq ? eq + 1 : "");
    char *hard = strchr(soft, ':');
    if (hard)
        *hard++ = 0;
    struct rt_rlimit l = {.resource = -1};
    for (size_t i = 0; eq && i < CB_LEN(limits); i++)
        if (strlen(limits[i].name) == (size_t)(eq - v) && strncmp(limits[i].name, v, (size_t)(eq - v)) == 0)
            l = (struct rt_rlimit){.resource = limits[i].resource, .name = limits[i].name};
    if (l.resource < 0 || !parse_limit(soft, &l.value.rlim_cur) || !parse_limit(hard ? hard : soft, &l.value.rlim_max))
        return cb_fail(err, CB_E_USAGE, "invalid ulimit \"%s\": expected TYPE=SOFT[:HARD], as nofile=1024:4096", v);
    if (l.value.rlim_cur > l.value.rlim_max)
        return cb_fail(err, CB_E_USAGE, "ulimit \"%s\": the soft limit must not exceed the hard one", v);
    CB_PUSH(r->ulimits, r->n_ulimits, r->cap_ulimits) = l;
    return 0;
}

static int set_ulimit(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_ulimit, to, err);
}

/* ---- --volume ----------------------------------------------------------------------------------------------- */

static const char no_labels[] = "files of the host are not labelled anew for SELinux; 'chcon -R -t container_file_t SRC' does it";

/* What buildah and podman take behind the target. */
static const struct {
    const char *name;
    bool readonly, labels;
    const char *why; /* it is refused; NULL: it is not */
} volume_options[] = {
    {.name = "rw"},
    {.name = "ro", .readonly = true},
    {.name = "z", .labels = true},
    {.name = "Z", .labels = true},
    {.name = "private"},
    {.name = "rprivate"},
    {.name = "rbind"},
    {.name = "nodev"},
    {.name = "O", .why = "what a RUN writes to a volume stays; RUN --mount=type=bind,rw forgets it"},
    {.name = "U", .why = "the owners of the host's files stay as they are"},
};

static int set_volume_option(const char *name, struct build_volume *v, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(volume_options); i++) {
        if (strcmp(volume_options[i].name, name) != 0)
            continue;
        if (volume_options[i].why)
            return cb_fail(err, CB_E_UNSUPPORTED, "option '%s' of a volume: %s", name, volume_options[i].why);
        if (volume_options[i].labels && access("/sys/fs/selinux/enforce", F_OK) == 0)
            return cb_fail(err, CB_E_UNSUPPORTED, "option '%s' of a volume: %s", name, no_labels);
        v->readonly |= volume_options[i].readonly;
        return 0;
    }
    return cb_fail(err, CB_E_USAGE, "'%s' is not an option of a volume (ro, rw, z, Z)", name);
}

/* Its path without symlinks: whoever changes it later leads nowhere else. */
int cli_volume_source(const char *source, struct build_volume *v, struct cb_error *err)
{
    if (*source != '/' && *source != '.') {
        cb_fail(err, CB_E_USAGE, "'%s' is not a path: there are no volumes with names", source);
        return cb_hint(err, "a directory here is ./%s", source);
    }
    v->source = realpath(source, NULL);
    return v->source ? 0 : cb_fail_sys(err, errno, "open '%s'", source);
}

static int parse_volume(char *text, struct build_volume *v, struct cb_error *err)
{
    const char *source = strsep(&text, ":"), *target = strsep(&text, ":");
    if (!*source || !target || *target != '/' || strspn(target, "/") == strlen(target))
        return cb_fail(err, CB_E_USAGE, "expected SRC:DST[:ro], both paths, DST absolute and not /");
    if (cli_volume_source(source, v, err) < 0)
        return -1;
    v->target = cb_strdup(target);
    for (const char *name; (name = strsep(&text, ","));)
        if (set_volume_option(name, v, err) < 0)
            return -1;
    return 0;
}

static int add_volume(const char *value, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    CB_AUTO(free) char *text = cb_strdup(value);
    return parse_volume(text, &CB_PUSH(r->volumes, r->n_volumes, r->cap_volumes), err);
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static const char sandbox[] = "Sandbox of RUN steps";

static const struct cli_option options[] = {
    {"volume", 'v', sandbox, "SRC:DST[:ro]", NULL, add_volume, 0, "a file or directory of the host, for every command"},
    {"ulimit", 0, sandbox, "TYPE=SOFT[:HARD]", NULL, set_ulimit, 0, "resource limit"},
    {"shm-size", 0, sandbox, "SIZE", NULL, cli_set_size, offsetof(struct build_request, shm_size),
     "size of /dev/shm (default: 64m)"},
};

const struct cli_table cli_sandbox_options = {options, CB_LEN(options)};
