/* A command's group. */
#include "base/fd.h"
#include "runtime/cgroup/files-internal.h"
#include "runtime/cgroup/group-internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct rt_group {
    const struct rt_groups *all;
    char name[32];
    struct {
        int dir, procs;     /* -1: not made (yet) */
    } at[RT_CGROUP_LEVELS]; /* as all->levels */
};

int rt_level_inherit(const struct rt_level *l, int from, int to)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; !l->v2 && l->controllers & 1u << RT_CONTROLLER_CPUSET && i < CB_LEN(files); i++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
        int r = rt_cgroup_read(from, files[i], &text);
        if (r == 0)
            r = rt_cgroup_write(to, files[i], text.data);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply(const struct rt_level *l, const struct rt_setting *s, int dir, struct cb_error *err)
{
    int r = l->controllers & 1u << s->controller ? rt_cgroup_write(dir, s->file, s->text) : 0;
    if (r == 0 || (s->optional && (r == -ENOENT || r == -EACCES || r == -EOPNOTSUPP)))
        return 0;
    cb_fail_sys(err, r, "--%s: write '%s' to '%s' of a control group", s->option, s->text, s->file);
    return r == -ENOENT || r == -EACCES ? cb_hint(err, "this kernel, or how it was started, does not have that limit") : -1;
}

static int make_at(struct rt_group *g, size_t i, struct cb_error *err)
{
    const struct rt_level *l = &g->all->levels[i];
    int r = mkdirat(l->dir, g->name, 0755) < 0 ? -errno : 0;
    if (r == 0)
        g->at[i].dir = openat(l->dir, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r == 0 && g->at[i].dir >= 0)
        r = rt_level_inherit(l, l->dir, g->at[i].dir);
    if (r == 0)
        g->at[i].procs = openat(g->at[i].dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (r < 0 || g->at[i].procs < 0)
        return cb_fail_sys(err, r < 0 ? r : errno, "make a control group in '%s'", l->path);
    const struct rt_settings *settings = &g->all->settings[l->v2];
    for (size_t k = 0; k < settings->n; k++)
        if (apply(l, &settings->items[k], g->at[i].dir, err) < 0)
            return -1;
    return 0;
}

int rt_group_make(const struct rt_groups *all, struct rt_group **ret, struct cb_error *err)
{
    struct rt_group *g = CB_NEW(struct rt_group);
    g->all = all;
    snprintf(g->name, sizeof(g->name), "run-%d", (int)getpid()); /* a job runs one command at a time */
    for (size_t i = 0; i < RT_CGROUP_LEVELS; i++)
        g->at[i].dir = g->at[i].procs = -1;
    for (size_t i = 0; i < all->n; i++)
        if (make_at(g, i, err) < 0) {
            rt_group_end(g, &(struct cb_usage){0}, &(struct rt_excess){0});
            return -1;
        }
    *ret = g;
    return 0;
}

int rt_group_enter(const struct rt_group *g)
{
    for (size_t i = 0; i < g->all->n; i++)
        if (CB_RETRY(write(g->at[i].procs, "0", 1)) < 0)
            return -errno;
    return 0;
}

/* ---- what it counted ---------------------------------------------------------------------------------------------------- */

/* Files without a version have one name in both. */
static const struct {
    const char *peak, *events, *io, *read, *written;
} counters[] = {
    [false] = {"memory.max_usage_in_bytes", "memory.oom_control", "blkio.throttle.io_service_bytes", "Read ", "Write "},
    [true] = {"memory.peak", "memory.events", "io.stat", "rbytes=", "wbytes="},
};

static void count(const struct rt_level *l, int dir, struct cb_usage *usage, struct rt_excess *ret)
{
    uint64_t n;
    if (l->controllers & 1u << RT_CONTROLLER_MEMORY) {
        ret->oom_killed |= rt_cgroup_number(dir, counters[l->v2].events, "oom_kill", &n) && n > 0;
        ret->memory_counted = rt_cgroup_number(dir, counters[l->v2].peak, NULL, &n); /* version 2: since Linux 5.19 */
        if (ret->memory_counted)
            usage->peak_memory = n;
    }
    if (l->controllers & 1u << RT_CONTROLLER_PIDS)
        ret->fork_refused |= rt_cgroup_number(dir, "pids.events", "max", &n) && n > 0;
    if (l->controllers & 1u << RT_CONTROLLER_IO) {
        usage->read_bytes = rt_cgroup_sum(dir, counters[l->v2].io, counters[l->v2].read);
        usage->written_bytes = rt_cgroup_sum(dir, counters[l->v2].io, counters[l->v2].written);
    }
}

void rt_group_end(struct rt_group *g, struct cb_usage *usage, struct rt_excess *ret)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->all->n; i++) {
        if (g->at[i].dir < 0)
            continue;
        count(&g->all->levels[i], g->at[i].dir, usage, ret);
        cb_close(g->at[i].procs);
        cb_close(g->at[i].dir);
        (void)rt_cgroup_remove(g->all->levels[i].dir, g->name); /* what stays goes with the build's group */
    }
    free(g);
}
