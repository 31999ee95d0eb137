/* The tree of stacked layers against a plain model, and the resolution of paths in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/map.h"
#include "cache/store/tree.h"
#include <time.h>

static void put(struct cache_index *x, const char *path, int type, const char *link, uint32_t mode)
{
    cache_index_add(x, &(struct cache_entry){.path = path, .type = type, .mode = mode, .link = link, .size = mode});
}

/* ---- the model: a list of paths ------------------------------------------------------------- */

struct model_entry {
    int type;
    uint32_t mode;
    int origin;
};

static bool below(const char *dir, const char *path)
{
    size_t n = strlen(dir);

    return strncmp(dir, path, n) == 0 && path[n] == '/';
}

static void model_clear(struct cb_map *m, const char *path, bool itself)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(m, it));) {
        CB_AUTO(free) char *key = cb_strdup(it->key);

        if (below(path, key) || (itself && strcmp(path, key) == 0))
            free(cb_map_remove(m, key));
    }
}

static void model_set(struct cb_map *m, const char *path, int type, uint32_t mode, int origin)
{
    struct model_entry *e = CB_NEW(struct model_entry);

    *e = (struct model_entry){type, mode, origin};
    free(cb_map_set(m, path, e));
}

static void model_parents(struct cb_map *m, const char *path, int origin)
{
    for (const char *p = path; (p = strchr(p, '/')); p++) {
        CB_AUTO(free) char *dir = cb_memdup0(path, (size_t)(p - path));
        struct model_entry *e = cb_map_get(m, dir);

        if (!e || e->type != CB_DIR)
            model_set(m, dir, CB_DIR, 0755, origin);
    }
}

/* First everything that takes away, then what is there: a layer's whiteouts never hit the layer itself. */
static void model_apply(struct cb_map *m, const struct cache_index *x, int origin)
{
    for (size_t i = 0; i < x->n; i++) {
        if (x->entries[i].type >= CACHE_WHITEOUT)
            model_clear(m, x->entries[i].path, x->entries[i].type == CACHE_WHITEOUT);
    }
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];

        if (e->type == CACHE_WHITEOUT)
            continue;
        model_parents(m, e->path, origin);
        if (e->type == CACHE_OPAQUE) {
            struct model_entry *d = cb_map_get(m, e->path);

            if (!d || d->type != CB_DIR)
                model_set(m, e->path, CB_DIR, 0755, origin);
            continue;
        }
        if (e->type != CB_DIR)
            model_clear(m, e->path, false);
        model_set(m, e->path, e->type, e->mode, origin);
    }
}

static size_t compare(const struct cache_node *n, struct cb_map *m, unsigned seed)
{
    size_t count = n->parent != NULL;

    if (n->parent) {
        struct model_entry *e = cb_map_get(m, n->e.path);

        if (!e)
            fail_msg("seed %u: '%s' should not be there", seed, n->e.path);
        if (e->type != n->e.type || e->mode != n->e.mode || e->origin != n->origin)
            fail_msg("seed %u: '%s' differs: type %d mode %o layer %d", seed, n->e.path, n->e.type, n->e.mode, n->origin);
        assert_string_equal(n->name, strrchr(n->e.path, '/') ? strrchr(n->e.path, '/') + 1 : n->e.path);
    }
    for (size_t i = 0; i < n->n_children; i++) {
        assert_ptr_equal(n->children[i]->parent, n);
        if (i && strcmp(n->children[i - 1]->name, n->children[i]->name) >= 0)
            fail_msg("seed %u: children of '%s' are not sorted", seed, n->e.path);
        count += compare(n->children[i], m, seed);
    }
    return count;
}

static uint32_t rnd(uint32_t *s, uint32_t n)
{
    *s = *s * 1664525 + 1013904223;
    return (*s >> 10) % n;
}

