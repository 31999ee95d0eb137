#include "vectors.h"

#include "parser/gitref.h"

static const char *const mtimes[] = {"", "checkout", "commit"};

/* All that was found, in one line. */
static char *describe(const struct df_gitref *g)
{
    struct cb_buf b = CB_BUF_INIT;
    cb_buf_printf(&b, "%s (%s)", g->remote, g->short_name);
    if (*g->ref)
        cb_buf_printf(&b, " ref=%s", g->ref);
    if (*g->subdir)
        cb_buf_printf(&b, " subdir=%s", g->subdir);
    if (*g->checksum)
        cb_buf_printf(&b, " checksum=%s", g->checksum);
    if (g->mtime)
        cb_buf_printf(&b, " mtime=%s", mtimes[g->mtime]);
    if (g->has_keep_git_dir)
        cb_buf_printf(&b, " keep=%d", g->keep_git_dir);
    if (g->has_submodules)
        cb_buf_printf(&b, " submodules=%d", g->submodules);
    cb_buf_printf(&b, "%s%s%s", g->fetch_by_commit ? " by-commit" : "", g->unencrypted ? " unencrypted" : "",
                  g->like_local ? " like-local" : "");
    return cb_buf_detach(&b);
}

static const struct {
    const char *text, *want; /* NULL: no git reference; else what describe() says or the error */
} cases[] = {
    {"", NULL},
    {"a", NULL},
    {"a/b.git", NULL},
    {"./git@h:p", NULL},
    {"../x.git", NULL},
    {"ftp://h/r.git", NULL},
    {"https://h/r", NULL},
    {"https://h/r.git/", NULL},
    {"https://h/r?x=.git", NULL},
    {"https://h:x/r.git", NULL},
    {"https://h h/r.git", NULL},
    {"https://h/%zz.git", NULL},
    {"https://h/r.git#%zz", NULL},
    {"https://h/r\n.git", NULL},
    {"git@h", NULL},
    {"-git@h:r", NULL}, /* git would take it for an option */
    {"g:t@h:p", NULL},
    {"@h:p", NULL},
    {"g@:p", NULL},
    {"user@host:path?a=%zz", NULL},
    {"HTTPS://h/r.git", "https://h/r.git (r)"},
    {"http://h:80/r.git", "http://h:80/r.git (r) unencrypted"},
    {"https://h/a b.git", "https://h/a%20b.git (a%20b)"},
    {"https://h/a%20b.git", "https://h/a%20b.git (a%20b)"},
    {"https://[::1]:5/r.git", "https://[::1]:5/r.git (r)"},
    {"ssh://git@h/r", "ssh://git@h/r (r)"},
    {"git://h/r#v1:/a/../b", "git://h/r (r) ref=v1 subdir=b unencrypted"},
    {"git@h:r.git", "git@h:r.git (git@h:r)"},
    {"git@h:d/r#x?y", "git@h:d/r (r) ref=x?y"},
    {"git@h:", "git@h: (git@h:)"},
    {"https://h/r.git#%3Asub", "https://h/r.git (r) subdir=sub"},
    {"https://h/r.git?commit=abc&keep-git-dir&submodules=0", "https://h/r.git (r) checksum=abc keep=1 submodules=0"},
    {"https://h/r.git?tag=refs/tags/v1", "https://h/r.git (r) ref=refs/tags/v1"},
    {"https://h/r.git?branch=b#refs/heads/b", "https://h/r.git (r) ref=refs/heads/b"},
    {"https://h/r.git?ref=a+b&&x;y=1", "https://h/r.git (r) ref=a b"},
    {"https://h/r.git?subdir=b#v:a", "subdir conflicts: \"a\" vs \"b\""},
    {"https://h/r.git?ref=b#a", "ref conflicts: \"a\" vs \"b\""},
    {"https://h/r.git?ref", "query \"ref\" has no value"},
    {"https://h/r.git?nope", "query \"nope\" has no value"},
    {"https://h/r.git?nope=1", "unexpected query \"nope\""},
    {"https://h/r.git?ref=a&ref=a", "query \"ref\" has multiple values"},
    {"https://h/r.git?keep-git-dir=maybe", "invalid keep-git-dir value: \"maybe\""},
    {"git@h:r?mtime=now", "invalid mtime value: \"now\" (must be \"checkout\" or \"commit\")"},
    {"github.com/a/b.git#v", "github.com/a/b.git (b) ref=v like-local"},
};

static void test_parse(void **state)
{
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_gitref) struct df_gitref g = {0};
        int r = df_gitref_parse(cases[i].text, &g, &err);
        CB_AUTO(free) char *got = r == 0 ? NULL : r < 0 ? cb_strdup(err.msg) : describe(&g);
        if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("'%s': %s, want %s", cases[i].text, got ? got : "none", cases[i].want ? cases[i].want : "none");
    }
}

static void same(const char *in, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("'%s': %s is '%s', want '%s'", in, what, got, want);
}

static void test_vectors(void **state)
{
    CB_AUTO(json) json_t *all = vectors_load("git/refs.json");
    size_t i;
    json_t *v;
    json_array_foreach (all, i, v) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_gitref) struct df_gitref g = {0};
        const char *in = vector_text(v, "input", ""), *error = vector_text(v, "error_contains", NULL);
        int r = df_gitref_parse(in, &g, &err), want = error ? -1 : vector_flag(v, "git");
        if (r != want || (error && !error_has(&err, error)))
            fail_msg("'%s': %d, %s", in, r, err.msg ? err.msg : "no error");
        if (r <= 0)
            continue;
        same(in, "remote", g.remote, vector_text(v, "remote", ""));
        same(in, "short name", g.short_name, vector_text(v, "shortName", ""));
        same(in, "ref", g.ref, vector_text(v, "ref", ""));
        same(in, "subdir", g.subdir, vector_text(v, "subDir", ""));
        same(in, "checksum", g.checksum, vector_text(v, "checksum", ""));
        same(in, "mtime", mtimes[g.mtime], vector_text(v, "mTime", ""));
        if (g.fetch_by_commit != vector_flag(v, "fetchByCommit") || g.unencrypted != vector_flag(v, "unencryptedTCP") ||
            g.like_local != vector_flag(v, "indistinguishableFromLocal"))
            fail_msg("'%s': flags differ", in);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
