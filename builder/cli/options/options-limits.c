/* The options that say how much of the machine a RUN may take, or the command of `cbuild run`. None of them is in the key of a
 * step: they decide whether it ends well, not what it gives. */
#include "builder/cli/options/options.h"
#include "base/text.h"
#include "builder/session/request.h"
#include "parser/value.h"

#include <string.h>
#include <sys/stat.h>

static int set_timeout(const char *value, void *to, struct cb_error *err)
{
    int64_t ns;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (df_parse_duration(value, &ns, &ignored) < 0 || ns < 0)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a time span (try 30m)", value);
    *(uint64_t *)to = (uint64_t)(ns / 1000000 + (ns % 1000000 != 0));
    return 0;
}

static int set_memory(const char *value, void *to, struct cb_error *err)
{
    int64_t bytes;
    if (!df_parse_size(value, &bytes))
        return cb_fail(err, CB_E_USAGE, "'%s' is not a size (try 512m or 2g)", value);
    *(int64_t *)to = bytes;
    return 0;
}

static int set_swap(const char *value, void *to, struct cb_error *err)
{
    if (strcmp(value, "-1") != 0)
        return set_memory(value, to, err);
    *(int64_t *)to = -1;
    return 0;
}

static int set_cpus(const char *value, void *to, struct cb_error *err)
{
    char *end;
    double cpus = strtod(value, &end);
    if (end == value || *end || !(cpus == 0 || (cpus >= 0.01 && cpus <= 1e6)) || strspn(value, "0123456789.") != strlen(value))
        return cb_fail(err, CB_E_USAGE, "'%s' is not a number of processors (try 1.5)", value);
    *(uint64_t *)to = (uint64_t)(cpus * 1e6 + 0.5);
    return 0;
}

static int set_number(const char *value, void *to, struct cb_error *err)
{
    uint64_t n;
    if (!cb_parse_u64(value, INT64_MAX, &n))
        return cb_fail(err, CB_E_USAGE, "'%s' is not a number", value);
    *(int64_t *)to = (int64_t)n;
    return 0;
}

/* 0 is docker's other way to write "no limit". */
static int set_number_or_none(const char *value, void *to, struct cb_error *err)
{
    if (strcmp(value, "-1") != 0)
        return set_number(value, to, err);
    *(int64_t *)to = -1;
    return 0;
}

/* A list of numbers and ranges: 0-3,5. It becomes a file's content. */
static int set_list(const char *value, void *to, struct cb_error *err)
{
    if (!*value || strspn(value, "0123456789,-") != strlen(value))
        return cb_fail(err, CB_E_USAGE, "'%s' is not a list of numbers (try 0-3 or 0,2)", value);
    char **field = to;
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

static int set_parent(const char *value, void *to, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("/%s/", value);
    if (strstr(path, "/../") || strlen(value) > 4000 || !value[strspn(value, "/")])
        return cb_fail(err, CB_E_USAGE, "'%s' is not a control group: expected /A/PATH, a path below ours, or NAME.slice", value);
    char **field = to;
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

/* ---- devices ---------------------------------------------------------------------------------------------------------- */

static int add_device(const char *value, enum rt_io_kind kind, struct rt_limits *l, struct cb_error *err)
{
    struct stat st;
    const char *colon = strrchr(value, ':');
    int64_t rate;
    bool bytes = kind == RT_IO_READ_BPS || kind == RT_IO_WRITE_BPS;
    if (*value != '/' || !colon || !(bytes ? df_parse_size(colon + 1, &rate) : cb_parse_i64(colon + 1, &rate)) || rate <= 0)
        return cb_fail(err, CB_E_USAGE, "'%s': expected DEVICE:RATE, as /dev/sda:%s", value, bytes ? "10mb" : "100");
    CB_AUTO(free) char *path = cb_memdup0(value, (size_t)(colon - value));
    if (stat(path, &st) < 0)
        return cb_fail_sys(err, errno, "'%s'", path);
    if (!S_ISBLK(st.st_mode))
        return cb_fail(err, CB_E_USAGE, "'%s' is not a block device", path);
    CB_PUSH(l->io, l->n_io, l->cap_io) = (struct rt_io_limit){kind, st.st_rdev, (uint64_t)rate};
    return 0;
}

static int add_read_bps(const char *value, void *to, struct cb_error *err)
{
    return add_device(value, RT_IO_READ_BPS, to, err);
}

static int add_write_bps(const char *value, void *to, struct cb_error *err)
{
    return add_device(value, RT_IO_WRITE_BPS, to, err);
}

static int add_read_iops(const char *value, void *to, struct cb_error *err)
{
    return add_device(value, RT_IO_READ_IOPS, to, err);
}

static int add_write_iops(const char *value, void *to, struct cb_error *err)
{
    return add_device(value, RT_IO_WRITE_IOPS, to, err);
}

/* ---- the table ---------------------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct build_request, member)

static const char limits[] = "Limits of each command";

static const struct cli_option options[] = {
    {"memory", 'm', limits, "SIZE", NULL, set_memory, AT(limits.memory), "memory: 512m"},
    {"memory-swap", 0, limits, "SIZE", NULL, set_swap, AT(limits.memory_swap),
     "memory and swap together (default: twice --memory; -1: no limit)"},
    {"memory-reservation", 0, limits, "SIZE", NULL, set_memory, AT(limits.memory_reservation),
     "memory that it keeps when others want it"},
    {"cpus", 0, limits, "N", NULL, set_cpus, AT(limits.cpus), "processors: 1.5"},
    {"cpu-shares", 'c', limits, "N", NULL, set_number, AT(limits.cpu_shares), "share of busy processors (others have 1024)"},
    {"cpu-quota", 0, limits, "MICROSECONDS", NULL, set_number_or_none, AT(limits.cpu_quota), "processor time in a period"},
    {"cpu-period", 0, limits, "MICROSECONDS", NULL, set_number, AT(limits.cpu_period), "that period (default: 100000)"},
    {"cpuset-cpus", 0, limits, "LIST", NULL, set_list, AT(limits.cpuset_cpus), "which processors: 0-3,5"},
    {"cpuset-mems", 0, limits, "LIST", NULL, set_list, AT(limits.cpuset_mems), "memory of which nodes: 0-1"},
    {"pids-limit", 0, limits, "N", NULL, set_number_or_none, AT(limits.pids), "processes and threads"},
    {"device-read-bps", 0, limits, "DEVICE:RATE", NULL, add_read_bps, AT(limits), "bytes a second: /dev/sda:10mb"},
    {"device-write-bps", 0, limits, "DEVICE:RATE", NULL, add_write_bps, AT(limits), "the same for writing"},
    {"device-read-iops", 0, limits, "DEVICE:RATE", NULL, add_read_iops, AT(limits), "operations a second: /dev/sda:100"},
    {"device-write-iops", 0, limits, "DEVICE:RATE", NULL, add_write_iops, AT(limits), "the same for writing"},
    {"cgroup-parent", 0, limits, "GROUP", NULL, set_parent, AT(limits.parent),
     "control group to make the steps' groups in: /A/PATH, a path below ours, or NAME.slice"},
    {"step-timeout", 0, limits, "DURATION", NULL, set_timeout, AT(step_timeout_ms), "end a RUN that takes longer: 30m"},
};

const struct cli_table cli_limit_options = {options, CB_LEN(options)};
