#include "builder/pull/platforms.h"

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
    for (size_t k = 0; k < cache_image_count(i); k++)
        cb_buf_printf(&b, k ? ", %s" : "%s", cache_image_nth(i, k)->platform);
    return cb_buf_detach(&b);
}
