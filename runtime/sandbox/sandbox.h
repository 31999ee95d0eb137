/* One command in a container: own mount, PID, IPC, UTS, cgroup (and network) namespaces on an overlay
 * (runtime.md). It is given a root, mounts and a command, and answers with exit status
 * and resource use. It knows nothing of Dockerfiles or caches. Runs inside a job of the helper. */
#ifndef RT_SANDBOX_H
#define RT_SANDBOX_H

#include "base/usage.h"
#include "runtime/cgroup/group.h"
#include "runtime/confine/confinement.h"
#include "runtime/network/network.h"
#include "runtime/owners/owners.h"
#include "runtime/rung/privilege.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

enum rt_mount_kind {
    RT_MOUNT_BIND, /* source_fd: a directory or file (O_PATH) */
    RT_MOUNT_TMPFS,
    RT_MOUNT_DATA,   /* a file in memory with `data` (secrets); mode, uid, gid */
    RT_MOUNT_SOCKET, /* source_fd: a socket file to bind (ssh agent) */
    RT_MOUNT_LAYERS  /* stacked layers, source_path inside the whole; what is written is thrown away */
};
struct rt_mount {
    enum rt_mount_kind kind;
    const char *target; /* absolute inside the root; symlinks followed inside it */
    int source_fd;
    const char *source_path; /* below source_fd, symlinks followed inside it ("" or NULL: itself) */
    bool readonly;
    bool nosuid_nodev_noexec;
    bool movable;  /* BIND, SOCKET: the source is nobody else's; where nothing can be mounted it lies in its place meanwhile */
    uint64_t size; /* tmpfs: bytes, 0: no limit */
    bool has_mode; /* tmpfs: `mode` is that of its root, instead of that of the directory it covers */
    const void *data;
    size_t data_len;
    uint32_t mode, uid, gid;
    const int *layers; /* LAYERS: fds of directories, top first; none: an empty directory */
    size_t n_layers;
};
struct rt_rlimit {
    int resource; /* RLIMIT_… */
    struct rlimit value;
    const char *name; /* "nofile", for messages */
};
/* Whether a sandbox that this process starts will have the hard limit; if not, it gets *ret_most. */
bool rt_rlimit_allowed(const struct rt_rlimit *l, uint64_t *ret_most);
/* The hard limit that is asked for, or the highest that the kernel gives anybody (for descriptors, a sysctl). */
rlim_t rt_rlimit_ceiling(const struct rt_rlimit *l);

#define RT_MAX_LOWERS 500 /* the kernel refuses the 501st (sandbox-costs.md §4) */

struct rt_sandbox {
    const int *lowers; /* fds of lower directories, top first; at least one. Reopened (O_PATH) under the same numbers */
    size_t n_lowers;
    const int *tree; /* a directory that is the root itself and is written to; NULL: an overlay of the lowers */
    int work_dir;    /* fd: upper/ and work/ are made in it, or are there and empty; upper/ holds the changes afterwards */
    const char *const *argv;
    const char *const *env; /* complete but for HOME, which is taken from passwd when absent */
    const char *cwd;        /* absolute; made 0755 with the user's ids when missing */
    const char *user;       /* as in USER: "", "name", "1:2", "name:group"; looked up in the root's files */
    const char *hostname;
    bool needs_hostname; /* where it cannot be set there is no sandbox: somebody asked for it with --hostname */
    const char *hosts;   /* lines of /etc/hosts after those of the sandbox itself */
    const char *resolv;  /* content of /etc/resolv.conf */
    const struct rt_mount *mounts;
    size_t n_mounts;
    const char *arch; /* of the root's programs ("arm64"); NULL: this machine's */
    const struct rt_network *network;
    const struct rt_confinement *confinement; /* NULL: Docker's */
    const struct rt_filter *filter;           /* of rt_confinement_filter; NULL: none was made */
    bool insecure;                            /* all capabilities, no seccomp, no masked paths */
    uint64_t shm_size;                        /* bytes; 0: 64 MiB */
    uint64_t timeout_ms;                      /* 0: none; the time in which the whole build is stopped does not count */
    const struct rt_rlimit *rlimits;
    size_t n_rlimits;
    const struct rt_groups *groups; /* the command gets a control group of its own in these; NULL: it does not */
    int stdin_fd;                   /* -1: /dev/null */
    int stdout_fd, stderr_fd;
    /* Not -1: all three are a terminal of the sandbox instead, whose master this socket (SOCK_SEQPACKET) takes, one byte with
     * SCM_RIGHTS. What it may have to give is the terminal's size, a struct winsize. */
    int terminal;
    const int *signals; /* a descriptor that gives numbers of signals, a byte each, for the command; NULL: it gets none */
    bool read_only;     /* the root can only be read; what is mounted in it stays as it is */
    const struct rt_privilege *privilege; /* of the helper the job runs in */
    const struct cb_link_owners
        *link_owners; /* of symlinks and FIFOs of the lowers, where their inodes do not say; may be NULL */
};

struct rt_result {
    int exit_code; /* when it exited */
    int signal;    /* not 0: it was killed by this signal */
    bool oom_killed;
    struct rt_excess excess; /* of a control group of its own */
    bool timed_out;          /* it was ended, whatever its status says */
    bool not_started;        /* exec failed: exit_code is 127 or 126; `why` says what was tried */
    char why[256];
    char advice[512]; /* what else can be said about that; "" */
    bool scoped;      /* it could not reach abstract sockets of other steps or of the host */
    bool as_root;     /* the command was root */
    bool walled;      /* in a chroot: even one that gets out of it can open no file there */
    bool no_devices;  /* in a chroot: its /dev has none, or not all */
    bool no_hostname; /* the host name could not be set */
    bool outer_proc;  /* the surrounding container's /proc was shown, read-only: the kernel allowed nothing else */
    struct cb_usage usage;
    bool emulated;               /* ids and owners were told by a supervisor */
    const char *no_emulation;    /* why not, where the rung would have it (static); else NULL */
    struct cb_link_owners links; /* owners of what upper/ has that holds none itself; the caller frees links.items */
};

/* 0: the command ran or could not be executed (see result). -1: the sandbox could not be made, the user or a mount was not
 * found, or (EBUSY) a file of a command that succeeded is still open for writing somewhere (err). Afterwards upper/ is complete,
 * stubs of mounts are gone, nothing of the sandbox is alive or mounted; when the command succeeded nobody can write to
 * upper/ through a descriptor that it passed on. */
int rt_sandbox_run(const struct rt_sandbox *s, struct rt_result *ret, struct cb_error *err);

#endif
