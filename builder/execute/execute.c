#include "builder/execute/execute.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/execute/keys/keys.h"
#include "builder/session/secret.h"
#include "cache/layer/layer.h"
#include "builder/session/jobs.h"

#include <string.h>
#include <unistd.h>

static void put_layers(struct cb_buf *to, const struct build_step *step, const struct build_made *made)
{
    CB_AUTO(free) struct cb_digest *ids = NULL;
    size_t n = build_step_layers(step, made, &ids);
    cb_put_u64(to, n);
    for (size_t i = 0; i < n; i++)
        cb_put_digest(to, &ids[i]);
}

static struct cb_digest *get_layers(struct cb_unpack *u, size_t *ret_n)
{
    uint64_t n = cb_get_u64(u);
    if (n > (size_t)(u->end - u->p))
        n = 0;
    struct cb_digest *ids = cb_alloc((size_t)(n + 1) * sizeof(*ids));
    for (uint64_t i = 0; i < n; i++)
        ids[i] = cb_get_digest(u);
    *ret_n = (size_t)n;
    return ids;
}

/* ---- in the job -------------------------------------------------------------------------------------- */

static void put_outcome(struct cb_buf *answer, const struct build_outcome *o)
{
    cb_put_digest(answer, &o->layer);
    cb_put_u64(answer, (uint64_t)o->created.tv_sec);
    cb_put_u64(answer, (uint64_t)o->created.tv_nsec);
    cb_put_usage(answer, &o->usage);
    cb_put_u8(answer, o->needs_diff);
}

bool build_outcome_read(const struct cb_buf *answer, struct build_outcome *ret)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    ret->layer = cb_get_digest(&u);
    ret->created.tv_sec = (time_t)cb_get_u64(&u);
    ret->created.tv_nsec = (long)cb_get_u64(&u);
    ret->usage = cb_get_usage(&u);
    ret->needs_diff = cb_get_u8(&u);
    return !u.failed;
}

/* What a job is to do with its step. */
enum { STEP, INVOKE, INVOKE_ON_TERMINAL };

/* Behind the step and its layers: what is to be done, and which descriptors there are: those of its secrets (if any), then its
 * streams. */
static int take_request(struct build_work *w, struct cb_unpack *u, const struct rt_job_request *req, struct cb_error *err)
{
    struct build_session *session = w->b->session;
    size_t how = cb_get_u8(u), secrets = cb_get_u8(u);
    if (req->n_fds > secrets)
        w->streams = build_streams_take(req->fds + secrets, req->n_fds - secrets, how == INVOKE_ON_TERMINAL);
    if (how != STEP)
        w->invoked = &session->request->invoke;
    return secrets ? build_secret_receive(session->request, req->fds[0], err) : 0;
}

static int execute(struct build_work *w, struct build_outcome *ret, struct cb_error *err)
{
    if ((w->step->op == BUILD_OP_RUN ? build_execute_run : build_execute_files)(w, ret, err) < 0)
        return -1;
    return w->step->in_target ? build_find_diff_id(w, ret, err) : 0;
}

static int step_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    struct build_graph *g = ((struct build_session *)world)->frozen;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct build_work w = {.b = g->build, .step = g->plan->steps[cb_get_u64(&u)], .io = io, .streams = BUILD_NO_STREAMS};
    w.selection = &g->states[w.step->index].key.selection;
    w.layers = get_layers(&u, &w.n_layers);
    w.n_inputs = (size_t)cb_get_u64(&u);
    w.inputs = cb_alloc((w.n_inputs + 1) * sizeof(*w.inputs));
    for (size_t i = 0; i < w.n_inputs; i++)
        w.inputs[i].layers = get_layers(&u, &w.inputs[i].n);
    w.earlier = cb_get_digest(&u);
    struct build_outcome o = {0};
    int r = take_request(&w, &u, req, err);
    if (r == 0)
        r = w.invoked ? build_execute_run_invoked(&w, err) : execute(&w, &o, err);
    if (r == 0)
        put_outcome(answer, &o);
    for (size_t i = 0; i < w.n_inputs; i++)
        free(w.inputs[i].layers);
    free(w.inputs);
    free(w.layers);
    return r;
}

