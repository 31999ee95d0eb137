#include "builder/output/annotations.h"
#include "base/text.h"
#include "builder/output/output.h"

int build_output_add_annotation(struct cb_strv *list, const char *type, const char *pair, const char *shown, struct cb_error *err)
{
    size_t n = strcspn(type, "[");
    const char *eq = strchr(pair, '=');
    CB_AUTO(free) char *platform = type[n] ? cb_strdup(type + n + 1) : NULL;
    size_t len = platform ? strlen(platform) : 0;
    if (!eq || eq == pair || (platform && (len == 0 || platform[len - 1] != ']')))
        return cb_fail(err, CB_E_USAGE, "invalid annotation \"%s\": expected KEY=VALUE or manifest[PLATFORM]:KEY=VALUE", shown);
    if (n != strlen("manifest") || !cb_starts(type, "manifest"))
        return cb_fail(err, CB_E_UNSUPPORTED,
                       "annotation \"%s\": only those of the manifest can be set: an image of one platform has no index", shown);
    if (!platform) {
        cb_strv_push(list, pair);
        return 0;
    }
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    platform[len - 1] = 0;
    if (oci_platform_parse(platform, &p, err) < 0)
        return cb_prefix(err, "annotation \"%s\"", shown);
    cb_strv_take(list, cb_printf("[%s]%s", platform, pair));
    return 0;
}

void build_annotations_of(const struct cb_strv *given, const struct oci_platform *platform, struct cb_strv *ret)
{
    for (size_t i = 0; i < given->n; i++) {
        const char *a = given->items[i], *close = *a == '[' ? strchr(a, ']') : NULL;
        CB_AUTO(free) char *text = close ? cb_memdup0(a + 1, (size_t)(close - a - 1)) : NULL;
        CB_AUTO(oci_platform) struct oci_platform p = {0};
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it was checked when it was read */
        if (!close)
            cb_strv_push(ret, a);
        else if (oci_platform_parse(text, &p, &ignored) == 0 && oci_platform_rank(&p, platform) == 0)
            cb_strv_push(ret, close + 1);
    }
}
