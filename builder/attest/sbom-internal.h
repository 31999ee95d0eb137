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
/* What the document says of itself: what was looked for, and what could not be read. Caller frees. */
char *build_attest_comment(const struct build_attest_packages *p);

#endif
