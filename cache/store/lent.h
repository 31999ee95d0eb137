/* What lies in a work directory for a while although it is no work: a cache that a command has as a part of its tree, where
 * nothing can be mounted. A note says so from before it goes until it is back. Should the borrower die, at whatever
 * moment, it comes home before the work directory is removed, or when somebody wants it.
 *
 * work/<name of the work directory>.lent/<note>: a symlink that leads nowhere, "DEVICE INODE HOME". */
#ifndef CACHE_LENT_H
#define CACHE_LENT_H

#include "cache/store/store.h"

/* `thing` (open, O_PATH will do) will be moved somewhere below the work directory. `note`: a name that nobody else uses
 * meanwhile. 0 or -1. */
int cache_lend(struct cache_store *s, const struct cache_work *w, const char *note, int thing, struct cb_error *err);
/* Takes the note away if what it is about is at home. */
void cache_lent_is_back(struct cache_store *s, const struct cache_work *w, const char *note);

/* Brings home what this note is about, whoever borrowed it. Only for one who knows that no living borrower uses it. */
void cache_lent_fetch(struct cache_store *s, const char *note);
/* Brings home all that was lent to the work directory of this name, whose owner is dead or done. */
void cache_lent_fetch_all(struct cache_store *s, const char *work);
/* Is this name in work/ that of a directory of notes? Then *ret_work (caller frees) is whose. */
bool cache_lent_is_notes(const char *name, char **ret_work);

#endif
