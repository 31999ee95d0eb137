/* Git references for ADD and build contexts (dockerfile.md §12.1, §12.5, §16), fetched by the program `git`.
 *
 * A repository is hostile input. Nothing of it is executed: no hooks, no filters, no file system monitor; the user's and the
 * machine's git configuration is not read, so that it cannot change what a build gets. Submodules come by http(s) and git, and by
 * ssh where an agent was given or the repository itself comes by ssh; never from local paths or through helper programs. Nobody
 * is ever asked for a password: credentials are those of the URL, the secrets GIT_AUTH_TOKEN[.host] and GIT_AUTH_HEADER[.host]
 * and the ssh agent of --ssh. They travel in git's environment, for the one origin they are meant for. */
#ifndef BUILD_CHECKOUT_H
#define BUILD_CHECKOUT_H

#include "cache/store/store.h"
#include "parser/gitref.h"

struct build_session;

struct build_checkout_request {
    const struct df_gitref *ref;
    const char *checksum; /* the commit must begin with it; NULL: ref->checksum, if any */
    bool keep_git_dir;    /* else there is no .git, nor in submodules */
    bool commit_times;    /* modification times are the commit's; else those of the checkout */
    bool own_agent;       /* without --ssh: the user's own agent and keys, for a URL of ssh that the user names */
};
struct build_checkout {
    struct cache_work work; /* the files live in it as long as the build does */
    int dir;                /* the checkout, or the subdirectory that the reference names */
    int64_t time;           /* of the commit */
    char commit[65];        /* its full hash */
};
#define BUILD_CHECKOUT_INIT ((struct build_checkout){CACHE_WORK_INIT, -1, 0, ""})

/* Waits; Ctrl-C ends it. *ret must be freed even after a failure. */
int build_checkout(struct build_session *session, const struct build_checkout_request *q, struct build_checkout *ret,
                   struct cb_error *err);
void build_checkout_done(struct build_session *session, struct build_checkout *c);

#endif
