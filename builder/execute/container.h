/* A command in an image of the store, in the sandbox of a RUN, for whoever works in it (`cbuild run`). Nothing that it writes
 * stays. */
#ifndef BUILD_CONTAINER_H
#define BUILD_CONTAINER_H

#include "base/digest.h"
#include "builder/session/session.h"

struct build_container {      /* all borrowed */
    struct cb_digest *layers; /* bottom first; their files are there */
    size_t n_layers;
    const struct cb_strv *argv, *env;
    const char *cwd, *user, *hostname;
    const char *arch; /* of its programs; NULL: this machine's */
    const struct rt_network *network;
    bool needs_hostname;           /* runtime/sandbox/sandbox.h */
    bool input, terminal, signals; /* builder/attach/attach.h */
    bool read_only;
    bool insecure;
};

/* Runs it. *ret_status: the command's, 128 + signal, 127 or 126 when it could not be started, 124 when it took too long. Where
 * more is to be said of how it ended, `err` does, although 0 is returned. -1: there was no sandbox, or it was stopped. Nothing
 * may have been started in the session's helpers when build_container_freeze is called with it, and it must not change from there
 * on. */
void build_container_freeze(struct build_session *s, struct build_container *c);
int build_container_run(struct build_session *s, const struct build_container *c, int *ret_status, struct cb_error *err);

#endif
