#include "runtime/cgroup/limits.h"
#include "runtime/cgroup/sets.h"

#include <inttypes.h>
#include <sys/sysmacros.h>

#define LEAST_MEMORY   (INT64_C(6) << 20) /* docker's: less, and not even a shell starts */
#define DEFAULT_PERIOD 100000             /* microseconds: the kernel's, as are the bounds */
#define LEAST_TIME     1000
#define MOST_PERIOD    1000000
#define MOST_QUOTA     ((INT64_C(1) << 44) - 1)
#define MOST_PIDS      (4 << 20) /* of a machine */

const struct rt_controller_names rt_controllers[RT_CONTROLLERS] = {
    [RT_CONTROLLER_MEMORY] = {"memory", "memory"}, [RT_CONTROLLER_CPU] = {"cpu", "cpu"},
    [RT_CONTROLLER_CPUSET] = {"cpuset", "cpuset"}, [RT_CONTROLLER_PIDS] = {"pids", "pids"},
    [RT_CONTROLLER_IO] = {"blkio", "io"},
};

void rt_limits_done(struct rt_limits *l)
{
    free(l->cpuset_cpus);
    free(l->cpuset_mems);
    free(l->io);
    free(l->parent);
    *l = (struct rt_limits){0};
}

bool rt_limits_any(const struct rt_limits *l)
{
    return l->memory || l->memory_reservation || l->memory_swap || l->cpus || l->cpu_shares || l->cpu_period || l->cpu_quota ||
           l->cpuset_cpus || l->cpuset_mems || l->pids || l->n_io || l->parent;
}

/* What the kernel takes. */
static int check_microseconds(const char *option, int64_t n, int64_t most, struct cb_error *err)
{
    if (n <= 0 || (n >= LEAST_TIME && n <= most))
        return 0;
    cb_fail(err, CB_E_USAGE, "--%s %" PRId64 ": out of range", option, n);
    return cb_hint(err, "it is in microseconds, from %d to %" PRId64, LEAST_TIME, most);
}

int rt_limits_check(const struct rt_limits *l, struct cb_error *err)
{
    if (l->memory && l->memory < LEAST_MEMORY)
        return cb_fail(err, CB_E_USAGE, "--memory: less than 6m is not enough to start a command");
    if (l->memory_swap && !l->memory)
        return cb_fail(err, CB_E_USAGE, "--memory-swap is the sum of memory and swap: it goes with --memory");
    if (l->memory_swap > 0 && l->memory_swap < l->memory)
        return cb_fail(err, CB_E_USAGE, "--memory-swap is the sum of memory and swap: it cannot be less than --memory");
    if (l->memory && l->memory_reservation > l->memory)
        return cb_fail(err, CB_E_USAGE, "--memory-reservation cannot be more than --memory");
    if (l->cpus && (l->cpu_quota || l->cpu_period))
        return cb_fail(err, CB_E_USAGE, "--cpus says the same as --cpu-quota and --cpu-period: give one or the other");
    if (check_microseconds("cpu-period", l->cpu_period, MOST_PERIOD, err) < 0)
        return -1;
    if (check_microseconds("cpu-quota", l->cpu_quota, MOST_QUOTA, err) < 0)
        return -1;
    return rt_sets_check_online(l, err);
}

/* ---- what is written ------------------------------------------------------------------------------------------------ */

/* A text of a table below: nothing, where its option was not given. */
typedef void put_fn(const struct rt_limits *l, bool v2, struct cb_buf *out);

static void put_number(struct cb_buf *out, int64_t n, const char *unlimited)
{
    if (n < 0)
        cb_buf_adds(out, unlimited);
    else if (n > 0)
        cb_buf_printf(out, "%" PRId64, n);
}

static void put_memory(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    put_number(out, l->memory, "");
}

static void put_group_kill(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    cb_buf_adds(out, l->memory ? "1" : "");
}

static void put_reservation(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    put_number(out, l->memory_reservation, "");
}

static void put_swap_total(struct cb_buf *out, const struct rt_limits *l, bool v2, int64_t total)
{
    if (total < 0)
        cb_buf_adds(out, v2 ? "max" : "-1");
    else
        cb_buf_printf(out, "%" PRId64, v2 ? total - l->memory : total);
}

static void put_swap(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    if (l->memory_swap)
        put_swap_total(out, l, v2, l->memory_swap);
}

/* Docker's: as much swap as memory. */
static void put_default_swap(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    if (l->memory && !l->memory_swap)
        put_swap_total(out, l, v2, l->memory > INT64_MAX / 2 ? -1 : l->memory * 2);
}

static void put_shares(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    int64_t shares = CB_MIN(CB_MAX(l->cpu_shares, 2), 262144);
    if (l->cpu_shares)
        put_number(out, v2 ? 1 + (shares - 2) * 9999 / 262142 : shares, "");
}

