/* Base images: names to manifests and configs (when planning), layers into the store (when a step must
 * stand on them). */
#ifndef BUILD_BASE_IMAGE_H
#define BUILD_BASE_IMAGE_H

#include "base/job.h"
#include "builder/session/request.h"
#include "cache/image.h"
#include "registry/oci/config.h"
#include "registry/oci/document.h"
#include "registry/oci/reference.h"

struct build_session;

struct build_base {
    char *name;               /* as written, for messages */
    struct cache_image image; /* manifest and config are known, layers perhaps not here yet */
    char *layout;             /* the OCI layout or image archive it comes from; NULL: registry or store */
};
void build_base_done(struct build_base *s);

/* An image in a layout (registry/oci/layout.h): a directory, or an archive. Zero: none is meant. */
struct build_in_layout {
    char *path;   /* NULL: none */
    char *name;   /* NULL: the only one */
    char *digest; /* instead of the name; NULL */
};
void build_in_layout_done(struct build_in_layout *l);
void build_in_layout_copy(struct build_in_layout *to, const struct build_in_layout *from); /* `to` is empty */

struct build_want {
    char *text; /* as written */
    struct build_in_layout layout;
    bool alone; /* its name stands for this platform alone from now on */
    struct oci_platform platform;
    const char *meant;              /* borrowed: the stage that may be meant instead; NULL: none */
    struct cb_place at;             /* of the instruction that wants it */
    struct build_base base;         /* filled in */
    struct oci_image_config config; /* filled in */
};
void build_want_done(struct build_want *w);

/* Fills all of them; what the store lacks is asked for side by side, as the pull policy says. The error carries the
 * instruction's place. */
int build_bases_resolve(struct build_session *session, struct build_want *wants, size_t n, enum build_pull pull,
                        struct cb_error *err);

/* What a name means in its registry, for a platform: manifest and config are in the store then [in a job]. */
struct build_documents {
    struct cb_digest top;    /* of what has the name: an index, or the manifest */
    struct cb_digest digest; /* of the manifest */
    struct oci_manifest manifest;
};
struct reg_client;
int build_fetch_documents(struct build_session *session, struct reg_client *c, const struct oci_ref *ref,
                          const struct oci_platform *want, const char *name, struct build_documents *ret, struct cb_error *err);

/* Says under which ids the store has the layers of an image: one that a build of ours made is kept under its content ID, one of a
 * base image under its diff ID. */
void build_base_find_layers(struct build_session *session, struct cache_image *image);

/* What is wanted of the layers of a base image. */
enum build_base_form {
    BUILD_BASE_INDEXED, /* what is in them is known */
    BUILD_BASE_FILES,   /* they are unpacked: a step stands on them */
    BUILD_BASE_PACKED,  /* known, and there byte for byte as the registry or layout holds them: an output takes them */
};
/* Whether all layers are in the store in that form. */
bool build_base_complete(struct build_session *session, const struct cache_image *image, enum build_base_form form);
/* The same as a step that is shown as `shown`, waited for; nothing happens when it is complete. */
int build_base_fetch(struct build_session *session, const struct build_base *base, enum build_base_form form, const char *shown,
                     struct cb_error *err);
/* Starts the job that fetches, verifies, indexes and (BUILD_BASE_FILES) unpacks what is missing, layers side by side. */
int build_base_start(struct build_session *session, const struct build_base *base, enum build_base_form form, struct cb_job *ret,
                     struct cb_error *err);

#endif
