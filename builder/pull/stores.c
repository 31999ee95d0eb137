#include "builder/pull/stores.h"

static const char *either(const char *given, const char *variable)
{
    const char *value = given ? given : getenv(variable);
    return value && *value ? value : NULL;
}

/* ---- S3 ------------------------------------------------------------------------------------------------------------- */

/* The text is words: the bucket with the prefix, then what else was said. */
#define WORD_REGION   " region="
#define WORD_ENDPOINT " endpoint="
#define WORD_STYLE    " style="

static bool is_word(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

static void add_word(struct cb_buf *b, const char *name, const char *value)
{
    if (value)
        cb_buf_printf(b, "%s%s", name, value);
}

/* What stands behind the name, up to the next blank. Caller frees; NULL: it is not there. */
static char *word(const char *where, const char *name)
{
    const char *at = strstr(where, name);
    return at ? cb_memdup0(at + strlen(name), strcspn(at + strlen(name), " ")) : NULL;
}

char *build_s3_where(const struct build_share *o, struct cb_error *err)
{
    const char *bucket = either(build_share_setting(o, "bucket"), "AWS_BUCKET"), *blobs = build_share_setting(o, "blobs_prefix");
    const char *prefix = build_share_setting(o, "prefix"), *region = build_share_setting(o, "region");
    const char *endpoint = build_share_setting(o, "endpoint_url");
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (!bucket) {
        cb_fail(err, CB_E_USAGE, "bucket= is missing");
        return NULL;
    }
    if (reg_s3_check(&(struct reg_s3_place){.bucket = bucket, .endpoint_url = endpoint}, err) < 0)
        return NULL;
    cb_buf_printf(&b, "%s/%s%s", bucket, prefix ? prefix : "", blobs ? blobs : "blobs/");
    if (!is_word(b.data) || (region && !is_word(region))) {
        cb_fail(err, CB_E_USAGE, "prefixes and regions must not hold blanks or control characters");
        return NULL;
    }
    add_word(&b, WORD_REGION, region);
    add_word(&b, WORD_ENDPOINT, endpoint);
    add_word(&b, WORD_STYLE, build_share_setting(o, "style"));
    return cb_buf_detach(&b);
}

/* What a share of this build with that place says; NULL: nothing. Borrowed. */
static const char *said(const struct build_session *s, const char *where, const char *key)
{
    for (size_t i = 0; i < s->request->n_shares; i++) {
        const struct build_share *o = &s->request->shares[i];
        const char *value = o->place && strcmp(o->place, where) == 0 ? build_share_setting(o, key) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

static enum reg_s3_style style_named(const char *name)
{
    return !name ? REG_S3_STYLE_USUAL : strcmp(name, "path") == 0 ? REG_S3_STYLE_PATH : REG_S3_STYLE_HOST;
}

struct reg_s3 *build_s3_open(const struct build_session *s, const char *where, const struct reg_options *options,
                             struct cb_job_io *io, char **prefix, struct cb_error *err)
{
    size_t bucket = strcspn(where, "/"), first = strcspn(where, " ");
    CB_AUTO(free) char *name = cb_memdup0(where, CB_MIN(bucket, first)), *region = word(where, WORD_REGION);
    CB_AUTO(free) char *endpoint = word(where, WORD_ENDPOINT), *style = word(where, WORD_STYLE);
    struct reg_s3_place p = {.bucket = name,
                             .region = region,
                             .endpoint_url = endpoint,
                             .style = style_named(style),
                             .key_id = said(s, where, "access_key_id"),
                             .secret = said(s, where, "secret_access_key"),
                             .session = said(s, where, "session_token")};
    struct reg_s3 *s3 = reg_s3_open(&p, options, err);
    if (!s3)
        return NULL;
    if (io)
        reg_http_on_warning(reg_s3_http(s3), cb_job_on_warning, io);
    *prefix = cb_memdup0(where + CB_MIN(bucket + 1, first), first - CB_MIN(bucket + 1, first));
    return s3;
}

char *build_s3_blob_name(const char *prefix, const struct cb_digest *digest)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(digest, text);
    return cb_printf("%s%s", prefix, text);
}

/* ---- GitHub Actions --------------------------------------------------------------------------------------------------- */

char *build_actions_where(const struct build_share *o)
{
    return cb_strdup(either(build_share_setting(o, "url_v2"), "ACTIONS_RESULTS_URL"));
}

struct reg_actions *build_actions_open(const struct build_session *s, const char *where, const struct reg_options *options,
                                       struct cb_job_io *io, struct cb_error *err)
{
    struct reg_actions_place p = {.url = where, .token = where ? said(s, where, "token") : NULL};
    struct reg_actions *a = reg_actions_open(&p, options, err);
    if (a && io)
        reg_http_on_warning(reg_actions_http(a), cb_job_on_warning, io);
    return a;
}

char *build_actions_blob_name(const struct cb_digest *digest)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(digest, hex);
    return cb_printf("cbuild1-blob-%s", hex);
}
