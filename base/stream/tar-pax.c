/* The records of pax extended headers: "<length> <key>=<value>\n", the length counting the whole record. */
#include "base/stream/tar-internal.h"
#include "base/limits.h"
#include "base/text.h"

void cb_tar_ext_init(struct cb_tar_ext *x)
{
    *x = (struct cb_tar_ext){.path = CB_BUF_INIT, .link = CB_BUF_INIT, .sparse_name = CB_BUF_INIT};
}

static void free_xattrs(struct cb_tar_ext *x)
{
    for (size_t i = 0; i < x->n_xattrs; i++) {
        free(x->xattrs[i].name);
        free(x->xattrs[i].value);
    }
    x->n_xattrs = 0;
}

void cb_tar_ext_reset(struct cb_tar_ext *x)
{
    struct cb_tar_ext fresh = {.path = x->path,
                               .link = x->link,
                               .sparse_name = x->sparse_name,
                               .map = x->map,
                               .cap_map = x->cap_map,
                               .xattrs = x->xattrs,
                               .cap_xattrs = x->cap_xattrs};
    free_xattrs(x);
    *x = fresh;
    cb_buf_reset(&x->path);
    cb_buf_reset(&x->link);
    cb_buf_reset(&x->sparse_name);
}

void cb_tar_ext_done(struct cb_tar_ext *x)
{
    free_xattrs(x);
    free(x->xattrs);
    free(x->map);
    cb_buf_done(&x->path);
    cb_buf_done(&x->link);
    cb_buf_done(&x->sparse_name);
}

int cb_tar_add_extent(struct cb_tar_ext *x, uint64_t offset, uint64_t len, struct cb_error *err)
{
    if (x->n_map >= TAR_MAX_EXTENTS)
        return cb_fail(err, CB_E_CORRUPT, "tar: a sparse file with more than %u pieces", TAR_MAX_EXTENTS);
    CB_PUSH(x->map, x->n_map, x->cap_map) = (struct cb_tar_extent){offset, len};
    return 0;
}

static int bad_value(const char *key, struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "tar: extended header '%s' has an invalid value", key);
}

/* ---- one reader per key --------------------------------------------------------------------- */

static int get_text(struct cb_buf *to, const char *key, const char *v, size_t n, struct cb_error *err)
{
    if (n > CB_MAX_PATH || memchr(v, 0, n))
        return bad_value(key, err);
    cb_buf_reset(to);
    cb_buf_add(to, v, n);
    return 0;
}

/* Seconds, rounded down: "-1.5" is -2. */
static bool parse_mtime(const char *v, int64_t *ret)
{
    const char *dot = strchr(v, '.');
    CB_AUTO(free) char *whole = cb_memdup0(v, dot ? (size_t)(dot - v) : strlen(v));
    if (!cb_parse_i64(whole, ret) || *ret > INT64_MAX / 2 || *ret < INT64_MIN / 2)
        return false;
    if (!dot)
        return true;
    if (dot[1 + strspn(dot + 1, "0123456789")] != '\0')
        return false;
    if (v[0] == '-' && dot[1 + strspn(dot + 1, "0")] != '\0')
        *ret -= 1;
    return true;
}

/* GNU.sparse.map: "offset,length,offset,length,…" */
static int parse_map(struct cb_tar_ext *x, const char *key, const char *v, struct cb_error *err)
{
    x->n_map = 0;
    x->has_offset = false;
    uint64_t pair[2];
    int have = 0;
    while (*v) {
        size_t len = strcspn(v, ",");
        char digits[24];
        if (len == 0 || len >= sizeof(digits))
            return bad_value(key, err);
        memcpy(digits, v, len);
        digits[len] = '\0';
        if (!cb_parse_u64(digits, UINT64_MAX, &pair[have]))
            return bad_value(key, err);
        if (++have == 2) {
            if (cb_tar_add_extent(x, pair[0], pair[1], err) < 0)
                return -1;
            have = 0;
        }
        v += len;
        if (*v == ',' && *++v == '\0')
            return bad_value(key, err);
    }
    return have ? bad_value(key, err) : 0;
}

