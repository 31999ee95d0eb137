/* Any bytes as a manifest, an index and an image config: no crash, an error exactly when there is no result, and
 * writing what was read and reading it again gives the same bytes. */
#include "base/limits.h"
#include "registry/oci/config.h"
#include "registry/oci/document.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct cb_buf *a, const struct cb_buf *b)
{
    assert(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void try_manifest(const char *p, size_t n)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    CB_AUTO(oci_manifest) struct oci_manifest again = {0};
    CB_AUTO(cb_buf) struct cb_buf once = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf twice = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_manifest_parse(p, n, &m, &err) < 0) {
        assert(err.msg && !m.media_type);
        return;
    }
    oci_manifest_write(&m, &once);
    if (once.len > CB_MAX_MANIFEST)
        return; /* indenting may take a document beyond what is read */
    assert(oci_manifest_parse(once.data, once.len, &again, &err) == 0);
    oci_manifest_write(&again, &twice);
    same(&once, &twice);
}

static void try_index(const char *p, size_t n)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(oci_index) struct oci_index again = {0};
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    CB_AUTO(cb_buf) struct cb_buf once = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf twice = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_index_parse(p, n, &x, &err) < 0) {
        assert(err.msg && !x.media_type);
        return;
    }
    oci_platform_host(&host);
    int chosen = oci_index_select(&x, &host, "image", &err);
    assert(chosen < 0 ? err.msg != NULL : (size_t)chosen < x.n_manifests);
    oci_index_write(&x, &once);
    cb_error_done(&err);
    if (once.len > CB_MAX_MANIFEST)
        return;
    assert(oci_index_parse(once.data, once.len, &again, &err) == 0);
    oci_index_write(&again, &twice);
    same(&once, &twice);
}

static void try_config(const char *p, size_t n)
{
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    CB_AUTO(oci_image_config) struct oci_image_config again = {0};
    CB_AUTO(cb_buf) struct cb_buf once = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf twice = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_image_config_parse(p, n, &c, &err) < 0) {
        assert(err.msg && !c.platform.os);
        return;
    }
    oci_image_config_write(&c, &once);
    assert(oci_image_config_parse(once.data, once.len, &again, &err) == 0);
    oci_image_config_write(&again, &twice);
    same(&once, &twice);
    oci_image_config_repair_history(&c);
    size_t layers = 0;
    for (size_t i = 0; i < c.n_history; i++)
        layers += !c.history[i].empty_layer;
    assert(layers == c.n_diff_ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int kind = oci_document_kind(p, size, NULL, &err);
    assert(kind < 0 ? err.msg != NULL : kind <= 1);
    try_manifest(p, size);
    try_index(p, size);
    try_config(p, size);
    return 0;
}
