/* Who a RUN command is: USER's text against /etc/passwd and /etc/group of the image (dockerfile.md §11).
 * Internal to runtime/. */
#ifndef RT_USER_H
#define RT_USER_H

#include "base/error.h"
#include <sys/types.h>

struct rt_user {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned; the primary group is always among them */
    size_t n_groups, cap_groups;
    char *home; /* owned; of the first passwd entry with this uid, else "/" */
};

/* `root` is the image's root directory. Missing files count as empty. -1: the name is unknown, a number is
 * out of range, or a file is not a regular file of bounded size. */
int rt_user_lookup(int root, const char *spec, struct rt_user *ret, struct cb_error *err);
void rt_user_done(struct rt_user *u);
CB_DEFINE_AUTO(rt_user, struct rt_user, rt_user_done)

#endif
