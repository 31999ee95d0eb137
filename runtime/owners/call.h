/* One notified system call, for those who answer it. Only runtime/owners/ includes this.
 *
 * filter.c      which calls are notified: a BPF program out of the table
 * table.c       number → who answers it, for every set of numbers of the machine
 * supervisor.c  the process: its start, the loop, its end
 * target.c      the caller: its memory, its ids, its paths
 * store.c       where owners are kept
 * links.c       owners of what has no attributes, and how they become paths
 * calls-*.c     the answers
 *
 * A path of the caller means here what it means there, because the supervisor stands in its mount namespace, in its
 * root, and in a /proc of its own PID namespace as its working directory: "17/cwd/x", "17/fd/3/x", "/x". Only what it changes in
 * between can make it mean something else, and then it has deceived itself: whatever the supervisor does, root in the
 * sandbox could do itself. */
#ifndef RT_OWNERS_CALL_H
#define RT_OWNERS_CALL_H

#include "base/owner.h"
#include "runtime/owners/credential.h"
#include "runtime/owners/links.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rt_super {
    int listener;
    int proc; /* of the PID namespace that numbers the callers; the working directory */
    int root; /* of the sandbox */
    uint64_t bounding;
    struct rt_creds *creds;
    struct rt_links links;
    bool chrooted; /* somebody has called chroot(2): roots are compared from then on */
    bool full;     /* something had to be refused at a bound */
};

struct rt_call {
    struct rt_super *super;
    const struct rt_row *row;
    uint64_t id;
    pid_t tid;
    bool compat; /* of a 32-bit program */
    uint64_t arg[6];
    bool elsewhere; /* the supervisor stands in the caller's own root or directory now */
    /* read when it is first asked for (rt_call_cred) */
    const struct rt_cred *cred;
    bool unsettled; /* its limit still says what it would have become */
};

/* An answer is what the call returns: a value, or -errno. */
#define RT_PASS INT64_MIN       /* the kernel is to do it */
#define RT_SENT (INT64_MIN + 1) /* it has been answered already */
typedef int64_t rt_call_fn(struct rt_call *c);

/* ---- arguments and memory (target.c) -------------------------------------------------------- */

static inline int rt_call_int(const struct rt_call *c, unsigned i)
{
    return (int)c->arg[i];
}
uint32_t rt_call_id(const struct rt_call *c, unsigned i); /* a uid or gid; RT_CRED_SAME where it says so */

/* Is it still waiting? Else what was read may be somebody else's. */
bool rt_call_valid(const struct rt_call *c);
/* All of 0 or -errno. Reading and writing check that it is still there. */
int rt_call_read(const struct rt_call *c, uint64_t at, void *p, size_t n);
int rt_call_write(const struct rt_call *c, uint64_t at, const void *p, size_t n);
/* A string of less than `max` bytes: its length, or -errno (-ENAMETOOLONG). */
int rt_call_string(const struct rt_call *c, uint64_t at, char *ret, size_t max);

/* ---- who it is ------------------------------------------------------------------------------- */

/* The soft limit RLIMIT_RTTIME of set 0; the sets that follow are one more each. While it is not known yet whether a program is
 * executed, with RT_CRED_DOUBT: the set that it gets then, the set that it has otherwise (16 bits each), and above them a mark of
 * what it executes now. */
#define RT_CRED_BASE  (UINT64_C(1) << 32)
#define RT_CRED_DOUBT (UINT64_C(1) << 62)

const struct rt_cred *rt_call_cred(struct rt_call *c);
/* The ids that `pid` has; NULL: it is gone. */
const struct rt_cred *rt_cred_of(const struct rt_super *s, pid_t pid);
/* From now on all of its threads and children have these. 0 or -errno. */
int rt_call_become(struct rt_call *c, const struct rt_cred *cred);
/* The same if the execve that it waits in succeeds. */
int rt_call_become_by_exec(struct rt_call *c, const struct rt_cred *cred);
/* In an execve, before anything else: what an earlier one that failed has left is forgotten. */
void rt_call_settle(struct rt_call *c);

/* ---- where it points to ---------------------------------------------------------------------- */

struct rt_path {
    char text[PATH_MAX];
    bool follow; /* a symlink at its end */
};
/* The path in argument `path` below the directory in argument `dir` (-1: the working directory), with AT_SYMLINK_NOFOLLOW and
 * AT_EMPTY_PATH in `flags`. May move the supervisor into another root (c->elsewhere). 0 or -errno. */
