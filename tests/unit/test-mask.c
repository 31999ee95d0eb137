/* Secrets in what a RUN prints. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/fd.h"
#include "builder/execute/schedule/log.h"
#include <unistd.h>

CB_DEFINE_AUTO(build_mask, struct build_mask, build_mask_done)

static void lines_are_masked(void **state)
{
    static const struct {
        const char *secret, *line, *want;
    } cases[] = {
        {"geheim\n", "token geheim, geheimgeheim", "token ****, ********"},
        {"geheim", "nothing of it: gehei", "nothing of it: gehei"},
        {"  geheim\r\n", "[geheim]", "[****]"},
        {"abc", "abc", "abc"}, /* too short to be told from other text */
        {"first line\n}\nsecond line\n", "} first line} x second line", "} ****} x ****"},
        {"long secret\nsecret\n", "a long secret and a secret", "a **** and a ****"},
        {"secret\nlong secret\n", "a long secret and a secret", "a **** and a ****"},
        {"", "text", "text"},
        {"\n\n  \n", "text", "text"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(build_mask) struct build_mask m = {0};
        CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
        build_mask_add(&m, cases[i].secret, strlen(cases[i].secret));
        build_mask_ready(&m);
        assert_int_equal(build_mask_apply(&m, cb_str(cases[i].line), true, &line), strlen(cases[i].line));
        assert_string_equal(line.data, cases[i].want);
    }
}

static void collect(void *arg, const struct build_log *l, const char *text)
{
    (void)l;
    cb_buf_adds(arg, text);
    cb_buf_addc(arg, '\n');
}

static void join(void *arg, const struct build_log *l, const char *text)
{
    (void)l;
    cb_buf_adds(arg, text);
}

/* Reads `text` through a pipe, `piece` bytes at a time. */
static void through(const struct build_mask *m, const char *text, size_t n, size_t piece, build_log_fn *fn, struct cb_buf *out)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    struct build_log l = BUILD_LOG_INIT(1);
    l.fd = p[0];
    for (size_t at = 0; at < n; at += piece) {
        assert_int_equal(cb_write_full(p[1], text + at, CB_MIN(piece, n - at)), 0);
        build_log_read(&l, m, fn, out);
    }
    close(p[1]);
    build_log_finish(&l, m, fn, out);
    assert_int_equal(l.fd, -1);
}

static void pieces_make_no_difference(void **state)
{
    CB_AUTO(build_mask) struct build_mask m = {0};
    const char *text = "one geheim\n\ntwo\nwithout end geheim";
    (void)state;
    build_mask_add(&m, "geheim", 6);
    build_mask_ready(&m);
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        through(&m, text, strlen(text), piece, collect, &out);
        assert_string_equal(out.data, "one ****\n\ntwo\nwithout end ****\n");
    }
}

/* A NUL neither ends a line nor hides the rest of it, nor a secret in it. */
static void nuls_are_shown(void **state)
{
    static const char text[] = "a\0b geheim\0\n\0\n\0\0geheim";
    CB_AUTO(build_mask) struct build_mask m = {0};
    (void)state;
    build_mask_add(&m, "geheim", 6);
    build_mask_ready(&m);
    for (size_t piece = 1; piece <= sizeof(text) - 1; piece++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        through(&m, text, sizeof(text) - 1, piece, collect, &out);
        assert_string_equal(out.data, "a\\x00b ****\\x00\n\\x00\n\\x00\\x00****\n");
    }
}

/* A secret, also a long one, is found wherever a line that never ends is cut. */
static void endless_lines(void **state)
{
    static const size_t sizes[] = {6, 4096, 10000};
    (void)state;
    for (size_t s = 0; s < CB_LEN(sizes); s++)
        for (size_t before = 65530; before < 65545; before += 3) {
            CB_AUTO(build_mask) struct build_mask m = {0};
            CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
            CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
            CB_AUTO(free) char *secret = cb_alloc(sizes[s] + 1);
            for (size_t i = 0; i < sizes[s]; i++)
                secret[i] = (char)('a' + i % 23);
            build_mask_add(&m, secret, sizes[s]);
            build_mask_ready(&m);
            for (size_t i = 0; i < before; i++)
                cb_buf_addc(&text, '-');
            cb_buf_adds(&text, secret);
            cb_buf_adds(&text, "end");
            through(&m, text.data, text.len, 5000, join, &out);
            assert_int_equal(strspn(out.data, "-"), before);
            assert_null(strstr(out.data, "abcd"));
            assert_true(cb_ends(out.data, BUILD_MASK "end"));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_masked),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(nuls_are_shown),
        cmocka_unit_test(endless_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
