#include "builder/measure/peer.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/text.h"
#include "builder/measure/child.h"
#include "builder/session/git.h"
#include "builder/session/request.h"

#include <unistd.h>

#define MAX_REASON 65536 /* of what a build wrote, the end */

struct measure_peer {
    const char *name, *hint; /* how it comes here */
    /* Words before those of a command: the program, and a store of the replay's own where there can be one. */
    void (*program)(const struct measure_replay *r, struct cb_strv *argv);
    const char *const *probe; /* what succeeds when it can build */
    const char *const *clean; /* removes all that it has made; NULL: nothing is in the replay's directory */
    void (*build)(const struct measure_replay *r, const struct measure_commit *c, bool first, struct cb_strv *argv);
};

/* ---- buildah ----------------------------------------------------------------------------------------------------------------
 */

static void buildah_program(const struct measure_replay *r, struct cb_strv *argv)
{
    cb_strv_push(argv, "buildah");
    cb_strv_push(argv, "--root");
    cb_strv_take(argv, cb_path_join(r->dir, "buildah"));
    cb_strv_push(argv, "--runroot");
    cb_strv_take(argv, cb_path_join(r->dir, "buildah-run"));
}

static void buildah_build(const struct measure_replay *r, const struct measure_commit *c, bool first, struct cb_strv *argv)
{
    (void)first;
    cb_strv_push(argv, "bud");
    cb_strv_push(argv, "--layers");
    measure_fill_options(r->options, c, argv);
}

/* ---- docker -------------------------------------------------------------------------------------------------------------------
 */

static void docker_program(const struct measure_replay *r, struct cb_strv *argv)
{
    (void)r;
    cb_strv_push(argv, "docker");
}

/* The daemon's cache is its own: the first build does not use it, and fills it. */
static void docker_build(const struct measure_replay *r, const struct measure_commit *c, bool first, struct cb_strv *argv)
{
    cb_strv_push(argv, "build");
    if (first)
        cb_strv_push(argv, "--no-cache");
    measure_fill_options(r->options, c, argv);
}

/* ---- buildkit -----------------------------------------------------------------------------------------------------------------
 */

static void buildctl_program(const struct measure_replay *r, struct cb_strv *argv)
{
    (void)r;
    cb_strv_push(argv, "buildctl");
}

static void add_option(struct cb_strv *argv, char *option)
{
    cb_strv_push(argv, "--opt");
    cb_strv_take(argv, option);
}

static void add_each(struct cb_strv *argv, const char *kind, const struct cb_strv *given, const struct measure_commit *c)
{
    CB_AUTO(cb_strv) struct cb_strv filled = {0};
    measure_fill_options(given, c, &filled);
    for (size_t i = 0; i < filled.n; i++)
        add_option(argv, cb_printf("%s:%s", kind, filled.items[i]));
}

/* What its own client takes instead of options of a build. */
static void buildctl_build(const struct measure_replay *r, const struct measure_commit *c, bool first, struct cb_strv *argv)
{
    static const char *const words[] = {"build", "--frontend", "dockerfile.v0", "--progress=plain"};
    const struct build_request *q = r->request;
    CB_AUTO(free) char *file = q->dockerfile ? cb_strdup(q->dockerfile) : cb_path_join(q->context, "Dockerfile");
    CB_AUTO(free) char *dir = cb_path_dir(file);
    for (size_t i = 0; i < CB_LEN(words); i++)
        cb_strv_push(argv, words[i]);
    if (first)
        cb_strv_push(argv, "--no-cache");
    cb_strv_take(argv, cb_printf("--local=context=%s", q->context));
    cb_strv_take(argv, cb_printf("--local=dockerfile=%s", dir));
    add_option(argv, cb_printf("filename=%s", cb_path_base(file)));
    if (q->target)
        add_option(argv, cb_printf("target=%s", q->target));
    if (q->platform)
        add_option(argv, cb_printf("platform=%s", q->platform));
    add_each(argv, "build-arg", &q->build_args, c);
    add_each(argv, "label", &q->labels, c);
}

/* ---- all ----------------------------------------------------------------------------------------------------------------------
 */

static const struct measure_peer peers[] = {
    {"buildah", "install it (Debian: apt-get install buildah)", buildah_program, (const char *const[]){"info", NULL},
     (const char *const[]){"rmi", "--all", "--force", NULL}, buildah_build},
    {"docker", "install it (Debian: apt-get install docker.io) and start its daemon", docker_program,
     (const char *const[]){"version", NULL}, NULL, docker_build},
    {"buildkit", "buildctl and a running buildkitd are needed; $BUILDKIT_HOST says where that is", buildctl_program,
     (const char *const[]){"debug", "workers", NULL}, NULL, buildctl_build},
};

const struct measure_peer *measure_peer_find(const char *name)
{
    for (size_t i = 0; i < CB_LEN(peers); i++)
        if (strcmp(peers[i].name, name) == 0)
            return &peers[i];
    return NULL;
}

void measure_peer_names(struct cb_buf *out)
{
    for (size_t i = 0; i < CB_LEN(peers); i++)
        cb_buf_printf(out, "%s%s", i ? "|" : "", peers[i].name);
}

const char *measure_peer_name(const struct measure_peer *p)
{
    return p->name;
}

static int call(const struct measure_replay *r, const char *const *words, int *ret_status, struct cb_buf *errout,
                struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    r->peer->program(r, &argv);
    while (*words)
        cb_strv_push(&argv, *words++);
    struct cb_proc p = {.argv = (const char *const *)argv.items, .cwd_fd = -1, .max_output = 1u << 20};
    return cb_proc_run(&p, &out, errout, ret_status, err);
}

int measure_peer_check(const struct measure_replay *r, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT, reason = CB_BUF_INIT;
    int status;
    if (call(r, r->peer->probe, &status, &errout, err) < 0)
        return cb_hint(err, "%s", r->peer->hint);
    if (status == 0)
        return 0;
    build_git_reason(errout.data, &reason);
    cb_fail(err, CB_E_UNSUPPORTED, "--against %s: it cannot build here: %s", r->peer->name, reason.data);
    return cb_hint(err, "%s", r->peer->hint);
}

/* The last line that it wrote. */
static int read_error(const struct measure_replay *r, int status, int output, struct measure_build *b, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT, reason = CB_BUF_INIT;
    off_t size = lseek(output, 0, SEEK_END);
    (void)lseek(output, CB_MAX(size - MAX_REASON, 0), SEEK_SET);
    int e = cb_read_fd(output, MAX_REASON, &all);
    if (e < 0)
        return cb_fail_sys(err, e, "read what %s wrote", r->peer->name);
    const char *last = all.data;
    for (const char *line = all.data; *line; line += strcspn(line, "\n"), line += *line == '\n')
        last = line;
    cb_shorten(&reason, last, strcspn(last, "\n"), 400);
    b->peer_error = reason.len ? cb_buf_detach(&reason) : cb_printf("exit status %d", status);
    return 0;
}

int measure_peer_build(const struct measure_replay *r, size_t i, int place, int output, struct measure_build *b,
                       struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    int status;
    r->peer->program(r, &argv);
    r->peer->build(r, &r->history.commits[i], i == 0, &argv);
    struct measure_child child = {(const char *const *)argv.items, place, output};
    if (measure_child_run(&child, &status, &b->peer_seconds, err) < 0)
        return -1;
    return status == 0 ? 0 : read_error(r, status, output, b, err);
}

void measure_peer_close(const struct measure_replay *r)
{
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int status;
    if (r->peer && r->peer->clean && r->dir)
        (void)call(r, r->peer->clean, &status, &errout, &ignored);
}
