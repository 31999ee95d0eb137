/* Object stores that layers come from: buckets of S3 and the cache service of GitHub Actions. What was asked for (--cache-from,
 * --cache-to) becomes the text that a place has (cache/layer/places.h), and a place an open store. Such a text holds no secret:
 * credentials are those of a share of this build that means the same store (it has the text as its
 * place), else those of the environment. */
#ifndef BUILD_STORES_H
#define BUILD_STORES_H

#include "builder/session/session.h"
#include "registry/object/actions.h"
#include "registry/object/s3.h"

#define BUILD_STORES_S3      "s3" /* where: "BUCKET/PREFIX region=… endpoint=… style=…", for blobs "PREFIXsha256:HEX" */
#define BUILD_STORES_ACTIONS "actions" /* where: the service's address */

/* Of a share of type=s3. NULL: what it says is not a bucket. Caller frees. */
char *build_s3_where(const struct build_share *o, struct cb_error *err);
/* *prefix is the caller's. `options` are borrowed. `io` gets warnings; NULL: nobody does. */
struct reg_s3 *build_s3_open(const struct build_session *s, const char *where, const struct reg_options *options,
                             struct cb_job_io *io, char **prefix, struct cb_error *err);
char *build_s3_blob_name(const char *prefix, const struct cb_digest *digest); /* caller frees */

/* Of a share of type=gha. NULL: nobody says where the service is, which opening it tells. Caller frees. */
char *build_actions_where(const struct build_share *o);
struct reg_actions *build_actions_open(const struct build_session *s, const char *where, const struct reg_options *options,
                                       struct cb_job_io *io, struct cb_error *err);
char *build_actions_blob_name(const struct cb_digest *digest); /* caller frees */

#endif
