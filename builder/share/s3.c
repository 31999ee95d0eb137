/* type=s3: a bucket of S3, or of a server that speaks like it. Documents and blobs are objects; blobs have the names that
 * BuildKit gives them in its cache of this type, so that two caches in one bucket keep the same bytes once. */
#include "base/limits.h"
#include "builder/pull/stores.h"
#include "builder/share/share-internal.h"
#include "parser/value.h"
#include "registry/oci/document.h"

struct build_share_link {
    struct reg_options options; /* members are borrowed */
    struct reg_s3 *s3;
    char *documents, *blobs; /* prefixes */
};

/* ---- options -------------------------------------------------------------------------------------------------------- */

static int set_style(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    bool path;
    if (!df_parse_bool(value, &path))
        return cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
    return build_share_set_setting(o, "style", path ? "path" : "host", err);
}

/* Keys of BuildKit's that cannot be honoured. */
static int refuse(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    (void)o;
    if (strcmp(key, "name") == 0)
        return cb_fail(err, CB_E_UNSUPPORTED,
                       "name=%s cannot be honoured: documents are found by their keys; prefix= parts caches", value);
    return cb_fail(err, CB_E_UNSUPPORTED,
                   "%s=%s cannot be honoured: objects are never changed once they are there; what a "
                   "lifecycle rule removes is made and put there again",
                   key, value);
}

#define S3_KEY(member, text, setter)                                                                                             \
    static const struct build_share_key key_##member = {.name = text, .from = true, .to = true, .set = setter};
S3_KEY(bucket, "bucket", build_share_set_setting)
S3_KEY(region, "region", build_share_set_setting)
S3_KEY(prefix, "prefix", build_share_set_setting)
S3_KEY(documents, "manifests_prefix", build_share_set_setting)
S3_KEY(blobs, "blobs_prefix", build_share_set_setting)
S3_KEY(endpoint, "endpoint_url", build_share_set_setting)
S3_KEY(style, "use_path_style", set_style)
S3_KEY(id, "access_key_id", build_share_set_setting)
S3_KEY(secret, "secret_access_key", build_share_set_setting)
S3_KEY(session, "session_token", build_share_set_setting)
S3_KEY(name, "name", refuse)
S3_KEY(touch, "touch_refresh", refuse)
static const struct build_share_key *const keys[] = {&key_bucket,   &key_region, &key_prefix, &key_documents, &key_blobs,
                                                     &key_endpoint, &key_style,  &key_id,     &key_secret,    &key_session,
                                                     &key_name,     &key_touch,  NULL};

static int check(struct build_share *o, struct cb_error *err)
{
    free(o->place);
    o->place = build_s3_where(o, err);
    return o->place ? 0 : -1;
}

/* ---- the bucket ----------------------------------------------------------------------------------------------------- */

static int open_link(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                     struct cb_error *err)
{
    const char *prefix = build_share_setting(o, "prefix"), *documents = build_share_setting(o, "manifests_prefix");
    CB_AUTO(free) struct build_share_link *l = CB_NEW(struct build_share_link);
    (void)io; /* what is tried again is no news */
    l->options = build_share_options(s);
    l->s3 = build_s3_open(s, o->place, &l->options, NULL, &l->blobs, err);
    if (!l->s3)
        return -1;
    l->documents = cb_printf("%s%s", prefix ? prefix : "", documents ? documents : "manifests/");
    *ret = CB_TAKE(l);
    return 0;
}

static void close_link(struct build_share_link *l)
{
    reg_s3_close(l->s3);
    free(l->documents);
    free(l->blobs);
    free(l);
}

static char *document_name(const struct build_share_link *l, const struct cb_digest *key)
{
    char tag[BUILD_SHARE_TAG_MAX];
    build_share_tag(key, tag);
    return cb_printf("%s%s", l->documents, tag);
}

static int get_document(struct build_share_link *l, const struct cb_digest *key, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(free) char *name = document_name(l, key);
    return reg_s3_get(l->s3, name, CB_MAX_MANIFEST, ret, err);
}

static int get_documents(struct build_share_link *l, const struct cb_digest *digests, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err)
{
    return build_share_get_each(l, digests, n, get_document, fn, arg, err);
}

static int put_document(struct build_share_link *l, const struct cb_digest *key, const void *bytes, size_t n, bool replace,
                        struct cb_error *err)
{
    CB_AUTO(free) char *name = document_name(l, key);
    struct reg_http_body body = {.bytes = bytes, .size = n};
    struct cb_digest digest;
    cb_sha256(bytes, n, &digest);
    return reg_s3_put(l->s3, &(struct reg_s3_put){name, OCI_TYPE_MANIFEST, &body, &digest, replace}, err);
}

static int get_blob(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err)
{
    CB_AUTO(free) char *name = build_s3_blob_name(l->blobs, &b->digest);
    return reg_s3_read(l->s3, name, b->size, offset, sink, arg, err);
}

static int has_blob(struct build_share_link *l, const struct build_share_blob *b, struct cb_error *err)
{
    CB_AUTO(free) char *name = build_s3_blob_name(l->blobs, &b->digest);
    return reg_s3_has(l->s3, name, b->size, err);
}

static int put_blob(struct build_share_link *l, const struct build_share_blob *b, build_share_open_fn *open_bytes, void *arg,
                    struct cb_error *err)
{
    CB_AUTO(free) char *name = build_s3_blob_name(l->blobs, &b->digest);
    struct reg_http_body body = {.size = b->size, .open = open_bytes, .arg = arg};
    /* One of that name and another size is half of an upload that a server took for whole. */
    return reg_s3_put(l->s3, &(struct reg_s3_put){name, b->media_type, &body, &b->digest, true}, err) < 0 ? -1 : 0;
}

const struct build_share_ops build_share_s3 = {
    .name = "s3",
    .keys = keys,
    .replaces = true,
    .from = BUILD_STORES_S3,
    .check = check,
    .open = open_link,
    .close = close_link,
    .get_documents = get_documents,
    .put_document = put_document,
    .get_blob = get_blob,
    .has_blob = has_blob,
    .put_blob = put_blob,
};
