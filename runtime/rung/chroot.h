/* A caller whose root is not that of its mount namespace. Internal to runtime/. */
#ifndef RT_CHROOT_H
#define RT_CHROOT_H

#include <stdbool.h>

/* Are we such a one? Without rights over the mount namespace: as far as the mount tables tell. */
bool rt_is_chroot(void);
/* The root of our mount namespace becomes our root and working directory. Takes CAP_SYS_ADMIN and CAP_SYS_CHROOT over it.
 * 0 or -errno. */
int rt_chroot_leave(void);

/* Calls fn(arg) where the root of our mount namespace is ours, if we may, and gives us back root and working directory.
 * What it gave, or -errno. */
int rt_chroot_outside(int (*fn)(void *arg), void *arg);

#endif
