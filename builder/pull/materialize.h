/* The files of one layer, from its packed form, which is fetched when it is elsewhere (place.h). */
#ifndef BUILD_MATERIALIZE_H
#define BUILD_MATERIALIZE_H

#include "builder/session/session.h"

/* Starts the job; afterwards the layer has its files. */
int build_materialize_start(struct build_session *s, const struct cb_digest *layer, struct cb_job *ret, struct cb_error *err);

#endif
