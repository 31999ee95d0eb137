/* An owner that is written beside a file instead of into its inode, where a user has no other ids to give files to: an
 * extended attribute of regular files and directories. Absent: root's. The kernel allows no such attribute on symlinks,
 * FIFOs and sockets. A device that may not be made is an empty file with its numbers in there. */
#ifndef CB_OWNER_H
#define CB_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define CB_OWNER_XATTR "user.cbuild.own"
#define CB_OWNER_MAX   64 /* bytes of its value: "uid:gid", of a device "uid:gid:c:major:minor" */

struct cb_owner {
    uint32_t uid, gid;
    mode_t device; /* S_IFCHR or S_IFBLK; 0: it is what it seems to be */
    uint32_t major, minor;
};

size_t cb_owner_format(const struct cb_owner *o, char ret[CB_OWNER_MAX]);
/* False: these bytes are none. */
bool cb_owner_parse(const char *p, size_t n, struct cb_owner *ret);
/* Is it root's, and no device? Then a file that has none needs none. */
bool cb_owner_is_plain(const struct cb_owner *o);

/* 1: *ret was read. 0: there is none, or it cannot be read as one. -errno. The last: a symlink is not followed. */
int cb_owner_read_path(const char *path, struct cb_owner *ret);
int cb_owner_read_link(const char *path, struct cb_owner *ret);
/* Of `name` in the directory, no symlink is followed. */
int cb_owner_read_at(int dirfd, const char *name, struct cb_owner *ret);

/* Writes it, a plain one too: that it was given to root is something else than that nobody has given it away. 0 or -errno. */
int cb_owner_write(int fd, const struct cb_owner *o);
int cb_owner_write_path(const char *path, const struct cb_owner *o);
int cb_owner_write_link(const char *path, const struct cb_owner *o);
int cb_owner_write_at(int dirfd, const char *name, const struct cb_owner *o);

/* Owners of what can have no attribute, by path. */
struct cb_link_owner {
    const char *path; /* without a leading '/' */
    uint32_t uid, gid;
};
struct cb_link_owners {
    struct cb_link_owner *items; /* sorted by path */
    size_t n;
};
void cb_link_owners_sort(struct cb_link_owners *l);
/* NULL: it is not among them. */
const struct cb_link_owner *cb_link_owners_find(const struct cb_link_owners *l, const char *path);

/* What stat(2) says of a file with this owner. */
void cb_owner_show(const struct cb_owner *o, struct stat *st);

#endif
