/* What the output of a command that failed says about the machine. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/execute/schedule/symptom.h"
#include <string.h>

static char *lacks_ids(const struct rt_privilege *p)
{
    (void)p;
    return cb_strdup("ids");
}

static char *lacks_none(const struct rt_privilege *p)
{
    (void)p;
    return NULL;
}

static const struct rt_rung_ops one = {.why_no_id = lacks_ids}, many = {.many_ids = true, .why_no_id = lacks_ids},
                                all = {.many_ids = true, .why_no_id = lacks_none};

/* The hint for a command on this rung and the host's network; caller frees. */
static char *hint(const struct rt_rung_ops *rung, const char *network, const char *output)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_tail t = {CB_BUF_INIT};
    struct rt_privilege p = {.rung = rung};
    CB_AUTO(free) char *text = cb_strdup(output);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        build_tail_add(&t, line);
    cb_fail(&err, CB_E_RUN, "exit code: 1");
    build_symptom_hint(&t, &p, rt_network_find(network), &err);
    build_tail_done(&t);
    return cb_strdup(err.hint ? err.hint : "");
}

static void refused_ids_show(void **state)
{
    static const struct {
        const char *output;
        bool one, many;
    } cases[] = {
        {"chown: /f: Invalid argument", true, true},
        {"chgrp: changing group of '/f': Invalid argument", true, true},
        {"install: cannot change group of '/f': Invalid argument", true, true},
        {"tar: ./f: Cannot change ownership to uid 500000, gid 5: Invalid argument", true, true},
        {"dpkg: error processing archive a.deb (--unpack):\n error setting ownership of './usr': Invalid argument", true, true},
        {"E: setgroups 65534 failed - setgroups (1: Operation not permitted)", true, false},
        {"E: seteuid 42 failed - seteuid (22: Invalid argument)", true, true},
        {"  os.chown(path, 5, 5)\n  ^^^^\nOSError: [Errno 22] Invalid argument: '/f'", true, true},
        {"chown: /f: Operation not permitted", false, false}, /* of a file that somebody else owns */
        {"head: invalid argument\n\n\n\nthe owner of all", false, false},
        {"cp: Invalid argument", false, false},
        {"", false, false},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(free) char *h1 = hint(&one, "host", cases[i].output);
        CB_AUTO(free) char *h2 = hint(&many, "host", cases[i].output);
        CB_AUTO(free) char *h3 = hint(&all, "host", cases[i].output);
        assert_string_equal(h1, cases[i].one ? "a likely cause: ids" : "");
        assert_string_equal(h2, cases[i].many ? "a likely cause: ids" : "");
        assert_string_equal(h3, "");
    }
}

static void refused_ports_show(void **state)
{
    static const struct {
        const char *output;
        bool port;
    } cases[] = {
        {"nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", true},
        {"listen tcp :80: bind: permission denied", true},
        {"Error: listen EACCES: permission denied 0.0.0.0:80", true},
        {"(13)Permission denied: AH00072: make_sock: could not bind to address [::]:80", true},
        {"    self.socket.bind(self.server_address)\nPermissionError: [Errno 13] Permission denied", true},
        {"gyp: binding.gyp: permission denied", false},
        {"listen unix /run/x.sock: bind: permission denied", false},
        {"nginx: [emerg] bind() to unix:/run/x failed (13: Permission denied)", false},
        {"Error: listen EACCES: permission denied /run/app.sock", false},
        {"cat: /f: Permission denied", false},
        {"bind: Address already in use", false},
    };
    (void)state;
    CB_AUTO(free) char *why = rt_network_why_no_port(rt_network_find("host"));
    CB_AUTO(free) char *want = why ? cb_printf("a likely cause: %s", why) : cb_strdup(""); /* every port may be free here */
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(free) char *shared = hint(&all, "host", cases[i].output);
        CB_AUTO(free) char *own = hint(&all, "default", cases[i].output);
        assert_string_equal(shared, cases[i].port ? want : "");
        assert_string_equal(own, "");
    }
}

static void only_the_end_counts(void **state)
{
    (void)state;
    struct build_tail t = {CB_BUF_INIT};
    struct rt_privilege p = {.rung = &one};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    cb_fail(&err, CB_E_RUN, "exit code: 1");
    build_tail_add(&t, "chown: /f: Invalid argument");
    for (int i = 0; i < 100000; i++)
        build_tail_add(&t, "chown: /f: done");
    assert_true(t.lines.len < 40000);
    build_symptom_hint(&t, &p, rt_network_find("none"), &err);
    assert_null(err.hint);
    build_tail_done(&t);
}

static void test_space(void **state)
{
    (void)state;
    CB_AUTO(free) char *full = hint(&all, "none", "cp: error writing '/x': No space left on device\n");
    CB_AUTO(free) char *room = hint(&all, "none", "there is space left on this device\n");
    assert_non_null(strstr(full, "the file system of the store is full"));
    assert_string_equal(room, "");
}

static void a_missing_proc_shows(void **state)
{
    (void)state;
    static const struct rt_rung_ops chroot = {.chroots = true, .many_ids = true, .owns_network = true, .why_no_id = lacks_none};
    static const char *const outputs[] = {"sh: can't create /dev/stderr: nonexistent directory",
                                          "tee: /dev/stdout: No such file or directory",
                                          "sh: 1: cannot open /proc/cpuinfo: No such file"};
    for (size_t i = 0; i < CB_LEN(outputs); i++) {
        CB_AUTO(free) char *in = hint(&chroot, "host", outputs[i]), *elsewhere = hint(&all, "host", outputs[i]);
        assert_non_null(strstr(in, "RUN has no /proc in a chroot"));
        assert_string_equal(elsewhere, "");
    }
    CB_AUTO(free) char *other = hint(&chroot, "host", "cat: /etc/x: No such file or directory");
    assert_string_equal(other, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space),         cmocka_unit_test(a_missing_proc_shows), cmocka_unit_test(refused_ids_show),
        cmocka_unit_test(refused_ports_show), cmocka_unit_test(only_the_end_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
