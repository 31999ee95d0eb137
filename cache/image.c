#include "cache/image.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"
#include "cache/store/lease.h"

#include <unistd.h>

#define IMAGE_VERSION 1
/* A file name may have 255 bytes; a longer one is cut and told apart by its digest. */
#define NAME_WHOLE 180
#define NAME_CUT   100

void cache_image_done(struct cache_image *i)
{
    for (size_t n = 0; n < i->n_layers; n++) {
        free(i->layers[n].media_type);
        free(i->layers[n].source);
    }
    for (size_t n = 0; n < i->n_others; n++)
        cache_image_done(&i->others[n]);
    free(i->others);
    free(i->layers);
    free(i->name);
    free(i->manifest_type);
    free(i->platform);
    cb_strv_done(&i->annotations);
    *i = (struct cache_image){0};
}

size_t cache_image_count(const struct cache_image *i)
{
    return 1 + i->n_others;
}

const struct cache_image *cache_image_nth(const struct cache_image *i, size_t n)
{
    return n ? &i->others[n - 1] : i;
}

const struct cache_image *cache_image_with_id(const struct cache_image *i, const struct cb_digest *id)
{
    for (size_t n = 0; n < cache_image_count(i); n++)
        if (cb_digest_eq(&cache_image_nth(i, n)->config, id))
            return cache_image_nth(i, n);
    return NULL;
}

void cache_image_keep(struct cache_image *i, size_t n)
{
    struct cache_image kept;
    if (n == 0) {
        while (i->n_others)
            cache_image_done(&i->others[--i->n_others]);
        return;
    }
    kept = i->others[n - 1];
    i->others[n - 1] = (struct cache_image){0};
    kept.name = CB_TAKE(i->name);
    cache_image_done(i);
    *i = kept;
}

void cache_image_add(struct cache_image *i, struct cache_image *from)
{
    free(CB_TAKE(from->name));
    CB_PUSH(i->others, i->n_others, i->cap_others) = *from;
    *from = (struct cache_image){0};
}

void cache_image_add_layers(struct cache_image *to, const struct cache_image *from)
{
    for (size_t n = 0; n < from->n_layers; n++) {
        struct cache_image_layer *l = &CB_PUSH(to->layers, to->n_layers, to->cap_layers);
        *l = from->layers[n];
        l->media_type = cb_strdup(l->media_type);
        l->source = cb_strdup(l->source);
    }
}

void cache_image_copy(struct cache_image *to, const struct cache_image *from)
{
    struct cache_image i = *from;
    i.name = cb_strdup(from->name);
    i.manifest_type = cb_strdup(from->manifest_type);
    i.platform = cb_strdup(from->platform);
    i.layers = NULL;
    i.n_layers = i.cap_layers = 0;
    cache_image_add_layers(&i, from);
    i.annotations = (struct cb_strv){0};
    cb_strv_copy(&i.annotations, &from->annotations);
    i.others = NULL;
    i.n_others = i.cap_others = 0;
    for (size_t n = 0; n < from->n_others; n++) {
        struct cache_image each = {0};
        cache_image_copy(&each, &from->others[n]);
        cache_image_add(&i, &each);
    }
    cache_image_done(to);
    *to = i;
}

/* One path component, whatever the name says: everything but letters, digits and a few marks becomes %XX,
 * a leading '.' too. Caller frees. */
char *cache_image_file(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@+";
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    size_t length = strlen(name);
    for (const char *p = name; *p; p++) {
        if (strchr(plain, *p) && !(p == name && *p == '.'))
            cb_buf_addc(&b, *p);
        else
            cb_buf_printf(&b, "%%%02X", (unsigned char)*p);
    }
    if (b.len > NAME_WHOLE) {
        struct cb_digest d;
        char hex[CB_DIGEST_HEX + 1];
        cb_sha256(name, length, &d);
        cb_digest_hex(&d, hex);
        cb_buf_truncate(&b, NAME_CUT);
        cb_buf_printf(&b, "~%s", hex);
    }
    return cb_buf_detach(&b);
}

bool cache_image_is_unnamed(const struct cache_image *i)
{
    return cb_starts(i->name, "sha256:");
}

/* ---- storing -------------------------------------------------------------------------------- */

static void set_digest(json_t *j, const char *key, const struct cb_digest *d)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(d, text);
    if (!cb_digest_is_zero(d))
        json_object_set_new(j, key, json_string(text));
}

static void set_text(json_t *j, const char *key, const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (!s)
        return;
    cb_utf8_sanitize(&b, s, strlen(s));
    json_object_set_new(j, key, json_stringn(b.data, b.len));
}

static void set_time(json_t *j, const char *key, struct timespec t)
{
    char text[CB_TIME_MAX];
    cb_time_rfc3339(t, text);
    json_object_set_new(j, key, json_string(text));
}

