/* Keys, and the names of what is in them. */
#include "base/dir.h"
#include "build-request.h"
#include "builder/execute/keys/keys.h"
#include "tree-text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

struct fixture {
    struct build_request q;
    struct build_session session;
    struct build b;
    struct build_graph g;
    struct cb_error err;
};

static struct build_named *no_context(void *arg, const char *name, const struct oci_platform *platform)
{
    (void)arg, (void)name, (void)platform;
    return NULL;
}

static int no_images(void *arg, struct build_want *wants, size_t n, struct cb_error *err)
{
    (void)arg, (void)wants, (void)err;
    assert_int_equal(n, 0);
    return 0;
}

static int number(void *arg)
{
    return ++((struct fixture *)arg)->session.last_number;
}

static const struct build_plan_effects effects = {.resolve = no_images, .find_context = no_context, .number = number};

/* Plans `text` and makes the keys of its steps, each of which gives a layer of its own. `option` may be NULL. `dir` is the
 * context and closed at the end; -1: nothing is taken from it. */
static void begin_in(struct fixture *f, int dir, const char *text, const char *option)
{
    char *argv[] = {(char[]){"--platform=linux/amd64"}, (char[]){"."}, NULL, NULL}, *given = cb_strdup(option);
    argv[2] = given;
    *f = (struct fixture){.err = CB_ERROR_INIT};
    assert_int_equal(parse_build(option ? 3 : 2, argv, &f->q, &f->err), 0);
    free(given);
    f->session.request = &f->q;
    f->b = BUILD_INIT(&f->session);
    f->b.contexts.main.dir = dir;
    f->b.contexts.main.remote = dir >= 0; /* without a table of digests */
    f->b.contexts.main.path = cb_strdup("context");
    struct build_plan_input in = {
        .request = &f->q, .dockerfile = {text, strlen(text)}, .context = &f->b.contexts.main, .effects = &effects, .arg = f};
    if (build_plan_make(&in, &f->b.plan, &f->b.more_errors, &f->err) < 0)
        fail_msg("%s", f->err.msg);
    build_graph_init(&f->g, &f->b);
    assert_int_equal(build_keys_define(&f->g, &f->err), 0);
    for (size_t i = 0; i < f->b.plan.n_steps; i++) {
        const struct build_step *s = f->b.plan.steps[i];
        assert_int_equal(build_keys_content(&f->g, s, &f->err), 0);
        cb_sha256(s->name, strlen(s->name), &f->b.made[i].layer);
        build_keys_chain(&f->g, s);
    }
}

static void begin(struct fixture *f, const char *text, const char *option)
{
    begin_in(f, -1, text, option);
}

static void end(struct fixture *f)
{
    build_graph_done(&f->g);
    build_done(&f->b);
    build_request_done(&f->q);
    cb_error_done(&f->err);
}

static const char *note_of(const struct build_notes *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->items[i].name, name) == 0)
            return n->items[i].digest;
    return NULL;
}

/* The names whose digests differ between two builds of one step, or that only one of them has. */
static void differ(const struct build_notes *a, const struct build_notes *b, struct cb_buf *out)
{
    for (int side = 0; side < 2; side++) {
        const struct build_notes *from = side ? b : a, *to = side ? a : b;
        for (size_t i = 0; i < from->n; i++) {
            const char *other = note_of(to, from->items[i].name);
            if (!other || (side == 0 && strcmp(other, from->items[i].digest) != 0))
                cb_buf_printf(out, out->len ? " %s" : "%s", from->items[i].name);
        }
    }
}

