/* The build's groups: where they can be, that they have what the limits need, and that they go. */
#include "base/clock.h"
#include "base/fd.h"
#include "runtime/cgroup/files-internal.h"
#include "runtime/cgroup/group-internal.h"
#include "runtime/cgroup/sets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SELF  "self" /* the group below the build's in which cbuild itself is, where it had to move */
#define TRIES 8      /* to make a group that a build beside us takes for one of the dead */

/* ---- controllers of version 2 ----------------------------------------------------------------------------------------- */

/* Gives the groups below `dir` the controllers, or takes them away. 0 or -errno. */
static int control(int dir, unsigned controllers, char sign)
{
    CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT, text = CB_BUF_INIT;
    int r = rt_cgroup_read(dir, "cgroup.subtree_control", &have);
    if (r < 0)
        return r;
    unsigned there = rt_controllers_in(have.data, have.len, true);
    for (unsigned c = 0; c < RT_CONTROLLERS; c++)
        if (controllers & 1u << c && !(there & 1u << c) == (sign == '+'))
            cb_buf_printf(&text, "%s%c%s", text.len ? " " : "", sign, rt_controllers[c].v2);
    return text.len ? rt_cgroup_write(dir, "cgroup.subtree_control", text.data) : 0;
}

static bool is_child(pid_t pid)
{
    char path[64];
    CB_AUTO(cb_buf) struct cb_buf status = CB_BUF_INIT;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    CB_AUTO(free) char *line = cb_printf("\nPPid:\t%d\n", (int)getpid());
    return cb_read_file(AT_FDCWD, path, 65536, &status) == 0 && strstr(status.data, line);
}

/* Moves us, and our jobs that run, from one group to another. 0 or -errno. */
static int move_us(int from, int to)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    int r = rt_cgroup_write(to, "cgroup.procs", "0");
    if (r < 0 || rt_cgroup_read(from, "cgroup.procs", &list) < 0)
        return r;
    pid_t pid;
    for (char *rest = list.data; rt_cgroup_next(&rest, &pid);) {
        char text[16];
        snprintf(text, sizeof(text), "%d", pid);
        if (is_child(pid))
            (void)rt_cgroup_write(to, "cgroup.procs", text); /* it may have ended; if not, controllers are refused */
    }
    return 0;
}

static void move_back(struct rt_level *l)
{
    CB_AUTO(close) int self = openat(l->dir, SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self < 0 || control(l->dir, l->controllers, '-') < 0 || control(l->parent, l->controllers, '-') < 0)
        return; /* the group stays as it is; a scope of systemd's goes when we do */
    l->moved = move_us(self, l->parent) < 0;
}

/* The kernel would hand on pids, cpu and cpuset nevertheless, but to groups of threads alone. The root may have processes; it
 * has no type. */
static bool is_occupied(int dir)
{
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    return faccessat(dir, "cgroup.type", F_OK, 0) == 0 && rt_cgroup_read(dir, "cgroup.procs", &list) == 0 && list.len > 0;
}

/* Processes may not be where controllers are handed on: if that is us, we make room. */
static int make_room(struct rt_level *l)
{
    if (mkdirat(l->dir, SELF, 0700) < 0)
        return -errno;
    CB_AUTO(close) int self = openat(l->dir, SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = self < 0 ? -errno : move_us(l->parent, self);
    if (r < 0)
        return r;
    l->moved = true;
    return is_occupied(l->parent) ? -EBUSY : 0;
}

static int delegate(struct rt_level *l)
{
    int r = is_occupied(l->parent) ? make_room(l) : 0;
    if (r == 0)
        r = control(l->parent, l->controllers, '+');
    return r < 0 ? r : control(l->dir, l->controllers, '+');
}

/* ---- one level ---------------------------------------------------------------------------------------------------------- */

static void close_level(struct rt_level *l, const char *name)
{
    if (l->dir >= 0) {
        rt_cgroup_clear(l->dir, SELF);
        if (l->moved)
            move_back(l);
        (void)unlinkat(l->dir, SELF, AT_REMOVEDIR);
        (void)unlinkat(l->parent, name, AT_REMOVEDIR); /* what stays is swept by a later build */
    }
    cb_close(l->dir);
    cb_close(l->parent);
    free(l->path);
}

/* Made and locked: whoever sweeps and finds it without its lock removes it. 0 or -errno. */
static int make_locked(struct rt_level *l, const char *name)
{
    struct stat ours, there;
    for (int i = 0; i < TRIES; i++) {
        if (mkdirat(l->parent, name, 0700) < 0)
            return -errno;
        l->dir = openat(l->parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->dir >= 0 && flock(l->dir, LOCK_EX | LOCK_NB) == 0 && fstat(l->dir, &ours) == 0 &&
            fstatat(l->parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == there.st_ino)
            return 0;
        l->dir = cb_close(l->dir);
    }
    return -EAGAIN;
}

static int open_level(struct rt_level *l, const char *name, bool named)
{
    int r = named ? cb_mkdirs(AT_FDCWD, l->path, 0755) : 0;
    if (r == 0)
        l->parent = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r < 0 || l->parent < 0)
        return r < 0 ? r : -errno;
    rt_cgroup_sweep(l->parent);
    r = make_locked(l, name);
    if (r < 0)
        return r;
    return l->v2 ? delegate(l) : rt_level_inherit(l, l->parent, l->dir);
}

/* ---- why not ------------------------------------------------------------------------------------------------------------ */

static const char *option_for(const struct rt_groups *g, enum rt_controller c)
{
    const struct rt_settings *s = &g->settings[true];
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].controller == c)
            return s->items[i].option;
    return "cgroup-parent";
}

