/* Messages with descriptors over a socket (unix(7), SCM_RIGHTS). */
#ifndef CB_PASSING_H
#define CB_PASSING_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define CB_PASS_MAX 253 /* descriptors of one message: the kernel's SCM_MAX_FD */

/* Sends the pieces as one message, with n_fds (at most CB_PASS_MAX) descriptors, which stay the caller's. 0 or -errno. Allocates
 * nothing. */
int cb_send_fds(int sock, const struct iovec *pieces, size_t n, const int *fds, size_t n_fds);
/* Takes one message of at most `size` bytes; `flags` are recvmsg's. What came of descriptors, close-on-exec, is the caller's:
 * *ret_n of them in `fds`, which has room for `max`. Those for which there is no room are closed, and are none of *ret_n. Bytes,
 * 0 at the end, or -errno. */
ssize_t cb_recv_fds(int sock, void *bytes, size_t size, int flags, int *fds, size_t max, size_t *ret_n);

#endif
