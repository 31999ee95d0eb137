/* What a helper could not be started for is said to each job that wants it, and nothing is left out for the second one. */
#include "builder/session/jobs.h"
#include "builder/show/progress.h"
#include "store-fixture.h"

struct session {
    struct build_request request;
    struct build_session s;
};

static void begin(struct session *t, const struct fixture *f)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    t->request.root = f->path;
    if (build_session_open(&t->s, &t->request, build_renderer_new(BUILD_PROGRESS_QUIET), &err) < 0)
        fail_msg("%s", err.msg);
}

static void says(struct session *t, enum rt_helper_kind kind, const char *what)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(build_ns_start(&t->s, kind, &err), -1);
    if (!strstr(err.msg, what))
        fail_msg("'%s' is not in '%s'", what, err.msg);
}

static void test_no_groups(void **state)
{
    struct session t = {.request.limits.parent = (char[]){"/cgroup.procs/none"}};
    begin(&t, *state);
    says(&t, RT_HELPER_COMMANDS, "--cgroup-parent");
    says(&t, RT_HELPER_COMMANDS, "--cgroup-parent");
    build_session_close(&t.s);
}

static void test_no_helper(void **state)
{
    struct fixture *f = *state;
    struct session t = {0};
    begin(&t, f);
    assert_int_equal(renameat(f->s->root, "work", f->scratch, "work"), 0);
    write_file(f->s->root, "work", "");
    says(&t, RT_HELPER_FILES, "work");
    assert_int_equal(unlinkat(f->s->root, "work", 0), 0);
    assert_int_equal(renameat(f->scratch, "work", f->s->root, "work"), 0);
    says(&t, RT_HELPER_FILES, "work");
    build_session_close(&t.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_groups, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_helper, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
