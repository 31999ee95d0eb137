#include "builder/output/image.h"
#include "base/limits.h"
#include "builder/output/pack.h"
#include "builder/pull/materialize.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"

void build_image_done(struct build_image *i)
{
    cache_image_done(&i->stored);
    oci_platform_done(&i->platform);
    for (size_t n = 0; n < i->n_said; n++)
        json_decref(i->said[n].body);
    free(i->said);
    *i = (struct build_image){0};
}

void build_images_done(struct build_images *i)
{
    for (size_t n = 0; n < i->n; n++)
        build_image_done(&i->items[n]);
    free(i->items);
    cb_strv_done(&i->names);
    *i = (struct build_images){0};
}

/* Its layers may be where it was pulled from. */
static int of_store(const struct cache_image *stored, char *name, struct build_image *ret, struct cb_error *err)
{
    cache_image_copy(&ret->stored, stored);
    cache_image_keep(&ret->stored, 0);
    ret->self = (struct build_base){.name = name, .image = ret->stored};
    ret->base = &ret->self;
    ret->base_shown = name;
    return stored->platform ? oci_platform_parse(stored->platform, &ret->platform, err) : 0;
}

int build_images_of(const struct cache_image *stored, struct build_images *ret, struct cb_error *err)
{
    size_t n = cache_image_count(stored);
    *ret = (struct build_images){.items = cb_alloc(n * sizeof(*ret->items)), .cap = n, .listed = n > 1 || stored->listed};
    while (ret->n < n) {
        struct build_image *each = &ret->items[ret->n++];
        if (of_store(cache_image_nth(stored, ret->n - 1), stored->name, each, err) < 0)
            return -1;
    }
    return 0;
}

/* The diff ID of a layer that a step made is kept with the layer, if it is known at all. */
static int find_diff_ids(struct build_session *s, struct cache_image *image, struct cb_error *err)
{
    static const struct cb_digest unknown;
    bool missing = false;
    for (size_t i = 0; i < image->n_layers; i++) {
        struct cache_image_layer *l = &image->layers[i];
        struct cache_layer known;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        if (!cb_digest_eq(&l->diff_id, &unknown))
            continue;
        if (cache_layer_find(s->store, &l->id, &known, &ignored) == 1 && known.has_diff_id)
            l->diff_id = known.diff_id;
        else
            missing = true;
    }
    return missing ? build_pack_layers(s, image->layers, image->n_layers, 0, NULL, NULL, err) : 0;
}

int build_image_complete(struct build_session *s, struct build_image *image, struct oci_image_config *config,
                         struct cb_error *err)
{
    struct cache_image *i = &image->stored;
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (i->n_layers > CB_MAX_LAYERS)
        return cb_fail(err, CB_E_UNSUPPORTED, "the image would have %zu layers; %d are possible", i->n_layers, CB_MAX_LAYERS);
    if (find_diff_ids(s, i, err) < 0)
        return -1;
    config->n_diff_ids = 0;
    for (size_t n = 0; n < i->n_layers; n++)
        CB_PUSH(config->diff_ids, config->n_diff_ids, config->cap_diff_ids) = i->layers[n].diff_id;
    oci_image_config_write(config, &bytes);
    if (cache_blob_put(s->store, bytes.data, bytes.len, &i->config, err) < 0)
        return -1;
    i->created = config->created;
    clock_gettime(CLOCK_REALTIME, &i->updated);
    return 0;
}

int build_image_fetch_base(struct build_session *s, const struct build_image *image, enum build_base_form form,
                           struct cb_error *err)
{
    struct cb_job job;
    if (!image->base || build_base_complete(s, &image->base->image, form))
        return 0;
    if (build_base_start(s, image->base, form, &job, err) < 0)
        return -1;
    return build_wait_job(s, &job, image->base_shown, NULL, err);
}

int build_image_fetch_files(struct build_session *s, const struct build_image *image, struct cb_error *err)
{
    if (build_image_fetch_base(s, image, BUILD_BASE_FILES, err) < 0)
        return -1;
    for (size_t i = 0; i < image->stored.n_layers; i++) {
        const struct cb_digest *id = &image->stored.layers[i].id;
        struct cache_layer l;
        struct cb_job job;
        if (cache_layer_find(s->store, id, &l, err) < 0)
            return -1;
        if (!l.has_files && (build_materialize_start(s, id, &job, err) < 0 || build_wait_job(s, &job, NULL, NULL, err) < 0))
            return -1;
    }
    return 0;
}

uint64_t build_layer_bytes(struct cache_store *s, const struct cb_digest *id)
{
    struct cache_layer l;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return cache_layer_find(s, id, &l, &ignored) == 1 ? l.size : 0;
}

uint64_t build_image_size(struct cache_store *s, const struct cache_image *image)
{
    uint64_t n = 0;
    for (size_t i = 0; i < image->n_layers; i++)
        n += build_layer_bytes(s, &image->layers[i].id);
    return n;
}
