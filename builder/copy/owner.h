/* Names of --chown, USER and WORKDIR looked up in the stage's own /etc/passwd and /etc/group
 * (dockerfile.md §12.4): links are followed inside the tree; bytes come through a callback, since a tree has none. */
#ifndef BUILD_OWNER_H
#define BUILD_OWNER_H

#include "cache/store/tree.h"

/* Appends the content of a regular file of the tree; at most `max` bytes, more is an error. */
typedef int build_read_fn(void *arg, const struct cache_node *file, size_t max, struct cb_buf *ret, struct cb_error *err);

/* True when `text` names nobody that must be looked up: numbers, "root", "". Then tree may be NULL. */
bool build_owner_is_plain(const char *text);
/* `tree` NULL: there are no such files (--link, scratch). A file that is missing or not a regular one counts as empty; unknown
 * names give what §12.4 says, never an error. -1 only when `read` fails. */
int build_owner_resolve(struct cache_tree *tree, build_read_fn *read, void *arg, const char *text, uint32_t *ret_uid,
                        uint32_t *ret_gid, struct cb_error *err);

#endif
