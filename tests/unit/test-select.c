#include "builder/copy/select.h"
#include "tree-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What is selected is shown as one group an item: name{pick pick}; picks that keep an existing directory's
 * owner are marked '~'. Links are shown by what they lead to only in their name. `flags`: words out of
 * local, parents, literal, x=PATTERN. `want` with '!' in front: the error holds this text. */
struct row {
    const char *tree, *words, *flags, *want;
};

#define CTX "a=1 b=2 d/ d/f=3 d/e/ d/e/g=4 l->d k->a dang->nowhere up->../a loop->loop"

static const struct row paths[] = {
    {CTX, "a", "", "a"},
    {CTX, "/a", "", "a"},
    {CTX, "../../a", "", "a"},
    {CTX, "./a/", "", "a"},
    {CTX, "a/.", "", "a"},
    {CTX, "d/../b a", "", "b a"},
    {CTX, "d", "", "d{e e/g f}"},
    {CTX, "d/", "", "d{e e/g f}"},
    {CTX, "d/e", "", "e{g}"},
    {CTX, "l", "", "l{e e/g f}"},
    {CTX, "l/f", "", "f"},
    {CTX, "l/e/", "", "e{g}"},
    {CTX, "k", "", "k"},
    {CTX, "up", "", "up"},
    {"a/ a/l->../../../b b=1", "a/l", "", "l"},
    {"a/ a/l->/b b=1", "a/l", "", "l"},
    {"a/ a/l->b/c/../f a/b/ a/b/c/ a/b/f=1", "a/l", "", "l"},
    {CTX, "nope", "", "!\"/nope\": not found"},
    {CTX, "nope", "local", "!failed to compute cache key: \"/nope\": not found"},
    {CTX, "d/nope/x", "", "!\"/d/nope/x\": not found"},
    {CTX, "a/x", "", "!\"/a/x\": not found"},
    {CTX, "dang", "", "!\"/dang\": not found"},
    {CTX, "loop", "", "!too many links"},
    {CTX, "loop/x", "", "!too many links"},
    {"a=1 d/ d/f=2", "/", "", "{a d d/f}"},
    {"a=1 d/ d/f=2", ".", "", "{a d d/f}"},
    {"a=1 d/ d/f=2", "''", "", "{a d d/f}"},
    {"", ".", "", "{}"},
    {"d/ d/l->f d/f=1", "d", "", "d{f l}"},
    {"d/ d.x=1 d/f=2 d!=3", ".", "", "{d d/f d! d.x}"},
};

static const struct row wild[] = {
    {CTX, "?", "", "a b d{e e/g f} k l{e e/g f}"},
    {CTX, "[ab]", "", "a b"},
    {CTX, "[^a-c]", "", "d{e e/g f} k l{e e/g f}"},
    {CTX, "d/*", "", "e{g} f"},
    {CTX, "l/*", "", "e{g} f"},
    {CTX, "*/f", "", "f"},
    {CTX, "d*/e/*", "", "g"},
    {CTX, "*/*/*", "", "g"},
    {CTX, "d/*/", "", "e{g} f"},
    {CTX, "none*", "", ""},
    {CTX, "none* a", "", "a"},
    {CTX, "d/none*", "", ""},
    {CTX, "nope/*", "", "!lstat /nope: no such file or directory"},
    {CTX, "nope/**/*sub/*.txt", "local", "!lstat /nope: no such file or directory"},
    {CTX, "a/*", "", ""},
    {CTX, "dan*", "", "!\"/dang\": not found"},
    {CTX, "loo*", "", "!too many links"},
    {CTX, "a[", "", ""},
    {CTX, "a[", "local", "!syntax error in pattern"},
    {CTX, "d/[a", "local", "!syntax error in pattern"},
    {CTX, "[ab]", "local", "a b"},
    {"a/ a/x/ a/x/f=1 b/ b/x=2", "*/x", "", "x{f} x"},
    {"a*b=1 axb=2 a*c=3", "a[*]b", "", "a*b"},
    {"a*b=1 axb=2 a*c=3", "a[*]b", "local", ""},
    {"a*b=1 axb=2 a*c=3", "a\\*b", "", "!\"/a\\\\*b\": not found"},
    {"a*b=1 axb=2 a*c=3", "a\\*?", "", "a*b a*c"},
    {"[x].txt=1", "[x].txt", "", ""},
    {"[x].txt=1", "[x].txt", "literal", "[x].txt"},
    {"a/ a/b/ a/b/c=1 a/bc=2", "a/b?", "", "bc"},
    {"a/ a/c=1", "a[^b]c", "", "c"},
    {"d/ d/l->../t t/ t/f=1", "d/l*", "", "l{f}"},
    {"d/ d/l->../t t/ t/f=1", "*/l/f", "", ""},
};

