#include "registry/oci/emit.h"

#include "base/text.h"

/* With valid UTF-8 jansson fails only when memory runs out, which ends the process everywhere. */
static json_t *must(json_t *j)
{
    if (!j)
        abort();
    return j;
}

static json_t *sized_string(const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s, n);
    return must(json_stringn_nocheck(clean.data, clean.len));
}

json_t *oci_emit_string(const char *s)
{
    return sized_string(s, strlen(s));
}

void oci_emit_set(json_t *obj, const char *key, json_t *value)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, key, strlen(key));
    if (json_object_set_new_nocheck(obj, clean.data, value) < 0)
        abort();
}

void oci_emit_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        abort();
}

void oci_emit_text(json_t *obj, const char *key, const char *s)
{
    if (s && *s)
        oci_emit_set(obj, key, oci_emit_string(s));
}

void oci_emit_strv(json_t *obj, const char *key, const struct cb_strv *v)
{
    if (v->n == 0)
        return;
    json_t *list = must(json_array());
    for (size_t i = 0; i < v->n; i++)
        oci_emit_append(list, oci_emit_string(v->items[i]));
    oci_emit_set(obj, key, list);
}

json_t *oci_emit_digest(const struct cb_digest *d)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(d, text);
    return must(json_string(text));
}

json_t *oci_emit_time(struct timespec t)
{
    char text[CB_TIME_MAX], padded[CB_TIME_MAX + 4];
    cb_time_rfc3339(t, text);
    /* Years before 1000 (Go's zero time is in year 1) have four digits too. */
    size_t year = strcspn(text, "-"), pad = year < 4 ? 4 - year : 0;
    memset(padded, '0', pad);
    memcpy(padded + pad, text, strlen(text) + 1);
    return must(json_string(padded));
}

/* ---- sorted maps --------------------------------------------------------------------------- */

struct pair {
    const char *key;
    size_t key_len;
    const char *value; /* NULL: an empty object */
    size_t order;      /* the later of equal keys stays */
};

static int compare(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;
    size_t n = CB_MIN(a->key_len, b->key_len);
    int r = n ? memcmp(a->key, b->key, n) : 0;
    if (r == 0 && a->key_len != b->key_len)
        r = a->key_len < b->key_len ? -1 : 1;
    return r ? r : a->order < b->order ? -1 : 1;
}

static json_t *sorted_map(struct pair *pairs, size_t n)
{
    json_t *map = must(json_object());
    if (n)
        qsort(pairs, n, sizeof(*pairs), compare);
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(free) char *key = cb_memdup0(pairs[i].key, pairs[i].key_len);
        oci_emit_set(map, key, pairs[i].value ? oci_emit_string(pairs[i].value) : must(json_object()));
    }
    return map;
}

json_t *oci_emit_key_set(const struct cb_strv *keys)
{
    CB_AUTO(free) struct pair *pairs = cb_alloc((keys->n + 1) * sizeof(*pairs));
    for (size_t i = 0; i < keys->n; i++)
        pairs[i] = (struct pair){keys->items[i], strlen(keys->items[i]), NULL, i};
    return sorted_map(pairs, keys->n);
}

json_t *oci_emit_annotations(const struct cb_strv *annotations)
{
    CB_AUTO(free) struct pair *pairs = cb_alloc((annotations->n + 1) * sizeof(*pairs));
    for (size_t i = 0; i < annotations->n; i++) {
        const char *item = annotations->items[i];
        size_t n = strcspn(item, "=");
        pairs[i] = (struct pair){item, n, item[n] ? item + n + 1 : "", i};
    }
    return sorted_map(pairs, annotations->n);
}

json_t *oci_emit_pairs(const struct cb_strv *list)
{
    size_t n = list->n / 2;
    CB_AUTO(free) struct pair *pairs = cb_alloc((n + 1) * sizeof(*pairs));
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct pair){list->items[2 * i], strlen(list->items[2 * i]), list->items[2 * i + 1], i};
    return sorted_map(pairs, n);
}
