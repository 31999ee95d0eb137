/* What `docker save` and `podman save` write: a tar with manifest.json, which names for each image its config, its layers and
 * its names (oci-image.md §8). Nothing in it says what a manifest would be, so one is made. */
#ifndef OCI_DOCKER_ARCHIVE_H
#define OCI_DOCKER_ARCHIVE_H

#include "registry/oci/members.h"

struct oci_docker_image {
    char *config;          /* paths in the archive */
    struct cb_strv layers; /* lowest first */
    struct cb_strv names;  /* references, checked; may be none */
};
struct oci_docker_images {
    struct oci_docker_image *list;
    size_t n, cap;
};
void oci_docker_images_done(struct oci_docker_images *x);
CB_DEFINE_AUTO(oci_docker_images, struct oci_docker_images, oci_docker_images_done)

/* manifest.json. -1: CB_E_CORRUPT, and *ret is empty. */
int oci_docker_manifest_parse(const char *bytes, size_t n, struct oci_docker_images *ret, struct cb_error *err);

/* Adds to the members of such an archive those that make it an image layout as well: oci-layout, index.json, manifests, and the
 * layers under their digests. A layer that is not compressed has its diff ID as digest, which is only compared when it is read;
 * of a compressed one the digest is made now. The same archive always gives the same manifests. */
int oci_docker_archive_translate(struct oci_members *m, struct cb_error *err);

#endif