static const struct row excludes[] = {
    {CTX, "d", "x=f", "d{e e/g}"},
    {CTX, "d", "x=e", "d{f}"},
    {CTX, "d", "x=*/g", "d{e f}"},
    {CTX, "d", "x=**/g", "d{e f}"},
    {CTX, "d", "x=*", "d{}"},
    {CTX, "d", "x=/f", "d{e e/g f}"},
    {CTX, "d", "x=./f", "d{e e/g}"},
    {CTX, "d", "x=e/", "d{f}"},
    {CTX, "d", "x=* x=!e/g", "d{~e e/g}"},
    {CTX, "d", "x=* x=!./e/g", "d{}"},
    {CTX, "d", "x=e x=!e/nope", "d{f}"},
    {CTX, "a", "x=a", "a"},
    {CTX, "?", "x=*", "a b d{} k l{}"},
    {CTX, "d/*", "x=g", "e{} f"},
    {CTX, "d", "x=!", "!illegal exclusion pattern: \"!\""},
    {CTX, "d", "x=[", "!syntax error in pattern"},
    {"d/ d/e/ d/e/k/ d/e/k/f=1 d/e/z=2", "d", "x=e x=!e/k", "d{~e e/k e/k/f}"},
};

#define DEEP "r/ r/s/ r/s/f=1 r/s/g=2 r/t/ r/t/f=3 z/ z/r->../r top=4 ln->r"

static const struct row parents[] = {
    {DEEP, "r/s/f", "parents", "{~r ~r/s r/s/f}"},
    {DEEP, "/r/s", "parents", "{~r r/s r/s/f r/s/g}"},
    {DEEP, "./r/s/f", "parents", "{~r ~r/s r/s/f}"},
    {DEEP, "r/./s/f", "parents", "r{~s s/f}"},
    {DEEP, "r/./s", "parents", "r{s s/f s/g}"},
    {DEEP, "./r/./s/f", "parents", "r{~s s/f}"},
    {DEEP, "r/s/.", "parents", "{~r r/s r/s/f r/s/g}"},
    {DEEP, "r/./s/./f", "parents", "r{~s s/f}"},
    {DEEP, "r/*/f", "parents", "{~r ~r/s r/s/f ~r/t r/t/f}"},
    {DEEP, "r/./*", "parents", "r{s s/f s/g t t/f}"},
    {DEEP, "**/f", "parents", "{~r ~r/s r/s/f ~r/t r/t/f}"},
    {DEEP, "r/./**/g", "parents", "r{~s s/g}"},
    {DEEP, "*", "parents", "{ln r r/s r/s/f r/s/g r/t r/t/f top z z/r}"},
    {DEEP, "r/none*", "parents", "{}"},
    {DEEP, "r/./none*", "parents", "r{}"},
    {DEEP, "no*/./f", "parents", ""},
    {DEEP, "r/*/./f", "parents", "s{f} t{f}"},
    {DEEP, "t*/./x", "parents", "top"},
    {DEEP, "l*/./t", "parents", "ln{t t/f}"},
    {DEEP, "ln/./*", "parents", "ln{s s/f s/g t t/f}"},
    {DEEP, "ln", "parents", "{ln}"},
    {DEEP, "ln/s", "parents", "!\"/ln/s\": not found"},
    {DEEP, "ln/./s", "parents", "!\"/ln/s\": not found"},
    {DEEP, "r/nope", "parents", "!\"/r/nope\": not found"},
    {DEEP, "r/./nope", "parents", "!\"/r/nope\": not found"},
    {DEEP, "nope/./*", "parents", "!\"/nope\": not found"},
    {DEEP, ".", "parents", "!\"/\": not found"},
    {DEEP, "/", "parents", "!\"/\": not found"},
    {DEEP, "r/./", "parents", "!\"/\": not found"},
    {DEEP, "r/[", "parents", "!syntax error in pattern"},
    {DEEP, "r/./s", "parents x=s/f", "r{s s/g}"},
    {DEEP, "r/s", "parents x=s/f", "{~r r/s r/s/f r/s/g}"},
    {DEEP, "r/s", "parents x=r/s/f", "{~r r/s r/s/g}"},
    {DEEP, "**/f", "parents x=r/t", "{~r ~r/s r/s/f}"},
};

