/* Images in other places than the store, named as skopeo and podman name them: TRANSPORT:PLACE. What is brought from there is a
 * layout in the end (registry/oci/layout.h): a directory or an archive of this machine, which builder/pull takes images
 * from. A registry (docker://) is what builder/pull knows anyway. */
#ifndef BUILD_TRANSPORT_H
#define BUILD_TRANSPORT_H

#include "builder/pull/base-image.h"

struct build_session;
struct build_transport_ops;

struct build_location {
    const struct build_transport_ops *ops;
    char *place;  /* a file or directory; of a registry, a daemon: the name of the image */
    char *image;  /* which one of several, its name or tag; NULL: the only one */
    char *digest; /* the same by its digest; NULL */
};
void build_location_done(struct build_location *l);
CB_DEFINE_AUTO(build_location, struct build_location, build_location_done)

/* 1: *ret is filled. 0: the text does not begin with a transport. -1: it does, and the rest is none of its places (CB_E_USAGE).
 */
int build_location_parse(const char *text, struct build_location *ret, struct cb_error *err);
/* The same of a place that stands alone: the name of a transport, and FILE, DIR or NAME. */
void build_location_set(struct build_location *ret, const char *transport, const char *place);
bool build_location_is_registry(const struct build_location *l);
/* "oci:DIR, oci-archive:FILE, …" for messages, from the table. */
void build_transport_forms(struct cb_buf *out);

/* What was brought here. It ends with build_brought_done. */
struct build_brought {
    struct build_in_layout at; /* where it is now, and which image is meant */
    struct cache_work work;    /* what had to be written for it: of a pipe, a program, a compressed archive */
};
#define BUILD_BROUGHT_INIT ((struct build_brought){.work = CACHE_WORK_INIT})
/* Not for a registry. */
int build_transport_bring(struct build_session *s, const struct build_location *l, struct build_brought *ret,
                          struct cb_error *err);
/* The same of a file or directory; "-" is standard input. */
int build_transport_bring_file(struct build_session *s, const char *path, struct build_brought *ret, struct cb_error *err);
void build_brought_done(struct build_session *s, struct build_brought *b);

#endif
