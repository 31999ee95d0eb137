#include "runtime/probes.h"
#include "base/buf.h"
#include "base/fd.h"
#include "runtime/cgroup/group.h"
#include "runtime/rung/capability.h"
#include "runtime/rung/chroot.h"
#include "runtime/rung/filter.h"
#include "runtime/rung/notify.h"
#include "runtime/rung/subids.h"
#include "runtime/rung/userns.h"
#include "runtime/rung/why.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- who and where we are ------------------------------------------------------------------- */

static void look_at_kernel(const struct rt_privilege *p, struct rt_finding *ret)
{
    struct utsname u;
    (void)p;
    ret->good = uname(&u) == 0;
    ret->value = ret->good ? cb_printf("Linux %s, %s", u.release, u.machine) : cb_strdup("unknown");
}

static void look_at_user(const struct rt_privilege *p, struct rt_finding *ret)
{
    ret->good = true;
    ret->value =
        cb_printf("uid %u, gid %u%s", p->uid, p->gid, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? ", no_new_privs is set" : "");
}

static void look_at_capabilities(const struct rt_privilege *p, struct rt_finding *ret)
{
    uint64_t held = rt_capabilities();
    CB_AUTO(free) char *names = rt_capability_names(held);
    ret->good = p->uid != 0 || (held & RT_CAPS_OF_OWNERS) == RT_CAPS_OF_OWNERS;
    ret->value = cb_strdup(held ? names : "none");
    if (!ret->good)
        ret->advice = cb_strdup("start the surrounding container with '--cap-add SETUID,SETGID,CHOWN,DAC_OVERRIDE'");
}

static void look_at_ids(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    CB_AUTO(free) char *why = rt_userns_why_no_id();
    ret->good = !why;
    ret->value = why ? CB_TAKE(why) : cb_strdup("all");
}

static void look_for_chroot(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    ret->good = !rt_is_chroot();
    ret->value = cb_strdup(ret->good ? "no" : "yes: the kernel makes no user namespaces in one");
    if (!ret->good)
        ret->advice = cb_strdup("start cbuild outside, or in a container instead ('systemd-nspawn -D DIR')");
}

static void look_at_filter(const struct rt_privilege *p, struct rt_finding *ret)
{
    struct cb_buf refused = CB_BUF_INIT;
    (void)p;
    for (size_t i = 0; i < rt_filter_n_trials; i++)
        if (rt_filter_answer(&rt_filter_trials[i]))
            cb_buf_printf(&refused, refused.len ? ", %s" : "refuses %s", rt_filter_trials[i].call);
    CB_AUTO(free) char *needed = rt_filter_refused();
    ret->good = !needed;
    if (refused.len && ret->good)
        cb_buf_adds(&refused, ": older calls do");
    ret->value =
        refused.len ? cb_buf_detach(&refused) : cb_strdup(rt_has_seccomp_filter() ? "refuses nothing that is needed" : "none");
    if (!ret->good)
        ret->advice = cb_strdup("run the surrounding container with '--security-opt seccomp=unconfined'");
}

static void look_at_module(const struct rt_privilege *p, struct rt_finding *ret)
{
    CB_AUTO(cb_buf) struct cb_buf label = CB_BUF_INIT;
    (void)p;
    (void)cb_read_file(AT_FDCWD, "/proc/self/attr/current", 4096, &label); /* without a module there is nothing to read */
    cb_buf_truncate(&label, strcspn(label.data, "\n"));
    ret->good = true;
    ret->value = cb_strdup(label.len ? label.data : "none");
}

/* ---- what it gives us ----------------------------------------------------------------------- */

/* Makes a process in new namespaces, which ends at once. */
static void try_namespaces(unsigned long namespaces, struct rt_finding *ret)
{
    pid_t pid = rt_clone(namespaces);
    if (pid == 0)
        _exit(0);
    ret->good = pid > 0;
    int sys = errno;
    if (pid > 0)
        (void)CB_RETRY(waitpid(pid, NULL, 0));
    ret->value = ret->good ? cb_strdup("yes") : cb_printf("refused: %s", strerror(sys));
    if (!ret->good)
        ret->advice = rt_userns_why(sys);
}

static void look_for_user_namespaces(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    try_namespaces(CLONE_NEWUSER, ret);
}

static void look_for_namespaces(const struct rt_privilege *p, struct rt_finding *ret)
{
    bool in_one = !(rt_capabilities() & RT_CAP(SYS_ADMIN));
    (void)p;
    try_namespaces((in_one ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
                   ret);
}

static uint64_t count(const struct rt_id_range *ranges, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < n; i++)
        sum += ranges[i].count;
    return sum;
}

