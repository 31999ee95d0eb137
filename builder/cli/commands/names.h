/* Images as people name them: by a reference, or by an ID or the beginning of one. */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include "builder/pull/base-image.h"
#include "builder/session/session.h"
#include "cache/image.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

/* Reads a name that the user gave for an image. -1 with CB_E_USAGE if it is none, or has a digest and `digest` is not set. */
int cli_parse_name(const char *text, bool digest, struct oci_ref *ret, struct cb_error *err);
/* The image a person means; the caller ends it with cache_image_done. `ret_by_id` (may be NULL): it was named by its ID. */
int cli_find_image(struct cache_store *s, const char *text, struct cache_image *ret, bool *ret_by_id, struct cb_error *err);

/* --platform, else this machine's. */
int cli_platform(const struct build_request *request, struct oci_platform *ret, struct cb_error *err);
/* The image that a registry has under that name, as the policy says, for --platform or this machine: what is in it is known then,
 * its layers need not be here. */
int cli_pull_documents(struct build_session *s, const char *name, enum build_pull policy, struct cache_image *ret,
                       struct cb_error *err);

char *cli_short_name(const struct cache_image *image);       /* as it would be given, or "<none>"; caller frees */
char *cli_short_repository(const struct cache_image *image); /* the same without its tag */
const char *cli_tag_of(const char *short_name); /* in what these give: "1" of "app:1"; "<none>" where there is none */

#endif
