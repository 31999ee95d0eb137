/* Control groups without any: what is written where, in both versions; where they are; what is read, swept and removed, on
 * directories that look like groups. */
#include "base/dir.h"
#include "base/fd.h"
#include "runtime/cgroup/files-internal.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- limits ----------------------------------------------------------------------------------------------------------- */

static void settings_are(const struct rt_limits *l, bool v2, const char *expected)
{
    CB_AUTO(rt_settings) struct rt_settings s = {0};
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    rt_limits_settings(l, v2, &s);
    for (size_t i = 0; i < s.n; i++)
        cb_buf_printf(&all, "%s%s%s=%s", i ? "; " : "", s.items[i].file, s.items[i].optional ? "?" : "", s.items[i].text);
    assert_string_equal(all.data, expected);
}

static void test_settings(void **state)
{
    (void)state;
    struct rt_io_limit io[] = {{RT_IO_READ_BPS, makedev(8, 1), 1000}, {RT_IO_WRITE_IOPS, makedev(254, 0), 7}};
    static char cpus[] = "0-3,5", mems[] = "0";
    const struct {
        struct rt_limits l;
        const char *v1, *v2;
    } cases[] = {
        {{0}, "", ""},
        {{.memory = 1 << 30},
         "memory.limit_in_bytes=1073741824; memory.memsw.limit_in_bytes?=2147483648",
         "memory.max=1073741824; memory.oom.group?=1; memory.swap.max?=1073741824"},
        {{.memory = 1 << 30, .memory_swap = 1 << 30, .memory_reservation = 5},
         "memory.limit_in_bytes=1073741824; memory.memsw.limit_in_bytes=1073741824; memory.soft_limit_in_bytes=5",
         "memory.max=1073741824; memory.oom.group?=1; memory.swap.max=0; memory.low=5"},
        {{.memory = INT64_MAX, .memory_swap = -1},
         "memory.limit_in_bytes=9223372036854775807; memory.memsw.limit_in_bytes=-1",
         "memory.max=9223372036854775807; memory.oom.group?=1; memory.swap.max=max"},
        {{.memory = INT64_MAX},
         "memory.limit_in_bytes=9223372036854775807; memory.memsw.limit_in_bytes?=-1",
         "memory.max=9223372036854775807; memory.oom.group?=1; memory.swap.max?=max"},
        {{.cpus = 1500000}, "cpu.cfs_quota_us=150000", "cpu.max=150000 100000"},
        {{.cpu_shares = 1024}, "cpu.shares=1024", "cpu.weight=39"},
        {{.cpu_shares = 1}, "cpu.shares=2", "cpu.weight=1"},
        {{.cpu_shares = INT64_MAX}, "cpu.shares=262144", "cpu.weight=10000"},
        {{.cpu_quota = 50000}, "cpu.cfs_quota_us=50000", "cpu.max=50000 100000"},
        {{.cpu_period = 50000}, "cpu.cfs_period_us=50000", "cpu.max=max 50000"},
        {{.cpu_period = 50000, .cpu_quota = -1}, "cpu.cfs_period_us=50000; cpu.cfs_quota_us=-1", "cpu.max=max 50000"},
        {{.cpuset_cpus = cpus, .cpuset_mems = mems}, "cpuset.cpus=0-3,5; cpuset.mems=0", "cpuset.cpus=0-3,5; cpuset.mems=0"},
        {{.pids = 20}, "pids.max=20", "pids.max=20"},
        {{.pids = -1}, "pids.max=max", "pids.max=max"},
        {{.pids = INT64_MAX}, "pids.max=max", "pids.max=max"},
        {{.io = io, .n_io = 2},
         "blkio.throttle.read_bps_device=8:1 1000; blkio.throttle.write_iops_device=254:0 7",
         "io.max=8:1 rbps=1000; io.max=254:0 wiops=7"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        settings_are(&cases[i].l, false, cases[i].v1);
        settings_are(&cases[i].l, true, cases[i].v2);
        assert_int_equal(rt_limits_any(&cases[i].l), i > 0);
    }
}

static void test_contradictions(void **state)
{
    (void)state;
    static const struct {
        struct rt_limits l;
        const char *message; /* NULL: it is fine */
    } cases[] = {
        {{.memory = 6 << 20, .memory_swap = 6 << 20}, NULL},
        {{.memory = 1 << 20}, "less than 6m"},
        {{.memory_swap = 1 << 30}, "goes with --memory"},
        {{.memory = 2 << 20 << 4, .memory_swap = 1 << 24}, "cannot be less than --memory"},
        {{.memory = 1 << 24, .memory_reservation = 1 << 25}, "--memory-reservation"},
        {{.cpus = 1, .cpu_period = 1}, "--cpus says the same"},
        {{.cpu_period = 1000, .cpu_quota = 1000}, NULL},
        {{.cpu_period = 1000000, .cpu_quota = -1}, NULL},
        {{.cpu_period = 999}, "--cpu-period 999: out of range"},
        {{.cpu_period = 1000001}, "--cpu-period"},
        {{.cpu_quota = 999}, "--cpu-quota 999: out of range"},
        {{.cpu_quota = INT64_MAX}, "--cpu-quota"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int r = rt_limits_check(&cases[i].l, &err);
        assert_int_equal(r, cases[i].message ? -1 : 0);
        if (cases[i].message && !strstr(err.msg, cases[i].message))
            fail_msg("'%s' is not in '%s'", cases[i].message, err.msg);
    }
}

static void test_sets(void **state)
{
    (void)state;
    static const struct {
        const char *list, *have;
        int64_t lacks;
    } good[] = {
        {"0", "0\n", -1},    {"0-3,5", "0-2,3-9", -1}, {"0-3,5", "0-2", 3},
        {"0-3,5", "0-4", 5}, {"999999", "0", 999999},  {"0", "", 0},
    };
    for (size_t i = 0; i < CB_LEN(good); i++) {
        assert_true(rt_set_is(good[i].list));
        assert_int_equal(rt_set_lacks(good[i].list, good[i].have), good[i].lacks);
    }
    static const char *const bad[] = {"", "-", "-1", "1-", "3-1", "0,", ",0", "0,,1", "0-1-2", "1000000", "0\n", "0 1"};
    for (size_t i = 0; i < CB_LEN(bad); i++)
        assert_false(rt_set_is(bad[i]));
}

/* ---- hierarchies ------------------------------------------------------------------------------------------------------ */

static void hierarchies_are(const char *mountinfo, const char *cgroup, const char *expected)
{
    CB_AUTO(rt_hierarchies) struct rt_hierarchies all = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    rt_hierarchies_parse(mountinfo, cgroup, &all);
    for (size_t i = 0; i < all.n; i++)
        cb_buf_printf(&text, "%s%s %x %s=%s", i ? "; " : "", all.items[i].v2 ? "v2" : "v1", all.items[i].controllers,
                      all.items[i].top, all.items[i].own ? all.items[i].own : "-");
    assert_string_equal(text.data, expected);
}

static void test_hierarchies(void **state)
{
    (void)state;
    hierarchies_are("", "", "");
    hierarchies_are("24 30 0:22 / /proc rw - proc proc rw\n35 30 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n",
                    "0::/user.slice/session-1.scope\n", "v2 0 /sys/fs/cgroup=/sys/fs/cgroup/user.slice/session-1.scope");
    hierarchies_are("35 30 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n", "v2 0 /sys/fs/cgroup=/sys/fs/cgroup");
    /* A container shows a part of the tree, or one that we are not in. */
    hierarchies_are("35 30 0:30 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/docker/x/y\n",
                    "v2 0 /sys/fs/cgroup=/sys/fs/cgroup/y");
    hierarchies_are("35 30 0:30 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/docker/xy\n", "v2 0 /sys/fs/cgroup=-");
    hierarchies_are("35 30 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup ro\n", "0::/../../z\n", "v2 0 /sys/fs/cgroup=-");
    hierarchies_are("36 1 0:31 / /cg/a\\040b rw - cgroup cgroup rw,cpu,cpuacct\n"
                    "37 1 0:32 / /cg/memory rw - cgroup none rw,memory\n"
                    "38 1 0:32 / /again/memory rw - cgroup none rw,memory\n"
                    "39 1 0:33 / /cg/systemd rw - cgroup none rw,name=systemd\n"
                    "40 1 0:34 / /cg/unified rw - cgroup2 none rw\n",
                    "5:cpuacct,cpu:/a\n4:memory:/m\n1:name=systemd:/s\n0::/u\n",
                    "v1 2 /cg/a b=/cg/a b/a; v1 1 /cg/memory=/cg/memory/m; v2 0 /cg/unified=/cg/unified/u");
    /* Not what the kernel writes. */
    hierarchies_are("x\n - \n1 2 3 4 5 6\n- - - - - - cgroup2\n\n1 2 3 / /c rw - cgroup2", "\n::\n0::", "v2 0 /c=/c");
    hierarchies_are("1 2 3 / /c rw - cgroup2 c rw", "no colon", "v2 0 /c=-");
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static int make(char dir[32])
{
    strcpy(dir, "/tmp/cbuild-cgroup.XXXXXX");
    assert_non_null(mkdtemp(dir));
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void put(int dir, const char *name, const char *text)
{
    assert_int_equal(cb_publish_file(dir, name, text, strlen(text), 0600), 0);
}

static void test_members(void **state)
{
    char text[] = "12\n0\n-4\nx\n\n99999999999999999999\n7", none[] = "", *rest = text;
    (void)state;
    pid_t pid;
    assert_true(rt_cgroup_next(&rest, &pid) && pid == 12);
    assert_true(rt_cgroup_next(&rest, &pid) && pid == 7);
    assert_false(rt_cgroup_next(&rest, &pid));
    rest = none;
    assert_false(rt_cgroup_next(&rest, &pid));
}

static void test_counters(void **state)
{
    (void)state;
    char path[32];
    uint64_t n = 99;
    int dir = make(path);
    put(dir, "memory.events", "low 0\nhigh 1\nmax 12\noom 3\noom_kill 2\noom_group_kill 7\n");
    put(dir, "memory.peak", "536870912\n");
    put(dir, "io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1\n254:0 rbytes=1 wbytes=2\n");
    put(dir, "blkio", "8:0 Read 5\n8:0 Write 6\n8:0 Total 11\nTotal 11\n");
    assert_true(rt_cgroup_number(dir, "memory.events", "oom_kill", &n) && n == 2);
    assert_true(rt_cgroup_number(dir, "memory.peak", NULL, &n) && n == 536870912);
    assert_false(rt_cgroup_number(dir, "memory.events", "kill", &n));
    assert_false(rt_cgroup_number(dir, "none", NULL, &n));
    assert_int_equal(rt_cgroup_sum(dir, "io.stat", "rbytes="), 4097);
    assert_int_equal(rt_cgroup_sum(dir, "io.stat", "wbytes="), 8194);
    assert_int_equal(rt_cgroup_sum(dir, "blkio", "Read "), 5);
    assert_int_equal(rt_cgroup_sum(dir, "none", "Read "), 0);
    assert_int_equal(rt_cgroup_write(dir, "none", "1"), -ENOENT);
    cb_remove_tree(AT_FDCWD, path);
    close(dir);
}

/* What is locked belongs to a build that runs; other names are nobody's business. */
static void test_sweep(void **state)
{
    (void)state;
    char path[32];
    int dir = make(path);
    static const char *const all[] = {"cbuild-1-x", "cbuild-1-x/run-1", "cbuild-2-x", "cbuild-2-x/run-2",
                                      "other",      "other/cbuild-3"};
    for (size_t i = 0; i < CB_LEN(all); i++)
        assert_int_equal(mkdirat(dir, all[i], 0700), 0);
    assert_int_equal(symlinkat("other", dir, "cbuild-link"), 0);
    int locked = openat(dir, "cbuild-2-x", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(locked, LOCK_EX), 0);
    rt_cgroup_sweep(dir);
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dir, ".");
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    assert_int_equal(cb_dir_names(&d, &names), 0);
    assert_int_equal(names.n, 3);
    assert_string_equal(names.items[0], "cbuild-2-x");
    assert_string_equal(names.items[2], "other");
    assert_int_equal(faccessat(dir, "cbuild-2-x/run-2", F_OK, 0), 0);
    assert_int_equal(faccessat(dir, "other/cbuild-3", F_OK, 0), 0);
    cb_remove_tree(AT_FDCWD, path);
    close(locked);
    close(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings), cmocka_unit_test(test_contradictions), cmocka_unit_test(test_hierarchies),
        cmocka_unit_test(test_counters), cmocka_unit_test(test_members),        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
