/* The content a new cache mount starts with; for mount.c only. */
#ifndef CACHE_MOUNT_SEED_H
#define CACHE_MOUNT_SEED_H

#include "base/error.h"

/* Copies what is in the directory `from` into the empty directory `to`: files, directories, symlinks and FIFOs
 * with owner, mode, xattrs and times as far as this process may set them; devices, which would open in a chroot,
 * and sockets are left out; several names of one file become separate files. Symlinks are copied, never followed.
 * `to` itself keeps its attributes. */
int cache_mount_seed(int from, int to, struct cb_error *err);

#endif