/* A random well-formed layer: nothing below what is no directory. */
static void random_layer(struct cache_index *x, uint32_t *s)
{
    static const char *const names[] = {"a", "b", "a-b", "c", "a.b", "\xc3\xa4"};
    CB_AUTO(cache_index) struct cache_index all = {0};

    for (uint32_t n = rnd(s, 30); n > 0; n--) {
        CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT;
        static const int types[] = {CB_FILE, CB_DIR, CB_DIR, CB_SYMLINK, CACHE_WHITEOUT, CACHE_OPAQUE};

        for (uint32_t depth = 1 + rnd(s, 3); depth > 0; depth--)
            cb_buf_printf(&path, "%s%s", path.len ? "/" : "", names[rnd(s, CB_LEN(names))]);
        put(&all, path.data, types[rnd(s, CB_LEN(types))], "x", rnd(s, 512));
    }
    cache_index_sort(&all);
    for (size_t i = 0; i < all.n; i++) {
        const struct cache_entry *e = &all.entries[i], *last = x->n ? &x->entries[x->n - 1] : NULL;

        if (last && last->type != CB_DIR && last->type != CACHE_OPAQUE &&
            (below(last->path, e->path) || strcmp(last->path, e->path) == 0))
            continue;
        cache_index_add(x, e);
    }
}

static void test_against_model(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 400; seed++) {
        CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
        CB_AUTO(cb_map) struct cb_map m = {0};
        uint32_t s = seed * 7919;
        size_t want = 0;

        for (int layer = 0; layer < 4; layer++) {
            CB_AUTO(cache_index) struct cache_index x = {0};

            random_layer(&x, &s);
            cache_tree_apply(t, &x, layer);
            model_apply(&m, &x, layer);
            want = 0;
            for (struct cb_map_item *it = NULL; (it = cb_map_next(&m, it));)
                want++;
            assert_int_equal(compare(cache_tree_root(t), &m, seed), want);
        }
        for (struct cb_map_item *it = NULL; (it = cb_map_next(&m, it));)
            free(it->value);
    }
}

static void test_hard_links(void **state)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_node *a, *b, *c;

    (void)state;
    put(&x, "d", CB_DIR, NULL, 0700);
    put(&x, "d/a", CB_FILE, NULL, 0640);
    put(&x, "d/b", CB_HARDLINK, "d/a", 0);
    put(&x, "e", CB_HARDLINK, "d/a", 0);
    put(&x, "f", CB_FILE, NULL, 0640);
    cache_tree_apply(t, &x, 3);
    assert_int_equal(cache_tree_resolve(t, "/d/a", true, &a, &err), 1);
    assert_int_equal(cache_tree_resolve(t, "d/b", true, &b, &err), 1);
    assert_int_equal(cache_tree_resolve(t, "e", true, &c, &err), 1);
    assert_int_equal(b->e.type, CB_FILE);
    assert_int_equal(b->e.mode, 0640);
    assert_int_equal(b->e.size, 0640);
    assert_string_equal(c->data_path, "d/a");
    assert_string_equal(c->e.path, "e");
    assert_int_not_equal(a->link_group, 0);
    assert_int_equal(a->link_group, b->link_group);
    assert_int_equal(a->link_group, c->link_group);
    assert_int_equal(cache_tree_resolve(t, "f", true, &c, &err), 1);
    assert_int_equal(c->link_group, 0);
}

static void test_add_remove(void **state)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_node *n, *got;

    (void)state;
    n = cache_tree_add(t, &(struct cache_entry){.path = "x/y/z", .type = CB_FILE, .mode = 0600}, 5, "elsewhere");
    assert_string_equal(cache_node_path(n), "x/y/z");
    assert_string_equal(n->data_path, "elsewhere");
    assert_int_equal(n->parent->e.mode, 0755);
    assert_int_equal(cache_tree_resolve(t, "x/y/z", true, &got, &err), 1);
    assert_ptr_equal(got, n);
    cache_tree_remove(t, n->parent);
    assert_int_equal(cache_tree_resolve(t, "x/y", true, &got, &err), 0);
    assert_int_equal(cache_tree_resolve(t, "x", true, &got, &err), 1);
}

