#include "cache/layer/places.h"
#include "cache/layer/layer-internal.h"
#include "base/json.h"
#include "base/limits.h"

#include <unistd.h>

#define FILE_NAME   "from.json"
#define MOST_PLACES 16

void cache_place_copy(struct cache_place *to, const struct cache_place *from)
{
    *to = *from;
    to->kind = cb_strdup(from->kind);
    to->where = cb_strdup(from->where);
    to->media_type = cb_strdup(from->media_type);
}

void cache_place_done(struct cache_place *p)
{
    free(p->kind);
    free(p->where);
    free(p->media_type);
    *p = (struct cache_place){0};
}

void cache_places_done(struct cache_places *p)
{
    for (size_t i = 0; i < p->n; i++)
        cache_place_done(&p->items[i]);
    free(p->items);
    *p = (struct cache_places){0};
}

/* ---- from.json ---------------------------------------------------------------------------------- */

static json_t *place_json(const struct cache_place *p)
{
    char blob[CB_DIGEST_TEXT + 1];
    cb_digest_text(&p->blob, blob);
    return json_pack("{s:s, s:s, s:s, s:I, s:s}", "kind", p->kind, "where", p->where, "blob", blob, "size", (json_int_t)p->size,
                     "type", p->media_type);
}

static void write_places(const struct cache_places *p, struct cb_buf *ret)
{
    CB_AUTO(json) json_t *list = json_array();
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(list, place_json(&p->items[i]));
    CB_AUTO(json) json_t *j = json_pack("{s:O}", "places", list);
    cb_json_dump(j, CB_JSON_COMPACT, ret);
    cache_seal(ret);
}

static bool read_place(json_t *j, struct cache_places *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *kind = NULL, *where = NULL, *type = NULL, *blob = "";
    int64_t size = -1;
    struct cb_digest digest;
    if (cb_json_str(j, "kind", FILE_NAME, &kind, &ignored) <= 0 || cb_json_str(j, "where", FILE_NAME, &where, &ignored) <= 0 ||
        cb_json_str(j, "blob", FILE_NAME, &blob, &ignored) <= 0 || cb_json_str(j, "type", FILE_NAME, &type, &ignored) <= 0 ||
        cb_json_int(j, "size", FILE_NAME, &size, &ignored) <= 0 || size < 0 || !cb_digest_parse(blob, &digest))
        return false;
    cache_place_copy(&CB_PUSH(ret->items, ret->n, ret->cap),
                     &(struct cache_place){(char *)kind, (char *)where, digest, (uint64_t)size, (char *)type});
    return true;
}

/* 1: at least one. 0: there is no list. -1: it is damaged. */
static int read_places(int dir, struct cache_places *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cache_places) struct cache_places found = {0};
    json_t *list = NULL, *each;
    size_t i;
    int r = cb_read_file(dir, FILE_NAME, CB_MAX_STORE_JSON, &b);
    if (r == -ENOENT)
        return 0;
    CB_AUTO(json) json_t *j = r < 0 ? NULL : cb_json_parse(b.data, cache_unseal(b.data, b.len), FILE_NAME, &ignored);
    if (!j || cb_json_array(j, "places", FILE_NAME, &list, &ignored) <= 0 || json_array_size(list) == 0)
        return -1;
    json_array_foreach (list, i, each)
        if (!read_place(each, &found))
            return -1;
    *ret = found;
    found = (struct cache_places){0};
    return 1;
}

int cache_layer_look_elsewhere(int dir)
{
    CB_AUTO(cache_places) struct cache_places places = {0};
    return read_places(dir, &places);
}

int cache_layer_places(struct cache_store *s, const struct cb_digest *id, struct cache_places *ret)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    return dir >= 0 && read_places(dir, ret) == 1;
}

bool cache_layer_is_elsewhere(struct cache_store *s, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    struct cache_layer_dir l;
    struct cache_packed packed;
    return dir >= 0 && cache_layer_look_elsewhere(dir) == 1 && cache_layer_load(s, id, &l, &ignored) == 1 && !l.l.has_files &&
           cache_layer_packed(s, id, cb_codecs[0], -1, true, &packed, &ignored) != 1;
}

/* ---- publishing --------------------------------------------------------------------------------- */

