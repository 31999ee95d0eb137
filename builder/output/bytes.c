/* Blobs of the store on their way out. */
#include "base/fd.h"
#include "builder/output/output-internal.h"
#include "cache/store/blob.h"

int build_output_open_blob(void *blob, struct cb_error *err)
{
    struct build_output_blob *b = blob;
    return cache_blob_open(b->store, &b->digest, err);
}

int build_output_write_fd(void *fd, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(*(int *)fd, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write the output") : 0;
}

void build_output_drop_damaged(struct cache_store *s, const struct build_index *x, struct cb_error *err)
{
    if (err->code != CB_E_CORRUPT && err->code != CB_E_FAILED)
        return;
    for (size_t i = 0; i < x->n; i++) {
        const struct oci_manifest *m = &x->items[i].manifest.m;
        for (size_t k = 0; k < m->n_layers; k++)
            if (cache_blob_check(s, &m->layers[k].digest) == 0)
                cb_hint(err, "a damaged blob was removed from the store: run it again");
    }
}