/* RT_CONTROLLERS: there is none. */
static enum rt_controller first_of(unsigned controllers)
{
    int c = 0;
    while (c < RT_CONTROLLERS && !(controllers & 1u << c))
        c++;
    return (enum rt_controller)c;
}

/* What gives us groups of version 2 to divide, where `dir` is our own. */
static const char *delegation(const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) == 0 && fs.f_flag & ST_RDONLY)
        return "the surrounding container has to be started with a writable /sys/fs/cgroup, and cbuild alone in its group";
    if (access("/run/systemd/system", F_OK) == 0)
        return "systemd gives a user's processes such groups: 'systemd-run --user --scope -p Delegate=yes cbuild ...'. The "
               "controllers that it has for users are in a file /etc/systemd/system/user@.service.d/delegate.conf: '[Service]' "
               "and "
               "'Delegate=cpu cpuset io memory pids'";
    return "an administrator can give you a group, as 'mkdir /sys/fs/cgroup/NAME' and 'chown -R USER /sys/fs/cgroup/NAME' do, "
           "with "
           "the "
           "controllers in the cgroup.subtree_control above it, and start you there: 'echo PID "
           ">/sys/fs/cgroup/NAME/cgroup.procs'";
}

static int no_controller(const struct rt_groups *g, const struct rt_hierarchies *all, enum rt_controller c, struct cb_error *err)
{
    const struct rt_hierarchy *v2 = NULL, *v1 = NULL; /* a machine that has both keeps its controllers in version 1 */
    for (size_t i = 0; i < all->n; i++)
        *(all->items[i].v2 ? &v2 : &v1) = &all->items[i];
    cb_fail(err, CB_E_UNSUPPORTED, "--%s cannot be honoured: the controller '%s' of control groups is not ours to use",
            option_for(g, c), rt_controllers[c].v2);
    if (!all->n)
        return cb_hint(err, "no control groups are mounted here, at /sys/fs/cgroup or elsewhere");
    return cb_hint(err, "%s", v2 && !v1 ? delegation(v2->top) : "this kernel does not have it, or it is not mounted");
}

static int no_level(const struct rt_groups *g, const struct rt_level *l, int r, struct cb_error *err)
{
    enum rt_controller c = first_of(l->controllers);
    const char *v1 = rt_controllers[c < RT_CONTROLLERS ? c : RT_CONTROLLER_MEMORY].v1;
    cb_fail(err, CB_E_UNSUPPORTED, "--%s cannot be honoured: a control group for steps cannot be made in '%s': %s",
            option_for(g, c), l->path, strerror(-r));
    err->sys = -r;
    if (r == -EBUSY)
        return cb_hint(err, "other processes are in that group, and version 2 has none where limits are handed on: start cbuild "
                            "alone in a group, as 'systemd-run --scope -p Delegate=yes cbuild ...' does, or name another with "
                            "--cgroup-parent");
    if (!l->v2)
        return cb_hint(err,
                       "an administrator can give you a group in each hierarchy, as 'mkdir /sys/fs/cgroup/%s/NAME' and "
                       "'chown -R USER /sys/fs/cgroup/%s/NAME' do: then --cgroup-parent /NAME",
                       v1, v1);
    return cb_hint(err, "%s", delegation(l->path));
}

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

static unsigned needed(const struct rt_groups *g)
{
    unsigned all = 0;
    for (size_t i = 0; i < g->settings[true].n; i++)
        all |= 1u << g->settings[true].items[i].controller;
    for (size_t i = 0; i < g->settings[false].n; i++)
        all |= 1u << g->settings[false].items[i].controller;
    return all;
}

/* The directory that --cgroup-parent names in the hierarchy, by default that of our own group. */
static char *parent_path(const struct rt_hierarchy *h, const char *parent)
{
    if (!parent || cb_ends(parent, ".slice"))
        return cb_strdup(h->own);
    return *parent == '/' ? cb_printf("%s%s", h->top, parent) : cb_printf("%s/%s", h->own, parent);
}

