/* ADD's archives (dockerfile.md §12.5). An archive is read twice: once to learn what it leaves where, once
 * to copy the members that are wanted. */
#ifndef BUILD_EXTRACT_H
#define BUILD_EXTRACT_H

#include "base/stream/codec.h"
#include "builder/copy/place.h"

/* Decides by content alone whether ADD unpacks this file. Reads a little from `source`.
 * 1: an archive. 0: copy it as a file. -1: it could not be read. */
int build_extract_sniff(cb_source_fn *source, void *arg, struct cb_error *err);

/* First pass: places the members below the destination, which becomes a directory. `archive` is the
 * caller's number, ascending over the archives of one instruction; `name` is for messages. */
int build_place_archive(struct build_place *p, cb_source_fn *source, void *arg, const char *name, int archive,
                        struct cb_error *err);
/* How many members of the archives so far were left out, because in a layer a name that begins with ".wh." deletes another. */
size_t build_place_left_out(const struct build_place *p);

/* Takes the members, each with begin, then write any number of times, then end. */
struct build_sink {
    int (*begin)(void *arg, const struct cache_entry *e, struct cb_error *err);
    int (*write)(void *arg, const void *p, size_t n, struct cb_error *err);
    int (*end)(void *arg, struct cb_error *err);
    void *arg;
};
/* Second pass, from the start of the same archive. `entries`: those of a layer that are BUILD_DATA_MEMBER of this archive, in the
 * layer's order. An archive that changed in between is an error. */
int build_extract_members(cb_source_fn *source, void *arg, const char *name, const struct build_entry *const *entries, size_t n,
                          const struct build_sink *sink, struct cb_error *err);

#endif
