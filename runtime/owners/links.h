/* Owners of symlinks, FIFOs and sockets, which can have no attribute: a table by inode, for as long as the sandbox's root is
 * mounted. Internal to runtime/owners/. */
#ifndef RT_OWNERS_LINKS_H
#define RT_OWNERS_LINKS_H

#include "base/buf.h"
#include "base/map.h"
#include "base/owner.h"
#include "runtime/owners/owners.h"

struct rt_links {
    struct cb_map
        made; /* what was given an owner in this RUN, by file system, number and time of birth: numbers are used again */
    struct cb_map below; /* what comes from the layers, by file system and number: a layer keeps its inodes */
    struct cb_owner *owners;
    size_t n, cap;
};

/* What the layers say of the merged `root`; what is not there, or something else there, is passed over. 0 or -errno. */
int rt_links_add_below(struct rt_links *l, int root, const struct cb_link_owners *below);
/* Of what this path leads to. 1 with *ret, 0: it has none, or -errno. */
int rt_links_find(const struct rt_links *l, const char *path, bool follow, struct cb_owner *ret);
/* 0, -ENOSPC at the bound, or -errno. The inode is in the upper directory already. */
int rt_links_set(struct rt_links *l, const char *path, bool follow, const struct cb_owner *o);
bool rt_links_empty(const struct rt_links *l);
/* Looks at everything in the upper directory that has no attributes, and writes a line "uid gid path\0" of each that has an
 * owner. 0 or -errno. */
int rt_links_report(const struct rt_links *l, int root, int upper, struct cb_buf *ret);

#endif
