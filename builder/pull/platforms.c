#include "builder/pull/platforms.h"
#include "base/limits.h"
#include "cache/store/blob.h"
#include "registry/oci/config.h"

static int rank(const struct cache_image *i, const struct oci_platform *want)
{
    CB_AUTO(oci_platform) struct oci_platform have = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* then it fits nobody */
    return oci_platform_parse(i->platform, &have, &ignored) < 0 ? -1 : oci_platform_rank(want, &have);
}

bool build_platforms_keep(struct cache_image *i, const struct oci_platform *want)
{
    size_t n = cache_image_count(i), at = 0;
    int best = -1;
    if (n == 1)
        return true;
    for (size_t k = 0; k < n; k++) {
        int r = rank(cache_image_nth(i, k), want);
        if (r >= 0 && (best < 0 || r < best))
            best = r, at = k;
    }
    if (best >= 0)
        cache_image_keep(i, at);
    return best >= 0;
}

char *build_platforms_text(const struct cache_image *i)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (size_t k = 0; k < cache_image_count(i); k++) {
        const char *text = cache_image_nth(i, k)->platform;
        cb_buf_printf(&b, text && b.len ? ", %s" : "%s", text ? text : "");
    }
    return cb_buf_detach(&b);
}

char *build_platforms_of(struct cache_store *s, const struct cache_image *i, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    if (i->platform)
        return cb_strdup(i->platform);
    int r = cache_blob_get(s, &i->config, CB_MAX_CONFIG, &bytes, err);
    if (r == 0)
        cb_fail(err, CB_E_CORRUPT, "the config of an image is not in the store: build or pull it again");
    if (r <= 0 || oci_image_config_parse(bytes.data, bytes.len, &config, err) < 0)
        return NULL;
    return oci_platform_text(&config.platform);
}

/* Whether that image stays under the name when `new` gets it. */
static bool stays(const struct cache_image *old, const struct cache_image *new)
{
    return old->pulled && old->platform && cb_digest_eq(&old->index, &new->index) && strcmp(old->platform, new->platform) != 0;
}

int build_platforms_store(struct cache_store *s, const struct cache_image *i, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image have = {0}, all = {0};
    int found = cache_image_load(s, i->name, &have, err);
    if (found < 0)
        return -1;
    cache_image_copy(&all, i);
    for (size_t k = 0; found && k < cache_image_count(&have); k++) {
        struct cache_image other = {0};
        if (!stays(cache_image_nth(&have, k), i))
            continue;
        cache_image_copy(&other, cache_image_nth(&have, k));
        cache_image_keep(&other, 0);
        cache_image_add(&all, &other);
    }
    return cache_image_store(s, &all, err);
}
