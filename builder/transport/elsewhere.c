#include "builder/transport/elsewhere.h"
#include "base/proc.h"
#include "builder/session/jobs.h"

#define MAX_ANSWER (1u << 20)

struct question {
    const char *program, *name;
};

/* In a job, which can be stopped while the program waits for its daemon. */
static int ask_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    const struct question *q = ctx;
    const char *const argv[] = {q->program, "image", "inspect", "--format", "{{.Id}}", q->name, NULL};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, errors = CB_BUF_INIT;
    int status = 1;
    const struct cb_proc p = {.argv = argv, .cwd_fd = -1, .max_output = MAX_ANSWER};
    if (cb_proc_run(&p, &out, &errors, &status, err) < 0)
        return -1;
    cb_buf_addc(answer, status == 0);
    return 0;
}

/* 1; 0: it has no such image, or is not here; -1: we were asked to end. */
static int has(struct build_session *s, const char *program, const char *name, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    const struct question q = {program, name};
    struct cb_job job;
    if (cb_job_fork(ask_job, &q, &job, &why) == 0 && build_wait_job(s, &job, NULL, &answer, &why) == 0)
        return answer.len && answer.data[0];
    if (why.code != CB_E_CANCELED)
        return 0;
    cb_error_move(err, &why);
    return -1;
}

int build_elsewhere_bring(struct build_session *s, const char *name, struct build_brought *ret, struct cb_error *err)
{
    static const struct {
        const char *program, *transport;
    } stores[] = {{"docker", "docker-daemon"}, {"podman", "containers-storage"}};
    for (size_t i = 0; i < CB_LEN(stores); i++) {
        CB_AUTO(build_location) struct build_location l = {0};
        int r = *name == '-' ? 0 : has(s, stores[i].program, name, err);
        if (r < 0)
            return -1;
        if (!r)
            continue;
        build_location_set(&l, stores[i].transport, name);
        build_note(s, "neither the store nor a registry gives '%s': the image that %s has is used", name, stores[i].program);
        return build_transport_bring(s, &l, ret, err) < 0 ? -1 : 1;
    }
    return 0;
}
