#include "builder/share/artifact.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/text.h"
#include "registry/oci/document.h"

#define VERSION 1

static void part_done(struct build_artifact_part *p)
{
    free(p->media_type);
    cb_buf_done(&p->data);
}

void build_artifact_done(struct build_artifact *a)
{
    cache_record_done(&a->record);
    free(a->platform);
    free(a->maker);
    struct build_artifact_part *parts[] = {&a->config, &a->layer, &a->index, &a->inputs};
    for (size_t i = 0; i < CB_LEN(parts); i++)
        part_done(parts[i]);
    *a = BUILD_ARTIFACT_INIT;
}

struct build_share_blob build_artifact_blob(const struct build_artifact_part *p)
{
    return (struct build_share_blob){p->digest, p->size, p->media_type};
}

/* ---- packing ------------------------------------------------------------------------------------------------------ */

static int to_buffer(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err; /* memory does not fail */
    cb_buf_add(arg, p, n);
    return 0;
}

int build_share_pack(const struct cb_buf *bytes, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(cb_encoder) struct cb_encoder *e = cb_encoder_new(cb_codec_find("zstd"), -1, 1, to_buffer, ret);
    return cb_encoder_add(e, bytes->data, bytes->len, err) < 0 ? -1 : cb_encoder_end(e, err);
}

static ssize_t from_bytes(void *arg, void *p, size_t n, struct cb_error *err)
{
    (void)err; /* all of it is there */
    struct cb_str *rest = arg;
    size_t take = CB_MIN(n, rest->n);
    memcpy(p, rest->p, take);
    rest->p += take;
    rest->n -= take;
    return (ssize_t)take;
}

int build_share_unpack(const void *packed, size_t n, size_t max, const char *what, struct cb_buf *ret, struct cb_error *err)
{
    struct cb_str rest = {packed, n};
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(from_bytes, &rest, what);
    ssize_t r;
    do {
        cb_buf_reserve(ret, 65536);
        r = cb_decoder_read(d, ret->data + ret->len, 65536, err);
        if (r > 0)
            ret->len += (size_t)r;
        if (ret->len > max)
            return cb_fail(err, CB_E_CORRUPT, "%s has more than %zu bytes", what, max);
    } while (r > 0);
    return (int)r;
}

/* `data` is there. */
static void name_part(struct build_artifact_part *p, const char *type)
{
    free(p->media_type);
    p->media_type = cb_strdup(type);
    p->here = true;
    p->size = p->data.len;
    cb_sha256(p->data.data, p->data.len, &p->digest);
}

int build_artifact_set_index(struct build_artifact *a, const struct cache_index *x, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    cache_index_write(x, &bytes);
    if (bytes.len > BUILD_ARTIFACT_MAX_INDEX)
        return cb_fail(err, CB_E_UNSUPPORTED, "a layer of %zu entries is too large for a shared cache", x->n);
    cb_buf_reset(&a->index.data);
    if (build_share_pack(&bytes, &a->index.data, err) < 0)
        return -1;
    name_part(&a->index, BUILD_ARTIFACT_INDEX);
    a->entries = x->n;
    a->size = cache_index_size(x);
    return 0;
}

void build_artifact_set_layer(struct build_artifact *a, const struct cache_packed *p)
{
    free(a->layer.media_type);
    a->layer.media_type = oci_layer_type(p->codec, false);
    a->layer.digest = p->digest;
    a->layer.size = p->size;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void put_digest(json_t *j, const char *key, const struct cb_digest *d)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(d, text);
    json_object_set_new(j, key, json_string(text));
}

static void put_text(json_t *j, const char *key, const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_utf8_sanitize(&b, s ? s : "", s ? strlen(s) : 0);
    json_object_set_new(j, key, json_stringn(b.data, b.len));
}

static json_t *record_json(const struct build_artifact *a)
{
    static const struct cb_digest none;
    char created[CB_TIME_MAX];
    json_t *j = json_object();
    cb_time_rfc3339(a->record.created, created);
    json_object_set_new(j, "version", json_integer(VERSION));
    put_digest(j, "layer", &a->record.layer);
    put_digest(j, "diffId", &a->diff_id);
    json_object_set_new(j, "entries", json_integer((json_int_t)a->entries));
    json_object_set_new(j, "size", json_integer((json_int_t)a->size));
    json_object_set_new(j, "created", json_string(created));
    put_text(j, "instruction", a->record.instruction);
    if (!cb_digest_eq(&a->parent, &none))
        put_digest(j, "parent", &a->parent);
    if (a->has_content)
        put_digest(j, "content", &a->content);
    put_text(j, "platform", a->platform);
    put_text(j, "maker", a->maker);
    cache_record_put_usage(j, &a->record.usage);
    return j;
}

