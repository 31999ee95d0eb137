/* Statements of in-toto: something that is said of an image, which is named by the digest of its manifest. */
#ifndef BUILD_ATTEST_STATEMENT_H
#define BUILD_ATTEST_STATEMENT_H

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"

#define BUILD_ATTEST_STATEMENT_TYPE "application/vnd.in-toto+json"
#define BUILD_ATTEST_PREDICATE_KEY  "in-toto.io/predicate-type" /* annotation of the statement's descriptor */

/* What is said, without of whom. */
struct build_attest_predicate {
    const char *type; /* constant text: a URI */
    const char *file; /* constant text: its usual name */
    json_t *body;     /* owned */
};

/* Appends the statement. `names`: of the image, full references; each becomes a subject; none: it has no name. `platform`: of the
 * image, "linux/amd64". */
void build_attest_statement(const struct build_attest_predicate *p, const struct cb_strv *names, const char *platform,
                            const struct cb_digest *manifest, struct cb_buf *out);

/* The package URL of an image: pkg:KIND/NAME@TAG?digest=…&platform=…; `kind`: docker, or oci for one of no registry. `name`: a
 * full reference. */
void build_attest_image_purl(const char *kind, const char *name, const char *platform, struct cb_buf *out);

#endif
