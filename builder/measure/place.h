/* The directory that a replay works in: beside the user's store, so that its stores are on the same file system. */
#ifndef MEASURE_PLACE_H
#define MEASURE_PLACE_H

#include "base/error.h"

/* Makes an empty one beside `store` and locks it. What replays that were killed have left there goes first. A descriptor, which
 * holds the lock, and its path in *ret (caller frees); or -1. `program`: our own, which removes stores. */
int measure_place_make(const char *program, const char *store, char **ret, struct cb_error *err);
/* Removes it, with the stores in it. */
void measure_place_remove(const char *program, const char *path);
/* Removes a store, files of all owners. */
void measure_store_remove(const char *program, const char *store);

#endif
