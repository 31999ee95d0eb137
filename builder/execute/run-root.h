/* What a RUN has as its root: the layers as an overlay, and a directory for what it changes; or a working tree, where the file
 * system of the store cannot have overlays or nothing can be mounted. Runs in the namespace. */
#ifndef BUILD_RUN_ROOT_H
#define BUILD_RUN_ROOT_H

#include "builder/session/session.h"
#include "cache/layer/reader.h"
#include "cache/layer/worktree.h"
#include "runtime/sandbox/sandbox.h"

struct build_run_root {
    struct build_session *session;
    int dir;                   /* the command's own work directory, below the session's */
    struct cache_stack lowers; /* overlay: with `stubs` behind the last */
    int stubs;
    struct cache_worktree *tree; /* NULL: an overlay */
    int tree_fd;
};
#define BUILD_RUN_ROOT_INIT ((struct build_run_root){.dir = -1, .lowers = CACHE_STACK_INIT, .stubs = -1, .tree_fd = -1})

struct build_run_place {
    struct build_session *session;
    struct cb_job_io *io;           /* hears why it is no overlay */
    int dir;                        /* taken, on failure too; -1 with `err` set is passed on */
    const struct cb_digest *layers; /* bottom first */
    size_t n_layers;
    bool again; /* a command has worked in `dir`, and another is to find what it left */
};
/* Can commands have overlays there? As rt_snapshot_try_overlay, with changes in `dir` and layers where the store has them. */
int build_run_root_try(struct build_session *s, int dir, char **ret_why, struct cb_error *err);
/* Once a command has been run in this build: what they have as their root, "overlay" or "tree". Borrowed; "" when it was not
 * kept. */
const char *build_run_root_driver(struct build_session *s);
int build_run_root_open(const struct build_run_place *p, struct build_run_root *ret, struct cb_error *err);
void build_run_root_done(struct build_run_root *r); /* after a failure too */
void build_run_root_show(const struct build_run_root *r, struct rt_sandbox *ret);
/* Makes the layer, after a command that succeeded. `private`: nobody else can have files of it open, so its tree is good for the
 * next one. `links`: rt_result's. */
int build_run_root_commit(struct build_run_root *r, bool private, const struct cb_link_owners *links, struct cache_layer *ret,
                          struct cb_error *err);

#endif