/* Single entries in any order, some removed again: found at every moment, and sorted in the end. */
static void test_any_order(void **state)
{
    enum { NAMES = 2000, STEPS = 12000 };
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_node *nodes[NAMES] = {0};
    uint32_t s = 7;
    size_t left = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        int i = step < NAMES ? NAMES - 1 - step : (int)rnd(&s, NAMES);
        CB_AUTO(free) char *path = cb_printf("d/%04d", i);
        struct cache_node *got = NULL;

        assert_int_equal(cache_tree_resolve(t, path, true, &got, &err), nodes[i] != NULL);
        assert_ptr_equal(got, nodes[i]);
        if (nodes[i])
            cache_tree_remove(t, nodes[i]);
        nodes[i] = nodes[i] ? NULL : cache_tree_add(t, &(struct cache_entry){.path = path, .type = CB_FILE}, 0, NULL);
    }
    cache_tree_sort(t);
    for (int i = 0; i < NAMES; i++)
        left += nodes[i] != NULL;
    const struct cache_node *d = cache_tree_root(t)->children[0];
    assert_int_equal(d->n_children, left);
    for (size_t i = 0; i < d->n_children; i++) {
        assert_ptr_equal(d->children[i], nodes[atoi(d->children[i]->name)]);
        assert_true(i == 0 || strcmp(d->children[i - 1]->name, d->children[i]->name) < 0);
    }
}

/* n names in descending order, and each once more in place of the first. Gives the CPU time. */
static double descending(int n)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    struct timespec from, to;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 2 * n; i-- > 0;) {
        CB_AUTO(free) char *path = cb_printf("d/%06d", i % n);

        if (i < n)
            cache_tree_remove(t, cache_node_child(cache_tree_root(t)->children[0], path + 2, strlen(path + 2)));
        cache_tree_add(t, &(struct cache_entry){.path = path, .type = CB_FILE}, 0, NULL);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    cache_tree_sort(t);
    assert_int_equal(cache_tree_root(t)->children[0]->n_children, n);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void test_descending(void **state)
{
    (void)state;
    assert_true(descending(200000) < 80 * descending(12500)); /* as below: 16 times as many */
}

/* Every name goes through many long links: it ends with an error before it has cost minutes. */
static void test_long_ways(void **state)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf link = CB_BUF_INIT;
    struct cache_node *n;
    int r = 1;

    (void)state;
    for (int i = 0; i < 250; i++) {
        CB_AUTO(free) char *path = cb_printf("%03d", i);

        cb_buf_reset(&link);
        cb_buf_printf(&link, "%03d", i + 1);
        while (link.len < 4000)
            cb_buf_adds(&link, "/////////////////////////////////////////////////.");
        cache_tree_add(t, &(struct cache_entry){.path = path, .type = CB_SYMLINK, .link = link.data}, 0, NULL);
    }
    cache_tree_add(t, &(struct cache_entry){.path = "250/x", .type = CB_FILE}, 0, NULL);
    for (int i = 0; i < 100000 && r == 1; i++)
        r = cache_tree_resolve(t, "000/x", true, &n, &err);
    assert_int_equal(r, -1);
    assert_non_null(strstr(err.msg, "too long together"));
}

