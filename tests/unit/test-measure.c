/* What a replay measured: reasons, which step is which, sums, and that a report reads back as it was written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/measure/events.h"
#include "builder/measure/peer.h"
#include "builder/measure/report.h"
#include <string.h>

static void test_cause(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        enum measure_cause cause;
    } cases[] = {
        {NULL, MEASURE_NEW},
        {"not in the cache", MEASURE_NEW},
        {"--no-cache", MEASURE_FORCED},
        {"src/main.c changed (+2 more)", MEASURE_FILES},
        {"the files changed", MEASURE_FILES},
        {"what is mounted at /x changed", MEASURE_FILES},
        {"ARG VERSION changed", MEASURE_ARGUMENT},
        {"ENV PATH added", MEASURE_ENVIRONMENT},
        {"the command changed", MEASURE_INSTRUCTION},
        {"--network changed", MEASURE_INSTRUCTION},
        {"the base image changed", MEASURE_BELOW},
        {"[build 2/4] COPY . /src gave another result", MEASURE_BELOW},
        {"ARG file gave another result", MEASURE_BELOW},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++)
        assert_int_equal(measure_cause_of(cases[i].why), cases[i].cause);
}

static void add(struct measure_report *r, double seconds, const struct measure_seen *steps, size_t n)
{
    struct measure_build b = {.commit = cb_strdup("c0ffee"), .subject = cb_strdup("s"), .seconds = seconds};
    struct measure_seen_list seen = {0};
    for (size_t i = 0; i < n; i++)
        measure_seen_get(&seen, steps[i].name)->mark = steps[i].mark;
    measure_report_add(r, &b, &seen);
}

#define ADD(r, seconds, ...)                                                                                                     \
    add(r, seconds, (const struct measure_seen[]){__VA_ARGS__}, CB_LEN(((const struct measure_seen[]){__VA_ARGS__})))
#define STEP(name, fate, cost)                                                                                                   \
    {                                                                                                                            \
        (char[]){name},                                                                                                          \
        {                                                                                                                        \
            0, fate, fate == MEASURE_MISS ? MEASURE_FILES : MEASURE_NO_CAUSE, NULL, 0, 0, cost, 10                               \
        }                                                                                                                        \
    }

static void example(struct measure_report *r)
{
    r->range = cb_strdup("a..b");
    r->every = 1;
    ADD(r, 7, STEP("[build 1/2] COPY . /src", MEASURE_MISS, 1), STEP("[build 2/2] RUN make", MEASURE_MISS, 5),
        STEP("[internal] load", MEASURE_MISS, 9), STEP("[1/1] COPY --from=build /a /", MEASURE_MISS, 1));
    ADD(r, 1, STEP("[build 1/2] COPY . /src", MEASURE_SKIPPED, 0), STEP("[build 2/2] RUN make", MEASURE_SKIPPED, 0),
        STEP("[1/1] COPY --from=build /a /", MEASURE_HIT, 1));
    ADD(r, 8, STEP("[build 1/3] RUN first", MEASURE_MISS, 2), STEP("[build 2/3] COPY . /src", MEASURE_MISS, 1),
        STEP("[build 3/3] RUN make all", MEASURE_MISS, 6), STEP("[1/1] COPY --from=build /a /", MEASURE_HIT, 1));
}

static void test_steps(void **state)
{
    (void)state;
    CB_AUTO(measure_report) struct measure_report r = {0};
    example(&r);
    assert_int_equal(r.n_steps, 5); /* "make all" is new, "first" stands where "make" stood */
    assert_string_equal(r.steps[0].text, "COPY . /src");
    assert_string_equal(r.steps[0].stage, "build");
    assert_int_equal(r.steps[0].position, 2);
    assert_string_equal(r.steps[2].stage, "");
    assert_int_equal(r.builds[2].n, 4);
    struct measure_sums all = measure_sum(&r, SIZE_MAX), copy = measure_sum(&r, 0);
    assert_int_equal(all.hits, 4);
    assert_int_equal(all.misses, 3);
    assert_true(all.spent == 9 && all.saved == 1 + 5 + 1 + 1);
    assert_int_equal(all.bytes, 30);
    assert_int_equal(copy.hits, 1);
    assert_int_equal(copy.causes[MEASURE_FILES], 1);
    assert_true(copy.saved == 1); /* what it cost when it was made */
    struct measure_whole w = measure_whole(&r);
    assert_true(w.first == 7 && w.wall == 9 && w.failed == 0);
}

