/* type=image: the local store, and with push=true a registry too. */
#include "builder/output/output-internal.h"
#include "registry/oci/reference.h"

static bool is_same_image(const struct cache_image *a, const struct cache_image *b)
{
    return cb_digest_eq(&a->config, &b->config) && a->n_layers == b->n_layers &&
           strcmp(a->manifest_type ? a->manifest_type : "", b->manifest_type ? b->manifest_type : "") == 0;
}

static bool is_same(const struct cache_image *a, const struct cache_image *b)
{
    bool same = cache_image_count(a) == cache_image_count(b);
    for (size_t i = 0; i < cache_image_count(a) && same; i++)
        same = is_same_image(cache_image_nth(a, i), cache_image_nth(b, i));
    return same;
}

/* A name that has these images already keeps them as they are. */
static int store_name(struct cache_store *s, struct cache_image named, char *name, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image have = {0};
    int found = cache_image_load(s, name, &have, err);
    if (found < 0)
        return -1;
    named.name = name;
    return found && is_same(&have, &named) ? 0 : cache_image_store(s, &named, err);
}

/* By any name. */
static bool is_known(struct cache_store *s, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* then it is not known */
    struct cache_image *list = NULL;
    size_t n = 0;
    bool known = false;
    if (cache_image_list(s, &list, &n, &ignored) == 0)
        for (size_t i = 0; i < n && !known; i++)
            known = cache_image_with_id(&list[i], id);
    cache_image_list_free(list, n);
    return known;
}

/* One that nobody has named goes by its id. Every image can be found by that, so where nothing can be written it will do. */
static int store_unnamed(struct build_session *s, const struct build_image *image, struct cb_error *err)
{
    char id[CB_DIGEST_TEXT + 1];
    cb_digest_text(&image->stored.config, id);
    return s->reading && is_known(s->store, &image->stored.config) ? 0 : store_name(s->store, image->stored, id, err);
}

/* As the store has all of them under one name. */
static void join(const struct build_images *images, struct cache_image *ret)
{
    for (size_t i = 0; i < images->n; i++) {
        struct cache_image each = {0};
        cache_image_copy(&each, &images->items[i].stored);
        if (images->n > 1)
            each.platform = oci_platform_text(&images->items[i].platform);
        if (i)
            cache_image_add(ret, &each);
        else
            *ret = each;
    }
}

/* A layout or archive may be gone when the image is used. */
static int keep_bases(struct build_session *s, const struct build_images *images, struct cb_error *err)
{
    for (size_t i = 0; i < images->n; i++) {
        const struct build_image *image = &images->items[i];
        if (image->base && image->base->layout && build_image_fetch_base(s, image, BUILD_BASE_PACKED, err) < 0)
            return -1;
    }
    return 0;
}

static int write_names(struct build_session *s, const struct build_output *o, const struct build_images *images,
                       struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cache_image) struct cache_image joined = {0};
    if (build_output_names(s, o, &names, err) < 0 || keep_bases(s, images, err) < 0)
        return -1;
    for (size_t i = 0; i < images->n && !names.n; i++)
        if (store_unnamed(s, &images->items[i], err) < 0)
            return -1;
    join(images, &joined);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (store_name(s->store, joined, names.items[i], err) < 0 || oci_ref_parse(names.items[i], &ref, err) < 0)
            return -1;
        cb_strv_take(&ret->names, oci_ref_familiar(&ref));
        cb_strv_push(&ret->image_names, names.items[i]);
    }
    return o->push ? build_output_push_names(s, o, images, ret, err) : 0;
}

static const struct build_output_key *const keys[] = {&build_output_key_push, &build_output_key_by_digest, OUTPUT_IMAGE_KEYS,
                                                      NULL};

const struct build_output_ops build_output_image = {
    .name = "image", .keys = keys, .check = build_output_check_push, .write = write_names};
