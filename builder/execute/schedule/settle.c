#include "builder/execute/schedule/settle.h"

#include "cache/layer/layer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of steps as well as of base images. */
static struct cb_digest *all_layers(const struct build *b, size_t *ret_n)
{
    const struct build_plan *plan = &b->plan;
    struct cb_digest *ids = NULL;
    size_t cap = 0;
    *ret_n = 0;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const struct build_step *s = plan->steps[i];
        if (s->op != BUILD_OP_BASE)
            CB_PUSH(ids, *ret_n, cap) = b->made[i].layer;
        for (size_t k = 0; s->op == BUILD_OP_BASE && k < s->base.image.n_layers; k++)
            CB_PUSH(ids, *ret_n, cap) = s->base.image.layers[k].id;
    }
    return ids;
}

#define KEPT 3 /* the one descriptor besides the streams */

/* Leaves everything that somebody could wait for: terminal, pipes, locks, the directory it was called in. */
static bool detach(int *keep)
{
    sigset_t none;
    sigemptyset(&none);
    int root = fcntl(*keep, F_DUPFD_CLOEXEC, KEPT + 1), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (root < 0 || null < 0 || setsid() < 0 || chdir("/") < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return false;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            return false;
    *keep = dup3(root, KEPT, O_CLOEXEC);
    return *keep == KEPT && cb_close_from(KEPT + 1) == 0;
}

static _Noreturn void settle(struct build *b, const struct cb_digest *ids, size_t n)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    pid_t pid = fork(); /* nobody's child: it is not ours to reap */
    if (pid == 0 && detach(&b->session->store->root))
        (void)cache_layer_settle(b->session->store, ids, n, &ignored);
    _exit(0);
}

void build_settle(struct build *b)
{
    /* Where files belong to us a check after the next boot is cheaper than a sync after each build. */
    if (!b->session->helper || b->session->reading || !b->session->privilege.rung->foreign_files)
        return;
    size_t n;
    CB_AUTO(free) struct cb_digest *ids = all_layers(b, &n);
    pid_t pid = fork();
    if (pid == 0)
        settle(b, ids, n);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
}
