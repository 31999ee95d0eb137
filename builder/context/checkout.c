#include "builder/context/checkout.h"
#include "builder/context/follow.h"
#include "base/dir.h"
#include "base/pack.h"
#include "base/proc.h"
#include "base/text.h"
#include "builder/session/git.h"
#include "builder/session/jobs.h"
#include "builder/context/download.h"
#include "builder/session/secret.h"
#include "base/base64.h"
#include "registry/transfer/url.h"

#include <signal.h>
#include <unistd.h>

#define MAX_OUTPUT (16u << 20) /* a repository may have some 100,000 references */

/* What the job needs; everything is found out before it is forked. */
struct job_request {
    const struct build_checkout_request *q;
    char *url;                /* without user information */
    char *scope, *credential; /* "https://host/…" and the header for what lies below it; NULL: none */
    char *agent;              /* socket; NULL: none, and nothing is fetched by ssh */
    bool given;               /* it is the one of --ssh: other keys that ssh finds in the user's home are not meant */
    char *home;               /* an empty directory for git's own */
    int dir;                  /* an empty directory to check out into */
};

static void request_done(struct job_request *r)
{
    char *strings[] = {r->url, r->scope, r->credential, r->agent, r->home};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    cb_close(r->dir);
}
CB_DEFINE_AUTO(request, struct job_request, request_done)

/* ---- credentials ------------------------------------------------------------------------------------------------------ */

static char *basic(const char *user_and_password)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_buf_adds(&out, "Authorization: Basic ");
    cb_base64_encode(&out, user_and_password, strlen(user_and_password));
    return cb_buf_detach(&out);
}

/* BuildKit's order: a header goes before a token, and the host's own before the general one. */
static char *secret_header(const struct build_session *session, const char *host)
{
    for (int general = 0; general < 2; general++) {
        CB_AUTO(free) char *header_id = cb_printf(general ? "GIT_AUTH_HEADER" : "GIT_AUTH_HEADER.%s", host);
        CB_AUTO(free) char *token_id = cb_printf(general ? "GIT_AUTH_TOKEN" : "GIT_AUTH_TOKEN.%s", host);
        CB_AUTO(free) char *header = build_secret_text(session->request, header_id);
        CB_AUTO(free) char *token = header ? NULL : build_secret_text(session->request, token_id);
        CB_AUTO(free) char *user = token ? cb_printf("x-access-token:%s", token) : NULL;
        if (header)
            return cb_printf("Authorization: %s", header);
        if (user)
            return basic(user);
    }
    return NULL;
}

/* A token may go to the repository it was given for; for GitHub also to its submodules there, as everybody who uses them
 * expects. */
static char *scope_of(const char *url)
{
    static const char *const hosts[] = {"https://github.com/", "https://www.github.com/"};
    for (size_t i = 0; i < CB_LEN(hosts); i++)
        if (cb_starts(url, hosts[i]))
            return cb_strdup(hosts[i]);
    return cb_strdup(url);
}

static int bad_remote(const char *remote, struct cb_error *err)
{
    CB_AUTO(free) char *shown = reg_url_redact(remote);
    cb_fail(err, CB_E_DOCKERFILE, "'%s' is not the URL of a git repository", shown);
    return cb_hint(err, "one is HOST/PATH behind its scheme; a repository of this machine is given as a directory");
}