static void put_quota_of(struct cb_buf *out, bool v2, int64_t quota, int64_t period)
{
    if (!v2)
        cb_buf_printf(out, "%" PRId64, quota);
    else if (quota < 0)
        cb_buf_printf(out, "max %" PRId64, period);
    else
        cb_buf_printf(out, "%" PRId64 " %" PRId64, quota, period);
}

static void put_cpus(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    if (l->cpus)
        put_quota_of(out, v2, (int64_t)(l->cpus / (1000000 / DEFAULT_PERIOD)), DEFAULT_PERIOD);
}

static void put_period(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    put_number(out, l->cpu_period, "");
}

static void put_quota(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    if (l->cpu_quota || (v2 && l->cpu_period))
        put_quota_of(out, v2, l->cpu_quota ? l->cpu_quota : -1, l->cpu_period ? l->cpu_period : DEFAULT_PERIOD);
}

static void put_cpus_of_set(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    cb_buf_adds(out, l->cpuset_cpus ? l->cpuset_cpus : "");
}

static void put_mems_of_set(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    cb_buf_adds(out, l->cpuset_mems ? l->cpuset_mems : "");
}

static void put_pids(const struct rt_limits *l, bool v2, struct cb_buf *out)
{
    (void)v2;
    put_number(out, l->pids > MOST_PIDS ? -1 : l->pids, "max");
}

static const struct {
    const char *option;
    enum rt_controller controller;
    const char *v1, *v2; /* NULL: this version needs no such file */
    put_fn *put;
    bool optional;
} files[] = {
    {"memory", RT_CONTROLLER_MEMORY, "memory.limit_in_bytes", "memory.max", put_memory, false},
    {"memory", RT_CONTROLLER_MEMORY, NULL, "memory.oom.group", put_group_kill, true},
    {"memory-swap", RT_CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", put_swap, false},
    {"memory", RT_CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", put_default_swap, true},
    {"memory-reservation", RT_CONTROLLER_MEMORY, "memory.soft_limit_in_bytes", "memory.low", put_reservation, false},
    {"cpu-shares", RT_CONTROLLER_CPU, "cpu.shares", "cpu.weight", put_shares, false},
    {"cpu-period", RT_CONTROLLER_CPU, "cpu.cfs_period_us", NULL, put_period, false},
    {"cpu-quota", RT_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", put_quota, false},
    {"cpus", RT_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", put_cpus, false},
    {"cpuset-cpus", RT_CONTROLLER_CPUSET, "cpuset.cpus", "cpuset.cpus", put_cpus_of_set, false},
    {"cpuset-mems", RT_CONTROLLER_CPUSET, "cpuset.mems", "cpuset.mems", put_mems_of_set, false},
    {"pids-limit", RT_CONTROLLER_PIDS, "pids.max", "pids.max", put_pids, false},
};

static const struct {
    const char *option, *v1, *v2; /* v2: a key of io.max */
} io_files[RT_IO_KINDS] = {
    [RT_IO_READ_BPS] = {"device-read-bps", "blkio.throttle.read_bps_device", "rbps"},
    [RT_IO_WRITE_BPS] = {"device-write-bps", "blkio.throttle.write_bps_device", "wbps"},
    [RT_IO_READ_IOPS] = {"device-read-iops", "blkio.throttle.read_iops_device", "riops"},
    [RT_IO_WRITE_IOPS] = {"device-write-iops", "blkio.throttle.write_iops_device", "wiops"},
};

static void add_io(const struct rt_io_limit *l, bool v2, struct rt_settings *ret)
{
    unsigned major = major(l->device), minor = minor(l->device);
    char *text = v2 ? cb_printf("%u:%u %s=%" PRIu64, major, minor, io_files[l->kind].v2, l->rate)
                    : cb_printf("%u:%u %" PRIu64, major, minor, l->rate);
    CB_PUSH(ret->items, ret->n, ret->cap) =
        (struct rt_setting){RT_CONTROLLER_IO, io_files[l->kind].option, v2 ? "io.max" : io_files[l->kind].v1, text, false};
}

void rt_limits_settings(const struct rt_limits *l, bool v2, struct rt_settings *ret)
{
    for (size_t i = 0; i < CB_LEN(files); i++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        const char *file = v2 ? files[i].v2 : files[i].v1;
        if (file)
            files[i].put(l, v2, &text);
        if (text.len)
            CB_PUSH(ret->items, ret->n, ret->cap) =
                (struct rt_setting){files[i].controller, files[i].option, file, cb_buf_detach(&text), files[i].optional};
    }
    for (size_t i = 0; i < l->n_io; i++)
        add_io(&l->io[i], v2, ret);
}

void rt_settings_done(struct rt_settings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].text);
    free(s->items);
    *s = (struct rt_settings){0};
}
