/* Objects in a bucket of S3, or of a server that speaks like it (MinIO, Ceph, R2, …): whole ones, by name. Requests are signed
 * (SigV4, by libcurl). Names may hold any bytes but control bytes; '/' parts them. All functions block and are called in jobs;
 * any number of threads may use one bucket. */
#ifndef REG_S3_H
#define REG_S3_H

#include "base/digest.h"
#include "registry/transfer/http.h"

/* What is asked for. Strings are borrowed; NULL: not said. */
struct reg_s3_place {
    const char *bucket;
    const char *region; /* else as aws.h says; else us-east-1 where there is an endpoint */
    const char
        *endpoint_url; /* "http://minio:9000", may have a path; NULL: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, else Amazon */
    enum reg_s3_style {
        REG_S3_STYLE_USUAL, /* path at an endpoint of one's own, host at Amazon, but for names that its certificates do not have
                             */
        REG_S3_STYLE_PATH,  /* https://HOST/BUCKET/NAME */
        REG_S3_STYLE_HOST   /* https://BUCKET.HOST/NAME */
    } style;
    const char *key_id, *secret, *session; /* else as aws.h says */
};
/* Whether a bucket can have that name, or an endpoint that address; -1 with err. */
int reg_s3_check(const struct reg_s3_place *p, struct cb_error *err);

struct reg_s3;
/* Nothing is sent yet. `o` is borrowed. NULL with err. */
struct reg_s3 *reg_s3_open(const struct reg_s3_place *p, const struct reg_options *o, struct cb_error *err);
void reg_s3_close(struct reg_s3 *s);
CB_DEFINE_AUTO_PTR(reg_s3, struct reg_s3, reg_s3_close)
struct reg_http *reg_s3_http(struct reg_s3 *s); /* for its warnings */

/* A small object, of at most `max` bytes. 1: appended to *ret. 0: there is none. -1: the bucket does not answer as it should. */
int reg_s3_get(struct reg_s3 *s, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err);
/* From the byte `offset` on, of an object whose size is known (download.h). -1 with CB_E_NOT_FOUND: there is none. */
int reg_s3_read(struct reg_s3 *s, const char *name, uint64_t size, uint64_t offset, cb_sink_fn *sink, void *arg,
                struct cb_error *err);
int reg_s3_has(struct reg_s3 *s, const char *name, uint64_t size, struct cb_error *err); /* 1: it, of that size; 0; -1 */

struct reg_s3_put {
    const char *name, *media_type;
    const struct reg_http_body *body;
    const struct cb_digest *digest; /* of the body */
    bool replace;
};
/* 1: put. 0: there is one of that name already, and it stays (never with `replace`). Servers that know no conditions put it over
 * another one that appeared in this moment. */
int reg_s3_put(struct reg_s3 *s, const struct reg_s3_put *put, struct cb_error *err);

#endif