/* Takes user information out of an http(s) URL, so that neither messages nor arguments nor .git/config hold it. */
static int set_remote(const struct build_session *session, struct job_request *r, struct cb_error *err)
{
    const char *remote = r->q->ref->remote;
    CB_AUTO(reg_url) struct reg_url u = {0};
    if (!build_is_url(remote)) {
        r->url = cb_strdup(remote);
        return 0;
    }
    if (!reg_url_parse(remote, &u))
        return bad_remote(remote, err);
    r->url = reg_url_text(&u);
    CB_AUTO(free) char *user = u.user && !strchr(u.user, ':') ? cb_printf("%s:", u.user) : cb_strdup(u.user);
    r->credential = user ? basic(user) : secret_header(session, u.host);
    r->scope = scope_of(r->url);
    for (const char *c = r->credential; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return cb_fail(err, CB_E_USAGE, "the secret for '%s' holds a control character", u.host);
    return 0;
}

static bool is_ssh(const char *remote)
{
    return cb_starts(remote, "ssh://") || !strstr(remote, "://");
}

/* The user's own agent is only for a repository that the user asked for by ssh: one that comes by http could name any
 * private one as its submodule. */
static int set_agent(const struct build_session *session, struct job_request *r, struct cb_error *err)
{
    const struct build_request *q = session->request;
    for (size_t i = 0; i < q->n_ssh; i++)
        if (strcmp(q->ssh[i].id, "default") == 0)
            r->agent = cb_strdup(q->ssh[i].socket);
    r->given = r->agent != NULL;
    if (!r->agent && r->q->own_agent && is_ssh(r->url) && getenv("SSH_AUTH_SOCK"))
        r->agent = cb_strdup(getenv("SSH_AUTH_SOCK"));
    if (r->agent || !is_ssh(r->url))
        return 0;
    cb_fail(err, CB_E_DENIED, "no ssh agent for '%s'", r->url);
    return cb_hint(err, "load the key into ssh-agent and give --ssh default");
}

/* ---- running git -------------------------------------------------------------------------------------------------------- */

/* Host keys: those the user knows; a new host's is taken and remembered, a changed one refused. Without an agent there is no ssh
 * at all: left to itself, ssh would take the keys in the user's home. */
static void add_ssh(const struct job_request *r, struct cb_strv *env)
{
    cb_strv_take(env, cb_printf("GIT_ALLOW_PROTOCOL=http:https:git%s", r->agent ? ":ssh" : ""));
    if (!r->agent) {
        cb_strv_push(env, "GIT_SSH_COMMAND=false");
        return;
    }
    const char *home = getenv("HOME");
    CB_AUTO(free)
    char *known =
        home && *home && !strpbrk(home, " '\"\\") ? cb_printf("-o UserKnownHostsFile=%s/.ssh/known_hosts", home) : cb_strdup("");
    cb_strv_take(env, cb_printf("SSH_AUTH_SOCK=%s", r->agent));
    cb_strv_take(env, cb_printf("GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new%s %s",
                                r->given ? " -o IdentityFile=none" : "", known));
}

static void make_env(const struct job_request *r, struct build_git_env *env)
{
    build_git_env_begin(env, r->home);
    add_ssh(r, &env->vars);
    if (r->credential) {
        CB_AUTO(free) char *key = cb_printf("http.%s.extraHeader", r->scope);
        build_git_env_set(env, key, r->credential);
    }
    build_git_env_end(env);
}

struct git {
    const struct job_request *r;
    struct build_git_env env;
};

/* Runs git in the checkout; its output goes to `out`. */
static int git(const struct git *g, const char *const *args, struct cb_buf *out, struct cb_error *err)
{
    const char *argv[16] = {"git"};
    size_t n = 1;
    while (*args && n + 1 < CB_LEN(argv))
        argv[n++] = *args++;
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf reason = CB_BUF_INIT;
    struct cb_proc p = {
        .argv = argv, .env = (const char *const *)g->env.vars.items, .cwd_fd = g->r->dir, .max_output = MAX_OUTPUT};
    int status;
    cb_buf_reset(out);
    if (cb_proc_run(&p, out, &errout, &status, err) < 0) {
        if (err->code == CB_E_NOT_FOUND)
            cb_hint(err, "git references are fetched with git; install it (Debian: apt-get install git)");
        return -1;
    }
    if (status == 0)
        return 0;
    build_git_reason(errout.data, &reason);
    cb_fail(err, CB_E_FAILED, "git %s: %s", argv[1], reason.data);
    if (strstr(reason.data, "could not read Username") || strstr(reason.data, "Authentication failed"))
        cb_hint(err, "give a token with --secret id=GIT_AUTH_TOKEN,env=VARIABLE or id=GIT_AUTH_TOKEN.HOST");
    if (cb_starts(argv[1], "submodule") && strstr(reason.data, "not allowed"))
        cb_hint(err,
                "submodules are fetched by http(s) and git, with --ssh default by ssh too; ?submodules=false leaves them out");
    if (strstr(reason.data, "Host key verification failed"))
        cb_hint(err, "the host's key is not the one in ~/.ssh/known_hosts");
    return -1;
}

/* ---- what the reference means -------------------------------------------------------------------------------------------- */

static bool is_hex(const char *s)
{
    return s[0] && s[strspn(s, "0123456789abcdefABCDEF")] == 0;
}

static bool is_commit(const char *s)
{
    return is_hex(s) && (strlen(s) == 40 || strlen(s) == 64);
}

struct target {
    char *name;   /* full name of a branch or tag; NULL: a commit by its hash */
    char *id;     /* of the commit or the tag object */
    char *peeled; /* commit that an annotated tag is of, or NULL */
};

static void target_done(struct target *t)
{
    free(t->name);
    free(t->id);
    free(t->peeled);
}
CB_DEFINE_AUTO(target, struct target, target_done)

/* The object that one exact name has in the output of ls-remote; NULL: no such name. Caller frees. */
static char *listed(const char *list, const char *name)
{
    for (const char *line = list; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t n = strcspn(line, "\n"), id = strspn(line, "0123456789abcdef"); /* "ref: ..." is not one */
        if (line[id] == '\t' && strlen(name) == n - id - 1 && memcmp(line + id + 1, name, n - id - 1) == 0)
            return cb_memdup0(line, id);
    }
    return NULL;
}

/* `ref: refs/heads/main\tHEAD` is in the list when HEAD is asked for. */
static char *default_branch(const char *list)
{
    const char *p = cb_starts(list, "ref: refs/heads/") ? list + strlen("ref: ") : NULL;
    return p ? cb_memdup0(p, strcspn(p, "\t\n")) : NULL;
}

static int fail_ref(const char *ref, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "repository does not contain ref %s", ref);
    return is_hex(ref) ? cb_hint(err, "a commit is named by its full hash (40 digits), or verified with ?checksum=") : -1;
}

