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
/* Replaces what `to` holds (a zero struct is fine). Members of `from` that are NULL become "". */
void oci_platform_copy(struct oci_platform *to, const struct oci_platform *from);
/* "linux/amd64", "arm64", "linux", "linux/arm/v7", "windows(10.0.17763)/amd64": normalised. A part that is
 * missing is this machine's. OS features ("os(version+feature)") are accepted and not kept.
 * -1: invalid, CB_E_FAILED with containerd's words; *ret untouched. */
int oci_platform_parse(const char *text, struct oci_platform *ret, struct cb_error *err);
/* A list with commas, without those that are named twice; NULL: this machine's alone. At least one, freed by oci_platforms_free.
 */
int oci_platforms_parse(const char *text, struct oci_platform **ret, size_t *ret_n, struct cb_error *err);
void oci_platforms_free(struct oci_platform *list, size_t n);
/* Turns what documents say into the form that is compared: lower case, aliases resolved ("x86_64", "aarch64", "macos"),
 * default variants dropped (amd64/v1, arm64/v8) or put in (arm/v7). In place. */
void oci_platform_normalize(struct oci_platform *p);
void oci_platform_host(struct oci_platform *ret);      /* of this machine; replaces *ret's pointers */
char *oci_platform_text(const struct oci_platform *p); /* "linux/arm/v7"; caller frees */
/* Rank of `have` for whoever wants `want`: 0 is best; -1: does not match. Both normalised. */
int oci_platform_rank(const struct oci_platform *want, const struct oci_platform *have);

#endif
