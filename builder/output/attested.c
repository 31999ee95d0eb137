#include "builder/output/attested.h"
#include "cache/store/blob.h"

static int add_statement(struct build_session *s, const struct build_attest_predicate *p, const struct cb_strv *names,
                         const char *platform, const struct cb_digest *of, struct build_manifest *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    struct oci_descriptor d = {.media_type = cb_strdup(BUILD_ATTEST_STATEMENT_TYPE)};
    build_attest_statement(p, names, platform, of, &bytes);
    d.size = bytes.len;
    int r = cache_blob_put(s->store, bytes.data, bytes.len, &d.digest, err);
    cb_strv_take(&d.annotations, cb_printf(BUILD_ATTEST_PREDICATE_KEY "=%s", p->type));
    CB_PUSH(ret->m.layers, ret->m.n_layers, ret->m.cap_layers) = d;
    return r;
}

/* An image's config in form, of no platform: registries that know nothing else take it, and nobody runs it. */
static void make_config(const struct oci_manifest *m, struct cb_buf *out)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < m->n_layers; i++) {
        char text[CB_DIGEST_TEXT + 1];
        cb_digest_text(&m->layers[i].digest, text);
        json_array_append_new(ids, json_string(text));
    }
    CB_AUTO(json)
    json_t *j = json_pack("{s:s, s:s, s:{}, s:{s:s, s:o}}", "architecture", "unknown", "os", "unknown", "config", "rootfs",
                          "type", "layers", "diff_ids", ids);
    cb_json_dump(j, CB_JSON_COMPACT, out);
}

int build_attested_make(struct build_session *s, const struct build_image *image, const struct cb_strv *names,
                        const struct cb_digest *of, struct build_manifest *ret, struct cb_error *err)
{
    struct oci_manifest *m = &ret->m;
    CB_AUTO(free) char *platform = oci_platform_text(&image->platform);
    for (size_t i = 0; i < image->n_said; i++)
        if (add_statement(s, &image->said[i], names, platform, of, ret, err) < 0)
            return -1;
    make_config(m, &ret->config);
    m->media_type = cb_strdup(OCI_TYPE_MANIFEST);
    m->config = (struct oci_descriptor){.media_type = cb_strdup(OCI_TYPE_CONFIG), .size = ret->config.len};
    if (cache_blob_put(s->store, ret->config.data, ret->config.len, &m->config.digest, err) < 0)
        return -1;
    oci_manifest_write(m, &ret->bytes);
    return cache_blob_put(s->store, ret->bytes.data, ret->bytes.len, &ret->digest, err);
}

void build_attested_describe(const struct build_manifest *m, const struct cb_digest *of, struct oci_descriptor *ret)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(of, text);
    *ret = (struct oci_descriptor){.media_type = cb_strdup(OCI_TYPE_MANIFEST),
                                   .digest = m->digest,
                                   .size = m->bytes.len,
                                   .has_platform = true,
                                   .platform = {cb_strdup("unknown"), cb_strdup("unknown"), cb_strdup(""), cb_strdup("")}};
    cb_strv_take(&ret->annotations, cb_printf("vnd.docker.reference.digest=%s", text));
    cb_strv_push(&ret->annotations, "vnd.docker.reference.type=attestation-manifest");
}
