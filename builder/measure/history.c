#include "builder/measure/history.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/text.h"
#include "builder/session/git.h"

#include <unistd.h>

#define MAX_OUTPUT (64u << 20) /* names of some 100,000 commits or files */

void measure_history_done(struct measure_history *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->commits[i].id);
        free(h->commits[i].subject);
    }
    char *strings[] = {h->dir, h->prefix, h->top};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    free(h->commits);
    *h = (struct measure_history){0};
}

/* ---- running git ------------------------------------------------------------------------------------------------- */

/* `other`: an exit status besides 0 that is no failure. */
static int run_or(int other, const char *const *argv, const struct build_git_env *env, int dir, struct cb_buf *out,
                  struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT, reason = CB_BUF_INIT;
    struct cb_proc p = {.argv = argv, .env = (const char *const *)env->vars.items, .cwd_fd = dir, .max_output = MAX_OUTPUT};
    int status;
    cb_buf_reset(out);
    if (cb_proc_run(&p, out, &errout, &status, err) < 0) {
        if (err->code == CB_E_NOT_FOUND)
            cb_hint(err, "histories are read with git; install it (Debian: apt-get install git)");
        return -1;
    }
    if (status == 0 || status == other)
        return 0;
    build_git_reason(errout.data, &reason);
    return cb_fail(err, CB_E_FAILED, "git %s: %s", argv[1], reason.data);
}

static int run(const char *const *argv, const struct build_git_env *env, int dir, struct cb_buf *out, struct cb_error *err)
{
    return run_or(0, argv, env, dir, out, err);
}

/* In the user's repository: nothing that runs hooks, filters or a pager, or fetches. */
static int ask(const char *const *argv, struct cb_buf *out, struct cb_error *err)
{
    struct build_git_env env = {0};
    build_git_env_of_user(&env);
    build_git_env_end(&env);
    int r = run(argv, &env, -1, out, err);
    cb_strv_done(&env.vars);
    return r;
}

/* In ours. */
static int git(const struct measure_history *h, const char *const *argv, struct cb_buf *out, struct cb_error *err)
{
    struct build_git_env env = {0};
    CB_AUTO(free) char *home = cb_path_join(h->dir, "home");
    build_git_env_begin(&env, home);
    cb_strv_take(&env.vars, cb_printf("GIT_DIR=%s/git", h->dir));
    cb_strv_take(&env.vars, cb_printf("GIT_WORK_TREE=%s/tree", h->dir));
    cb_strv_take(&env.vars, cb_printf("GIT_INDEX_FILE=%s/index", h->dir));
    cb_strv_push(&env.vars, "GIT_ALLOW_PROTOCOL=none");
    build_git_env_end(&env);
    int r = run(argv, &env, h->dir_fd, out, err);
    cb_strv_done(&env.vars);
    return r;
}

/* ---- the user's repository --------------------------------------------------------------------------------------- */

static char *first_line(const struct cb_buf *b)
{
    return cb_memdup0(b->data, strcspn(b->data, "\n"));
}

static int ask_path(const char *what, const char *name, char **ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (ask((const char *const[]){"git", "rev-parse", what, name, NULL}, &out, err) < 0)
        return -1;
    *ret = first_line(&out);
    return 0;
}

static int find_repository(struct measure_history *h, char **ret_objects, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error bare = CB_ERROR_INIT;
    CB_AUTO(free) char *objects = NULL;
    CB_AUTO(free) char *cwd = getcwd(NULL, 0);
    if (!cwd)
        return cb_fail_sys(err, errno, "find the current directory");
    if (ask_path("--git-path", "objects", &objects, err) < 0) {
        cb_prefix(err, "no history to replay");
        return cb_hint(err, strstr(err->msg, "dubious ownership")
                                ? "somebody else owns it; if you trust it: git config --global --add safe.directory DIR"
                                : "call it in the repository of the project");
    }
    *ret_objects = cb_path_abs(cwd, objects);
    if (ask_path("--show-prefix", NULL, &h->prefix, err) < 0)
        return -1;
    (void)ask_path("--show-toplevel", NULL, &h->top, &bare);
    return 0;
}

static int list_commits(const char *range, struct cb_buf *out, struct cb_error *err)
{
    static const char hint[] = "a range is what git log takes: v1.0..v1.1, HEAD~20..HEAD, main";
    if (*range == '-' || !*range) {
        cb_fail(err, CB_E_USAGE, "--git: '%s' is not a range of commits", range);
        return cb_hint(err, "%s", hint);
    }
    if (ask((const char *const[]){"git", "rev-list", "--first-parent", "--reverse", range, "--", NULL}, out, err) < 0)
        return cb_hint(err, "%s", hint);
    return 0;
}

