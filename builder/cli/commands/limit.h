/* The hard cap on the size of a store (--store-limit, $CBUILD_STORE_LIMIT, `max-size` of the settings). */
#ifndef CLI_LIMIT_H
#define CLI_LIMIT_H

#include "builder/session/session.h"

/* At the end of a build that has made something: what has been unused for longest goes until all that is under the store is no
 * larger than request->store_limit. What this and other running builds use, and images with a name, stay: if that alone is
 * more, a warning says so. 0 or -1. */
int cli_keep_limit(struct build_session *s, struct cb_error *err);

#endif
