/* What the parts of the sandbox share. Only runtime/ includes this.
 *
 * sandbox.c   the job's side: directories, clone, id maps, what the child reports, the result
 * child.c     the child's side: the order of everything up to exec
 * target.c    where a mount goes: resolved inside the root, made when missing, removed again
 * system.c    /proc, /dev, /sys, what is masked
 * attach.c    the mounts of the step, /etc/hosts and /etc/resolv.conf
 * process.c   ids, capabilities, limits, exec */
#ifndef RT_SANDBOX_INTERNAL_H
#define RT_SANDBOX_INTERNAL_H

#include "base/buf.h"
#include "runtime/sandbox.h"
#include "runtime/user.h"
#include <sys/types.h>

/* The child's state. The job owns it, and its memory is the job's until the command is executed: what is made on the way
 * and is still there then belongs in here (rt_child_done). */
struct rt_child {
    const struct rt_sandbox *s;
    int upper, work; /* fds of the overlay's two directories */
    int report;      /* a file in memory for what the job is told: see enum rt_report */
    int root;        /* the merged root */
    dev_t root_dev;
    ino_t root_ino;
    int scratch;        /* a private tmpfs that the command never sees as a whole */
    unsigned n_scratch; /* names used in it and below RT_THROWAWAY */
    struct rt_user user;
    struct cb_buf stubs; /* packed, see rt_stubs_remove */
    char *program;       /* what is executed */
    const char **env;
    char *home; /* of `env`, when it lacked one */
};
void rt_child_done(struct rt_child *c);

/* Records of the report; each begins with such a byte. */
enum rt_report {
    RT_REPORT_ERROR = 1,   /* u32 code, u32 errno, str msg, str hint: the sandbox could not be made */
    RT_REPORT_STUB,        /* a stub, see target.c */
    RT_REPORT_READY,       /* everything is there; exec follows */
    RT_REPORT_NOT_STARTED, /* u32 exit code, str why: exec failed */
};

/* child.c: the function of the brief clone; `child` is a struct rt_child. Never returns. */
int rt_child_main(void *child);

/* target.c */
enum rt_make {
    RT_MAKE_FILE, /* a missing target becomes an empty file, its parents directories: stubs */
    RT_MAKE_DIR,  /* a missing target becomes a directory: stubs */
    RT_MAKE_KEPT, /* a missing directory is made and stays: BuildKit's /dev, /proc and /sys do */
    RT_MAKE_CWD,  /* missing directories are made 0755 with the user's ids and stay */
};
/* Opens (O_PATH) the target of a mount as seen in the merged root, symlinks followed inside it. *ret_made says
 * that it had to be made. Gives an fd, or -1 with err set. A target that is the root itself is refused. */
int rt_target_open(struct rt_child *c, const char *path, enum rt_make make, bool *ret_made, struct cb_error *err);
/* Reads one RT_REPORT_STUB record behind its tag and keeps it; see rt_stubs_remove. */
struct rt_stubs {
    struct rt_stub *items;
    size_t n, cap;
};
struct cb_unpack;
void rt_stubs_take(struct rt_stubs *stubs, struct cb_unpack *u);
/* Removes what was made for mounts only and is still empty and unchanged from the upper directory, and gives
 * the parents their times back. Call when the overlay is gone. */
void rt_stubs_remove(const struct rt_stubs *stubs, int upper);
void rt_stubs_done(struct rt_stubs *stubs);

/* system.c: /proc, /dev, /sys and the cgroup file system; rt_system_mask after the step's mounts. */
int rt_system_mount(struct rt_child *c, struct cb_error *err);
int rt_system_mask(struct rt_child *c, struct cb_error *err);

/* attach.c */
int rt_attach_scratch(struct rt_child *c, struct cb_error *err); /* makes c->scratch */
int rt_attach_all(struct rt_child *c, struct cb_error *err);
/* Scratch directories of RT_MOUNT_OVERLAY below the work directory; the job removes them. */
#define RT_THROWAWAY "throwaway"

/* process.c */
int rt_process_cwd(struct rt_child *c, struct cb_error *err);
/* Ids, capabilities, seccomp, limits: after it the process is the user's. */
int rt_process_drop(struct rt_child *c, struct cb_error *err);
/* Looks the program up and executes it. Returns only on failure: the exit code to report, with why filled. */
int rt_process_exec(struct rt_child *c, char *why, size_t size);

/* seccomp.c: installs Docker's default profile; needs CAP_SYS_ADMIN in this namespace. 0 or -errno. */
int rt_seccomp_install(void);
/* caps.c: 0 or -errno. */
int rt_caps_bound(void);              /* drops all but Docker's set from the bounding set */
int rt_caps_set(bool all, bool none); /* permitted and effective: Docker's set, all of the bounding set, or none */

#endif
