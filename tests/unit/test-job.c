/* Jobs: whatever they say arrives, cut where it is too long. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/job.h"
#include "base/limits.h"
#include "base/text.h"

static void texts_are_shortened(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *want;
    } cases[] = {
        {"", 16, ""},
        {"0123456789abcdef", 16, "0123456789abcdef"},
        {"0123456789abcdefg", 16, "0123456789ab…g"},
        {"0123456789abcdefghijklmnopqrstuvwxyz", 20, "0123456789abcde…yz"},
        {"0123456789a€xxxxxxxxxxxxxxxxxxxxxx€", 16, "0123456789a…"}, /* never half a character */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 16, "\x80\x80\x80\x80\x80\x80\x80\x80\x80…"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        cb_shorten(&out, cases[i].text, strlen(cases[i].text), cases[i].max);
        assert_string_equal(out.data, cases[i].want);
        assert_true(out.len <= cases[i].max);
    }
}

static char *repeated(char c, size_t n)
{
    char *s = cb_alloc(n + 1);
    memset(s, c, n);
    return s;
}

static size_t size_of(const void *ctx)
{
    size_t n;
    memcpy(&n, ctx, sizeof(n));
    return n;
}

static int fail_at_length(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io, (void)answer;
    CB_AUTO(free) char *x = repeated('x', size_of(ctx)), *y = repeated('y', size_of(ctx));
    cb_fail_sys(err, ENOENT, "begin %s end", x);
    cb_hint(err, "first %s last", y);
    err->file = cb_strdup(x);
    return cb_at(err, 7, 8);
}

static int answer_at_length(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io, (void)err;
    CB_AUTO(free) char *x = repeated('x', size_of(ctx));
    cb_buf_adds(answer, x);
    return 0;
}

static int warn_at_length(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)answer, (void)err;
    CB_AUTO(free) char *x = repeated('x', size_of(ctx));
    cb_job_warn(io, x);
    return 0;
}

static void start(cb_job_fn *fn, size_t n, struct cb_job *job)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(cb_job_fork(fn, &n, job, &err), 0);
}

static const size_t sizes[] = {0, 1000, 20000, 100000, 200000, 3000000};

static void errors_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(sizes); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct cb_job job;
        start(fail_at_length, sizes[i], &job);
        assert_int_equal(cb_job_wait(&job, NULL, &err), -1);
        assert_int_equal(err.code, CB_E_SYSTEM);
        assert_int_equal(err.sys, ENOENT);
        assert_int_equal(err.at.last_line, 8);
        assert_true(cb_starts(err.msg, "begin "));
        assert_true(cb_ends(err.msg, "end: No such file or directory"));
        assert_true(cb_starts(err.hint, "first ") && cb_ends(err.hint, " last"));
        assert_int_equal(strstr(err.msg, "…") != NULL, sizes[i] > 50000);
    }
}

static void answers_arrive_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(sizes); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
        struct cb_job job;
        start(answer_at_length, sizes[i], &job);
        int r = cb_job_wait(&job, &answer, &err);
        assert_int_equal(r, sizes[i] < CB_MAX_MESSAGE ? 0 : -1);
        if (r == 0)
            assert_int_equal(answer.len, sizes[i]);
        else
            assert_non_null(strstr(err.msg, "too large"));
    }
}

static void lines_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(sizes); i++) {
        struct cb_job job;
        struct cb_job_event e;
        start(warn_at_length, sizes[i], &job);
        assert_int_equal(cb_job_read(&job, true, &e), 1);
        assert_int_equal(e.kind, CB_JOB_WARN);
        assert_int_equal(strstr(e.text, "…") != NULL, sizes[i] > 50000);
        cb_job_event_done(&e);
        assert_int_equal(cb_job_read(&job, true, &e), 1);
        assert_int_equal(e.kind, CB_JOB_DONE);
        cb_job_event_done(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_shortened),
        cmocka_unit_test(errors_arrive),
        cmocka_unit_test(answers_arrive_or_are_refused),
        cmocka_unit_test(lines_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
