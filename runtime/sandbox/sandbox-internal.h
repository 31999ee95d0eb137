/* What the parts of the sandbox share. Only this room includes it.
 *
 * sandbox.c   the job's side: clone, what the child says, the result
 * deadline.c  the end of a command that takes too long
 * snapshot-*.c  what the root of the sandbox is made of
 * child.c     the child's side: the order of everything up to exec
 * target.c    where a mount goes: resolved inside the root, made when missing, removed again
 * system.c    /proc, /dev, /sys
 * mask.c      which parts of them are covered or read-only
 * chrooted.c  instead of namespaces and mounts, where there are none; place.c, stragglers.c
 * attach.c    the mounts of the step, /etc/hosts and /etc/resolv.conf
 * process.c   ids, capabilities, limits
 * terminal.c  a terminal for whoever works in it
 * exec.c      the last exec, by a stub that is not the host's */
#ifndef RT_SANDBOX_INTERNAL_H
#define RT_SANDBOX_INTERNAL_H

#include "base/buf.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/owners/user.h"
#include <sys/types.h>

/* What was made in the upper directory for mounts only: see target.c. */
struct rt_stubs {
    struct rt_stub *items;
    size_t n, cap;
};

/* The child's state. The job owns it, and the two share their memory until the command is executed: the child leaves in here
 * what it has to say, and also what it made on the way and did not free (rt_child_done). */
struct rt_child {
    const struct rt_sandbox *s;
    const struct rt_confinement *confinement; /* the sandbox's, or the default */
    const struct rt_group *group;             /* NULL: none of its own */
    int root;                                 /* the merged root: a mount that the job made and the child attaches */
    int report;                               /* a file in memory for the one thing that is said later (exec-stub.h) */
    dev_t root_dev;
    ino_t root_ino;
    struct rt_owners owners; /* the job's */
    int mounts;              /* this mount namespace */
    int null;                /* of the machine, for a command whose own may be none; -1: not needed */
    int scratch;             /* a private tmpfs that the command never sees as a whole */
    unsigned n_scratch;      /* names used in it and below RT_THROWAWAY */
    struct rt_user user;
    char *program;     /* what is executed */
    const char **argv; /* of the stub */
    const char **env;
    char *home;               /* for `env`, when it lacked one */
    struct rt_placed *placed; /* place.c */
    size_t n_placed, cap_placed;
    pid_t *own_children; /* of the job, from before */
    size_t n_own_children;
    /* what the job is told */
    struct cb_error err; /* the sandbox could not be made */
    bool ready;          /* all was set up; exec followed */
    struct rt_stubs stubs;
    struct rt_result *result; /* the job's */
};
void rt_child_done(struct rt_child *c);

/* A way to make a root that shows the lowers and keeps changes apart, in upper/ of the work directory, in the form that
 * overlay gives them. */
struct rt_snapshot_ops {
    const char *name;
    /* Makes what is missing in s->work_dir; *ret_upper is the directory of the changes (the caller's, even on failure). */
    int (*prepare)(const struct rt_sandbox *s, int *ret_upper, struct cb_error *err);
    /* The root, a detached mount: its descriptor, or -1. In the job: whoever makes it read-only must still have it when the
     * sandbox is gone. */
    int (*mount)(const struct rt_sandbox *s, struct cb_error *err);
    /* When the command has succeeded and is gone: nothing can change the root any more. */
    int (*finish)(int root, struct cb_error *err);
};
extern const struct rt_snapshot_ops rt_snapshot_overlay, rt_snapshot_tree;

/* deadline.c: waits until the child has ended, which is then to be reaped, and passes the signals on to it that are read from
 * *signals. After `ms` (0: never) it is asked to end, and killed when it does not; false: that was needed. *ret_signal: the one
 * that has ended it, where that is not what its status says; else 0. */
bool rt_deadline_keep(pid_t pid, uint64_t ms, const int *signals, int *ret_signal);

/* child.c: the function of the brief clone; `child` is a struct rt_child. Never returns. */
int rt_child_main(void *child);

/* target.c */
enum rt_make {
    RT_MAKE_FILE, /* a missing target becomes an empty file, its parents directories: stubs */
    RT_MAKE_DIR,  /* a missing target becomes a directory: stubs */
    RT_MAKE_KEPT, /* a missing directory is made and stays, as /dev, /proc and /sys do in BuildKit */
    RT_MAKE_CWD,  /* missing directories are made 0755 with the user's ids and stay */
};
/* Opens (O_PATH) the target of a mount as seen in the merged root, symlinks followed inside it. *ret_made says
 * whether it had to be made. Gives an fd, or -1 with err set. A target that is the root itself is refused. */
int rt_target_open(struct rt_child *c, const char *path, enum rt_make make, bool *ret_made, struct cb_error *err);
/* Gives what has this name in the directory to these ids, as far as they exist. 0 or -errno. */
int rt_give(const struct rt_child *c, int dir, const char *name, uid_t uid, gid_t gid);
/* Removes from the upper directory what was made for mounts only and is still empty and unchanged, and gives
 * the parents their times back. Call when the overlay is gone. */
void rt_stubs_remove(const struct rt_stubs *stubs, int upper);
void rt_stubs_done(struct rt_stubs *stubs);

/* For what a command may write to: MOUNT_ATTR_NODEV where it has no user namespace of its own, so that a device that it makes
 * could be opened; else none, as BuildKit has it. system.c */
uint64_t rt_nodev(const struct rt_child *c);

/* system.c: /proc, /dev, /sys and the cgroup file system. */
int rt_system_mount(struct rt_child *c, struct cb_error *err);
/* mask.c: after the step's mounts. */
int rt_system_mask(struct rt_child *c, struct cb_error *err);

/* attach.c */
int rt_attach_scratch(struct rt_child *c, struct cb_error *err); /* makes c->scratch */
int rt_attach_all(struct rt_child *c, struct cb_error *err);
/* Scratch directories of RT_MOUNT_LAYERS below the work directory; the job removes them. */
#define RT_THROWAWAY "throwaway"

/* process.c */
int rt_process_cwd(struct rt_child *c, struct cb_error *err);
/* Streams, descriptors, limits, capabilities, seccomp, ids: afterwards the process is the user's, and nothing of the host is
 * open in it. */
int rt_process_drop(struct rt_child *c, struct cb_error *err);

/* terminal.c: makes a terminal, the controlling one of this process, and hands its master on. Its other side, or -1. */
int rt_terminal_open(const struct rt_child *c, struct cb_error *err);

/* exec.c, after rt_exec_prepare. */
/* Closes everything but the standard streams and what rt_exec_command needs. */
int rt_exec_close_host(const struct rt_child *c, struct cb_error *err);
/* Looks the program up and starts it. Returns only on failure: the exit code, with `ret` saying why. */
int rt_exec_command(struct rt_child *c, struct rt_result *ret);
/* In the job, when the child is gone: what the stub reported goes into `ret`. 0, the errno of execve, or -errno. */
int rt_exec_read_report(const struct rt_child *c, struct rt_result *ret);

#endif