static void show_selection(const struct build_selection *s, struct cb_buf *b)
{
    for (size_t i = 0; i < s->n_items; i++) {
        const struct build_item *item = &s->items[i];
        cb_buf_printf(b, "%s%s%s", i ? " " : "", item->name, item->is_dir ? "{" : "");
        for (size_t k = 0; k < item->n_picks; k++) {
            const struct build_pick *p = &item->picks[k];
            bool keep = p->node->e.type == CB_DIR && !p->whole;
            cb_buf_printf(b, "%s%s%s", k ? " " : "", keep ? "~" : "", build_pick_path(item, p));
            assert_ptr_equal(p->up ? item->picks[p->up - 1].node : item->node, p->node->parent);
        }
        if (item->is_dir)
            cb_buf_adds(b, "}");
    }
}

struct params {
    struct build_select_params p;
    struct cb_strv words, exclude;
    bool local;
};

static void read_params(const char *words, const char *flags, struct params *ret)
{
    TEXT_FOREACH(w, n, words)
    cb_strv_take(&ret->words, strncmp(w, "''", 2) == 0 ? cb_strdup("") : cb_memdup0(w, n));
    TEXT_FOREACH(f, n, flags)
    {
        if (cb_starts(f, "x="))
            cb_strv_take(&ret->exclude, cb_memdup0(f + 2, n - 2));
        ret->p.parents = ret->p.parents || cb_starts(f, "parents");
        ret->local = ret->local || cb_starts(f, "local");
        ret->p.literal = ret->p.literal || cb_starts(f, "literal");
    }
    ret->p.words = (const char *const *)ret->words.items;
    ret->p.n_words = ret->words.n;
    ret->p.exclude = (const char *const *)ret->exclude.items;
    ret->p.n_exclude = ret->exclude.n;
}

static void check_row(const struct row *r)
{
    struct texts t = {0};
    struct cache_tree *tree = text_tree(r->tree, &t);
    struct params params = {0};
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;

    read_params(r->words, r->flags, &params);
    struct build_source source = {.tree = tree, .local = params.local};
    int rc = build_select(&source, &params.p, &s, &err);
    if (rc == 0)
        show_selection(&s, &got);
    bool ok = r->want[0] == '!' ? rc < 0 && strstr(err.msg, r->want + 1) : rc == 0 && strcmp(got.data, r->want) == 0;
    if (!ok)
        fail_msg("select '%s' [%s] from '%s':\n  want %s\n  got  %s", r->words, r->flags, r->tree, r->want,
                 rc < 0 ? err.msg : got.data);
    cb_strv_done(&params.words);
    cb_strv_done(&params.exclude);
    cache_tree_free(tree);
    texts_done(&t);
}

#define TABLE(name)                                                                                                              \
    static void test_##name(void **state)                                                                                        \
    {                                                                                                                            \
        (void)state;                                                                                                             \
        for (size_t i = 0; i < CB_LEN(name); i++)                                                                                \
            check_row(&name[i]);                                                                                                 \
    }
TABLE(paths)
TABLE(wild)
TABLE(excludes)
TABLE(parents)

static struct cb_digest digest_of(const char *text, const char *words, const char *flags)
{
    struct texts t = {0};
    struct cache_tree *tree = text_tree(text, &t);
    struct params params = {0};
    CB_AUTO(build_selection) struct build_selection s = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_digest d;

    read_params(words, flags, &params);
    struct build_source source = {.tree = tree, .local = params.local};
    assert_int_equal(build_select(&source, &params.p, &s, &err), 0);
    assert_int_equal(build_selection_digest(&s, &d, &err), 0);
    cb_strv_done(&params.words);
    cb_strv_done(&params.exclude);
    cache_tree_free(tree);
    texts_done(&t);
    return d;
}

