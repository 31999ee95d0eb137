/* Build contexts that are not directories of this machine: git references, http(s) URLs, standard input (dockerfile.md
 * §16). Their files lie in a work directory of the store as long as the build lasts. For builder/context/contexts.c. */
#ifndef BUILD_CONTEXTS_REMOTE_H
#define BUILD_CONTEXTS_REMOTE_H

#include "builder/context/contexts.h"
#include "parser/gitref.h"

/* `main`: the context of the build, else a named one. *l must be empty. */
int build_context_from_git(struct build_session *session, const struct df_gitref *ref, bool main, struct build_local *l,
                           struct cb_error *err);
/* 1: an archive, *l holds its files. 0: something else, its bytes are in `text` (at most CB_MAX_DOCKERFILE). -1: err. */
int build_context_from_url(struct build_session *session, const char *url, struct build_local *l, struct cb_buf *text,
                           struct cb_error *err);
int build_context_from_stdin(struct build_session *session, struct build_local *l, struct cb_buf *text, struct cb_error *err);
/* A context of one file (mode 0600, the time of *l or 1970), or of none when `name` is NULL. */
int build_context_from_bytes(struct build_session *session, const char *name, const struct cb_buf *bytes, struct build_local *l,
                             struct cb_error *err);
void build_context_remote_done(struct build_session *session, struct build_local *l);

#endif
