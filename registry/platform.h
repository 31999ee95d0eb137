/* Platforms: os/arch/variant, normalised and matched as containerd does (oci-distribution.md §4,
 * dockerfile.md §10). */
#ifndef OCI_PLATFORM_H
#define OCI_PLATFORM_H

#include "base/error.h"
#include <stdbool.h>

struct oci_platform {
    char *os, *arch, *variant, *os_version; /* owned; variant and os_version "" when none */
};
void oci_platform_done(struct oci_platform *p);
CB_DEFINE_AUTO(oci_platform, struct oci_platform, oci_platform_done)
void oci_platform_copy(struct oci_platform *to, const struct oci_platform *from);
/* "linux/amd64", "arm64", "linux/arm/v7", "linux(…)/amd64": normalised. -1: invalid. */
int oci_platform_parse(const char *text, struct oci_platform *ret, struct cb_error *err);
void oci_platform_host(struct oci_platform *ret);           /* of this machine */
char *oci_platform_text(const struct oci_platform *p);      /* "linux/arm64/v8"; caller frees */
/* Rank of `have` for somebody who wants `want`: 0 is best, -1: does not match. Both normalised. */
int oci_platform_rank(const struct oci_platform *want, const struct oci_platform *have);

#endif
