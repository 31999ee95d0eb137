/* type=image: the local store, and with push=true a registry too. */
#include "builder/output/output-internal.h"
#include "registry/oci/reference.h"

/* A name that has this image already keeps it as it is. */
static int store_name(struct cache_store *s, struct cache_image named, char *name, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image have = {0};
    int found = cache_image_load(s, name, &have, err);
    if (found < 0)
        return -1;
    named.name = name;
    bool same = found && cb_digest_eq(&have.config, &named.config) && have.n_layers == named.n_layers &&
                strcmp(have.manifest_type ? have.manifest_type : "", named.manifest_type ? named.manifest_type : "") == 0;
    return same ? 0 : cache_image_store(s, &named, err);
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
            known = cb_digest_eq(&list[i].config, id);
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

static int write_names(struct build_session *s, const struct build_output *o, const struct build_image *image,
                       struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (build_output_names(s, o, &names, err) < 0)
        return -1;
    if (!names.n && store_unnamed(s, image, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (store_name(s->store, image->stored, names.items[i], err) < 0 || oci_ref_parse(names.items[i], &ref, err) < 0)
            return -1;
        cb_strv_take(&ret->names, oci_ref_familiar(&ref));
        cb_strv_push(&ret->image_names, names.items[i]);
    }
    return o->push ? build_output_push_names(s, o, image, ret, err) : 0;
}

static const struct build_output_key *const keys[] = {&build_output_key_push, &build_output_key_by_digest, OUTPUT_IMAGE_KEYS,
                                                      NULL};

const struct build_output_ops build_output_image = {
    .name = "image", .keys = keys, .check = build_output_check_push, .write = write_names};