/* A branch takes precedence over a tag of the same name, as with git checkout. */
static int pick_name(const char *list, const char *ref, struct target *t, struct cb_error *err)
{
    static const char *const prefixes[] = {"refs/", "refs/heads/", "refs/tags/"};
    for (size_t i = 0; i < CB_LEN(prefixes) && !t->id; i++) {
        free(t->name);
        t->name = cb_printf("%s%s", cb_starts(ref, prefixes[i]) ? "" : prefixes[i], ref);
        t->id = listed(list, t->name);
    }
    if (!t->id)
        return fail_ref(ref, err);
    CB_AUTO(free) char *peeled = cb_printf("%s^{}", t->name);
    t->peeled = listed(list, peeled);
    return 0;
}

static int find_target(const struct git *g, struct target *t, struct cb_error *err)
{
    const struct df_gitref *ref = g->r->q->ref;
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    CB_AUTO(free) char *peeled = cb_printf("%s^{}", ref->ref);
    if (is_commit(ref->ref)) {
        t->id = cb_strdup(ref->ref);
        return 0;
    }
    if (ref->ref[0] == '-' || strpbrk(ref->ref, " \t\n*?[\\~^:")) /* no reference can have such a name */
        return fail_ref(ref->ref, err);
    if (*ref->ref)
        return git(g, (const char *const[]){"ls-remote", "--", g->r->url, ref->ref, peeled, NULL}, &list, err) < 0
                   ? -1
                   : pick_name(list.data, ref->ref, t, err);
    if (git(g, (const char *const[]){"ls-remote", "--symref", "--", g->r->url, "HEAD", NULL}, &list, err) < 0)
        return -1;
    t->name = default_branch(list.data);
    t->id = listed(list.data, "HEAD");
    return t->id ? 0 : cb_fail(err, CB_E_NOT_FOUND, "the repository is empty: it has no default branch");
}

