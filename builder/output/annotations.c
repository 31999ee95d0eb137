#include "builder/output/annotations.h"
#include "base/text.h"
#include "builder/output/output.h"

/* What an annotation can be of, as it is named. */
static const char *const parts[] = {
    [BUILD_ANNOTATES_MANIFEST] = "manifest",
    [BUILD_ANNOTATES_DESCRIPTOR] = "manifest-descriptor",
    [BUILD_ANNOTATES_INDEX] = "index",
    [BUILD_ANNOTATES_INDEX_DESCRIPTOR] = "index-descriptor",
};

static bool is_of_index(enum build_annotates part)
{
    return part == BUILD_ANNOTATES_INDEX || part == BUILD_ANNOTATES_INDEX_DESCRIPTOR;
}

static int find_part(const char *type, size_t n, enum build_annotates *ret)
{
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (strlen(parts[i]) == n && strncmp(parts[i], type, n) == 0) {
            *ret = (enum build_annotates)i;
            return 1;
        }
    return 0;
}

/* Held as "KEY=VALUE", or with what it is of in front: "[index]KEY=VALUE", "[manifest linux/arm64]KEY=VALUE". */
int build_output_add_annotation(struct cb_strv *list, const char *type, const char *pair, const char *shown, struct cb_error *err)
{
    size_t n = strcspn(type, "[");
    const char *eq = strchr(pair, '=');
    enum build_annotates part;
    CB_AUTO(free) char *platform = type[n] ? cb_strdup(type + n + 1) : NULL;
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    size_t len = platform ? strlen(platform) : 0;
    if (!eq || eq == pair || !find_part(type, n, &part) || (platform && (len == 0 || platform[len - 1] != ']')))
        return cb_fail(
            err, CB_E_USAGE,
            "invalid annotation \"%s\": expected KEY=VALUE, or manifest, manifest-descriptor, index or index-descriptor "
            "before it, as in manifest[PLATFORM]:KEY=VALUE",
            shown);
    if (platform && is_of_index(part))
        return cb_fail(err, CB_E_USAGE, "annotation \"%s\": an index is for all platforms", shown);
    if (platform)
        platform[len - 1] = 0;
    if (platform && oci_platform_parse(platform, &p, err) < 0)
        return cb_prefix(err, "annotation \"%s\"", shown);
    if (part == BUILD_ANNOTATES_MANIFEST && !platform)
        cb_strv_push(list, pair);
    else
        cb_strv_take(list, cb_printf("[%s%s%s]%s", parts[part], platform ? " " : "", platform ? platform : "", pair));
    return 0;
}

static bool is_for(const char *text, const struct oci_platform *platform)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it was checked when it was read */
    return oci_platform_parse(text, &p, &ignored) == 0 && oci_platform_rank(&p, platform) == 0;
}

/* The annotation without what stands in front; NULL: it is of something else. */
static const char *match(const char *a, enum build_annotates part, const struct oci_platform *platform)
{
    const char *close = *a == '[' ? strchr(a, ']') : NULL;
    enum build_annotates found = BUILD_ANNOTATES_MANIFEST;
    if (!close)
        return part == BUILD_ANNOTATES_MANIFEST ? a : NULL;
    CB_AUTO(free) char *head = cb_memdup0(a + 1, (size_t)(close - a - 1));
    size_t n = strcspn(head, " ");
    if (!find_part(head, n, &found) || found != part || (head[n] && !is_for(head + n + 1, platform)))
        return NULL;
    return close + 1;
}

void build_annotations_of(const struct cb_strv *given, enum build_annotates part, const struct oci_platform *platform,
                          struct cb_strv *ret)
{
    for (size_t i = 0; i < given->n; i++) {
        const char *pair = match(given->items[i], part, platform);
        if (pair)
            cb_strv_push(ret, pair);
    }
}

bool build_annotations_need_index(const struct cb_strv *given)
{
    for (size_t i = 0; i < given->n; i++)
        if (match(given->items[i], BUILD_ANNOTATES_INDEX, NULL) || match(given->items[i], BUILD_ANNOTATES_INDEX_DESCRIPTOR, NULL))
            return true;
    return false;
}
