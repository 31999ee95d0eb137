/* What is said at the end of a build. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/show/progress-summary.h"

CB_DEFINE_AUTO(progress_tally, struct progress_tally, build_progress_tally_done)

struct step {
    const char *name;
    double seconds; /* 0: cached */
};

static void tally(struct progress_tally *t, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        build_progress_tally_add(
            t, &(struct build_event){.kind = steps[i].seconds > 0 ? BUILD_EVENT_STEP_DONE : BUILD_EVENT_STEP_CACHED,
                                     .step = (int)i + 1,
                                     .name = steps[i].name,
                                     .seconds = steps[i].seconds});
    /* None of the build's steps. */
    build_progress_tally_add(t,
                             &(struct build_event){.kind = BUILD_EVENT_STEP_DONE, .name = "push", .seconds = 99, .extra = true});
    build_progress_tally_add(t, &(struct build_event){.kind = BUILD_EVENT_NOTE, .text = "note"});
}

static void a_short_build_has_a_line(void **state)
{
    static const struct step steps[] = {{"[1/2] COPY a /", 0}, {"[2/2] RUN make", 0.02}};
    static const char *const names[] = {"app:1", "app\033:2"};
    const struct build_layer_size layers[] = {{"[1/2] COPY a /", 2000}, {"[2/2] RUN make", 1000}};
    const struct build_summary s = {.counts = {.run = 1, .cached = 1},
                                    .seconds = 0.03,
                                    .image_id = "sha256:1",
                                    .size = 3000,
                                    .names = names,
                                    .n_names = 2,
                                    .layers = layers,
                                    .n_layers = 2};
    CB_AUTO(progress_tally) struct progress_tally t = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    (void)state;
    tally(&t, steps, CB_LEN(steps));
    build_progress_summary(&s, &t, 80, &out);
    assert_string_equal(out.data, "\n1 step run, 1 cached in 30ms; image sha256:1, 3.00 kB\n"
                                  "=> app:1\n=> app\\x1b:2\n");
}

static void a_long_build_has_details(void **state)
{
    static const struct step steps[] = {
        {"[base 1/3] RUN apt-get update", 0},
        {"[base 2/3] RUN apt-get install", 0},
        {"[build 1/4] COPY . /src", 0.5},
        {"[base 3/3] RUN true", 0},
        {"[build 2/4] RUN make", 21.3},
        {"[build 4/4] RUN make check && a long command with many words that nobody reads to its end", 8.2},
        {"[build 3/4] RUN true", 0},
        {"[x 1/9] A", 0},
        {"[x 3/9] A", 0},
        {"without a number", 0},
        {"[", 0},
        {"[a b/c] x", 0},
    };
    const struct build_layer_size layers[] = {{"docker.io/library/debian:12", 30000000},
                                              {"[build 1/4] COPY . /src", 12},
                                              {"[build 2/4] RUN make", 8000000},
                                              {"[build 4/4] RUN make check", 50000000}};
    const struct build_summary s = {.counts = {.run = 3, .cached = 9},
                                    .seconds = 34.2,
                                    .image_id = "sha256:1",
                                    .size = 88000012,
                                    .layers = layers,
                                    .n_layers = 4};
    CB_AUTO(progress_tally) struct progress_tally t = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    (void)state;
    tally(&t, steps, CB_LEN(steps));
    build_progress_summary(&s, &t, 60, &out);
    assert_string_equal(out.data, "\n3 steps run, 9 cached in 34.2s; image sha256:1, 88.0 MB\n"
                                  "  time       21.3s  [build 2/4] RUN make\n"
                                  "              8.2s  [build 4/4] RUN make check && a long co…\n"
                                  "  cached    base 1-3 of 3, build 3 of 4, x 1, 3 of 9\n"
                                  "  layers   50.0 MB  [build 4/4] RUN make check\n"
                                  "           30.0 MB  docker.io/library/debian:12\n");
}

/* Everything cached, and steps that share the time alike: nothing to say. */
static void only_what_is_useful(void **state)
{
    static const struct step one[] = {{"[1/1] RUN sleep 2", 2}};
    const struct build_layer_size layer = {"[1/1] RUN sleep 2", 5};
    struct build_summary s = {
        .counts = {.run = 1}, .seconds = 2, .image_id = "sha256:1", .size = 5, .layers = &layer, .n_layers = 1};
    CB_AUTO(progress_tally) struct progress_tally t = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    (void)state;
    tally(&t, one, 1);
    build_progress_summary(&s, &t, 80, &out);
    assert_string_equal(out.data, "\n1 step run, 0 cached in 2.0s; image sha256:1, 5 B\n");
    cb_buf_reset(&out);
    build_progress_summary(NULL, &t, 80, &out);
    assert_string_equal(out.data, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_build_has_a_line),
        cmocka_unit_test(a_long_build_has_details),
        cmocka_unit_test(only_what_is_useful),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
