/* The build contexts of a request: the main one and those of --build-context; finding the Dockerfile and the
 * ignore files in them (dockerfile.md §1, §15, §16). A local context is a directory with an ignore file and a
 * stat-to-digest table; its tree is read as far as something asks for it (builder/walk.h). */
#ifndef BUILD_CONTEXTS_H
#define BUILD_CONTEXTS_H

#include "builder/walk.h"
#include "parser/ignore.h"
#include "registry/platform.h"

struct build;

struct build_local {
    char *path;               /* absolute, for messages and as the table's identity */
    int dir;                  /* fd; -1: an empty context (only a Dockerfile was given) */
    struct df_ignore *ignore; /* NULL: nothing is ignored */
    struct cb_strv ignore_patterns;
    struct cache_context *digests;
    struct build_context *context; /* NULL until build_local_source */
    bool remote;                   /* made of something else than a directory of this machine */
};

enum build_named_kind { NAMED_LOCAL, NAMED_IMAGE, NAMED_LAYOUT, NAMED_SCRATCH };
struct build_named {
    char *name;     /* lower case, a familiar image name without ":latest", or a stage's name */
    char *platform; /* of NAME::os/arch, or NULL */
    enum build_named_kind kind;
    char *value; /* IMAGE: reference; LAYOUT: path[:tag][@digest] */
    struct build_local local;
};

struct build_contexts {
    struct build_local main;
    struct build_named *named;
    size_t n_named, cap_named;
    char *dockerfile_name; /* as shown in messages */
};

/* Opens all contexts and reads the Dockerfile's bytes into `text`. */
int build_contexts_open(struct build *b, struct build_contexts *ret, struct cb_buf *text, struct cb_error *err);
/* Publishes the digest tables and frees. */
void build_contexts_close(struct build_contexts *c);
/* The named context that replaces `name` (an image reference or stage name) for this platform, or NULL. */
struct build_named *build_contexts_find(struct build_contexts *c, const char *name, const struct oci_platform *platform);
/* The local context as a source for COPY. Borrowed from `l`. */
int build_local_source(struct build *b, struct build_local *l, struct build_source **ret, struct cb_error *err);

#endif
