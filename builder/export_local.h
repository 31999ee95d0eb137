/* `type=local` and `type=tar`: the flattened root file system of an image's layers, as a directory or a tar.
 * Runs in a job of the helper: the layers hold files of any owner. Every layer must have its fs/. */
#ifndef BUILD_EXPORT_LOCAL_H
#define BUILD_EXPORT_LOCAL_H

#include "base/codec.h"
#include "cache/layer.h"

/* `epoch`: time of every entry (SOURCE_DATE_EPOCH), NULL: its own. Layers bottom first. */
int build_export_tar(struct cache_store *s, const struct cb_digest *layers, size_t n, const int64_t *epoch, cb_sink_fn *sink,
                     void *arg, struct cb_error *err);
/* Below the directory fd `dest`; files there are replaced, others stay. Everything belongs to the current user.
 * Devices are left out where they cannot be made. Nothing leads out of `dest`, whatever the image's links say. */
int build_export_directory(struct cache_store *s, const struct cb_digest *layers, size_t n, const int64_t *epoch, int dest,
                           struct cb_error *err);

#endif
