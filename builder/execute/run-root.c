#include "builder/execute/run-root.h"
#include "base/fd.h"
#include "cache/store/found.h"
#include "runtime/mount/snapshot.h"

#include <string.h>
#include <unistd.h>

#define FOUND   "snapshot" /* the name under which the store remembers it: "RUNG\nDRIVER[\nWHY NOT A BETTER ONE]" */
#define OVERLAY "overlay"
#define TREE    "tree"

/* ---- which ----------------------------------------------------------------------------------------- */

/* What the line says, and what follows it; NULL: it says something else. */
static const char *after_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    return strncmp(text, line, n) == 0 && (text[n] == '\n' || !text[n]) ? text + n + (text[n] == '\n') : NULL;
}

/* What the answer holds for: the rung, and the file system on which commands work when it is not the store's. */
static char *condition(const struct build_session *s)
{
    struct stat st;
    return s->run_root && fstat(s->run_root->root, &st) == 0
               ? cb_printf("%s %llx", s->privilege.rung->name, (unsigned long long)st.st_dev)
               : cb_strdup(s->privilege.rung->name);
}

static int try_below(int dir, int lower_dir, char **ret_why, struct cb_error *err)
{
    CB_AUTO(close) int in = mkdirat(dir, "try", 0700) < 0 ? -1 : openat(dir, "try", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct rt_snapshot_place place = {in, lower_dir < 0 ? in : lower_dir};
    int r =
        in < 0 ? cb_fail_sys(err, errno, "make a directory to try an overlay") : rt_snapshot_try_overlay(&place, ret_why, err);
    (void)cb_remove_tree(dir, "try"); /* what stays goes with the directory around it */
    return r;
}

int build_run_root_try(struct build_session *s, int dir, char **ret_why, struct cb_error *err)
{
    if (!s->run_root)
        return try_below(dir, -1, ret_why, err);
    struct cache_work lower = CACHE_WORK_INIT; /* layers stay in the store */
    if (cache_work_begin(s->store, &lower, err) < 0)
        return -1;
    int r = try_below(dir, lower.dir, ret_why, err);
    cache_work_done(s->store, &lower);
    return r;
}

/* *ret: the text to remember. */
static int try(const struct build_run_place *p, const char *where, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(free) char *why = NULL;
    int r = build_run_root_try(p->session, p->dir, &why, err);
    if (r < 0)
        return -1;
    cb_buf_printf(ret, "%s\n%s%s%s", where, r ? OVERLAY : TREE, r ? "" : "\n", r ? "" : why);
    cache_found_keep(p->session->store, FOUND, ret->data);
    return 0;
}

static void tell_why(const struct build_run_place *p, const char *why)
{
    CB_AUTO(free)
    char *text =
        cb_printf("each RUN works in a copy of its files and is compared with it, because %s '%s' cannot have overlays (%s). "
                  "A directory on ext4, xfs, btrfs or tmpfs (a volume, in a container), given with --run-root, is faster",
                  p->session->run_root ? "the run root" : "the store",
                  p->session->run_root ? p->session->run_root->path : p->session->store->path, why);
    cb_job_warn(p->io, text);
}

/* 1: RUN has overlays here. 0: trees. */
static int has_overlay(const struct build_run_place *p, struct cb_error *err)
{
    const struct build_session *s = p->session;
    if (s->privilege.rung->chroots || !s->privilege.rung->runs)
        return !s->privilege.rung->runs; /* what says why no command can be run comes later */
    CB_AUTO(free) char *where = condition(s);
    CB_AUTO(cb_buf) struct cb_buf found = CB_BUF_INIT;
    const char *driver = after_line(s->snapshot.data, where);
    if (!driver && cache_found_get(s->store, FOUND, &found)) /* a step of this build may have found it out */
        driver = after_line(found.data, where);
    if (!driver) {
        cb_buf_reset(&found);
        if (try(p, where, &found, err) < 0)
            return -1;
        driver = after_line(found.data, where);
    }
    const char *why = after_line(driver, TREE);
    if (why)
        tell_why(p, why);
    return !why;
}

const char *build_run_root_driver(struct build_session *s)
{
    if (s->privilege.rung->chroots)
        return TREE;
    CB_AUTO(free) char *where = condition(s);
    CB_AUTO(cb_buf) struct cb_buf found = CB_BUF_INIT;
    const char *driver = cache_found_get(s->store, FOUND, &found) ? after_line(found.data, where) : NULL;
    return !driver ? "" : after_line(driver, TREE) ? TREE : OVERLAY;
}

/* ---- overlay --------------------------------------------------------------------------------------- */

static int open_stack(const struct build_run_place *p, struct build_run_root *r, struct cb_error *err)
{
    if (cache_stack_open(p->session->store, p->layers, p->n_layers, &r->lowers, err) < 0)
        return -1;
    /* The mount points of last resort lie below all layers and belong to none of them. */
    r->stubs = openat(p->session->work.dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->stubs < 0)
        return cb_fail_sys(err, errno, "open the mount points of a step");
    r->lowers.dirs[r->lowers.n] = r->stubs;
    return 0;
}

/* ---- both ------------------------------------------------------------------------------------------ */

static int open_tree(const struct build_run_place *p, struct build_run_root *r, struct cb_error *err)
{
    const struct build_session *s = p->session;
    int e = p->again ? cache_worktree_again(s->store, r->dir, &r->tree, err)
                     : cache_worktree_take(s->store, s->work.dir, r->dir, p->layers, p->n_layers, !s->privilege.rung->chroots,
                                           &r->tree, err);
    if (e == 0)
        r->tree_fd = cache_worktree_root(r->tree);
    return e;
}

int build_run_root_open(const struct build_run_place *p, struct build_run_root *ret, struct cb_error *err)
{
    *ret = BUILD_RUN_ROOT_INIT;
    ret->session = p->session;
    ret->dir = p->dir;
    int overlay = p->dir < 0 ? -1 : has_overlay(p, err);
    if (overlay < 0 || (overlay && open_stack(p, ret, err) < 0))
        return -1;
    return overlay && ret->lowers.n < RT_MAX_LOWERS ? 0 : open_tree(p, ret, err);
}

void build_run_root_done(struct build_run_root *r)
{
    cache_worktree_free(r->tree);
    cache_stack_close(&r->lowers);
    cb_close(r->stubs);
    cb_close(r->dir);
    *r = BUILD_RUN_ROOT_INIT;
}

void build_run_root_show(const struct build_run_root *r, struct rt_sandbox *ret)
{
    ret->work_dir = r->dir;
    ret->lowers = r->lowers.dirs;
    ret->n_lowers = r->lowers.n + 1;
    ret->tree = r->tree ? &r->tree_fd : NULL;
    ret->link_owners = r->tree ? cache_worktree_links(r->tree) : &r->lowers.links;
}

int build_run_root_commit(struct build_run_root *r, bool private, const struct cb_link_owners *links, struct cache_layer *ret,
                          struct cb_error *err)
{
    if (!r->tree)
        return cache_layer_commit_upper(r->session->store, r->dir, "upper", r->lowers.dirs, r->lowers.n, links, ret, err);
    if (cache_worktree_commit(r->tree, links, ret, err) < 0)
        return -1;
    if (private)
        cache_worktree_leave(r->tree);
    return 0;
}
