/* ADD of URLs and git references (dockerfile.md §12.1, §12.5): fetched while planning, because what comes back is
 * part of the step's key. A file goes into the store as a blob and is revalidated by its ETag the next time; a
 * checkout lies in a work directory of the store that lives as long as the build does. */
#ifndef BUILD_FETCH_H
#define BUILD_FETCH_H

#include "builder/context/checkout.h"
#include "builder/copy/walk.h"
#include "parser/instruction.h"

struct build_session;

struct build_remote {
    bool git;
    char *name;                 /* of the file; "" for git */
    struct build_source source; /* one file, or the checkout's root */
    struct cache_tree *tree;    /* of a file */
    struct build_walk *context; /* of a checkout */
    struct build_checkout checkout;
    char *identity; /* what it is, when its bytes do not tell: a kept .git differs each time; NULL: they tell */
    int blobs;      /* of a file: the directory it lies in; -1: git */
    int dir;        /* the nodes' data lie below it; borrowed by executing jobs */
};
struct build_remote_request {
    const char *url;      /* expanded */
    const char *checksum; /* --checksum, or NULL */
    enum df_tri keep_git_dir;
};
/* The caller frees with build_remote_free. Errors name the URL without credentials. */
int build_remote_get(struct build_session *session, const struct build_remote_request *r, struct build_remote **ret,
                     struct cb_error *err);
void build_remote_free(struct build_session *session, struct build_remote *r);

#endif
