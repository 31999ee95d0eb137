/* A layer with rewritten times. It is no layer of the store: it has the same files and is made of it each time that its blob is
 * gone. What became of it is kept beside the other packed forms, under a name that has the time. */
#include "cache/layer/layer-internal.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/threads.h"
#include "cache/store/blob.h"

#include <inttypes.h>
#include <stdio.h>

#define MAX_PACKED 4096 /* bytes of such a document */

struct name {
    char text[80];
};

static struct name name_of(const struct cb_codec *codec, int level, int64_t latest)
{
    struct name n;
    snprintf(n.text, sizeof(n.text), "packed-%s%s-%d-until%" PRId64 ".json", codec->name, codec->edition, level, latest);
    return n;
}

static bool get_digest(json_t *j, const char *key, struct cb_digest *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *text;
    return cb_json_str(j, key, "packed", &text, &ignored) == 0 && cb_digest_parse(text, ret);
}

/* What is damaged, or names a blob that is gone, is made again. */
static bool find(struct cache_store *s, const struct cb_digest *id, const char *name, struct cache_packed *ret,
                 struct cb_digest *ret_diff)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    int64_t size;
    if (dir < 0 || cb_read_file(dir, name, MAX_PACKED, &b) < 0)
        return false;
    CB_AUTO(json) json_t *j = cb_json_parse(b.data, cache_unseal(b.data, b.len), name, &ignored);
    if (!j || cb_json_int(j, "size", "packed", &size, &ignored) < 0 || size < 0 || !get_digest(j, "blob", &ret->digest) ||
        !get_digest(j, "diff_id", ret_diff))
        return false;
    ret->size = (uint64_t)size;
    return cache_blob_fits(s, &ret->digest, ret->size);
}

static int remember(struct cache_store *s, const struct cb_digest *id, const char *name, const struct cache_packed *p,
                    const struct cb_digest *diff, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    char blob_text[CB_DIGEST_TEXT + 1], diff_text[CB_DIGEST_TEXT + 1];
    cb_digest_text(&p->digest, blob_text);
    cb_digest_text(diff, diff_text);
    CB_AUTO(json)
    json_t *j = json_pack("{s:s, s:I, s:s}", "blob", blob_text, "size", (json_int_t)p->size, "diff_id", diff_text);
    cb_json_dump(j, CB_JSON_COMPACT, &text);
    cache_seal(&text);
    return cache_store_publish(s, cache_layer_path(id).text, name, text.data, text.len, err);
}

struct rewriting {
    struct cb_encoder *encoder;
    struct cb_sha256 sha;
};

static int hash_and_encode(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct rewriting *r = arg;
    cb_sha256_add(&r->sha, p, n);
    return cb_encoder_add(r->encoder, p, n, err);
}

static int to_blob(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

static int make(struct cache_store *s, const struct cache_layer *l, const struct cb_codec *codec, int level, int64_t latest,
                struct cb_job_io *io, struct cache_packed *ret, struct cb_digest *ret_diff, struct cb_error *err)
{
    CB_AUTO(cache_blob_writer) struct cache_blob_writer blob = CACHE_BLOB_WRITER_INIT;
    if (cache_blob_begin(s, &blob, err) < 0)
        return -1;
    CB_AUTO(cb_encoder) struct cb_encoder *e = cb_encoder_new(codec, level, (int)cb_threads_worth(), to_blob, &blob);
    struct rewriting r = {.encoder = e};
    cb_sha256_init(&r.sha);
    if (cache_layer_tar_files(s, l, &latest, io, hash_and_encode, &r, err) < 0)
        return cb_prefix(err, "%s", cache_layer_name(&l->id).text);
    if (cb_encoder_end(e, err) < 0)
        return -1;
    cb_sha256_end(&r.sha, ret_diff);
    ret->size = blob.size;
    return cache_blob_commit(&blob, NULL, &ret->digest, err);
}

int cache_layer_pack_until(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level,
                           int64_t latest, struct cb_job_io *io, struct cache_packed *ret, struct cb_digest *ret_diff_id,
                           struct cb_error *err)
{
    struct cache_layer l;
    level = cb_codec_level(codec, level);
    const struct name name = name_of(codec, level, latest);
    *ret = (struct cache_packed){.codec = codec};
    if (find(s, id, name.text, ret, ret_diff_id))
        return 0;
    int found = cache_layer_find(s, id, &l, err);
    if (found <= 0)
        return found < 0 ? -1 : cb_fail(err, CB_E_NOT_FOUND, "%s is not in the store", cache_layer_name(id).text);
    if (!l.has_files && cache_layer_materialize(s, id, io, err) < 0)
        return -1;
    return make(s, &l, codec, level, latest, io, ret, ret_diff_id, err) < 0 ? -1
                                                                            : remember(s, id, name.text, ret, ret_diff_id, err);
}
