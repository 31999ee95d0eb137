/* A tar archive as a build context (dockerfile.md §16): unpacked into an empty directory of the store by our own user.
 *
 * The archive is hostile. Names are resolved beneath the directory by the kernel, whatever links the archive made
 * before; links are kept as they stand and never followed out of it; devices are left out; owners mean nothing, because
 * files of a context are 0:0. Runs in a job. */
#ifndef BUILD_UNPACK_H
#define BUILD_UNPACK_H

#include "base/stream/codec.h"

/* `root`: fd of the directory. The first bytes tell how it is compressed. *ret_newest (may be NULL): the largest
 * modification time of a member, INT64_MIN when there is none. */
int build_unpack(cb_source_fn *source, void *arg, int root, int64_t *ret_newest, struct cb_error *err);

#endif
