#include "builder/cli/commands/image-json.h"
#include "base/limits.h"
#include "base/text.h"
#include "builder/cli/commands/names.h"
#include "builder/output/image.h"
#include "cache/store/blob.h"

json_t *cli_image_config(struct cache_store *s, const struct cache_image *image, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    int found = cache_blob_get(s, &image->config, CB_MAX_CONFIG, &bytes, err);
    if (found == 0)
        cb_fail(err, CB_E_CORRUPT, "the config of '%s' is not in the store: build or pull it again", image->name);
    return found == 1 ? cb_json_parse(bytes.data, bytes.len, "image config", err) : NULL;
}

static json_t *digest_json(const struct cb_digest *d)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(d, text);
    return json_string(text);
}

static json_t *time_json(struct timespec t)
{
    char text[CB_TIME_MAX];
    cb_time_rfc3339(t, text);
    return json_string(text);
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

/* "app@sha256:…" of an image that was pulled. */
static json_t *digested(const struct cache_image *image)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (oci_ref_parse(image->name, &ref, &ignored) < 0)
        return NULL;
    free(ref.tag);
    ref.tag = NULL;
    free(ref.digest);
    ref.digest = cb_alloc(CB_DIGEST_TEXT + 1);
    cb_digest_text(&image->index, ref.digest);
    CB_AUTO(free) char *text = oci_ref_familiar(&ref);
    return json_string(text);
}

static int add_names(struct cache_store *s, const struct cb_digest *id, json_t *j, struct cb_error *err)
{
    struct cache_image *list = NULL;
    size_t n = 0;
    json_t *tags = json_array(), *digests = json_array();
    json_object_set_new(j, "RepoTags", tags);
    json_object_set_new(j, "RepoDigests", digests);
    if (cache_image_list(s, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (cache_image_is_unnamed(&list[i]) || !cache_image_with_id(&list[i], id))
            continue;
        CB_AUTO(free) char *name = cli_short_name(&list[i]);
        json_array_append_new(tags, json_string(name));
        if (list[i].pulled)
            json_array_append_new(digests, digested(&list[i]));
    }
    cache_image_list_free(list, n);
    return 0;
}

/* ---- layers ----------------------------------------------------------------------------------------------------------- */

/* The entry of the history that made the next layer; *at is where to look from. */
static const char *next_made_by(json_t *history, size_t *at)
{
    while (*at < json_array_size(history)) {
        json_t *entry = json_array_get(history, (*at)++);
        if (!json_is_true(json_object_get(entry, "empty_layer")))
            return json_string_value(json_object_get(entry, "created_by"));
    }
    return NULL;
}

static json_t *layers_json(struct cache_store *s, const struct cache_image *image, json_t *history)
{
    json_t *list = json_array();
    size_t at = 0;
    for (size_t i = 0; i < image->n_layers; i++) {
        const struct cache_image_layer *l = &image->layers[i];
        json_t *j = json_object();
        json_object_set_new(j, "DiffID", digest_json(&l->diff_id));
        json_object_set_new(j, "Size", json_integer((json_int_t)build_layer_bytes(s, &l->id)));
        if (l->blob_size) {
            json_object_set_new(j, "Digest", digest_json(&l->blob));
            json_object_set_new(j, "PackedSize", json_integer((json_int_t)l->blob_size));
            json_object_set_new(j, "MediaType", json_string(l->media_type));
        }
        const char *made_by = next_made_by(history, &at);
        json_object_set_new(j, "CreatedBy", json_string(made_by ? made_by : ""));
        json_array_append_new(list, j);
    }
    return list;
}

/* ---- all of it -------------------------------------------------------------------------------------------------------- */

/* Of several; what else is said is said of the first. */
static json_t *platforms_json(const struct cache_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < cache_image_count(image); i++) {
        const struct cache_image *each = cache_image_nth(image, i);
        json_t *j = json_object();
        json_object_set_new(j, "Platform", json_string(each->platform));
        json_object_set_new(j, "Id", digest_json(&each->config));
        json_array_append_new(list, j);
    }
    return list;
}

static void add_member(json_t *j, const char *name, json_t *config, const char *member)
{
    json_t *v = json_object_get(config, member);
    json_object_set_new(j, name, v ? json_incref(v) : json_string(""));
}

static json_t *annotations_json(const struct cache_image *image)
{
    json_t *j = json_object();
    for (size_t i = 0; i < image->annotations.n; i++) {
        const char *value;
        CB_AUTO(free) char *key = cb_split_pair(image->annotations.items[i], &value);
        json_object_set_new(j, key, json_string(value));
    }
    return j;
}

json_t *cli_image_json(struct cache_store *s, const struct cache_image *image, json_t *config, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = json_object();
    json_t *own = json_object_get(config, "config"), *root = json_object_get(config, "rootfs");
    json_t *history = json_object_get(config, "history");
    json_object_set_new(j, "Id", digest_json(&image->config));
    if (add_names(s, &image->config, j, err) < 0)
        return NULL;
    if (image->pulled)
        json_object_set_new(j, "Digest", digest_json(&image->index));
    json_object_set_new(j, "Created", time_json(image->created));
    add_member(j, "Author", config, "author");
    add_member(j, "Architecture", config, "architecture");
    add_member(j, "Variant", config, "variant");
    add_member(j, "Os", config, "os");
    json_object_set_new(j, "Size", json_integer((json_int_t)build_image_size(s, image)));
    json_object_set_new(j, "Config", json_is_object(own) ? json_incref(own) : json_object());
    json_object_set_new(j, "RootFS",
                        json_pack("{s:s, s:O?}", "Type", "layers", "Layers", root ? json_object_get(root, "diff_ids") : NULL));
    json_object_set_new(j, "History", json_is_array(history) ? json_incref(history) : json_array());
    json_object_set_new(j, "Layers", layers_json(s, image, history));
    if (image->annotations.n)
        json_object_set_new(j, "Annotations", annotations_json(image));
    if (image->manifest_type)
        json_object_set_new(j, "ManifestType", json_string(image->manifest_type));
    if (image->n_others)
        json_object_set_new(j, "Platforms", platforms_json(image));
    json_object_set_new(j, "Metadata", json_pack("{s:o}", "LastTagTime", time_json(image->updated)));
    return CB_TAKE(j);
}
