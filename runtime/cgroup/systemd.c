/* A transient scope with Delegate=yes: where systemd manages the control groups, whoever wants to divide one asks for it. busctl
 * asks: it comes with systemd, and there is no library to link or load for the one call. */
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/cgroup/group-internal.h"

#include <string.h>
#include <unistd.h>

#define MAX_OUTPUT 65536
#define TRIES      500   /* until we are in the scope, */
#define PAUSE      10000 /* with so many microseconds between them */

static char *own_groups(void)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    (void)cb_read_file(AT_FDCWD, "/proc/self/cgroup", MAX_OUTPUT, &text);
    return cb_buf_detach(&text);
}

/* The manager to ask. `su` and cron leave out the variable that says where the user's is, but it is in one place always. */
static char *manager(void)
{
    if (geteuid() == 0)
        return cb_strdup("--system");
    if (getenv("XDG_RUNTIME_DIR"))
        return cb_strdup("--user");
    return cb_printf("--address=unix:path=/run/user/%d/bus", (int)geteuid());
}

static int ask(const char *slice, struct cb_error *err)
{
    CB_AUTO(free) char *bus = manager();
    CB_AUTO(free) char *pid = cb_printf("%d", (int)getpid());
    CB_AUTO(free) char *name = cb_printf("cbuild-%s.scope", pid);
    const char *const argv[] = {"busctl",
                                bus,
                                "call",
                                "org.freedesktop.systemd1",
                                "/org/freedesktop/systemd1",
                                "org.freedesktop.systemd1.Manager",
                                "StartTransientUnit",
                                "ssa(sv)a(sa(sv))",
                                name,
                                "fail",
                                slice ? "4" : "3",
                                "PIDs",
                                "au",
                                "1",
                                pid,
                                "Delegate",
                                "b",
                                "true",
                                "Description",
                                "s",
                                "RUN steps of cbuild",
                                slice ? "Slice" : "0",
                                slice ? "s" : NULL,
                                slice,
                                "0",
                                NULL};
    struct cb_proc p = {.argv = argv, .cwd_fd = -1, .max_output = MAX_OUTPUT};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, errout = CB_BUF_INIT;
    int status;
    if (cb_proc_run(&p, &out, &errout, &status, err) < 0)
        return -1;
    cb_buf_truncate(&errout, strcspn(errout.data, "\n"));
    return status == 0 ? 0 : cb_fail(err, CB_E_UNSUPPORTED, "ask systemd for a control group: %s", errout.data);
}

int rt_cgroup_scope(const char *slice, struct cb_error *err)
{
    if (access("/run/systemd/system", F_OK) < 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "--cgroup-parent %s: slices are systemd's, which does not run here",
                       slice ? slice : "");
    CB_AUTO(free) char *before = own_groups();
    if (ask(slice, err) < 0)
        return -1;
    for (int i = 0; i < TRIES; i++) {
        CB_AUTO(free) char *now = own_groups();
        if (strcmp(before, now) != 0)
            return 0;
        usleep(PAUSE);
    }
    return cb_fail(err, CB_E_UNSUPPORTED, "systemd made no control group");
}