/* The inputs are part of the record unless that would make it large. */
static int make_config(struct build_artifact *a, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = record_json(a);
    CB_AUTO(cb_buf) struct cb_buf inputs = CB_BUF_INIT;
    cache_record_dump_inputs(&a->record, &inputs);
    cb_buf_reset(&a->config.data);
    cb_json_dump(j, CB_JSON_COMPACT, &a->config.data);
    cb_buf_reset(&a->inputs.data);
    free(CB_TAKE(a->inputs.media_type));
    if (a->config.data.len + inputs.len <= BUILD_ARTIFACT_SMALL) {
        json_object_set_new(j, "inputs", cb_json_parse(inputs.data, inputs.len, "inputs", err));
        cb_buf_reset(&a->config.data);
        cb_json_dump(j, CB_JSON_COMPACT, &a->config.data);
    } else if (inputs.len <= BUILD_ARTIFACT_MAX_INPUTS) {
        if (build_share_pack(&inputs, &a->inputs.data, err) < 0)
            return -1;
        name_part(&a->inputs, BUILD_ARTIFACT_INPUTS);
    }
    name_part(&a->config, BUILD_ARTIFACT_RECORD);
    return 0;
}

static void put_part(const struct build_artifact_part *p, size_t embed, struct oci_descriptor *ret)
{
    ret->media_type = cb_strdup(p->media_type);
    ret->digest = p->digest;
    ret->size = p->size;
    if (!p->here || p->data.len > embed)
        return;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_base64_encode(&text, p->data.data, p->data.len);
    ret->data = cb_buf_detach(&text);
}

int build_artifact_write(struct build_artifact *a, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {.artifact_type = cb_strdup(BUILD_ARTIFACT_TYPE)};
    if (make_config(a, err) < 0)
        return -1;
    if (a->config.data.len > BUILD_ARTIFACT_MAX_RECORD)
        return cb_fail(err, CB_E_UNSUPPORTED, "a record of %zu bytes is too large for a shared cache", a->config.data.len);
    put_part(&a->config, BUILD_ARTIFACT_MAX_RECORD, &m.config);
    const struct build_artifact_part *parts[] = {&a->layer, &a->index, &a->inputs};
    const size_t embed[] = {0, BUILD_ARTIFACT_EMBED, 0};
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (parts[i]->media_type)
            put_part(parts[i], embed[i], &CB_PUSH(m.layers, m.n_layers, m.cap_layers));
    oci_manifest_write(&m, out);
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Bytes that lie in the document are believed when they have the descriptor's digest. */
static int get_part(const struct oci_descriptor *d, struct build_artifact_part *ret, struct cb_error *err)
{
    if (ret->media_type)
        return cb_fail(err, CB_E_CORRUPT, "two parts have the type '%.100s'", d->media_type);
    ret->media_type = cb_strdup(d->media_type);
    ret->digest = d->digest;
    ret->size = d->size;
    if (!d->data)
        return 0;
    struct cb_digest is;
    bool text = cb_base64_decode(&ret->data, d->data);
    cb_sha256(ret->data.data, ret->data.len, &is);
    if (!text || ret->data.len != d->size || !cb_digest_eq(&is, &d->digest))
        return cb_fail(err, CB_E_CORRUPT, "the data of a descriptor does not have its digest");
    ret->here = true;
    return 0;
}

static int get_digest(json_t *j, const char *key, bool optional, struct cb_digest *ret, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, key, "record", &text, err);
    if (r < 0 || (r == 0 && optional))
        return r;
    return text && cb_digest_parse(text, ret) ? 1 : cb_fail(err, CB_E_CORRUPT, "record.%s: not a digest", key);
}

static int get_count(json_t *j, const char *key, uint64_t max, uint64_t *ret, struct cb_error *err)
{
    int64_t v = -1;
    if (cb_json_int(j, key, "record", &v, err) < 0)
        return -1;
    if (v < 0 || (uint64_t)v > max)
        return cb_fail(err, CB_E_CORRUPT, "record.%s: missing or out of range", key);
    *ret = (uint64_t)v;
    return 0;
}

static int get_text(json_t *j, const char *key, char **ret, struct cb_error *err)
{
    const char *s = "";
    if (cb_json_str(j, key, "record", &s, err) < 0)
        return -1;
    *ret = cb_strdup(s);
    return 0;
}

/* A date of the future, or before all dates, would end up in the history of an image. */
static int get_created(json_t *j, struct timespec *ret, struct cb_error *err)
{
    const char *text = "";
    if (cb_json_str(j, "created", "record", &text, err) < 0)
        return -1;
    if (!cb_time_parse_rfc3339(text, ret) || ret->tv_sec < 0)
        return cb_fail(err, CB_E_CORRUPT, "record.created: not a time");
    return 0;
}

