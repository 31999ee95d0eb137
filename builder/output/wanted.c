/* What an output asks for besides its kind: names, annotations, packing. */
#include "base/text.h"
#include "builder/output/output-internal.h"
#include "registry/oci/reference.h"

struct build_packing build_output_packing(const struct build_output *o)
{
    return (struct build_packing){o->codec, o->level, o->force_compression, o->docker_types};
}

/* The tags, else the output's own `name=`, as buildx takes them. What is pushed by digest has no tag, so only its own name will
 * do. */
static void given_names(struct build_session *s, const struct build_output *o, struct cb_strv *ret)
{
    bool own = o->name && (o->by_digest || !s->request->tags.n);
    if (o->name && !own)
        build_note(s, "-t names the image: name=%s of an output is not used", o->name);
    if (!own) {
        cb_strv_copy(ret, &s->request->tags);
        return;
    }
    for (const char *p = o->name; *p;) {
        size_t n = strcspn(p, ",");
        cb_strv_take(ret, cb_memdup0(p, n));
        p += n + (p[n] == ',');
    }
}

int build_output_names(struct build_session *s, const struct build_output *o, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv given = {0};
    given_names(s, o, &given);
    for (size_t i = 0; i < given.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(given.items[i], &ref, err) < 0)
            return cb_prefix(err, "invalid tag \"%s\"", given.items[i]);
        cb_strv_take(ret, oci_ref_full(&ref));
    }
    return 0;
}

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

static void add_annotations(const struct oci_platform *platform, const struct cb_strv *given, struct cb_strv *ret)
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

void build_output_annotations(const struct build_session *s, const struct build_output *o, const struct build_image *image,
                              struct cb_strv *ret)
{
    add_annotations(&image->platform, &s->request->annotations, ret);
    add_annotations(&image->platform, &o->annotations, ret);
}