/* ---- fetching -------------------------------------------------------------------------------------------------------------- */

/* Without history; with all of it where a server cannot do that, or gives out no single commits. */
static int fetch(const struct git *g, const struct target *t, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error shallow = CB_ERROR_INIT;
    bool branch = t->name && cb_starts(t->name, "refs/heads/");
    CB_AUTO(free)
    char *spec = branch    ? cb_printf("+%s:refs/remotes/origin/%s", t->name, t->name + strlen("refs/heads/"))
                 : t->name ? cb_printf("+%s:%s", t->name, t->name)
                           : cb_strdup(t->id);
    const char *url = g->r->url;
    if (git(g, (const char *const[]){"fetch", "-q", "--depth=1", "--no-tags", "--", url, spec, NULL}, &out, &shallow) == 0)
        return 0;
    if (t->name)
        return git(g, (const char *const[]){"fetch", "-q", "--no-tags", "--", url, spec, NULL}, &out, err);
    const char *all = "+refs/heads/*:refs/remotes/origin/*";
    if (git(g, (const char *const[]){"fetch", "-q", "--tags", "--", url, all, NULL}, &out, err) < 0)
        return -1;
    CB_AUTO(free) char *commit = cb_printf("%s^{commit}", t->id);
    if (git(g, (const char *const[]){"cat-file", "-e", commit, NULL}, &out, &shallow) < 0)
        return fail_ref(t->id, err);
    return 0;
}

static int check_out(const struct git *g, const struct target *t, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    const char *commit = t->peeled ? t->peeled : t->id;
    const char *branch = t->name && cb_starts(t->name, "refs/heads/") ? t->name + strlen("refs/heads/") : NULL;
    if (branch && g->r->q->keep_git_dir && branch[0] != '-')
        return git(g, (const char *const[]){"checkout", "-q", "-B", branch, commit, "--", NULL}, &out, err);
    return git(g, (const char *const[]){"checkout", "-q", "--detach", commit, "--", NULL}, &out, err);
}

static int get_submodules(const struct git *g, struct cb_error *err)
{
    const struct df_gitref *ref = g->r->q->ref;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error shallow = CB_ERROR_INIT;
    if ((ref->has_submodules && !ref->submodules) || faccessat(g->r->dir, ".gitmodules", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    const char *const args[] = {"submodule", "update", "-q", "--init", "--recursive", "--depth=1", NULL};
    if (git(g, args, &out, &shallow) == 0)
        return 0;
    const char *const again[] = {"submodule", "update", "-q", "--init", "--recursive", NULL};
    return git(g, again, &out, err);
}

static int verify(const struct git *g, const struct target *t, const char *commit, struct cb_error *err)
{
    const char *wants[] = {g->r->q->checksum, g->r->q->ref->checksum};
    for (size_t i = 0; i < CB_LEN(wants); i++) {
        if (!wants[i] || !*wants[i])
            continue;
        if (!is_hex(wants[i]))
            return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum %s for Git URL, expected hex commit hash", wants[i]);
        size_t n = strlen(wants[i]);
        if (strncasecmp(commit, wants[i], n) != 0 && strncasecmp(t->id, wants[i], n) != 0)
            return cb_fail(err, CB_E_CORRUPT, "expected checksum to match %s, got %s", wants[i], commit);
    }
    return 0;
}

/* ---- the files ------------------------------------------------------------------------------------------------------- */

struct tidying {
    bool keep_git_dir;
    const struct timespec *times; /* two; NULL: they stay */
};

static int tidy(const struct tidying *t, int fd, bool root, struct cb_error *err);

static int tidy_entry(const struct tidying *t, int dir, const char *name, bool root, struct cb_error *err)
{
    bool git_dir = strcmp(name, ".git") == 0;
    if (git_dir && !t->keep_git_dir) {
        int r = cb_remove_tree(dir, ".git");
        return r < 0 ? cb_fail_sys(err, r, "remove a checkout's .git") : 0;
    }
    if (!git_dir || !root) {
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0 && errno != ENOTDIR && errno != ELOOP)
            return cb_fail_sys(err, errno, "open the directory '%s' of a checkout", name);
        if (sub >= 0 && tidy(t, sub, false, err) < 0)
            return -1;
    }
    if (t->times)
        (void)utimensat(dir, name, t->times, AT_SYMLINK_NOFOLLOW); /* no key holds them */
    return 0;
}

/* Submodules lose their .git; everything gets the time of the commit. Takes `fd`. */
static int tidy(const struct tidying *t, int fd, bool root, struct cb_error *err)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(fd);
    for (const struct dirent *e; (e = cb_dir_next(&d));)
        if (tidy_entry(t, dirfd(d.stream), e->d_name, root, err) < 0)
            return -1;
    if (d.error)
        return cb_fail_sys(err, d.error, "read a checkout");
    if (root && t->times)
        (void)futimens(dirfd(d.stream), t->times);
    return 0;
}

