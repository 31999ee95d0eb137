/* `cbuild build`: contexts, plan, keys, schedule, image, outputs, in this order. */
#ifndef BUILD_COMMAND_H
#define BUILD_COMMAND_H

#include "builder/session/request.h"

/* Builds, reports, gives the exit status. */
int build_main(const struct build_request *request);

#endif
