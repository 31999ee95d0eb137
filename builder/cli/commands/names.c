#include "builder/cli/commands/names.h"
#include "registry/oci/reference.h"

int cli_parse_name(const char *text, bool digest, struct oci_ref *ret, struct cb_error *err)
{
    if (oci_ref_parse(text, ret, err) < 0) {
        err->code = CB_E_USAGE;
        return cb_prefix(err, "'%s'", text);
    }
    return digest || !ret->digest ? 0 : cb_fail(err, CB_E_USAGE, "'%s': an image cannot be given a digest, only a tag", text);
}

/* Takes the image at `at` out of a list, which is gone afterwards. */
static void take_from_list(struct cache_image *list, size_t n, size_t at, struct cache_image *ret)
{
    for (size_t i = 0; i < n; i++)
        if (i == at)
            *ret = list[i];
        else
            cache_image_done(&list[i]);
    free(list);
}

static int not_there(const char *text, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "no image '%s' in the store", text);
    return cb_hint(err, "'cbuild images' lists them");
}

/* By an image ID, or a prefix of one that is no other image's (at least 4 digits). */
static int find_by_id(struct cache_store *s, const char *text, struct cache_image *ret, struct cb_error *err)
{
    const char *hex = cb_starts(text, "sha256:") ? text + 7 : text;
    struct cache_image *list = NULL;
    size_t n = 0, at = SIZE_MAX, number = 0;
    bool several = false;
    if (strlen(hex) < 4)
        return not_there(text, err);
    if (cache_image_list(s, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < cache_image_count(&list[i]); k++) {
            char id[CB_DIGEST_HEX + 1];
            const struct cb_digest *own = &cache_image_nth(&list[i], k)->config;
            cb_digest_hex(own, id);
            if (!cb_starts(id, hex))
                continue;
            several |= at != SIZE_MAX && !cb_digest_eq(&cache_image_nth(&list[at], number)->config, own);
            if (at == SIZE_MAX)
                at = i, number = k;
        }
    take_from_list(list, n, several ? SIZE_MAX : at, ret);
    if (several)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s' begins the IDs of several images: give more of it", text);
    if (at == SIZE_MAX)
        return not_there(text, err);
    cache_image_keep(ret, number);
    return 0;
}

int cli_find_image(struct cache_store *s, const char *text, struct cache_image *ret, bool *ret_by_id, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error not_a_name = CB_ERROR_INIT;
    if (ret_by_id)
        *ret_by_id = false;
    if (oci_ref_parse(text, &ref, &not_a_name) == 0) {
        CB_AUTO(free) char *full = oci_ref_full(&ref);
        int r = cache_image_load(s, full, ret, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    if (ret_by_id)
        *ret_by_id = true;
    return find_by_id(s, text, ret, err);
}

int cli_platform(const struct build_request *request, struct oci_platform *ret, struct cb_error *err)
{
    if (request->platform)
        return oci_platform_parse(request->platform, ret, err);
    oci_platform_host(ret);
    return 0;
}

int cli_pull_documents(struct build_session *s, const char *name, enum build_pull policy, struct cache_image *ret,
                       struct cb_error *err)
{
    struct build_want w = {.text = cb_strdup(name)};
    int r = cli_platform(s->request, &w.platform, err);
    if (r == 0)
        r = build_bases_resolve(s, &w, 1, policy, err);
    *ret = w.base.image;
    w.base.image = (struct cache_image){0};
    build_want_done(&w);
    return r;
}

char *cli_short_name(const struct cache_image *image)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return !cache_image_is_unnamed(image) && oci_ref_parse(image->name, &ref, &ignored) == 0 ? oci_ref_familiar(&ref)
                                                                                             : cb_strdup("<none>");
}

char *cli_short_repository(const struct cache_image *image)
{
    char *name = cli_short_name(image);
    char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
    if (colon)
        *colon = '\0';
    return name;
}

const char *cli_tag_of(const char *short_name)
{
    const char *slash = strrchr(short_name, '/'), *colon = strchr(slash ? slash : short_name, ':');
    return colon ? colon + 1 : "<none>";
}
