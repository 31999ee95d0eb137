/* Descriptors, safe paths, publishing. A root is a directory descriptor, never a string: whatever
 * comes from an image, a tar or a build context is resolved beneath it by the kernel (openat2).
 * `mkdirat`, `linkat`, `symlinkat`, `mknodat`, `unlinkat`, `renameat` have no safe variant: open the
 * *parent* with cb_open_parent and act on one component.
 * Every descriptor is born close-on-exec; invalid is -1. Functions return -errno on failure unless noted. */
#ifndef CB_FD_H
#define CB_FD_H

#include "base/buf.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What a system call gives that signals do not interrupt: `call` is made again while they did. */
#define CB_RETRY(call)                                                                                                           \
    ({                                                                                                                           \
        __typeof__(call) retried;                                                                                                \
        do                                                                                                                       \
            retried = (call);                                                                                                    \
        while (retried < 0 && errno == EINTR);                                                                                   \
        retried;                                                                                                                 \
    })

int cb_close(int fd); /* keeps errno; -1 is fine; gives -1: fd = cb_close(fd) */
int cb_take_fd(int *fd);
static inline void cb_auto_close(int *fd)
{
    if (*fd >= 0)
        cb_close(*fd);
}

/* Opens `path` as an image means it: absolute and relative symlinks stay inside `root`
 * (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). Gives an fd or -errno. */
int cb_open_in_root(int root, const char *path, int flags, mode_t mode);
/* For trees that hold no symlinks we follow (our store): RESOLVE_BENEATH | NO_SYMLINKS. */
int cb_open_beneath(int root, const char *path, int flags, mode_t mode);
/* Splits off the last component and opens its directory (O_PATH) without following any symlink out
 * of or inside `root`; *name points into `path`. Refuses "", ".", ".." as last component. */
int cb_open_parent_nofollow(int root, const char *path, const char **name);

/* Where an open file is now, wherever it has been moved; caller frees. NULL: errno. That of a file whose name is gone leads
 * nowhere, or to another file. */
char *cb_fd_path(int fd);

ssize_t cb_read(int fd, void *p, size_t n);         /* read(2) that signals do not interrupt: bytes, 0 at the end, or -errno */
int cb_read_full(int fd, void *p, size_t n);        /* bytes read (less at end of file) or -errno */
int cb_write_full(int fd, const void *p, size_t n); /* 0 or -errno */
/* Whole file into `b` (appended). More than `max` bytes: -EFBIG. */
int cb_read_fd(int fd, size_t max, struct cb_buf *b);
int cb_read_file(int dirfd, const char *path, size_t max, struct cb_buf *b);
/* Copies up to `n` bytes from in to out at their offsets: reflink, copy_file_range, then read/write.
 * Holes are kept when both are regular files. */
int cb_copy_file(int in, int out, uint64_t n);

/* Sets the mode of what itself has this name, never of what a symlink there leads to (-EOPNOTSUPP), as fchmodat
 * without its flag would. For names in directories that others can write to, or may be changing. */
int cb_chmod(int dirfd, const char *name, mode_t mode);
/* A file that exists in memory only and cannot be executed, whoever finds a path to it. An fd or -errno. */
int cb_memory_file(const char *name);
/* Closes this descriptor and all above it; the other closes them on exec. 0 or -errno. */
int cb_close_from(int first);
int cb_cloexec_from(int first);
int cb_mkdirs(int dirfd, const char *path, mode_t mode); /* like mkdir -p; our own trees only */
/* Removes a tree below `dirfd` without following symlinks; chmods directories that we own where it must.
 * Missing is success. */
int cb_remove_tree(int dirfd, const char *name);
/* Writes a whole file under a temporary name in the same directory and renames it into place, so that
 * readers see all or nothing. */
int cb_publish_file(int dirfd, const char *name, const void *p, size_t n, mode_t mode);

#endif
