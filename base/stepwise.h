/* Opening beneath a root without openat2(2), for kernels and filters that do not have it: step by step, each component by
 * itself and without following it, so that whoever changes the tree meanwhile leads nowhere else. What lies on the way stays
 * open, and ".." goes back to it instead of asking the file system. base/fd.c is the only caller. */
#ifndef CB_STEPWISE_H
#define CB_STEPWISE_H

#include <stdbool.h>
#include <sys/types.h>

/* As openat2 with RESOLVE_IN_ROOT, or (`links` false) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS. A magic link of /proc leads to
 * what its text names beneath the root, never to what it stands for. An fd or -errno. */
int cb_open_stepwise(int root, const char *path, int flags, mode_t mode, bool links);

#endif
