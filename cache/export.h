/* `type=local` and `type=tar`: the flattened root file system of an image's layers, as a directory or a tar.
 * Runs in a job of the helper: the layers hold files of any owner. Every layer must have its files. */
#ifndef CACHE_EXPORT_H
#define CACHE_EXPORT_H

#include "base/stream/codec.h"
#include "cache/layer/layer.h"

/* An image's files. Several are written one after the other: each into a folder of its own, or all to the top, where no two may
 * have the same file. */
struct cache_export_part {
    const char *folder; /* NULL: the top */
    const struct cb_digest *layers;
    size_t n; /* bottom first */
};
/* `epoch`: time of every entry (SOURCE_DATE_EPOCH), NULL: its own. */
int cache_export_tar(struct cache_store *s, const struct cache_export_part *parts, size_t n, const int64_t *epoch,
                     cb_sink_fn *sink, void *arg, struct cb_error *err);
/* What a directory of the host must not get from an image. */
struct cache_export_left {
    uint64_t devices; /* nodes that were not made */
    uint64_t set_ids; /* files that lost their set-user-ID and set-group-ID bits */
};
/* Below the directory fd `dest`; files there are replaced, others stay. Everything belongs to the current user, so
 * an image has no business making devices or programs with another user's rights: they are left out, and counted in *ret.
 * Nothing leads out of `dest`, whatever the image's links say. */
int cache_export_directory(struct cache_store *s, const struct cache_export_part *parts, size_t n, const int64_t *epoch, int dest,
                           struct cache_export_left *ret, struct cb_error *err);
/* The same with owners and attributes as far as the current user can make them: a directory of the store, for a cache mount that
 * starts as the image is. Where an owner cannot be set, the set-id bits are dropped. No devices: in a chroot they would open. */
int cache_export_seed(struct cache_store *s, const struct cb_digest *layers, size_t n, int dest, struct cb_error *err);

#endif
