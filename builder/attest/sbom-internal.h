/* The formats: each has a file of its own, sbom.c has the table. */
#ifndef BUILD_ATTEST_SBOM_INTERNAL_H
#define BUILD_ATTEST_SBOM_INTERNAL_H

#include "builder/attest/sbom.h"

/* All of them. A further one is a file that defines build_attest_format_NAME, and its name here. */
#define FORMATS(X)                                                                                                               \
    X(spdx)                                                                                                                      \
    X(cyclonedx)
#define FORMAT_DECLARE(name) extern const struct build_attest_format build_attest_format_##name;
FORMATS(FORMAT_DECLARE)

json_t *build_attest_time(struct timespec t); /* in whole seconds */
/* A UUID made of a document's bytes (RFC 9562, version 8): the same document has the same. */
#define BUILD_ATTEST_UUID_MAX 37
void build_attest_uuid(json_t *j, char out[BUILD_ATTEST_UUID_MAX]);
/* What the document says of itself: what was looked for, and what could not be read. Caller frees. */
char *build_attest_comment(const struct build_attest_packages *p);

#endif
