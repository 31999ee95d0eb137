/* Images that only docker or podman have, found by name. */
#ifndef BUILD_ELSEWHERE_H
#define BUILD_ELSEWHERE_H

#include "builder/transport/transport.h"

/* Whether one of the two programs is here and has the image: then it is brought, as docker-daemon: or containers-storage: would.
 * 1: *ret. 0: nobody has it, or has it for another platform. -1: err. */
int build_elsewhere_bring(struct build_session *s, const char *name, struct build_brought *ret, struct cb_error *err);

#endif