static bool decode_base64(const char *v, size_t n, struct cb_buf *out)
{
    while (n > 0 && v[n - 1] == '=')
        n--;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = v[i] ? strchr(digits, v[i]) : NULL;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            cb_buf_addc(out, (char)(bits >> count & 0xff));
        }
    }
    return true;
}

static void decode_percent(const char *name, struct cb_buf *out)
{
    for (; *name; name++) {
        if (name[0] == '%' && cb_hex_value(name[1]) >= 0 && cb_hex_value(name[2]) >= 0) {
            cb_buf_addc(out, (char)(cb_hex_value(name[1]) * 16 + cb_hex_value(name[2])));
            name += 2;
        } else {
            cb_buf_addc(out, *name);
        }
    }
}

static int add_xattr(struct cb_tar_ext *x, const char *key, const char *name, const char *v, size_t n, struct cb_error *err)
{
    if (*name == '\0' || strlen(name) > 255 || n > CB_MAX_XATTR)
        return bad_value(key, err);
    struct cb_xattr *a = &CB_PUSH(x->xattrs, x->n_xattrs, x->cap_xattrs);
    a->name = cb_strdup(name);
    a->value = cb_memdup0(v, n);
    a->len = n;
    return 0;
}

/* LIBARCHIVE.xattr.<percent-encoded name> = base64 */
static int add_encoded_xattr(struct cb_tar_ext *x, const char *key, const char *name, const char *v, size_t n,
                             struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf value = CB_BUF_INIT;
    decode_percent(name, &plain);
    if (strlen(plain.data) != plain.len || !decode_base64(v, n, &value))
        return bad_value(key, err);
    return add_xattr(x, key, plain.data, value.data, value.len, err);
}

static int get_number(struct cb_tar_ext *x, const char *key, const char *v, struct cb_error *err)
{
    const struct {
        const char *key;
        uint64_t *to;
        bool *has;
        uint64_t max;
    } keys[] = {
        {"size", &x->size, &x->has_size, INT64_MAX},
        {"uid", &x->uid, &x->has_uid, UINT32_MAX},
        {"gid", &x->gid, &x->has_gid, UINT32_MAX},
        {"SCHILY.devmajor", &x->dev_major, &x->has_major, UINT32_MAX},
        {"SCHILY.devminor", &x->dev_minor, &x->has_minor, UINT32_MAX},
        {"GNU.sparse.major", &x->sparse_major, NULL, UINT32_MAX},
        {"GNU.sparse.realsize", &x->real_size, &x->has_real, TAR_MAX_SPARSE},
        {"GNU.sparse.size", &x->real_size, &x->has_real, TAR_MAX_SPARSE},
    };
    for (size_t i = 0; i < CB_LEN(keys); i++) {
        if (strcmp(key, keys[i].key) != 0)
            continue;
        if (*v == '\0') { /* an empty value cancels an earlier one */
            if (keys[i].has)
                *keys[i].has = false;
            return 0;
        }
        if (!cb_parse_u64(v, keys[i].max, keys[i].to))
            return bad_value(key, err);
        if (keys[i].has)
            *keys[i].has = true;
    }
    return 0;
}

static int sparse_pair(struct cb_tar_ext *x, const char *key, const char *v, struct cb_error *err)
{
    bool is_offset = strcmp(key, "GNU.sparse.offset") == 0;
    uint64_t value;
    if (is_offset == x->has_offset || !cb_parse_u64(v, INT64_MAX, &value))
        return bad_value(key, err);
    x->has_offset = is_offset;
    if (is_offset)
        return cb_tar_add_extent(x, value, 0, err);
    x->map[x->n_map - 1].len = value;
    return 0;
}