static void add_level(struct rt_groups *g, const struct rt_hierarchy *h, unsigned controllers)
{
    struct rt_level *l = &g->levels[g->n++];
    *l = (struct rt_level){h->v2, controllers & h->controllers, -1, -1, parent_path(h, g->limits->parent), false};
}

/* Those that the limits need; where a parent is named, all in which it can be: it has limits of its own. */
static int find_levels(struct rt_groups *g, const struct rt_hierarchies *all, struct cb_error *err)
{
    unsigned need = needed(g);
    for (int c = 0; c < RT_CONTROLLERS; c++)
        if (need & 1u << c && !rt_hierarchy_with(all, (enum rt_controller)c))
            return no_controller(g, all, (enum rt_controller)c, err);
    for (size_t i = 0; i < all->n && g->n < RT_CGROUP_LEVELS; i++)
        if (all->items[i].own && (all->items[i].controllers & need || g->limits->parent))
            add_level(g, &all->items[i], need);
    return g->n ? 0 : no_controller(g, all, RT_CONTROLLER_MEMORY, err);
}

/* Where a parent is named, but no limit needs a hierarchy, that is left out when it does not have this parent. */
static int open_levels(struct rt_groups *g, struct cb_error *err)
{
    bool named = g->limits->parent && !cb_ends(g->limits->parent, ".slice");
    size_t n = g->n, kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct rt_level *l = &g->levels[i];
        int r = open_level(l, g->name, named && l->controllers);
        if (r < 0 && (l->controllers || (i + 1 == n && !kept))) {
            memmove(&g->levels[kept], l, (n - i) * sizeof(*l));
            g->n = kept + n - i;
            return no_level(g, &g->levels[kept], r, err);
        }
        if (r < 0)
            close_level(l, g->name);
        else
            g->levels[kept++] = *l;
    }
    g->n = kept;
    return 0;
}

/* The kernel refuses what the group above does not have, or leaves it out without a word. */
static int check_sets(const struct rt_groups *g, struct cb_error *err)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct rt_level *l = &g->levels[i];
        if (l->controllers & 1u << RT_CONTROLLER_CPUSET && rt_sets_check_group(g->limits, l->v2, l->dir, l->path, err) < 0)
            return -1;
    }
    return 0;
}

static int open_all(struct rt_groups *g, struct cb_error *err)
{
    CB_AUTO(rt_hierarchies) struct rt_hierarchies all = {0};
    rt_hierarchies_read(&all);
    int r = find_levels(g, &all, err);
    if (r == 0)
        r = open_levels(g, err) < 0 ? -1 : check_sets(g, err);
    for (size_t i = 0; i < g->n && r < 0; i++)
        close_level(&g->levels[i], g->name);
    if (r < 0)
        g->n = 0;
    return r;
}

/* Where all there is belongs to version 2, systemd can give us a group to divide, if we have none. */
static bool may_ask_systemd(const struct rt_groups *g)
{
    CB_AUTO(rt_hierarchies) struct rt_hierarchies all = {0};
    rt_hierarchies_read(&all);
    for (size_t i = 0; i < all.n; i++)
        if (!all.items[i].v2)
            return false;
    return all.n && (!g->limits->parent || cb_ends(g->limits->parent, ".slice"));
}

static int open_somewhere(struct rt_groups *g, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT, refused = CB_ERROR_INIT;
    const char *slice = g->limits->parent && cb_ends(g->limits->parent, ".slice") ? g->limits->parent : NULL;
    if (slice ? rt_cgroup_scope(slice, err) < 0 : open_all(g, &why) == 0)
        return slice ? -1 : 0;
    if (!slice && (!may_ask_systemd(g) || rt_cgroup_scope(NULL, &refused) < 0)) {
        cb_error_move(err, &why);
        return -1;
    }
    return open_all(g, err);
}

int rt_groups_open(const struct rt_limits *l, struct rt_groups **ret, struct cb_error *err)
{
    struct rt_groups *g = CB_NEW(struct rt_groups);
    struct timespec now = cb_clock_now();
    g->limits = l;
    snprintf(g->name, sizeof(g->name), RT_CGROUP_PREFIX "%d-%08lx", (int)getpid(), (unsigned long)now.tv_nsec);
    rt_limits_settings(l, false, &g->settings[false]);
    rt_limits_settings(l, true, &g->settings[true]);
    if (open_somewhere(g, err) < 0) {
        rt_groups_close(g);
        return -1;
    }
    *ret = g;
    return 0;
}

void rt_groups_close(struct rt_groups *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        close_level(&g->levels[i], g->name);
    rt_settings_done(&g->settings[false]);
    rt_settings_done(&g->settings[true]);
    free(g);
}
