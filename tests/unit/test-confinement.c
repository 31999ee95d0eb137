/* What a RUN may ask of the kernel: options, and labels on a made-up machine. */
#include "runtime/confine/confinement.h"
#include "base/fd.h"
#include "runtime/confine/label.h"
#include "runtime/rung/capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void test_capabilities(void **state)
{
    (void)state;
    const uint64_t docker = RT_CAPS_OF_DOCKER, admin = RT_CAP(SYS_ADMIN), chown = RT_CAP(CHOWN);
    const struct {
        const char *add[2], *drop[2];
        uint64_t set;
    } t[] = {
        {{NULL}, {NULL}, docker},
        {{"sys_admin"}, {NULL}, docker | admin},
        {{"CAP_SYS_ADMIN", "cap_net_admin"}, {NULL}, docker | admin | RT_CAP(NET_ADMIN)},
        {{NULL}, {"CHOWN"}, docker & ~chown},
        {{NULL}, {"all"}, 0},
        {{"CHOWN"}, {"ALL"}, chown},
        {{"ALL"}, {NULL}, UINT64_MAX},
        {{"all"}, {"Cap_Sys_Admin"}, ~admin},
        {{"checkpoint_restore"}, {NULL}, docker | RT_CAP(CHECKPOINT_RESTORE)},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_confinement c = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        for (size_t k = 0; k < 2; k++)
            assert_true((!t[i].add[k] || rt_confinement_capability(&c.add, t[i].add[k], &err) == 0) &&
                        (!t[i].drop[k] || rt_confinement_capability(&c.drop, t[i].drop[k], &err) == 0));
        assert_int_equal(rt_confinement_caps(&c), t[i].set);
        assert_int_equal(rt_confinement_is_default(&c), t[i].set == docker);
        assert_int_equal(rt_confinement_reaches_others(&c), (t[i].set & (admin | RT_CAP(SYS_PTRACE))) != 0);
    }
}

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *option, *message; /* NULL: it is taken */
        bool is_default;
    } t[] = {
        {"seccomp=unconfined", NULL, false},
        {"seccomp:unconfined", NULL, false},
        {"seccomp=builtin", NULL, true},
        {"no-new-privileges", NULL, false},
        {"no-new-privileges=true", NULL, false},
        {"no-new-privileges:false", NULL, true},
        {"apparmor=unconfined", NULL, true},
        {"label=disable", NULL, true},
        {"unmask=ALL", NULL, false},
        {"mask=/etc:/usr", NULL, false},
        {"no-new-privileges=perhaps", "no-new-privileges: expected true or false, not 'perhaps'", true},
        {"seccomp", "seccomp= needs a value", true},
        {"seccomp=/no/such/file", "read the seccomp profile '/no/such/file': No such file or directory", true},
        {"mask=etc", "'etc' is no absolute path", true},
        {"label=colour:red", "label: expected disable, user:USER, role:ROLE, type:TYPE or level:LEVEL, not 'colour:red'", true},
        {"systempaths=unconfined", "'systempaths=unconfined' is no security option", true},
        {"", "'' is no security option", true},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_confinement c = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int r = rt_confinement_option(&c, t[i].option, &err);
        if (r != (t[i].message ? -1 : 0) || (r < 0 && strcmp(err.msg, t[i].message) != 0))
            fail_msg("'%s': %d %s", t[i].option, r, err.msg);
        assert_int_equal(rt_confinement_is_default(&c), t[i].is_default);
        rt_confinement_done(&c);
    }
}

static void test_key(void **state)
{
    (void)state;
    static const char *const t[] = {"seccomp=unconfined", "no-new-privileges", "unmask=ALL", "mask=/a", "mask=/b"};
    struct cb_buf keys[CB_LEN(t)];
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_confinement c = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        keys[i] = CB_BUF_INIT;
        assert_int_equal(rt_confinement_option(&c, t[i], &err), 0);
        rt_confinement_key(&c, &keys[i]);
        for (size_t k = 0; k < i; k++)
            assert_false(keys[k].len == keys[i].len && memcmp(keys[k].data, keys[i].data, keys[i].len) == 0);
        rt_confinement_done(&c);
    }
    for (size_t i = 0; i < CB_LEN(t); i++)
        cb_buf_done(&keys[i]);
}

/* ---- labels --------------------------------------------------------------------------------- */

static char root[] = "/tmp/cbuild-test-label.XXXXXX";

static void put(const char *path, const char *text)
{
    CB_AUTO(free) char *line = cb_printf("cd %s && mkdir -p \"$(dirname .%s)\" && printf '%s' >.%s", root, path, text, path);
    assert_int_equal(system(line), 0);
}

static void expect(const char *path, const char *text)
{
    CB_AUTO(free) char *file = cb_printf("%s%s", root, path);
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    assert_int_equal(cb_read_file(AT_FDCWD, file, 1000, &got), 0);
    assert_string_equal(got.data, text);
}

static void test_labels(void **state)
{
    (void)state;
    struct rt_confinement c = {.apparmor = (char *)"strict"};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_non_null(mkdtemp(root));
    /* a machine without either */
    assert_int_equal(rt_label_check_apparmor(root, "unconfined", &err), 0);
    assert_int_equal(rt_label_check_apparmor(root, "strict", &err), -1);
    assert_string_equal(err.msg, "apparmor=strict: AppArmor is not in use on this machine");
    cb_error_done(&err);
    assert_int_equal(rt_label_check_selinux(root, &err), -1);
    assert_string_equal(err.msg, "label: SELinux is not in use on this machine");
    cb_error_done(&err);
    /* AppArmor */
    put("/sys/module/apparmor/parameters/enabled", "Y\n");
    put("/proc/thread-self/attr/exec", "");
    assert_int_equal(rt_label_check_apparmor(root, "strict", &err), 0);
    assert_int_equal(rt_label_apply(root, &c, &err), 0);
    expect("/proc/thread-self/attr/exec", "exec strict");
    put("/proc/thread-self/attr/apparmor/exec", "");
    assert_int_equal(rt_label_apply(root, &c, &err), 0);
    expect("/proc/thread-self/attr/apparmor/exec", "exec strict");
    /* SELinux */
    c = (struct rt_confinement){.selinux = {NULL, NULL, (char *)"build_t", NULL}};
    put("/sys/fs/selinux/enforce", "1");
    put("/proc/thread-self/attr/exec", "");
    put("/proc/thread-self/attr/current", "system_u:system_r:unconfined_t:s0-s0:c0.c1023");
    assert_int_equal(rt_label_check_selinux(root, &err), 0);
    assert_int_equal(rt_label_apply(root, &c, &err), 0);
    expect("/proc/thread-self/attr/exec", "system_u:system_r:build_t:s0-s0:c0.c1023");
    /* a process that may not */
    CB_AUTO(free) char *gone = cb_printf("rm -r %s/proc", root);
    assert_int_equal(system(gone), 0);
    assert_int_equal(rt_label_apply(root, &c, &err), -1);
    CB_AUTO(free) char *all = cb_printf("rm -r %s", root);
    assert_int_equal(system(all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