static void test_resolve(void **state)
{
    static const struct {
        const char *path;
        bool follow;
        int result;
        const char *is;       /* resolve */
        const char *new_path; /* resolve_new; NULL: fails */
    } cases[] = {
        {"", true, 1, "", ""},
        {"/", true, 1, "", ""},
        {"/../..", true, 1, "", ""},
        {"usr/bin/sh", true, 1, "usr/bin/sh", "usr/bin/sh"},
        {"/bin/sh", true, 1, "usr/bin/sh", "usr/bin/sh"},
        {"bin", false, 1, "bin", "usr/bin"},
        {"bin/", false, 1, "usr/bin", "usr/bin"},
        {"bin/..", true, 1, "usr", "usr"},
        {"abs", true, 1, "usr/bin", "usr/bin"},
        {"clamp", true, 1, "usr", "usr"},
        {"chain", true, 1, "usr/bin/sh", "usr/bin/sh"},
        {"loop1", true, -1, NULL, NULL},
        {"loop1", false, 1, "loop1", NULL},
        {"self/x", true, -1, NULL, NULL},
        {"dangling", true, 0, NULL, "nowhere/at"},
        {"dangling/../x", true, 0, NULL, "nowhere/x"},
        {"none/../usr", true, 0, NULL, "usr"},
        {"usr/bin/sh/x", true, -1, NULL, NULL},
        {"usr//bin/./sh", true, 1, "usr/bin/sh", "usr/bin/sh"},
        {"usr/new/deep", true, 0, NULL, "usr/new/deep"},
        {"new", true, 0, NULL, "new"},
    };
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    CB_AUTO(cache_index) struct cache_index x = {0};

    (void)state;
    put(&x, "usr/bin/sh", CB_FILE, NULL, 0755);
    put(&x, "bin", CB_SYMLINK, "usr/bin", 0777);
    put(&x, "abs", CB_SYMLINK, "/usr/bin", 0777);
    put(&x, "clamp", CB_SYMLINK, "../../../usr", 0777);
    put(&x, "chain", CB_SYMLINK, "./bin/../../abs/sh", 0777);
    put(&x, "loop1", CB_SYMLINK, "loop2", 0777);
    put(&x, "loop2", CB_SYMLINK, "/loop1", 0777);
    put(&x, "self", CB_SYMLINK, "self/self", 0777);
    put(&x, "dangling", CB_SYMLINK, "/nowhere/at", 0777);
    cache_index_sort(&x);
    cache_tree_apply(t, &x, 0);
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT, err2 = CB_ERROR_INIT;
        CB_AUTO(free) char *path = NULL;
        struct cache_node *n = NULL, *n2 = NULL;

        if (cache_tree_resolve(t, cases[i].path, cases[i].follow, &n, &err) != cases[i].result)
            fail_msg("resolve '%s': %s", cases[i].path, err.msg ? err.msg : "wrong result");
        if (cases[i].is && strcmp(n->e.path, cases[i].is) != 0)
            fail_msg("'%s' is '%s'", cases[i].path, n->e.path);
        if ((cache_tree_resolve_new(t, cases[i].path, &path, &n2, &err2) == 0) != (cases[i].new_path != NULL))
            fail_msg("resolve_new '%s': wrong result", cases[i].path);
        if (path && strcmp(path, cases[i].new_path) != 0)
            fail_msg("new '%s' is '%s'", cases[i].path, path);
    }
}

/* A directory of 2n names, all replaced and half of them removed by the next layer. Gives the CPU time it took. */
static double wide(int n)
{
    CB_AUTO(cache_tree) struct cache_tree *t = cache_tree_new();
    struct timespec from, to;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int layer = 0; layer < 3; layer++) {
        CB_AUTO(cache_index) struct cache_index x = {0};

        for (int i = 0; i < n; i++) {
            CB_AUTO(free) char *name = cb_printf("d/%06d", i * 3 + layer);

            put(&x, name, layer == 2 && i % 2 ? CACHE_WHITEOUT : CB_FILE, NULL, 0644);
        }
        for (int i = 0; layer == 2 && i < n; i += 2) {
            CB_AUTO(free) char *name = cb_printf("d/%06d", i * 3);

            put(&x, name, CACHE_WHITEOUT, NULL, 0);
        }
        cache_index_sort(&x);
        cache_tree_apply(t, &x, layer);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    assert_int_equal(cache_tree_root(t)->children[0]->n_children, 2 * n);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Sixteen times as many names: some sixteen times the work, where a quadratic one would be 256 times. */
static void test_wide(void **state)
{
    (void)state;
    assert_true(wide(200000) < 80 * wide(12500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_hard_links), cmocka_unit_test(test_add_remove),
        cmocka_unit_test(test_resolve),       cmocka_unit_test(test_wide),       cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_descending),    cmocka_unit_test(test_long_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