/* ---- in the coordinator -------------------------------------------------------------------------------- */

static int send_secrets(const struct build_request *q, const struct build_run *run, struct cb_error *err)
{
    const char **ids = NULL;
    size_t n = 0, cap = 0;
    for (const struct build_run_mount *m = run->mounts; m; m = m->next)
        if (m->m->type == DF_MOUNT_SECRET)
            CB_PUSH(ids, n, cap) = build_secret_id(m->m);
    int fd = build_secret_send(q, ids, n, err);
    free(ids);
    return fd;
}

static int start(struct build_graph *g, const struct build_step *s, unsigned how, const int *streams, size_t n,
                 const struct cb_digest *earlier, struct cb_job *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    bool run = s->op == BUILD_OP_RUN;
    cb_put_u64(&req, s->index);
    put_layers(&req, s->parent, g->build->made);
    cb_put_u64(&req, s->n_inputs);
    for (size_t i = 0; i < s->n_inputs; i++)
        put_layers(&req, s->inputs[i], g->build->made);
    cb_put_digest(&req, earlier);
    if (req.len > CB_MAX_MESSAGE - 2) {
        cb_fail(err, CB_E_UNSUPPORTED, "the step uses %zu bytes of names of layers, at most %u are possible", req.len,
                CB_MAX_MESSAGE - 2);
        return cb_hint(err, "mount or copy from fewer stages and images in one step, or from some with fewer layers");
    }
    CB_AUTO(close) int secrets = run ? send_secrets(g->build->session->request, &s->run, err) : -1;
    if (err->code)
        return -1;
    if (run && s->run.network->uplink && build_ns_connect(g->build->session, err) < 0)
        return -1;
    int fds[1 + BUILD_ATTACH_MAX_FDS] = {secrets};
    memcpy(fds + (secrets >= 0), streams, n * sizeof(*fds));
    cb_put_u8(&req, (uint8_t)how);
    cb_put_u8(&req, secrets >= 0);
    struct rt_job_request r = {req.data, req.len, fds, n + (secrets >= 0)};
    return build_ns_job(g->build->session, run ? RT_HELPER_COMMANDS : RT_HELPER_FILES, step_job, &r, ret, err);
}

int build_execute_start(struct build_graph *g, const struct build_step *s, int out, int errout, const struct cb_digest *earlier,
                        struct cb_job *ret, struct cb_error *err)
{
    const int streams[] = {out, errout};
    return start(g, s, STEP, streams, out < 0 ? 0 : CB_LEN(streams), earlier, ret, err);
}

int build_execute_invoke(struct build_graph *g, const struct build_step *s, struct cb_error *err)
{
    struct build_session *session = g->build->session;
    CB_AUTO(build_attachment) struct build_attachment *a = NULL;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    bool terminal = isatty(STDIN_FILENO) && !session->privilege.rung->chroots;
    int streams[BUILD_ATTACH_MAX_FDS];
    const struct cb_digest none = {0};
    struct cb_job job;
    if (!terminal && isatty(STDIN_FILENO))
        build_note(session, "the command has no terminal, because RUN works in a chroot: it reads lines, and Ctrl-D ends it");
    if (build_attach_open(&(const struct build_attach_mode){.input = true, .terminal = terminal}, &a, err) < 0)
        return -1;
    int r = start(g, s, terminal ? INVOKE_ON_TERMINAL : INVOKE, streams, build_attach_fds(a, streams), &none, &job, err);
    build_attach_started(a);
    return r < 0 ? -1 : build_attach_wait(a, session, &job, &answer, err);
}