static json_t *layer_value(const struct cache_image_layer *l)
{
    json_t *j = json_object();
    set_digest(j, "id", &l->id);
    set_digest(j, "diffId", &l->diff_id);
    if (l->blob_size && l->media_type) { /* without a type it is one of many forms, and not where it could be had again */
        set_digest(j, "blob", &l->blob);
        json_object_set_new(j, "blobSize", json_integer((json_int_t)l->blob_size));
    }
    set_text(j, "mediaType", l->media_type);
    set_text(j, "source", l->source);
    return j;
}

static json_t *image_value(const struct cache_image *i)
{
    json_t *j = json_object(), *layers = json_array(), *annotations = json_array();
    json_object_set_new(j, "image", json_integer(IMAGE_VERSION));
    set_text(j, "name", i->name);
    set_digest(j, "config", &i->config);
    set_time(j, "created", i->created);
    set_time(j, "updated", i->updated);
    for (size_t n = 0; n < i->n_layers; n++)
        json_array_append_new(layers, layer_value(&i->layers[n]));
    json_object_set_new(j, "layers", layers);
    set_digest(j, "manifest", &i->manifest);
    set_text(j, "manifestType", i->manifest_type);
    set_digest(j, "index", &i->index);
    for (size_t n = 0; n < i->annotations.n; n++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        cb_utf8_sanitize(&b, i->annotations.items[n], strlen(i->annotations.items[n]));
        json_array_append_new(annotations, json_stringn(b.data, b.len));
    }
    json_object_set_new(j, "annotations", annotations);
    json_object_set_new(j, "pulled", json_boolean(i->pulled));
    set_text(j, "platform", i->platform);
    if (i->listed)
        json_object_set_new(j, "listed", json_true());
    if (i->n_others) {
        json_t *others = json_array();
        for (size_t n = 0; n < i->n_others; n++)
            json_array_append_new(others, image_value(&i->others[n]));
        json_object_set_new(j, "others", others);
    }
    return j;
}

int cache_image_store(struct cache_store *s, const struct cache_image *i, struct cb_error *err)
{
    if (!i->name || !*i->name)
        return cb_fail(err, CB_E_FAILED, "an image without a name cannot be stored");
    CB_AUTO(free) char *file = cache_image_file(i->name);
    CB_AUTO(json) json_t *j = image_value(i);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_json_dump(j, CB_JSON_INDENT, &out);
    cache_seal(&out);
    cb_buf_addc(&out, '\n');
    if (cache_store_publish(s, "images", file, out.data, out.len, err) < 0)
        return cb_prefix(err, "name image '%s'", i->name);
    return 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

/* Absent leaves *ret zero. */
static int get_digest(json_t *j, const char *key, const char *path, struct cb_digest *ret, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, key, path, &text, err);
    if (r > 0 && !cb_digest_parse(text, ret))
        return cb_fail(err, CB_E_CORRUPT, "%s.%s: expected a sha256 digest", path, key);
    return r;
}

static int get_text(json_t *j, const char *key, const char *path, char **ret, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, key, path, &text, err);
    if (r > 0)
        *ret = cb_strdup(text);
    return r;
}

static int get_time(json_t *j, const char *key, const char *path, struct timespec *ret, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, key, path, &text, err);
    if (r > 0 && !cb_time_parse_rfc3339(text, ret))
        return cb_fail(err, CB_E_CORRUPT, "%s.%s: expected a time", path, key);
    return r;
}

static int parse_layer(json_t *j, struct cache_image_layer *l, struct cb_error *err)
{
    int64_t size = 0;
    if (!json_is_object(j))
        return cb_fail(err, CB_E_CORRUPT, "layers: expected objects");
    if (get_digest(j, "id", "layers", &l->id, err) < 0 || get_digest(j, "diffId", "layers", &l->diff_id, err) < 0 ||
        get_digest(j, "blob", "layers", &l->blob, err) < 0 || cb_json_int(j, "blobSize", "layers", &size, err) < 0 ||
        get_text(j, "mediaType", "layers", &l->media_type, err) < 0 || get_text(j, "source", "layers", &l->source, err) < 0)
        return -1;
    if (size < 0)
        return cb_fail(err, CB_E_CORRUPT, "layers.blobSize: expected a size");
    l->blob_size = (uint64_t)size;
    return 0;
}

static int parse_layers(json_t *j, struct cache_image *i, struct cb_error *err)
{
    json_t *layers = NULL, *layer;
    size_t n;
    if (cb_json_array(j, "layers", "image", &layers, err) < 0)
        return -1;
    json_array_foreach (layers, n, layer) {
        if (parse_layer(layer, &CB_PUSH(i->layers, i->n_layers, i->cap_layers), err) < 0)
            return -1;
    }
    return 0;
}

