/* What tells one cache mount from another: the namespace, its id, and what its directory starts as. The key is that as text. */
#ifndef CACHE_MOUNT_NAME_H
#define CACHE_MOUNT_NAME_H

#include "base/digest.h"

struct cache_mount_name {
    char *ns, *id;
    bool owned; /* mode, uid and gid were given, or it starts as something: a directory of its own */
    uint32_t mode, uid, gid;
    struct cb_digest *layers; /* that it starts as */
    size_t n_layers, cap_layers;
};
void cache_mount_name_done(struct cache_mount_name *n);
CB_DEFINE_AUTO(cache_mount_name, struct cache_mount_name, cache_mount_name_done)

void cache_mount_name_key(const struct cache_mount_name *n, struct cb_buf *key);
/* False: it is no such key. Then *ret is empty. */
bool cache_mount_name_parse(const char *key, struct cache_mount_name *ret);

#endif