static const struct {
    const char *before, *after, *before_option, *after_option;
    const char *names; /* of the last step */
} changes[] = {
    {"RUN a", "RUN a", NULL, NULL, ""},
    {"RUN a", "RUN b", NULL, NULL, "command"},
    {"ARG V=1\nRUN a", "ARG V=2\nRUN a", NULL, NULL, "arg:V"},
    {"ARG V=1\nRUN a", "ARG V=1\nRUN a", NULL, "--build-arg=V=2", "arg:V"},
    {"ENV E=1\nRUN a", "ENV E=2\nRUN a", NULL, NULL, "env:E"},
    {"ARG V=1\nENV V=1\nRUN a", "ARG V=1\nENV V=2\nRUN a", NULL, NULL, "env:V"},
    {"RUN a", "ENV E=1\nRUN a", NULL, NULL, "env:E"},
    {"RUN a\nRUN b", "RUN c\nRUN b", NULL, NULL, "parent"},
    {"USER 1\nRUN a", "USER 2\nRUN a", NULL, NULL, "user"},
    {"RUN --network=none a", "RUN a", NULL, NULL, "network"},
    {"RUN a", "RUN a", NULL, "--platform=linux/arm64", "platform"},
    {"RUN a", "RUN a", NULL, "--shm-size=1m", "shm-size"},
    {"RUN a", "RUN a", "--ulimit=nofile=10", "--ulimit=nofile=20", "ulimit:nofile"},
    {"RUN a", "RUN a", "--add-host=a:1.2.3.4", "--add-host=b:1.2.3.4", "hosts"},
    {"RUN a", "RUN a", "--add-host=a:1.2.3.4", "--add-host=a:4.3.2.1", ""},
    {"RUN a", "RUN a", NULL, "--build-arg=HTTP_PROXY=http://u:secret@p", ""},
    {"RUN --mount=type=cache,target=/c a", "RUN --mount=type=cache,target=/c,uid=1 a", NULL, NULL, "mount:/c"},
    {"RUN --mount=type=tmpfs,target=/x a", "RUN --mount=type=tmpfs,target=/y a", NULL, NULL, "mount:/x mount:/y"},
    {"RUN --mount=type=secret,id=s a", "RUN --mount=type=secret,id=t a", NULL, NULL, "mount:s mount:t"},
    {"RUN --mount=type=secret,id=s a", "RUN --mount=type=secret,id=s a", "--secret=id=s,env=HOME", "--secret=id=s,env=PATH", ""},
    {"RUN --mount=type=secret,id=s a", "RUN --mount=type=secret,id=s a", "--secret=id=s,env=HOME,keyed",
     "--secret=id=s,env=PATH,keyed", "secret:s"},
    {"RUN --mount=type=secret,id=s a", "RUN --mount=type=secret,id=s a", "--secret=id=s,env=HOME", "--secret=id=s,env=HOME,keyed",
     "secret:s"},
    {"RUN --mount=type=secret,id=s a", "RUN --mount=type=secret,id=s a", "--secret=id=s,env=UNSET_HERE,keyed",
     "--secret=id=s,env=EMPTY,keyed", "secret:s"},
    {"RUN --mount=type=secret,id=t a", "RUN --mount=type=secret,id=t a", "--secret=id=s,env=HOME,keyed",
     "--secret=id=s,env=PATH,keyed", ""},
    {"WORKDIR /a\nUSER 1\nWORKDIR /b", "WORKDIR /a\nUSER 2\nWORKDIR /c", NULL, NULL, "workdir user"},
    {"COPY <<a /x\n1\na", "COPY <<a /x\n2\na", NULL, NULL, "heredoc:a"},
    {"COPY <<a /x\n1\na", "COPY <<a /y\n1\na", NULL, NULL, "destination"},
    {"COPY --chown=1 <<a /x\n1\na", "COPY --chown=2 --chmod=700 <<a /x\n1\na", NULL, NULL, "chown chmod"},
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(changes); i++) {
        struct fixture a, b;
        CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
        CB_AUTO(free) char *before = cb_printf("FROM scratch\n%s\n", changes[i].before);
        CB_AUTO(free) char *after = cb_printf("FROM scratch\n%s\n", changes[i].after);
        begin(&a, before, changes[i].before_option);
        begin(&b, after, changes[i].after_option);
        const struct build_key *x = &a.g.states[a.b.plan.n_steps - 1].key, *y = &b.g.states[b.b.plan.n_steps - 1].key;
        differ(&x->notes, &y->notes, &names);
        if (strcmp(names.data, changes[i].names) != 0)
            fail_msg("row %zu: '%s' instead of '%s'", i, names.data, changes[i].names);
        if (cb_digest_eq(&x->content, &y->content) != !*changes[i].names)
            fail_msg("row %zu: the keys do not follow", i);
        end(&a);
        end(&b);
    }
}

/* A definition says how its inputs are made, a content key what they are: another layer below is another content only. */
static void test_both_keys(void **state)
{
    (void)state;
    struct fixture f;
    struct cb_digest before, after, definition;
    begin(&f, "FROM scratch\nRUN a\nRUN b\n", NULL);
    const struct build_step *top = f.b.plan.steps[1];
    struct build_key *key = &f.g.states[1].key;
    struct cb_digest content = key->content;
    definition = key->definition;
    build_keys_on_parent(&f.g, top, &before);
    f.b.made[0].layer.b[0] ^= 1;
    build_keys_chain(&f.g, f.b.plan.steps[0]);
    build_notes_done(&key->notes);
    assert_int_equal(build_keys_content(&f.g, top, &f.err), 0);
    build_keys_on_parent(&f.g, top, &after);
    assert_true(cb_digest_eq(&definition, &key->definition));
    assert_false(cb_digest_eq(&content, &key->content));
    assert_false(cb_digest_eq(&before, &after));
    end(&f);
}