int rt_path_at(struct rt_call *c, int dir, int path, int flags, struct rt_path *ret);
/* The same for a path that has been read, below an open file of the caller (AT_FDCWD). */
int rt_path_text(struct rt_call *c, int dirfd, const char *path, int flags, struct rt_path *ret);
/* The file that the first argument names, as the row says. */
int rt_path_how(struct rt_call *c, struct rt_path *ret);
/* The same where a descriptor must be open for more than its path (O_PATH). */
int rt_path_open(struct rt_call *c, struct rt_path *ret);
/* Is the directory in argument `dir` one that it has, or not needed for *p? */
bool rt_call_has_dir(const struct rt_call *c, unsigned dir, const struct rt_path *p);
/* What descriptor `fd` of the caller is. */
void rt_path_fd(const struct rt_call *c, int fd, struct rt_path *ret);
/* Goes along the symlinks at its end by what they say. From here such a one as /dev/stdout leads nowhere, which they may name;
 * and what a dangling one names can be made. 0 or -errno. */
int rt_path_links(const struct rt_call *c, struct rt_path *p);
bool rt_is_of_proc(int fd);
/* The directory of the path, and the name in it (which points into p->text). False: it has no such name. */
bool rt_path_split(const struct rt_path *p, struct rt_path *ret_dir, const char **ret_name);
/* Back to the sandbox's root. */
void rt_path_return(struct rt_call *c);

/* ---- what else it is (target.c) -------------------------------------------------------------- */

mode_t rt_call_umask(const struct rt_call *c);
/* Has the process these rights (4, 2, 1: read, write, execute) over what is there, by its owner and mode? True where that cannot
 * be told: the call itself says what is wrong. */
bool rt_call_may(struct rt_call *c, const struct rt_path *p, unsigned rights);
bool rt_call_no_new_privs(const struct rt_call *c);
/* The number that it, or `pid`, has in the sandbox; 0: it is gone. */
uint32_t rt_call_pid(const struct rt_call *c);
uint32_t rt_pid_inside(const struct rt_super *s, pid_t pid);
/* A descriptor of the caller as one of ours (the caller's of this function), or -errno. */
int rt_call_take_fd(const struct rt_call *c, int fd);

/* ---- owners (store.c) ------------------------------------------------------------------------ */

/* 1: *ret was set for it. 0: it has none but the inode's. -errno. */
int rt_store_read(const struct rt_super *s, const struct rt_path *p, struct cb_owner *ret);
/* The same with its stat; *st is as the caller is to see it. */
int rt_store_stat(const struct rt_super *s, const struct rt_path *p, struct stat *st, struct cb_owner *ret);
/* 0 or -errno. */
int rt_store_write(struct rt_super *s, const struct rt_path *p, const struct stat *st, const struct cb_owner *o);

/* ---- the answers (calls-*.c) and their numbers (table.c) ------------------------------------- */

/* When a call is notified: both tests hold, of arguments' lower halves. */
struct rt_test {
    enum { RT_ANY, RT_ONE_OF, RT_BITS } kind;
    uint8_t arg;
    uint32_t value[3]; /* ONE_OF: is it one of these (0: that one is not meant)? BITS: has it any of the bits of [0]? */
};
/* How a call names the file it is about, in its first argument. */
enum rt_how { RT_PATH, RT_LINK, RT_FD };
struct rt_row {
    int native, compat; /* -1: there is none */
    rt_call_fn *fn;     /* NULL: refused with `refuse` */
    enum rt_how how;    /* of calls that differ in nothing else */
    struct rt_test test[2];
    int refuse;
    bool short_ids; /* of 16 bits */
};
#define RT_MAX_ROWS   96
#define RT_MAX_NUMBER 512 /* every number is less */
const struct rt_row *rt_rows(size_t *n);

rt_call_fn rt_on_getuid, rt_on_geteuid, rt_on_getgid, rt_on_getegid, rt_on_getresuid, rt_on_getresgid, rt_on_getgroups;
rt_call_fn rt_on_setuid, rt_on_setgid, rt_on_setreuid, rt_on_setregid, rt_on_setresuid, rt_on_setresgid, rt_on_setfsuid,
    rt_on_setfsgid, rt_on_setgroups;
rt_call_fn rt_on_prctl, rt_on_capget, rt_on_capset, rt_on_getrlimit, rt_on_prlimit, rt_on_getsockopt;
rt_call_fn rt_on_chown, rt_on_fchownat;
rt_call_fn rt_on_stat, rt_on_fstatat, rt_on_statx, rt_on_stat64;
rt_call_fn rt_on_open, rt_on_openat, rt_on_openat2, rt_on_creat, rt_on_mkdir, rt_on_mkdirat, rt_on_symlink, rt_on_symlinkat,
    rt_on_mknod, rt_on_mknodat;
rt_call_fn rt_on_execve, rt_on_execveat, rt_on_chroot;
rt_call_fn rt_on_listxattr, rt_on_getxattr, rt_on_setxattr, rt_on_removexattr;

/* ---- the filter (filter.c) -------------------------------------------------------------------- */

/* Installs it in this thread: the listener, or -errno. Needs CAP_SYS_ADMIN. */
int rt_filter_install(void);

#endif
