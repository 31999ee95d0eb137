/* What is installed in an image, as the databases and files of package managers in it say. All of that comes from the image and
 * is hostile: sizes are bounded, and what cannot be read is remembered, for a list that lacks something has to say so. */
#ifndef BUILD_ATTEST_PACKAGES_H
#define BUILD_ATTEST_PACKAGES_H

#include "base/buf.h"
#include "base/error.h"

struct build_attest_ecosystem; /* packages-internal.h */

/* Strings are UTF-8 of at most BUILD_ATTEST_MAX_TEXT bytes and belong to the list; "" where nothing is known. */
#define BUILD_ATTEST_MAX_TEXT 4096
struct build_attest_package {
    const struct build_attest_ecosystem *ecosystem;
    const char *name;    /* with what stands before it: "@scope/name", "example.org/module" */
    const char *version; /* of rpm: VERSION-RELEASE */
    const char *epoch;   /* of rpm alone */
    const char *arch;
    const char *licence; /* as the package says it */
    const char *source;  /* what it was built from: NAME, or NAME@VERSION */
    const char *path;    /* of the file in the image that tells of it */
};
struct build_attest_packages {
    struct build_attest_package *items;
    size_t n, cap;
    const char *system, *system_version; /* of os-release: ID, VERSION_ID */
    struct cb_strv unread;               /* what may hold packages and was not read, and why: a line each */
    struct cb_arena strings;
};
#define BUILD_ATTEST_PACKAGES_INIT ((struct build_attest_packages){.system = "", .system_version = ""})
void build_attest_packages_done(struct build_attest_packages *p);
CB_DEFINE_AUTO(build_attest_packages, struct build_attest_packages, build_attest_packages_done)

/* Sorts them; of one that was found twice the first path stays. */
void build_attest_packages_sort(struct build_attest_packages *p);

/* What of the list one process tells another, in the form of base/pack.h. */
void build_attest_packages_put(const struct build_attest_packages *p, struct cb_buf *out);
int build_attest_packages_get(const void *bytes, size_t n, struct build_attest_packages *ret, struct cb_error *err);

/* Tells a package from all others of the image: hexadecimal digits. */
#define BUILD_ATTEST_ID_MAX 17
void build_attest_package_id(const struct build_attest_package *p, char out[BUILD_ATTEST_ID_MAX]);
/* The package URL (purl-spec): what scanners and lists of faults know a package by. */
void build_attest_purl(const struct build_attest_packages *all, const struct build_attest_package *p, struct cb_buf *out);

/* The parts that such URLs are made of. `keep`: what stays as it is besides letters, digits and ".-_~:". */
void build_attest_purl_encode(struct cb_buf *out, const char *text, const char *keep);
/* Appends "?KEY=VALUE", or with '&' if it is not the first (*mark is '?' before that); an empty value is left out. */
void build_attest_purl_qualifier(struct cb_buf *out, char *mark, const char *key, const char *value);

#endif
