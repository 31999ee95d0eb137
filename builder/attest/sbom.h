/* Software bills of materials: the packages of an image in a format that other tools read. The same image gives the same bytes:
 * ids and dates come from it. */
#ifndef BUILD_ATTEST_SBOM_H
#define BUILD_ATTEST_SBOM_H

#include "builder/attest/packages.h"
#include "base/digest.h"

#include <jansson.h>
#include <time.h>

/* What the document is about. */
struct build_attest_subject {
    const char *name;        /* of the image, as people call it */
    struct cb_digest config; /* its ID */
    struct timespec created; /* SOURCE_DATE_EPOCH, or when the image was made */
};

struct build_attest_format {
    const char *name;      /* in options */
    const char *other;     /* what other scanners call it */
    const char *predicate; /* type of the statement that holds such a document */
    const char *file;      /* the document's usual name */
    /* The document, without what is derived from its bytes. */
    json_t *(*make)(const struct build_attest_packages *p, const struct build_attest_subject *about);
    /* Puts the id in, which is a UUID. */
    void (*name_it)(json_t *document, const char *uuid);
};
/* The first is what is made when none is named; a NULL ends the table. */
extern const struct build_attest_format *const build_attest_formats[];
const struct build_attest_format *build_attest_format_find(const char *name); /* NULL: there is none of that name */
/* All names, with `between` between them. */
void build_attest_format_names(struct cb_buf *out, const char *between);

/* The whole document; the caller owns the reference. */
json_t *build_attest_sbom(const struct build_attest_format *f, const struct build_attest_packages *p,
                          const struct build_attest_subject *about);

#endif