static void look_for_subids(const struct rt_privilege *p, struct rt_finding *ret)
{
    struct rt_privilege own = {.uid = p->uid, .gid = p->gid};
    if (p->uid == 0) {
        *ret = (struct rt_finding){.good = true, .value = cb_strdup("root needs none")};
        return;
    }
    rt_subids_read(&own);
    ret->advice = rt_subids_why_not(&own);
    ret->good = !ret->advice;
    struct rt_finding spaces = {0};
    try_namespaces(CLONE_NEWUSER, &spaces);
    if (!ret->good && !spaces.good) {
        free(ret->advice);
        ret->advice = cb_strdup("they are of use where a user namespace can be made: that comes first");
    }
    rt_finding_done(&spaces);
    ret->value = cb_printf("%llu uids, %llu gids", (unsigned long long)count(own.uids, own.n_uids),
                           (unsigned long long)count(own.gids, own.n_gids));
    rt_privilege_done(&own);
}

static void look_for_notifications(const struct rt_privilege *p, struct rt_finding *ret)
{
    const char *why = rt_notify_why_not();
    (void)p;
    ret->good = !why;
    ret->value = cb_strdup(why ? "no" : "where ids are missing");
    ret->advice = cb_strdup(why);
}

/* ---- what else is used when it is there ----------------------------------------------------- */

static void look_for_program(const char *name, const char *package, const char *use, struct rt_finding *ret)
{
    CB_AUTO(free) char *file = rt_find_program(name);
    ret->good = file;
    ret->value = file ? CB_TAKE(file) : cb_strdup("not installed");
    if (!ret->good)
        ret->advice = cb_printf("install the package '%s': %s", package, use);
}

static void look_for_device(const char *path, const char *use, struct rt_finding *ret)
{
    ret->good = access(path, R_OK | W_OK) == 0;
    ret->value = ret->good ? cb_strdup("yes") : cb_printf("cannot be opened: %s", strerror(errno));
    if (!ret->good)
        ret->advice = cb_printf("in a container, start it with '--device %s': %s", path, use);
}

static void look_for_newuidmap(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    look_for_program("newuidmap", "uidmap", "it maps an ordinary user's subordinate ids", ret);
}

static void look_for_pasta(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    look_for_program("pasta", "passt", "it gives RUN a network of its own", ret);
}

static void look_for_tun(const struct rt_privilege *p, struct rt_finding *ret)
{
    (void)p;
    look_for_device("/dev/net/tun", "pasta needs it", ret);
}

/* A limit for each controller. They are written down for a command only, of which there is none: any device will do. */
static const struct rt_io_limit some_io = {RT_IO_READ_BPS, 0, 1u << 30};
static const struct rt_limits some_limits[RT_CONTROLLERS] = {
    [RT_CONTROLLER_MEMORY] = {.memory = 1 << 30},
    [RT_CONTROLLER_CPU] = {.cpus = 1000000},
    [RT_CONTROLLER_CPUSET] = {.cpuset_cpus = (char[]){"0"}},
    [RT_CONTROLLER_PIDS] = {.pids = 1000},
    [RT_CONTROLLER_IO] = {.io = (struct rt_io_limit *)&some_io, .n_io = 1},
};

/* The way out, which is the same for all that we have not got, or some of it is missing for a reason of its own. */
static void keep_advice(struct rt_finding *ret, const struct cb_error *err)
{
    if (!ret->advice)
        ret->advice = cb_printf("%s%s%s", err->msg, err->hint ? ": " : "", err->hint ? err->hint : "");
}

static void look_for_limits(const struct rt_privilege *p, struct rt_finding *ret)
{
    CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT, lack = CB_BUF_INIT;
    (void)p;
    for (int c = 0; c < RT_CONTROLLERS; c++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct rt_groups *g = NULL;
        struct cb_buf *list = rt_groups_open(&some_limits[c], &g, &err) == 0 ? &have : &lack;
        cb_buf_printf(list, "%s%s", list->len ? ", " : "", rt_controllers[c].v2);
        rt_groups_close(g);
        if (list == &lack)
            keep_advice(ret, &err);
    }
    ret->good = !lack.len;
    ret->value =
        cb_printf("%s%s%s", have.len ? have.data : "none", lack.len && have.len ? "; not " : "", have.len ? lack.data : "");
}

const struct rt_probe rt_probes[] = {
    {"kernel", look_at_kernel},
    {"user", look_at_user},
    {"capabilities", look_at_capabilities},
    {"ids that exist", look_at_ids},
    {"chroot", look_for_chroot},
    {"seccomp filter", look_at_filter},
    {"security module", look_at_module},
    {"user namespaces", look_for_user_namespaces},
    {"other namespaces", look_for_namespaces},
    {"subordinate ids", look_for_subids},
    {"newuidmap", look_for_newuidmap},
    {"emulated owners", look_for_notifications},
    {"limits", look_for_limits},
    {"pasta", look_for_pasta},
    {"/dev/net/tun", look_for_tun},
};
const size_t rt_n_probes = CB_LEN(rt_probes);

void rt_finding_done(struct rt_finding *f)
{
    free(f->value);
    free(f->advice);
}