/* The keys of the last step over a context that is one file with these modes. */
static void keys_with_mode(mode_t mode, const char *text, const char *option, struct build_key *ret)
{
    char dir[] = "/tmp/cbuild-keys-XXXXXX";
    struct fixture f;
    assert_non_null(mkdtemp(dir));
    int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CB_AUTO(close) int file = openat(at, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(fchmod(file, mode), 0);
    begin_in(&f, at, text, option);
    const struct build_key *key = &f.g.states[f.b.plan.n_steps - 1].key;
    *ret = (struct build_key){.definition = key->definition, .content = key->content};
    end(&f);
    assert_int_equal(cb_remove_tree(AT_FDCWD, dir), 0);
}

static bool same_keys(const struct build_key *a, const struct build_key *b)
{
    assert_int_equal(cb_digest_eq(&a->definition, &b->definition), cb_digest_eq(&a->content, &b->content));
    return cb_digest_eq(&a->content, &b->content);
}

/* A copy has the modes that are in its key; a mount shows others, so it must not share one with a mount of which they count. */
static void test_ignored_modes(void **state)
{
    (void)state;
    static const char *const texts[] = {"FROM scratch\nCOPY f /f", "FROM scratch\nRUN --mount=type=bind,source=f,target=/f a"};
    static const char option[] = "--cache-ignore=mode";
    for (size_t i = 0; i < CB_LEN(texts); i++) {
        struct build_key plain, odd, plain_ignored, odd_ignored, executable;
        keys_with_mode(0644, texts[i], NULL, &plain);
        keys_with_mode(0660, texts[i], NULL, &odd);
        keys_with_mode(0644, texts[i], option, &plain_ignored);
        keys_with_mode(0660, texts[i], option, &odd_ignored);
        keys_with_mode(0760, texts[i], option, &executable);
        assert_false(same_keys(&plain, &odd));
        assert_true(same_keys(&plain_ignored, &odd_ignored));
        assert_false(same_keys(&odd_ignored, &executable));
        assert_int_equal(same_keys(&plain, &plain_ignored), i == 0);
    }
}

/* ---- names of files -------------------------------------------------------------------------------------------- */

/* Notes of COPY . from a tree with these entries. */
static void note_tree(const char *text, struct build_notes *ret)
{
    struct texts t = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(build_selection) struct build_selection sel = {0};
    struct cb_digest whole;
    CB_AUTO(cache_tree) struct cache_tree *tree = text_tree(text, &t);
    struct build_source source = {.tree = tree};
    assert_int_equal(build_select_all(&source, &sel, &err), 0);
    assert_int_equal(build_selection_digest(&sel, &whole, &err), 0);
    build_notes_add_selection(ret, &sel, &whole);
    texts_done(&t);
}

static void names_are(const char *text, const char *expected)
{
    CB_AUTO(build_notes) struct build_notes n = {0};
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    note_tree(text, &n);
    for (size_t i = 0; i < n.n; i++)
        cb_buf_printf(&names, i ? " %s" : "%s", n.items[i].name);
    assert_string_equal(names.data, expected);
}

static void test_files(void **state)
{
    (void)state;
    CB_AUTO(build_notes) struct build_notes a = {0}, b = {0};
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    names_are("", "");
    names_are("a=1 d/ d/f=2 d/e/ d/e/g=3 l->a", "file:a dir:d dir:d/e file:d/e/g file:d/f file:l");
    note_tree("a=1 d/ d/f=2 d/g=2 gone=1", &a);
    note_tree("a=1,0600 d/ d/f=2 d/g=other new=1", &b);
    differ(&a, &b, &names);
    assert_string_equal(names.data, "file:a file:d/g file:gone file:new");
}

/* However many files there are, a record stays small. */
static void test_many_files(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    for (int d = 0; d < 3; d++) {
        cb_buf_printf(&text, "d%d/ ", d);
        for (int i = 0; i < 200; i++)
            cb_buf_printf(&text, "d%d/f%d=1 ", d, i);
    }
    cb_buf_adds(&text, "top=1");
    names_are(text.data, "dir:d0 dir:d1 dir:d2 file:top");
    for (int i = 0; i < 300; i++)
        cb_buf_printf(&text, " t%d=1", i);
    names_are(text.data, "files");
}

static void test_long_names(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_buf_adds(&text, "d/");
    for (int i = 0; i < 40; i++)
        cb_buf_printf(&text, " d/%01000d=1", i);
    names_are(text.data, "dir:d");
}

int main(void)
{
    setenv("EMPTY", "", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes),       cmocka_unit_test(test_both_keys),
                                       cmocka_unit_test(test_ignored_modes), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_many_files),    cmocka_unit_test(test_long_names)};
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