static bool is_same(const struct cache_place *a, const struct cache_place *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->where, b->where) == 0 && cb_digest_eq(&a->blob, &b->blob);
}

/* False: it is the newest already. */
static bool add_first(struct cache_places *list, const struct cache_place *place)
{
    CB_AUTO(cache_places) struct cache_places old = *list;
    *list = (struct cache_places){0};
    cache_place_copy(&CB_PUSH(list->items, list->n, list->cap), place);
    for (size_t i = 0; i < old.n && list->n < MOST_PLACES; i++)
        if (!is_same(&old.items[i], place))
            cache_place_copy(&CB_PUSH(list->items, list->n, list->cap), &old.items[i]);
    return !old.n || !is_same(&old.items[0], place);
}

int cache_layer_add_place(struct cache_store *s, const struct cb_digest *id, const struct cache_place *place,
                          struct cb_error *err)
{
    CB_AUTO(cache_places) struct cache_places places = {0};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    (void)read_places(dir, &places); /* a damaged list is begun anew */
    if (!add_first(&places, place))
        return 0;
    write_places(&places, &text);
    return cache_store_publish(s, cache_layer_path(id).text, FILE_NAME, text.data, text.len, err);
}

/* A draft with the list in it. */
static int draft(struct cache_store *s, const struct cache_place *place, struct cache_layer_draft *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (cache_layer_draft_begin(s, false, ret, err) < 0)
        return -1;
    write_places(&(struct cache_places){(struct cache_place *)place, 1, 1}, &text);
    int r = cb_publish_file(ret->dir, FILE_NAME, text.data, text.len, 0600);
    return r < 0 ? cb_fail_sys(err, r, "write a layer into '%s/work'", s->path) : 0;
}

int cache_layer_put_elsewhere(struct cache_store *s, const struct cb_digest *id, const struct cache_index *x,
                              const struct cb_digest *diff_id, const struct cache_place *place, struct cache_layer *ret,
                              struct cb_error *err)
{
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    struct cache_layer made;
    struct cb_digest content;
    cache_index_content_id(x, &content);
    if (!cb_digest_eq(&content, id))
        return cb_fail(err, CB_E_CORRUPT, "%s: the index is that of another layer", cache_layer_name(id).text);
    if (draft(s, place, &d, err) < 0 || cache_layer_publish(&d, x, &content, NULL, &made, err) < 0 ||
        cache_layer_add_place(s, id, place, err) < 0) /* another was there already */
        return -1;
    if (!made.has_diff_id && cache_layer_remember_diff(s, id, diff_id, err) < 0)
        return -1;
    return cache_layer_find(s, id, ret, err) == 1 ? 0 : cb_fail(err, CB_E_FAILED, "%s vanished", cache_layer_name(id).text);
}

/* ---- bringing it here --------------------------------------------------------------------------- */

/* Times are in no content ID. Those of an index that says others than the tar would come out when the layer is packed. */
static int compare_times(struct cache_store *s, const struct cb_digest *id, const struct cache_index *x, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index said = {0};
    if (cache_layer_index(s, id, &said, err) < 0)
        return -1;
    bool same = said.n == x->n;
    for (size_t i = 0; same && i < x->n; i++)
        same = said.entries[i].mtime == x->entries[i].mtime;
    return same ? 0 : cb_fail(err, CB_E_CORRUPT, "the times in the blob are not those of the layer's index");
}

int cache_layer_receive(struct cache_store *s, const struct cb_digest *id, cb_source_fn *source, void *arg, bool want_files,
                        struct cb_job_io *io, struct cb_error *err)
{
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_layer_dir l;
    const struct cache_layer_name name = cache_layer_name(id);
    const struct cache_layer_stream tar = {source, arg, name.text, io};
    int found = cache_layer_load(s, id, &l, err);
    if (found <= 0)
        return found < 0 ? -1 : cb_fail(err, CB_E_NOT_FOUND, "%s is not in the store", name.text);
    if (want_files && cache_layer_draft_begin(s, true, &d, err) < 0)
        return -1;
    if (cache_layer_read_as(&l, &tar, d.fs, &x, err) < 0 || compare_times(s, id, &x, err) < 0)
        return -1;
    return want_files ? cache_layer_give_fs(&d, id, &x, err) : 0;
}