static int get_record(json_t *j, struct build_artifact *a, struct cb_error *err)
{
    int64_t version = 0;
    json_t *inputs = NULL;
    if (cb_json_int(j, "version", "record", &version, err) < 0)
        return -1;
    if (version != VERSION)
        return cb_fail(err, CB_E_UNSUPPORTED, "record.version: expected %d, found %lld", VERSION, (long long)version);
    int content = 0;
    if (get_digest(j, "layer", false, &a->record.layer, err) < 0 || get_digest(j, "diffId", false, &a->diff_id, err) < 0 ||
        get_digest(j, "parent", true, &a->parent, err) < 0 || (content = get_digest(j, "content", true, &a->content, err)) < 0 ||
        get_count(j, "entries", CB_MAX_ENTRIES, &a->entries, err) < 0 || get_count(j, "size", INT64_MAX, &a->size, err) < 0 ||
        get_created(j, &a->record.created, err) < 0 || get_text(j, "instruction", &a->record.instruction, err) < 0 ||
        get_text(j, "platform", &a->platform, err) < 0 || get_text(j, "maker", &a->maker, err) < 0 ||
        cb_json_array(j, "inputs", "record", &inputs, err) < 0)
        return -1;
    a->has_content = content > 0;
    if (cache_record_get_usage(j, &a->record.usage, err) < 0 || (inputs && cache_record_get_inputs(inputs, &a->record) < 0))
        return err->msg ? -1 : cb_fail(err, CB_E_CORRUPT, "record: its numbers or inputs are not as they should be");
    return 0;
}

/* Which part a descriptor is; parts of types that are not known are left alone. */
static int get_parts(const struct oci_manifest *m, struct build_artifact *a, struct cb_error *err)
{
    for (size_t i = 0; i < m->n_layers; i++) {
        const char *type = m->layers[i].media_type;
        struct build_artifact_part *p = strcmp(type, BUILD_ARTIFACT_INDEX) == 0    ? &a->index
                                        : strcmp(type, BUILD_ARTIFACT_INPUTS) == 0 ? &a->inputs
                                        : cb_starts(type, OCI_TYPE_LAYER)          ? &a->layer
                                                                                   : NULL;
        if (p && get_part(&m->layers[i], p, err) < 0)
            return -1;
    }
    const struct cb_codec *codec;
    if (!a->layer.media_type)
        return cb_fail(err, CB_E_CORRUPT, "a layer is missing");
    return oci_layer_codec(a->layer.media_type, &codec, err);
}

int build_artifact_read(const void *bytes, size_t n, struct build_artifact *ret, struct cb_error *err)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    if (oci_manifest_parse(bytes, n, &m, err) < 0)
        return -1;
    if (!m.artifact_type || strcmp(m.artifact_type, BUILD_ARTIFACT_TYPE) != 0 ||
        strcmp(m.config.media_type, BUILD_ARTIFACT_RECORD) != 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "not a record of cbuild, but of type '%.100s'",
                       m.artifact_type ? m.artifact_type : m.config.media_type);
    if (m.config.size > BUILD_ARTIFACT_MAX_RECORD || get_part(&m.config, &ret->config, err) < 0)
        return err->msg ? -1 : cb_fail(err, CB_E_CORRUPT, "record: larger than %u bytes", BUILD_ARTIFACT_MAX_RECORD);
    if (!ret->config.here)
        return cb_fail(err, CB_E_CORRUPT, "the record is not in the document");
    CB_AUTO(json) json_t *j = cb_json_parse(ret->config.data.data, ret->config.data.len, "record", err);
    if (!j || (!json_is_object(j) && cb_fail(err, CB_E_CORRUPT, "record: expected an object") < 0))
        return -1;
    return get_record(j, ret, err) < 0 ? -1 : get_parts(&m, ret, err);
}

int build_artifact_index(const struct build_artifact *a, const void *packed, size_t n, struct cache_index *ret,
                         struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cb_digest id;
    if (build_share_unpack(packed, n, BUILD_ARTIFACT_MAX_INDEX, "the layer's index", &bytes, err) < 0 ||
        cache_index_read(bytes.data, bytes.len, &x, err) < 0)
        return -1;
    cache_index_content_id(&x, &id);
    if (!cb_digest_eq(&id, &a->record.layer) || x.n != a->entries || cache_index_size(&x) != a->size)
        return cb_fail(err, CB_E_CORRUPT, "the index is not that of the layer");
    *ret = x;
    x = (struct cache_index){0};
    return 0;
}

int build_artifact_inputs(struct build_artifact *a, const void *packed, size_t n, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (build_share_unpack(packed, n, BUILD_ARTIFACT_MAX_INPUTS, "the list of inputs", &bytes, err) < 0)
        return -1;
    CB_AUTO(json) json_t *list = cb_json_parse(bytes.data, bytes.len, "inputs", err);
    if (!list)
        return -1;
    return cache_record_get_inputs(list, &a->record) < 0 ? cb_fail(err, CB_E_CORRUPT, "the list of inputs is not one") : 0;
}
