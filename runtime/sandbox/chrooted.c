#include "runtime/sandbox/chrooted.h"
#include "base/fd.h"
#include "runtime/sandbox/place.h"
#include "runtime/sandbox/stragglers.h"

#include <unistd.h>

static int refuse(const struct rt_sandbox *s, const char *what, struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "%s needs namespaces or mounts, which this machine does not allow", what);
    return cb_hint(err, "%s", s->privilege->reason ? s->privilege->reason : "allow namespaces");
}

int rt_chrooted_check(const struct rt_sandbox *s, struct cb_error *err)
{
    if (s->network->namespaces)
        return refuse(s, "a network of a command's own (--network)", err);
    if (s->insecure)
        return refuse(s, "--security=insecure", err);
    if (s->read_only)
        return refuse(s, "a root that can only be read", err);
    return s->terminal >= 0 ? refuse(s, "a terminal", err) : 0;
}

static int open_root(struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    c->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (c->null < 0 || fstat(c->root, &st) < 0)
        return cb_fail_sys(err, errno, "open the root of a command");
    c->root_dev = st.st_dev;
    c->root_ino = st.st_ino;
    return 0;
}

int rt_chrooted_begin(struct rt_child *c, struct cb_error *err)
{
    int r = rt_stragglers_adopt();
    if (r < 0)
        return cb_fail_sys(err, r, "adopt the processes of a command");
    c->own_children = rt_stragglers_children(&c->n_own_children);
    /* Before anything is put there: users are those of the image. */
    if (open_root(c, err) < 0 || rt_user_lookup(c->root, c->s->user ? c->s->user : "", &c->user, err) < 0)
        return -1;
    mode_t mask = umask(0);
    r = rt_place_system(c, err) < 0 ? -1 : rt_attach_all(c, err);
    umask(mask);
    return r;
}

int rt_chrooted_enter(struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    if (fchdir(c->root) < 0 || chroot(".") < 0 || chdir("/") < 0 || stat("/..", &st) < 0)
        return cb_fail_sys(err, errno, "change to the root of the command");
    if (st.st_dev != c->root_dev || st.st_ino != c->root_ino)
        return cb_fail(err, CB_E_FAILED, "the old root could not be left");
    return rt_process_cwd(c, err);
}

int rt_chrooted_end(struct rt_child *c, struct cb_error *err)
{
    int r = rt_stragglers_end(c->own_children, c->n_own_children);
    c->null = cb_close(c->null);
    free(c->own_children);
    CB_AUTO(cb_error) struct cb_error second = CB_ERROR_INIT;
    if (r < 0)
        cb_fail_sys(err, r, "end what a command has left running");
    return rt_place_end(c, err->code ? &second : err) < 0 || r < 0 ? -1 : 0;
}
