/* What is different between a step and an earlier result, and how it is said. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/execute/schedule/difference.h"
#include "builder/plan/plan.h"
#include <stdio.h>
#include <string.h>

/* "NAME=VALUE" each. */
static void notes_of(const char *const *pairs, struct build_notes *ret)
{
    for (; *pairs; pairs++) {
        size_t n = (size_t)(strrchr(*pairs, '=') - *pairs);
        struct build_note *note = &CB_PUSH(ret->items, ret->n, ret->cap);
        note->name = cb_memdup0(*pairs, n);
        snprintf(note->digest, sizeof(note->digest), "%s", *pairs + n + 1);
    }
}

static void record_of(const char *const *pairs, struct cache_record *ret)
{
    CB_AUTO(build_notes) struct build_notes n = {0};
    notes_of(pairs, &n);
    for (size_t i = 0; i < n.n; i++)
        cache_record_input(ret, n.items[i].name, n.items[i].digest);
}

static const struct {
    const char *before[6], *now[6];
    const char *text, *below; /* `below`: what is given for it */
    bool coarse;
} cases[] = {
    {{"command=1", "parent=1"}, {"command=1", "parent=1"}, NULL, NULL, false},
    {{"command=1", "parent=1"}, {"command=2", "parent=1"}, "the command changed", NULL, false},
    {{"arg:V=1", "parent=1"}, {"arg:V=2", "parent=2"}, "ARG V changed", NULL, false},
    {{"arg:V=1"}, {"env:V=1"}, "ENV V added (+1 more)", NULL, false},
    {{"parent=1"}, {"parent=2"}, "[1/2] COPY a gave another result", "[1/2] COPY a", false},
    {{"parent=1"}, {"parent=2"}, "what it stands on gave another result", NULL, false},
    {{"parent=1", "base=1"}, {"parent=2", "base=2"}, "the base image changed", NULL, false},
    {{"file:a=1", "file:b=1"}, {"file:a=2", "file:c=1"}, "a changed (+2 more)", NULL, false},
    {{"dir:src=1", "file:a=1"}, {"dir:src=2", "file:a=1"}, "src/ changed", NULL, true},
    {{"files=1"}, {"files=2"}, "the files changed", NULL, true},
    {{"dir:src=1", "chown=1"}, {"dir:src=2", "chown=2"}, "src/ changed (+1 more)", NULL, false},
    {{"file:a:b=1"}, {"file:a:b=2"}, "a:b changed", NULL, false},
    {{"mount:/m=1"}, {"command=2"}, "the command added (+1 more)", NULL, false},
    {{"secret:s=1", "command=1"}, {"secret:s=2", "command=1"}, "secret s changed", NULL, false},
    {{"secret:s=1", "secret:t=1"}, {"secret:s=2", "secret:t=2"}, "secret s changed (+1 more)", NULL, false},
    {{"secret:s=1", "command=1"}, {"secret:s=2", "command=2"}, "the command changed", NULL, false},
    {{"command=1"}, {"secret:s=2", "command=1"}, "secret s added", NULL, false},
    {{"new-kind=1"}, {"new-kind=2"}, "new-kind changed", NULL, false},
};

static void notes_are_compared(void **state)
{
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(build_notes) struct build_notes now = {0};
        CB_AUTO(cache_record) struct cache_record before = {0};
        CB_AUTO(build_differences) struct build_differences d = {0};
        bool coarse;
        notes_of(cases[i].now, &now);
        record_of(cases[i].before, &before);
        build_differences_of_notes(&now, &before, &d, &coarse);
        CB_AUTO(free) char *text = build_differences_text(&d, cases[i].below);
        assert_int_equal(coarse, cases[i].coarse);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
        else
            assert_null(text);
    }
}

static void long_lists_are_cut(void **state)
{
    CB_AUTO(build_differences) struct build_differences d = {0};
    char name[16];
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        build_differences_add(&d, BUILD_ADDED, name, NULL, "0123456789abcdef0123");
    }
    assert_int_equal(d.n, BUILD_DIFFERENCES_LISTED);
    CB_AUTO(free) char *text = build_differences_text(&d, NULL), *line = build_difference_line(&d.items[1]);
    assert_string_equal(text, "f0 added (+399 more)");
    assert_string_equal(line, "f1 added (0123456789abcdef)");
}

static struct cache_entry file(const char *path, uint8_t content, uint32_t mode, int64_t mtime)
{
    return (struct cache_entry){
        .path = path, .type = CB_FILE, .mode = mode, .mtime = mtime, .size = 1, .digest = {{content, 0xab, content}}};
}

static void layers_are_compared(void **state)
{
    CB_AUTO(cache_index) struct cache_index before = {0}, now = {0};
    CB_AUTO(build_differences) struct build_differences d = {0}, none = {0};
    struct cache_entry dir = {.path = "a", .type = CB_DIR, .mode = 0755}, new = {.path = "b", .type = CB_DIR, .mode = 0755};
    struct cache_entry old[] = {dir, file("a/changed", 1, 0644, 5), file("a/gone", 1, 0644, 5), file("a/time", 1, 0644, 5)};
    struct cache_entry fresh[] = {dir, file("a/changed", 2, 0644, 5), file("a/time", 1, 0644, 6), new, file("b/new", 1, 0644, 5)};
    for (size_t i = 0; i < CB_LEN(old); i++)
        cache_index_add(&before, &old[i]);
    for (size_t i = 0; i < CB_LEN(fresh); i++)
        cache_index_add(&now, &fresh[i]);
    cache_index_sort(&before);
    cache_index_sort(&now);
    build_differences_of_layers(&before, &now, &d);
    static const char *const lines[] = {"/a/changed changed (01ab010000000000 -> 02ab020000000000)",
                                        "/a/gone removed (01ab010000000000)", "/b/new added (01ab010000000000)"};
    assert_int_equal(d.n, CB_LEN(lines));
    for (size_t i = 0; i < CB_LEN(lines); i++) {
        CB_AUTO(free) char *line = build_difference_line(&d.items[i]);
        assert_string_equal(line, lines[i]);
    }
    build_differences_of_layers(&before, &before, &none);
    assert_int_equal(none.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_are_compared),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(layers_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
