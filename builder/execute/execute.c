#include "builder/execute/execute.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/execute/keys.h"
#include "builder/session/secret.h"
#include "cache/layer/layer.h"
#include "builder/session/jobs.h"

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
}

bool build_outcome_read(const struct cb_buf *answer, struct build_outcome *ret)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    ret->layer = cb_get_digest(&u);
    ret->created.tv_sec = (time_t)cb_get_u64(&u);
    ret->created.tv_nsec = (long)cb_get_u64(&u);
    ret->usage = cb_get_usage(&u);
    return !u.failed;
}

static int step_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    struct build_graph *g = ((struct build_session *)world)->frozen;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct build_work w = {.b = g->build, .step = g->plan->steps[cb_get_u64(&u)], .io = io, .out = -1, .errout = -1};
    w.selection = &g->states[w.step->index].key.selection;
    w.layers = get_layers(&u, &w.n_layers);
    w.n_inputs = (size_t)cb_get_u64(&u);
    w.inputs = cb_alloc((w.n_inputs + 1) * sizeof(*w.inputs));
    for (size_t i = 0; i < w.n_inputs; i++)
        w.inputs[i].layers = get_layers(&u, &w.inputs[i].n);
    if (req->n_fds >= 2) {
        w.out = req->fds[0];
        w.errout = req->fds[1];
    }
    struct build_outcome o = {0};
    int r = req->n_fds > 2 ? build_secret_receive(w.b->session->request, req->fds[2], err) : 0;
    if (r == 0)
        r = w.step->op == BUILD_OP_RUN ? build_execute_run(&w, &o, err) : build_execute_files(&w, &o, err);
    struct cb_digest diff;
    /* The image needs diff IDs; a layer that is part of it gets its own while its files are still warm. */
    if (r == 0 && w.step->in_target && cache_layer_diff_id(w.b->session->store, &o.layer, &diff, err) < 0)
        r = -1;
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

int build_execute_start(struct build_graph *g, const struct build_step *s, int out, int errout, struct cb_job *ret,
                        struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    cb_put_u64(&req, s->index);
    put_layers(&req, s->parent, g->build->made);
    cb_put_u64(&req, s->n_inputs);
    for (size_t i = 0; i < s->n_inputs; i++)
        put_layers(&req, s->inputs[i], g->build->made);
    if (req.len > CB_MAX_MESSAGE) {
        cb_fail(err, CB_E_UNSUPPORTED, "the step uses %zu bytes of names of layers, at most %u are possible", req.len,
                CB_MAX_MESSAGE);
        return cb_hint(err, "mount or copy from fewer stages and images in one step, or from some with fewer layers");
    }
    CB_AUTO(close) int secrets = s->op == BUILD_OP_RUN ? send_secrets(g->build->session->request, &s->run, err) : -1;
    if (err->code)
        return -1;
    int fds[3] = {out, errout, secrets};
    struct rt_job_request r = {req.data, req.len, fds, out < 0 ? 0 : secrets < 0 ? 2 : 3};
    return build_ns_job(g->build->session, s->op == BUILD_OP_RUN ? RT_HELPER_COMMANDS : RT_HELPER_FILES, step_job, &r, ret, err);
}
