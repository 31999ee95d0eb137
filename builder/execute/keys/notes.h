/* What a key is made of, by name: "command", "env:PATH", "arg:VERSION", "workdir", "mount:/x", "file:src/a.c", "parent" …, each
 * with a short digest of what was hashed. Recorded beside a step's result, they tell a later build which input has changed.
 * Values themselves are not kept: a build-arg may be a password by mistake. */
#ifndef BUILD_NOTES_H
#define BUILD_NOTES_H

#include "base/digest.h"
#include "builder/copy/select.h"

#define BUILD_NOTES_FILES 256         /* of one COPY; more are noted by the directories they lie in, or as one */
#define BUILD_NOTES_BYTES (32 * 1024) /* of their names */

struct build_note {
    char *name;
    char digest[17];
};
struct build_notes {
    struct build_note *items;
    size_t n, cap;
};
void build_notes_done(struct build_notes *n);
CB_DEFINE_AUTO(build_notes, struct build_notes, build_notes_done)

/* "KIND" or "KIND:NAME" (name NULL: none), and what was hashed for it. */
void build_notes_add(struct build_notes *n, const char *kind, const char *name, const void *bytes, size_t len);

/* "secret:ID". Of its digest 16 bits are kept: a record may be read by others, and these tell that the value has changed, and
 * hardly more. They can be compared within one instruction only: the digest is salted with it. */
void build_notes_add_secret(struct build_notes *n, const char *id, const struct cb_digest *d);

/* What a COPY takes: "file:PATH" each, or "dir:PATH" and "file:PATH" of its topmost level when they are too many, or only
 * "files", whose digest is `whole`, that of the selection. Digests of its files are known. */
void build_notes_add_selection(struct build_notes *n, const struct build_selection *s, const struct cb_digest *whole);

#endif