static void test_events(void **state)
{
    (void)state;
    static const char events[] =
        "noise\n"
        "{\"vertexes\":[{\"name\":\"[1/2] COPY a /\",\"started\":\"2026-01-01T00:00:01Z\",\"why\":\"not in the cache\"}]}\n"
        "{\"logs\":[]}\n"
        "{\"vertexes\":[{\"name\":\"[1/2] COPY a "
        "/\",\"started\":\"2026-01-01T00:00:01Z\",\"completed\":\"2026-01-01T00:00:03.5Z\","
        "\"why\":\"a changed\"}]}\n"
        "{\"vertexes\":[{\"name\":\"[2/2] RUN x\",\"started\":\"2026-01-01T00:00:04Z\",\"completed\":\"2026-01-01T00:00:04Z\","
        "\"cached\":true}]}\n"
        "{\"vertexes\":[{\"name\":\"cut";
    static const char metadata[] =
        "{\"containerimage.config.digest\":\"sha256:1\",\"cbuild.steps\":[{\"name\":\"[1/2] COPY a /\","
        "\"seconds\":2.25,\"size\":7},{\"name\":\"[2/2] RUN x\",\"seconds\":9}],"
        "\"cbuild.skipped\":[\"[b 1/1] RUN y\"]}";
    CB_AUTO(measure_seen) struct measure_seen_list seen = {0};
    CB_AUTO(measure_report) struct measure_report r = {0};
    struct measure_build b = {0};
    struct cb_error err = CB_ERROR_INIT;
    measure_read_events(events, strlen(events), &seen);
    assert_int_equal(measure_read_metadata(metadata, strlen(metadata), &seen, &b, &err), 0);
    assert_string_equal(b.image, "sha256:1");
    assert_int_equal(seen.n, 3);
    const struct measure_mark *copy = &seen.items[0].mark, *run = &seen.items[1].mark;
    assert_int_equal(copy->fate, MEASURE_MISS);
    assert_int_equal(copy->cause, MEASURE_FILES);
    assert_true(copy->lasted == 2.5 && copy->cost == 2.25 && copy->bytes == 7);
    assert_int_equal(run->fate, MEASURE_HIT);
    assert_true(run->begun == 3 && run->cost == 9);
    assert_int_equal(seen.items[2].mark.fate, MEASURE_SKIPPED);
    measure_report_add(&r, &b, &seen);
    CB_AUTO(cb_error) struct cb_error bad = CB_ERROR_INIT;
    assert_int_equal(measure_read_metadata("{\"cbuild.steps\":3}", 18, &seen, &b, &bad), -1);
}

static void test_report_reads_back(void **state)
{
    (void)state;
    CB_AUTO(measure_report) struct measure_report r = {0}, again = {0};
    CB_AUTO(cb_buf) struct cb_buf first = CB_BUF_INIT, second = CB_BUF_INIT;
    struct cb_error err = CB_ERROR_INIT;
    example(&r);
    r.peer = measure_peer_name(measure_peer_find("buildah"));
    r.builds[2].peer_seconds = 9.5;
    r.builds[1].error = cb_strdup("it \"failed\"");
    struct measure_whole w = measure_whole(&r);
    assert_true(w.failed == 1 && w.both == 1 && w.ours == 8 && w.peers == 9.5);
    measure_report_json(&r, &first);
    assert_int_equal(measure_report_read(first.data, first.len, &again, &err), 0);
    measure_report_json(&again, &second);
    assert_string_equal(first.data, second.data);
}

static void test_report_is_not_trusted(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"version\":2,\"steps\":[],\"builds\":[]}",
        "{\"version\":1,\"steps\":3}",
        "{\"version\":1,\"steps\":[],\"builds\":[{\"steps\":[{\"step\":0}]}]}",
        "{\"version\":1,\"steps\":[{}],\"builds\":[{\"steps\":[{\"step\":1}]}]}",
    };
    for (size_t i = 0; i < CB_LEN(bad); i++) {
        CB_AUTO(measure_report) struct measure_report r = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        assert_int_equal(measure_report_read(bad[i], strlen(bad[i]), &r, &err), -1);
    }
}

static void test_options(void **state)
{
    (void)state;
    CB_AUTO(cb_strv) struct cb_strv given = {0}, filled = {0};
    const struct measure_commit c = {.id = (char[]){"0123456789abcdef"}, .time = 77};
    cb_strv_push(&given, "--build-arg=A={commit}-{time}{x}");
    cb_strv_push(&given, "{short}");
    measure_fill_options(&given, &c, &filled);
    assert_string_equal(filled.items[0], "--build-arg=A=0123456789abcdef-77{x}");
    assert_string_equal(filled.items[1], "0123456789ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cause),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_report_reads_back),
        cmocka_unit_test(test_report_is_not_trusted),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
