/* What docker and buildah take from the environment as if it stood in front of the command line. ($BUILDKIT_PROGRESS, which
 * counts less than --quiet, and $SOURCE_DATE_EPOCH, which counts less than a build argument, are read when all is known:
 * options.c.) */
#ifndef CLI_ENVIRONMENT_H
#define CLI_ENVIRONMENT_H

#include "builder/session/request.h"

/* 0, or -1 with CB_E_USAGE, naming the variable. */
int cli_build_environment(struct build_request *r, struct cb_error *err);
int cli_container_environment(struct build_request *r, struct cb_error *err);
/* Of a command that only talks to registries: what the settings say of them. */
int cli_registry_environment(struct build_request *r, struct cb_error *err);

#endif