/* The same selection from two trees, and whether it has one identity. */
static const struct {
    const char *a, *b, *words, *words_b;
    bool same;
} identities[] = {
    {"f=1", "f=1@99", "f", "f", true},
    {"f=1", "f=1", "f", "./f", true},
    {"f=1", "f=2", "f", "f", false},
    {"f=1", "f=1,600", "f", "f", false},
    {"f=1", "f=1,1:0", "f", "f", false},
    {"f=1", "f=1,0:1", "f", "f", false},
    {"f=1", "f=1^cap", "f", "f", false},
    {"f=1", "g=1", "f", "g", false},
    {"f=", "f|", "f", "f", false},
    {"d/ d/f=1", "d/,700,5:5@9 d/f=1", "d", "d", true}, /* a source directory's own metadata is never copied */
    {"d/ d/e/ d/e/f=1", "d/ d/e/,700 d/e/f=1", "d", "d", false},
    {"d/ d/e/@1", "d/ d/e/@2", "d", "d", true},
    {"d/ d/f=1", "d/ d/g=1", "d", "d", false},
    {"d/ d/l->a", "d/ d/l->b", "d", "d", false},
    {"d/ d/c#1.3", "d/ d/c#1.5", "d", "d", false},
    {"d/ d/f=1 o=1", "d/ d/f=1 o=2", "d", "d", true},
    {"d/ d/f=1", "d/ d/f=1 d/g=", "d", "d", false},
    {"a=1 b=2", "a=1 b=2", "a b", "b a", false},
    {"d/ d/a=1 d/b=2", "d/ d/a=1 d/b=2", "d/*", "d/[ab]", true},
    {"a=1 x=3", "a=1 x=4", "a*", "a*", true},
};

static void test_identity(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(identities); i++) {
        struct cb_digest a = digest_of(identities[i].a, identities[i].words, "");
        struct cb_digest b = digest_of(identities[i].b, identities[i].words_b, "");
        if (cb_digest_eq(&a, &b) != identities[i].same)
            fail_msg("row %zu: '%s' and '%s' should %s", i, identities[i].a, identities[i].b,
                     identities[i].same ? "be one" : "differ");
    }
}

/* A wildcard without a match fails when nothing else is taken from its directory. */
static const struct {
    const char *words, *others, *want; /* want NULL: fine */
} barren[] = {
    {"w/none*", "", "lstat /w: no such file or directory"},
    {"none*", "", NULL},
    {"w/none*", "w/f", NULL},
    {"w/none*", "w", NULL},
    {"w/none*", ".", NULL},
    {"w/none*", "v", "lstat /w: no such file or directory"},
    {"w/none* w/f", "", NULL},
    {"w/**/*sub/*.txt", "", NULL},
    {"w/f/**/*.txt", "", "lstat /w/f: no such file or directory"},
};

static void test_barren(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(barren); i++) {
        struct texts t = {0};
        struct cache_tree *tree = text_tree("w/ w/f=1 v/ v/f=2", &t);
        struct params p = {0}, q = {0};
        CB_AUTO(build_selection) struct build_selection s = {0}, o = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct build_source source = {.tree = tree, .local = true};

        read_params(barren[i].words, "local", &p);
        read_params(barren[i].others, "local", &q);
        assert_int_equal(build_select(&source, &p.p, &s, &err), 0);
        assert_int_equal(build_select(&source, &q.p, &o, &err), 0);
        const struct build_selection *all[] = {&s, &o};
        int rc = build_selection_check_barren(&s, all, 2, &err);
        if (barren[i].want ? rc == 0 || !strstr(err.msg, barren[i].want) : rc < 0)
            fail_msg("'%s' beside '%s': %s", barren[i].words, barren[i].others, rc < 0 ? err.msg : "no error");
        cb_strv_done(&p.words);
        cb_strv_done(&q.words);
        cache_tree_free(tree);
        texts_done(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_wild),     cmocka_unit_test(test_excludes),
        cmocka_unit_test(test_parents), cmocka_unit_test(test_identity), cmocka_unit_test(test_barren),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
