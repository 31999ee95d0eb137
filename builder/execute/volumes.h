/* Files of the host for every command of a build (--volume). They are outside of keys. */
#ifndef BUILD_VOLUMES_H
#define BUILD_VOLUMES_H

#include "base/mem.h"
#include "builder/session/request.h"

struct build_volumes {
    struct rt_mount *mounts; /* one for each volume of the request, which they borrow from */
    size_t n;
};
/* In a command's job: opens them. */
int build_volumes_open(const struct build_request *q, struct build_volumes *ret, struct cb_error *err);
void build_volumes_done(struct build_volumes *v); /* after a failure too */

CB_DEFINE_AUTO(build_volumes, struct build_volumes, build_volumes_done)

#endif
