/* Image references: grammar and Docker's normalisation (oci-distribution.md §1). */
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include "base/error.h"
#include <stdbool.h>

#define OCI_DEFAULT_DOMAIN "docker.io"

struct oci_ref {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* "library/busybox" */
    char *tag;    /* NULL when the text had none and it has a digest; else at least "latest" */
    char *digest; /* "sha256:…" or NULL */
    bool tag_given;
};
void oci_ref_done(struct oci_ref *r);
CB_DEFINE_AUTO(oci_ref, struct oci_ref, oci_ref_done)

/* -1 with the reason as docker words it ("invalid reference format: …"), CB_E_FAILED; a well-formed digest
 * of an algorithm other than sha256 is CB_E_UNSUPPORTED. *ret is untouched on failure. */
int oci_ref_parse(const char *text, struct oci_ref *ret, struct cb_error *err);
/* "docker.io/library/busybox:1@sha256:…"; caller frees. */
char *oci_ref_full(const struct oci_ref *r);
/* "docker.io/library/busybox"; caller frees. */
char *oci_ref_name(const struct oci_ref *r);
/* As people write it: "busybox:1"; caller frees. Parsing it again gives the same reference. */
char *oci_ref_familiar(const struct oci_ref *r);

#endif
