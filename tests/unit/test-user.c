/* USER against passwd and group of a root; no namespace is needed. */
#include "runtime/owners/user.h"
#include "base/fd.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/cbuild-user-XXXXXX";
static int root = -1;

static void put(const char *path, const char *text)
{
    int fd = openat(root, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(cb_write_full(fd, text, strlen(text)), 0);
    cb_close(fd);
}

static const char passwd[] = "# a comment line\n"
                             "\n"
                             "root:x:0:0:root:/root:/bin/sh\n"
                             "  app:x:33:34:App:/home/app:/bin/sh  \n"
                             "twice:x:50:50::/first:\n"
                             "twice:x:51:51::/second:\n"
                             "5:x:77:78::/named-five:\n"
                             "broken:x:no:number\n"
                             "short\n"
                             "huge:x:99999999999:1::/:\n"
                             "last:x:60:61::/last";
static const char group[] = "root:x:0:\n"
                            "wheel:x:10:root,app\n"
                            "app:x:34:\n"
                            "staff:x:7:other,app\n"
                            "staff:x:8:app\n"
                            "again:x:7:app\n"
                            "apple:x:9:apps,app2\n"
                            "bad:x:no:root,app\n";

static void describe(const struct rt_user *u, char *out, size_t size)
{
    int n = snprintf(out, size, "%u:%u %s [", u->uid, u->gid, u->home);
    for (size_t i = 0; i < u->n_groups; i++)
        n += snprintf(out + n, size - (size_t)n, "%s%u", i ? " " : "", u->groups[i]);
    snprintf(out + n, size - (size_t)n, "]");
}

static void test_lookup(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *result;
    } t[] = {
        {"", "0:0 /root [0 10]"},
        {"root", "0:0 /root [0 10]"},
        {"0", "0:0 /root [0 10]"},
        {"app", "33:34 /home/app [7 8 10 34]"},
        {"app:", "33:34 /home/app [7 8 10 34]"},
        {"33", "33:34 /home/app [7 8 10 34]"},
        {"app:wheel", "33:10 /home/app [10]"},
        {"app:10", "33:10 /home/app [10]"},
        {"app:11", "33:11 /home/app [11]"},
        {"33:34", "33:34 /home/app [34]"},
        {"root:root", "0:0 /root [0]"},
        {"root:5", "0:5 /root [5]"},
        {"5:root", "5:0 / [0]"},
        {"1000:1000", "1000:1000 / [1000]"},
        {"1000", "1000:0 / [0]"},
        {"5", "5:0 / [0]"},
        {":wheel", "0:10 /root [10]"},
        {"twice", "50:50 /first [50]"},
        {"broken", "unable to find user broken: no matching entries in passwd file"},
        {"huge", "unable to find user huge: no matching entries in passwd file"},
        {"last", "60:61 /last [61]"},
        {"app:staff", "33:7 /home/app [7]"},
        {"app:staff:more", "33:7 /home/app [7]"},
        {"2147483647:2147483647", "2147483647:2147483647 / [2147483647]"},
        {"nobody", "unable to find user nobody: no matching entries in passwd file"},
        {"app:nogroup", "unable to find group nogroup: no matching entries in group file"},
        {"nobody:nogroup", "unable to find user nobody: no matching entries in passwd file"},
        {"-1", "uids and gids must be in range 0-2147483647"},
        {"2147483648", "uids and gids must be in range 0-2147483647"},
        {"0:2147483648", "uids and gids must be in range 0-2147483647"},
        {"app:-5", "uids and gids must be in range 0-2147483647"},
        {"99999999999999999999", "unable to find user 99999999999999999999: no matching entries in passwd file"},
    };
    put("etc/passwd", passwd);
    put("etc/group", group);
    for (size_t i = 0; i < CB_LEN(t); i++) {
        char text[256];
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(rt_user) struct rt_user u = {0};
        if (rt_user_lookup(root, t[i].spec, &u, &err) < 0)
            snprintf(text, sizeof(text), "%s", err.msg);
        else
            describe(&u, text, sizeof(text));
        if (strcmp(text, t[i].result) != 0)
            fail_msg("USER %s: '%s' instead of '%s'", t[i].spec, text, t[i].result);
    }
}

static void expect(const char *spec, const char *result)
{
    char text[256];
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(rt_user) struct rt_user u = {0};
    if (rt_user_lookup(root, spec, &u, &err) < 0)
        snprintf(text, sizeof(text), "%s", err.msg);
    else
        describe(&u, text, sizeof(text));
    assert_string_equal(text, result);
}

static void test_odd_files(void **state)
{
    (void)state;
    unlinkat(root, "etc/passwd", 0);
    unlinkat(root, "etc/group", 0);
    expect("", "0:0 / [0]");
    expect("root", "0:0 / [0]");
    expect("7", "7:0 / [0]");
    expect("app", "unable to find user app: no matching entries in passwd file");
    assert_int_equal(mkfifoat(root, "etc/passwd", 0600), 0);
    expect("", "'etc/passwd' of the image is not a regular file");
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(mkdirat(root, "etc/passwd", 0700), 0);
    expect("", "'etc/passwd' of the image is not a regular file");
    unlinkat(root, "etc/passwd", AT_REMOVEDIR);
    /* Out of the root: it stays inside, where there is no such file. */
    assert_int_equal(symlinkat("../../../../../../etc/passwd-of-the-host", root, "etc/passwd"), 0);
    expect("", "0:0 / [0]");
    unlinkat(root, "etc/passwd", 0);
    put("real", passwd);
    assert_int_equal(symlinkat("/real", root, "etc/passwd"), 0);
    expect("app", "33:34 /home/app [34]");
    unlinkat(root, "etc/passwd", 0);
    put("etc/passwd", "");
    CB_AUTO(close) int fd = openat(root, "etc/passwd", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, CB_MAX_PASSWD + 1), 0);
    expect("", "read 'etc/passwd' of the image: File too large");
}

/* A group file of `size` bytes that names one user in every line; there are `groups` of them. Gives the CPU time. */
static double large_group(size_t size, unsigned groups)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (unsigned i = 0; b.len < size; i++)
        cb_buf_printf(&b, "g:x:%u:root\n", i % groups);
    put("etc/passwd", passwd);
    put("etc/group", b.data);
    struct timespec from, to;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(rt_user) struct rt_user u = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    assert_int_equal(rt_user_lookup(root, "root", &u, &err), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    assert_int_equal(u.n_groups, groups);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* The largest file that is read takes time in proportion to a sixteenth of it. */
static void test_large_group(void **state)
{
    (void)state;
    size_t most = CB_MAX_PASSWD - 100;
    assert_true(large_group(most, 65536) < 80 * large_group(most / 16, 4096));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -1 : mkdirat(root, "etc", 0755);
}

static int tear_down(void **state)
{
    (void)state;
    cb_close(root);
    return cb_remove_tree(AT_FDCWD, dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lookup), cmocka_unit_test(test_odd_files),
                                       cmocka_unit_test(test_large_group)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