/* Every so-manieth from the newest back, so that this one is always there. */
static int take_commits(struct measure_history *h, const char *range, uint64_t every, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    size_t all = 0, k = 0;
    if (list_commits(range, &out, err) < 0)
        return -1;
    for (size_t i = 0; i < out.len; i++)
        all += out.data[i] == '\n';
    for (const char *line = out.data; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if ((all - ++k) % every == 0)
            CB_PUSH(h->commits, h->n, h->cap).id = cb_memdup0(line, strcspn(line, "\n"));
    return h->n ? 0 : cb_fail(err, CB_E_NOT_FOUND, "--git: there are no commits in '%s'", range);
}

/* ---- our own ----------------------------------------------------------------------------------------------------- */

static int make_repository(const struct measure_history *h, const char *objects, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(free) char *line = cb_printf("%s\n", objects);
    static const char *const dirs[] = {"home", "tree"};
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        if (mkdirat(h->dir_fd, dirs[i], 0755) < 0)
            return cb_fail_sys(err, errno, "make '%s/%s'", h->dir, dirs[i]);
    CB_AUTO(free) char *format = h->n && strlen(h->commits[0].id) == 64 ? cb_strdup("--object-format=sha256") : cb_strdup("-q");
    if (git(h, (const char *const[]){"git", "init", "-q", format, NULL}, &out, err) < 0)
        return -1;
    int r = cb_publish_file(h->dir_fd, "git/objects/info/alternates", line, strlen(line), 0644);
    return r < 0 ? cb_fail_sys(err, r, "write 'alternates' in '%s'", h->dir) : 0;
}

static int describe(const struct measure_history *h, struct measure_commit *c, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (git(h, (const char *const[]){"git", "show", "-s", "--format=%ct %s", c->id, NULL}, &out, err) < 0)
        return -1;
    CB_AUTO(free) char *line = first_line(&out);
    size_t n = strcspn(line, " ");
    CB_AUTO(free) char *seconds = cb_memdup0(line, n);
    if (!cb_parse_i64(seconds, &c->time))
        return cb_fail(err, CB_E_CORRUPT, "git show: no time for commit '%s'", c->id);
    c->subject = cb_strdup(line + n + (line[n] == ' '));
    return 0;
}

int measure_history_open(const char *range, uint64_t every, const char *dir, int dir_fd, struct measure_history *ret,
                         struct cb_error *err)
{
    CB_AUTO(free) char *objects = NULL;
    ret->dir = cb_strdup(dir);
    ret->dir_fd = dir_fd;
    if (find_repository(ret, &objects, err) < 0 || take_commits(ret, range, every, err) < 0 ||
        make_repository(ret, objects, err) < 0)
        return -1;
    for (size_t i = 0; i < ret->n; i++)
        if (describe(ret, &ret->commits[i], err) < 0)
            return -1;
    return 0;
}

int measure_history_checkout(const struct measure_history *h, size_t i, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    return git(h, (const char *const[]){"git", "read-tree", "--reset", "-u", h->commits[i].id, NULL}, &out, err);
}

static void add_names(const struct cb_buf *out, struct cb_strv *ret)
{
    for (const char *name = out->data; name < out->data + out->len; name += strlen(name) + 1)
        cb_strv_push(ret, name);
}

int measure_history_files(const struct measure_history *h, size_t i, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (git(h, (const char *const[]){"git", "ls-tree", "-r", "-z", "--name-only", h->commits[i].id, NULL}, &out, err) < 0)
        return -1;
    add_names(&out, ret);
    return 0;
}

int measure_history_changed(const struct measure_history *h, size_t i, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    const char *before = h->commits[i - 1].id, *now = h->commits[i].id;
    const char *const argv[] = {"git", "diff-tree", "-r", "-z", "--name-only", "--no-renames", before, now, NULL};
    if (git(h, argv, &out, err) < 0)
        return -1;
    add_names(&out, ret);
    return 0;
}

int measure_history_diff(const struct measure_history *h, const char *before, const char *after, struct cb_buf *out,
                         struct cb_error *err)
{
    struct build_git_env env = {0};
    const char *const argv[] = {"git", "diff", "--no-index", "--no-color", "--no-ext-diff", "--", before, after, NULL};
    CB_AUTO(free) char *home = cb_path_join(h->dir, "home");
    build_git_env_begin(&env, home);
    build_git_env_end(&env);
    int r = run_or(1, argv, &env, h->dir_fd, out, err);
    cb_strv_done(&env.vars);
    return r;
}