static int finish(const struct git *g, int64_t time, struct cb_error *err)
{
    const struct build_checkout_request *q = g->r->q;
    const struct timespec times[2] = {{(time_t)time, 0}, {(time_t)time, 0}};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (q->keep_git_dir && git(g, (const char *const[]){"reflog", "expire", "--all", "--expire=now", NULL}, &out, err) < 0)
        return -1;
    if (q->keep_git_dir)
        (void)unlinkat(g->r->dir, ".git/FETCH_HEAD", 0); /* as BuildKit leaves it */
    int fd = openat(g->r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open a checkout");
    return tidy(&(struct tidying){q->keep_git_dir, q->commit_times ? times : NULL}, fd, true, err);
}

/* The commit that is checked out, and its time. */
static int read_head(const struct git *g, struct cb_buf *commit, int64_t *time, struct cb_error *err)
{
    if (git(g, (const char *const[]){"log", "-1", "--no-show-signature", "--format=%H %ct", "HEAD", NULL}, commit, err) < 0)
        return -1;
    char *blank = strchr(commit->data, ' '), *end = strchr(commit->data, '\n');
    if (end)
        *end = 0;
    if (!blank || !cb_parse_i64(blank + 1, time))
        return cb_fail(err, CB_E_CORRUPT, "git log gives no time of the commit");
    cb_buf_truncate(commit, (size_t)(blank - commit->data));
    return 0;
}

static int run_git(const struct git *g, struct cb_buf *answer, struct cb_error *err)
{
    CB_AUTO(target) struct target t = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf commit = CB_BUF_INIT;
    int64_t time = 0;
    if (git(g, (const char *const[]){"init", "-q", "--template=", NULL}, &out, err) < 0 || find_target(g, &t, err) < 0)
        return -1;
    if (strlen(t.id) == 64) { /* a SHA-256 repository: only its object names tell */
        int r = cb_remove_tree(g->r->dir, ".git");
        if (r < 0)
            return cb_fail_sys(err, r, "remove a checkout's .git");
        if (git(g, (const char *const[]){"init", "-q", "--template=", "--object-format=sha256", NULL}, &out, err) < 0)
            return -1;
    }
    /* Relative URLs of submodules are relative to origin. */
    if (git(g, (const char *const[]){"remote", "add", "--", "origin", g->r->url, NULL}, &out, err) < 0 || fetch(g, &t, err) < 0 ||
        check_out(g, &t, err) < 0 || get_submodules(g, err) < 0 || read_head(g, &commit, &time, err) < 0 ||
        verify(g, &t, commit.data, err) < 0 || finish(g, time, err) < 0)
        return -1;
    cb_put_u64(answer, (uint64_t)time);
    cb_put_str(answer, commit.data);
    return 0;
}

static int git_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    struct git g = {.r = ctx};
    cb_job_progress(io, "fetching", 0, 0);
    setpgid(0, 0); /* git starts programs of its own: as a group they can be ended together */
    umask(022);
    make_env(g.r, &g.env);
    int r = run_git(&g, answer, err);
    cb_strv_done(&g.env.vars);
    return r;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static int prepare(struct build_session *session, struct job_request *r, struct build_checkout *ret, struct cb_error *err)
{
    if (set_remote(session, r, err) < 0 || set_agent(session, r, err) < 0 ||
        cache_work_begin(session->store, &ret->work, err) < 0)
        return -1;
    r->home = cb_printf("%s/work/%s/home", session->store->path, ret->work.name);
    if (mkdirat(ret->work.dir, "home", 0700) < 0 || mkdirat(ret->work.dir, "checkout", 0755) < 0 ||
        (r->dir = openat(ret->work.dir, "checkout", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return cb_fail_sys(err, errno, "make a directory for a checkout");
    return 0;
}

/* Below the checkout, through directories only. */
static int enter_subdir(const struct df_gitref *ref, int dir, struct build_checkout *ret, struct cb_error *err)
{
    CB_AUTO(free) char *sub = cb_strdup(ref->subdir);
    char *start = sub + strspn(sub, "/");
    ret->dir = cb_open_beneath(dir, *start ? start : ".", O_RDONLY | O_DIRECTORY, 0);
    if (ret->dir >= 0)
        return 0;
    return cb_fail(err, CB_E_NOT_FOUND, "invalid subdir %s: no such directory in the repository", ref->subdir);
}

static int checkout(struct build_session *session, const struct build_checkout_request *q, struct build_checkout *ret,
                    struct cb_error *err)
{
    CB_AUTO(request) struct job_request r = {.q = q, .dir = -1};
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    if (prepare(session, &r, ret, err) < 0)
        return -1;
    struct cb_job job;
    if (cb_job_fork(git_job, &r, &job, err) < 0)
        return -1;
    pid_t group = job.pid;
    CB_AUTO(free) char *shown = cb_printf("fetch %s", r.url);
    if (build_wait_job(session, &job, shown, &answer, err) < 0) {
        (void)kill(-group, SIGKILL); /* what the job left when it was ended; mostly nothing */
        return err->code == CB_E_CANCELED ? -1 : cb_prefix(err, "fetch '%s'", r.url);
    }
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    ret->time = (int64_t)cb_get_u64(&u);
    struct cb_str commit = cb_get_bytes(&u);
    memcpy(ret->commit, commit.p, CB_MIN(commit.n, sizeof(ret->commit) - 1));
    return enter_subdir(q->ref, r.dir, ret, err);
}

int build_checkout(struct build_session *session, const struct build_checkout_request *q, struct build_checkout *ret,
                   struct cb_error *err)
{
    CB_AUTO(build_policy_source) struct build_policy_source s = {0};
    if (!session->request->policy)
        return checkout(session, q, ret, err);
    if (build_follow_git(session, q->ref, q->checksum, &s, err) < 0)
        return -1;
    struct df_gitref ref = *q->ref;
    struct build_checkout_request followed = *q;
    ref.ref = s.identifier;
    followed.ref = &ref;
    followed.checksum = s.checksum;
    return checkout(session, &followed, ret, err);
}

void build_checkout_done(struct build_session *session, struct build_checkout *c)
{
    c->dir = cb_close(c->dir);
    if (c->work.dir >= 0)
        cache_work_done(session->store, &c->work);
    c->work = CACHE_WORK_INIT;
}