/* What the image of each platform has. */
static int parse_one(json_t *j, struct cache_image *i, struct cb_error *err)
{
    int64_t version = 0;
    if (cb_json_int(j, "image", "", &version, err) < 0)
        return -1;
    if (version != IMAGE_VERSION)
        return cb_fail(err, CB_E_CORRUPT, "image: unknown form");
    if (get_digest(j, "config", "image", &i->config, err) < 0 || get_time(j, "created", "image", &i->created, err) < 0 ||
        get_time(j, "updated", "image", &i->updated, err) < 0 || parse_layers(j, i, err) < 0 ||
        get_digest(j, "manifest", "image", &i->manifest, err) < 0 ||
        get_text(j, "manifestType", "image", &i->manifest_type, err) < 0 || get_digest(j, "index", "image", &i->index, err) < 0 ||
        cb_json_strv(j, "annotations", "image", &i->annotations, err) < 0 ||
        cb_json_bool(j, "pulled", "image", &i->pulled, err) < 0 || get_text(j, "platform", "image", &i->platform, err) < 0 ||
        cb_json_bool(j, "listed", "image", &i->listed, err) < 0)
        return -1;
    return cb_digest_is_zero(&i->config) ? cb_fail(err, CB_E_CORRUPT, "image: config is missing") : 0;
}

static int parse_others(json_t *j, struct cache_image *i, struct cb_error *err)
{
    json_t *others = NULL, *other;
    size_t n;
    if (cb_json_array(j, "others", "image", &others, err) < 0)
        return -1;
    json_array_foreach (others, n, other) {
        if (!json_is_object(other))
            return cb_fail(err, CB_E_CORRUPT, "image.others: expected objects");
        if (parse_one(other, &CB_PUSH(i->others, i->n_others, i->cap_others), err) < 0)
            return -1;
    }
    for (n = 0; i->n_others && n < cache_image_count(i); n++)
        if (!cache_image_nth(i, n)->platform)
            return cb_fail(err, CB_E_CORRUPT, "image: one of several has no platform");
    return 0;
}

static int parse_image(const char *text, size_t n, struct cache_image *i, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = cb_json_parse(text, n, "image", err);
    if (!j || parse_one(j, i, err) < 0 || get_text(j, "name", "image", &i->name, err) < 0 || parse_others(j, i, err) < 0)
        return -1;
    return i->name ? 0 : cb_fail(err, CB_E_CORRUPT, "image: name is missing");
}

/* 1; 0: not there, or damaged; -1: it cannot be read. */
static int load_file(struct cache_store *s, const char *file, struct cache_image *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error damage = CB_ERROR_INIT;
    CB_AUTO(free) char *path = cb_printf("images/%s", file);
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? 0 : cb_fail_sys(err, errno, "open '%s/%s'", s->path, path);
    if (!cache_lease_take(s, fd, path, CACHE_BY_CHANGE))
        return 0;
    int r = cb_read_fd(fd, CB_MAX_STORE_JSON, &b);
    if (r == -EFBIG || r == -EISDIR)
        return 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/%s'", s->path, path);
    size_t n = b.len && b.data[b.len - 1] == '\n' ? b.len - 1 : b.len;
    if (parse_image(b.data, cache_unseal(b.data, n), ret, &damage) == 0)
        return 1;
    cache_image_done(ret);
    return 0;
}

int cache_image_load(struct cache_store *s, const char *name, struct cache_image *ret, struct cb_error *err)
{
    CB_AUTO(free) char *file = cache_image_file(name);
    CB_AUTO(cache_image) struct cache_image i = {0};
    int r = load_file(s, file, &i, err);
    if (r <= 0)
        return r;
    if (strcmp(i.name, name) != 0)
        return 0;
    *ret = i;
    i = (struct cache_image){0};
    return 1;
}

int cache_image_remove(struct cache_store *s, const char *name, struct cb_error *err)
{
    CB_AUTO(free) char *file = cache_image_file(name);
    CB_AUTO(free) char *path = cb_printf("images/%s", file);
    if (unlinkat(s->root, path, 0) == 0)
        return 1;
    return errno == ENOENT ? 0 : cb_fail_sys(err, errno, "remove '%s/%s'", s->path, path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cache_image *)a)->name, ((const struct cache_image *)b)->name);
}

int cache_image_list(struct cache_store *s, struct cache_image **ret, size_t *ret_n, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    struct cache_image *list = NULL;
    size_t n = 0, cap = 0;
    int r = cache_store_names(s, "images", &files);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/images'", s->path);
    for (size_t i = 0; i < files.n; i++) {
        struct cache_image image = {0};
        r = cache_is_temporary(files.items[i]) ? 0 : load_file(s, files.items[i], &image, err);
        if (r < 0) {
            cache_image_list_free(list, n);
            return -1;
        }
        if (r > 0)
            CB_PUSH(list, n, cap) = image;
    }
    if (n)
        qsort(list, n, sizeof(*list), by_name);
    *ret = list;
    *ret_n = n;
    return 0;
}

void cache_image_list_free(struct cache_image *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cache_image_done(&list[i]);
    free(list);
}
