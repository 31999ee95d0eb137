/* The build contexts of a request: the main one and those of --build-context; finding the Dockerfile and the ignore files in them
 * (dockerfile.md §1, §15, §16). Each is a directory in the end; its tree is read as far as something asks for it
 * (builder/copy/walk.h). One of this machine has an ignore file and a stat-to-digest table; one that came from git, a URL or
 * standard input lies in a work directory of the store, and no ignore file is read for it. */
#ifndef BUILD_CONTEXTS_H
#define BUILD_CONTEXTS_H

#include "builder/context/checkout.h"
#include "builder/copy/walk.h"
#include "builder/transport/transport.h"
#include "parser/match/ignore.h"
#include "registry/oci/platform.h"

struct build_session;

struct build_local {
    char *path;                      /* absolute, for messages and as the table's identity */
    int dir;                         /* fd; -1: only a Dockerfile was given */
    const struct cb_buf *dockerfile; /* dir -1: that Dockerfile; borrowed */
    struct df_ignore *ignore;        /* NULL: nothing is ignored */
    struct cb_strv ignore_patterns;
    struct cache_digests *digests;
    struct build_walk *context; /* NULL until build_local_source */

    bool ignores;   /* remote: its ignore file is read all the same */
    bool remote;    /* not a directory of this machine: links in it are never followed out of it */
    bool git_modes; /* a checkout */
    bool has_time;  /* `time` is that of the commit, of the file on the server, or of the archive's newest member */
    int64_t time;
    struct build_checkout checkout; /* remote: its work directory (of an archive too) */
};

enum build_named_kind { BUILD_NAMED_LOCAL, BUILD_NAMED_IMAGE, BUILD_NAMED_LAYOUT, BUILD_NAMED_SCRATCH };
struct build_named {
    char *name;     /* lower case, a familiar image name without ":latest", or a stage's name */
    char *platform; /* of NAME::os/arch, or NULL */
    enum build_named_kind kind;
    char *value;                 /* IMAGE: reference; LAYOUT: as it was given */
    struct build_brought layout; /* LAYOUT */
    struct build_local local;
};

struct build_contexts {
    struct build_local main;
    struct build_named *named;
    size_t n_named, cap_named;
    struct cb_buf dockerfile; /* its bytes */
    char *dockerfile_name;    /* as shown in messages */
};
#define BUILD_LOCAL_INIT    ((struct build_local){.dir = -1, .checkout = BUILD_CHECKOUT_INIT})
#define BUILD_CONTEXTS_INIT ((struct build_contexts){.main = BUILD_LOCAL_INIT, .dockerfile = CB_BUF_INIT})

/* Opens all contexts and reads the Dockerfile. *ret must be BUILD_CONTEXTS_INIT, and must not be moved afterwards: parts of it
 * borrow from others. */
int build_contexts_open(struct build_session *session, struct build_contexts *ret, struct cb_error *err);
/* All that was to be looked for in them is found: publishes the digest tables, and lets go of their memory. */
void build_contexts_settle(struct build_contexts *c);
/* Publishes the digest tables and frees. May be called even if build_contexts_open failed or was never called. */
void build_contexts_close(struct build_session *session, struct build_contexts *c);
/* The named context that replaces `name` (an image reference or stage name) for this platform, or NULL. */
struct build_named *build_contexts_find(struct build_contexts *c, const char *name, const struct oci_platform *platform);
/* SOURCE_DATE_EPOCH=NAME (dockerfile.md §9): "context" or a named context. 1: *ret. 0: it is a directory and has no time
 * of its own. -1: there is no such context. */
int build_contexts_time(const struct build_contexts *c, const char *name, int64_t *ret);
/* The local context as a source for COPY. Borrowed from `l`. */
int build_local_source(struct build_session *session, struct build_local *l, struct build_source **ret, struct cb_error *err);

#endif