static int one_record(struct cb_tar_ext *x, const char *key, const char *v, size_t n, struct cb_error *err)
{
    if (strcmp(key, "path") == 0)
        return get_text(&x->path, key, v, n, err);
    if (strcmp(key, "linkpath") == 0)
        return get_text(&x->link, key, v, n, err);
    if (strcmp(key, "GNU.sparse.name") == 0)
        return get_text(&x->sparse_name, key, v, n, err);
    if (cb_starts(key, "SCHILY.xattr."))
        return add_xattr(x, key, key + strlen("SCHILY.xattr."), v, n, err);
    if (cb_starts(key, "LIBARCHIVE.xattr."))
        return add_encoded_xattr(x, key, key + strlen("LIBARCHIVE.xattr."), v, n, err);
    if (strcmp(key, "mtime") == 0) {
        x->has_mtime = n > 0;
        return n == 0 || (strlen(v) == n && parse_mtime(v, &x->mtime)) ? 0 : bad_value(key, err);
    }
    if (strcmp(key, "GNU.sparse.map") == 0)
        return strlen(v) == n ? parse_map(x, key, v, err) : bad_value(key, err);
    if (strcmp(key, "GNU.sparse.offset") == 0 || strcmp(key, "GNU.sparse.numbytes") == 0)
        return sparse_pair(x, key, v, err);
    return get_number(x, key, v, err);
}

int cb_tar_pax_parse(struct cb_tar_ext *x, const char *p, size_t n, struct cb_error *err)
{
    while (n > 0) {
        size_t len = 0, digits = 0;
        for (; digits < n && digits < 9 && p[digits] >= '0' && p[digits] <= '9'; digits++)
            len = len * 10 + (size_t)(p[digits] - '0');
        if (digits == 0 || digits >= n || p[digits] != ' ' || len > n || len < digits + 3 || p[len - 1] != '\n')
            return cb_fail(err, CB_E_CORRUPT, "tar: damaged extended header");
        const char *key = p + digits + 1;
        const char *end = p + len - 1;
        const char *eq = memchr(key, '=', (size_t)(end - key));
        if (!eq || eq == key || memchr(key, 0, (size_t)(eq - key)))
            return cb_fail(err, CB_E_CORRUPT, "tar: damaged extended header");
        CB_AUTO(free) char *name = cb_memdup0(key, (size_t)(eq - key));
        CB_AUTO(free) char *value = cb_memdup0(eq + 1, (size_t)(end - eq - 1));
        if (one_record(x, name, value, (size_t)(end - eq - 1), err) < 0)
            return -1;
        p += len;
        n -= len;
    }
    return 0;
}

/* ---- order ---------------------------------------------------------------------------------- */

struct ranked {
    struct cb_xattr a;
    size_t rank;
};

static int by_name(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    int c = strcmp(a->a.name, b->a.name);
    return c ? c : (a->rank > b->rank) - (a->rank < b->rank);
}

/* Sorted through ranks, so that a hostile number of attributes costs no more than sorting. */
void cb_tar_ext_finish(struct cb_tar_ext *x)
{
    if (x->n_xattrs < 2)
        return;
    CB_AUTO(free) struct ranked *r = cb_alloc(x->n_xattrs * sizeof(*r));
    for (size_t i = 0; i < x->n_xattrs; i++)
        r[i] = (struct ranked){x->xattrs[i], i};
    qsort(r, x->n_xattrs, sizeof(*r), by_name);
    size_t n = 0;
    for (size_t i = 0; i < x->n_xattrs; i++) {
        if (i + 1 < x->n_xattrs && strcmp(r[i].a.name, r[i + 1].a.name) == 0) {
            free(r[i].a.name); /* said again later: the last one counts */
            free(r[i].a.value);
        } else {
            x->xattrs[n++] = r[i].a;
        }
    }
    x->n_xattrs = n;
}
