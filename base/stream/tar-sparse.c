/* Sparse files in tars, as GNU tar writes them: the old map in the header, and the pax forms 0.0, 0.1 and 1.0. They are read
 * as full data. A map is taken only when its pieces are in order, lie within the file and fit the data to the byte. */
#include "base/stream/tar-internal.h"

/* GNU's old form: four pieces in the header (from byte 386), 21 in each block that follows. */
int cb_tar_old_sparse_map(struct cb_tar_reader *t, const struct cb_tar_header *h, struct cb_error *err)
{
    const char *p = (const char *)h + 386;
    int n = 4;
    bool more = ((const char *)h)[482] != 0;
    int64_t real;
    if (cb_tar_header_number((const char *)h + 483, 12, "sparse size", 0, TAR_MAX_SPARSE, &real, err) < 0)
        return -1;
    t->ext.real_size = (uint64_t)real;
    t->ext.has_real = true;
    int r;
    for (;;) {
        for (int i = 0; i < n && p[i * 24]; i++) {
            int64_t offset, len;
            if (cb_tar_header_number(p + i * 24, 12, "sparse map", 0, INT64_MAX, &offset, err) < 0 ||
                cb_tar_header_number(p + i * 24 + 12, 12, "sparse map", 0, INT64_MAX, &len, err) < 0 ||
                cb_tar_add_extent(&t->ext, (uint64_t)offset, (uint64_t)len, err) < 0)
                return -1;
        }
        if (!more)
            return 0;
        r = cb_tar_need(t, TAR_BLOCK, err);
        if (r <= 0)
            return r == 0 ? cb_tar_truncated(err) : -1;
        p = (const char *)t->in + t->pos;
        n = 21;
        more = p[504] != 0;
        t->pos += TAR_BLOCK; /* p stays good until the next cb_tar_need() */
    }
}

/* A decimal number and a newline out of the member's data (sparse 1.0). */
static int map_number(struct cb_tar_reader *t, uint64_t *ret, struct cb_error *err)
{
    uint64_t v = 0;
    for (int digits = 0;; digits++) {
        char c;
        ssize_t n = t->left ? cb_tar_take(t, &c, 1, err) : 0;
        if (n < 0)
            return -1;
        if (n == 0 || digits > 18 || (c == '\n' ? digits == 0 : c < '0' || c > '9'))
            return cb_fail(err, CB_E_CORRUPT, "tar: '%s' has a damaged sparse map", t->path.data);
        t->left--;
        if (c == '\n')
            break;
        v = v * 10 + (uint64_t)(c - '0');
    }
    *ret = v;
    return 0;
}

/* Sparse 1.0: number of pieces, then offset and length of each, in decimal lines filled up to a block. */
int cb_tar_leading_sparse_map(struct cb_tar_reader *t, struct cb_error *err)
{
    uint64_t before = t->left;
    t->ext.n_map = 0;
    uint64_t n, offset, len;
    if (map_number(t, &n, err) < 0)
        return -1;
    for (uint64_t i = 0; i < n; i++) {
        if (map_number(t, &offset, err) < 0 || map_number(t, &len, err) < 0 || cb_tar_add_extent(&t->ext, offset, len, err) < 0)
            return -1;
    }
    uint64_t fill = cb_tar_padding(before - t->left);
    if (fill > t->left)
        return cb_tar_truncated(err);
    t->left -= fill;
    return cb_tar_skip(t, fill, err);
}

int cb_tar_begin_sparse(struct cb_tar_reader *t, struct cb_tar_entry *e, struct cb_error *err)
{
    uint64_t end = 0, sum = 0;
    if (!t->ext.has_real || t->ext.has_offset)
        return cb_fail(err, CB_E_CORRUPT, "tar: '%s' has a damaged sparse map", t->path.data);
    for (size_t i = 0; i < t->ext.n_map; i++) {
        const struct cb_tar_extent *x = &t->ext.map[i];
        if (x->offset < end || x->offset > t->ext.real_size || x->len > t->ext.real_size - x->offset)
            return cb_fail(err, CB_E_CORRUPT, "tar: '%s' has a damaged sparse map", t->path.data);
        end = x->offset + x->len;
        sum += x->len;
    }
    if (sum != t->left)
        return cb_fail(err, CB_E_CORRUPT, "tar: '%s' has a sparse map that does not fit its data", t->path.data);
    t->sparse = true;
    t->at = 0;
    t->extent = 0;
    t->real = e->size = t->ext.real_size;
    return 0;
}

ssize_t cb_tar_read_sparse(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err)
{
    uint64_t hole_end = t->real;
    while (t->extent < t->ext.n_map && t->ext.map[t->extent].offset + t->ext.map[t->extent].len <= t->at)
        t->extent++;
    const struct cb_tar_extent *x = t->extent < t->ext.n_map ? &t->ext.map[t->extent] : NULL;
    ssize_t got;
    if (x && x->offset <= t->at) {
        got = cb_tar_take(t, p, (size_t)CB_MIN((uint64_t)n, x->offset + x->len - t->at), err);
        if (got < 0)
            return -1;
        t->left -= (uint64_t)got;
        t->at += (uint64_t)got;
        return got;
    }
    if (x)
        hole_end = x->offset;
    n = (size_t)CB_MIN((uint64_t)n, hole_end - t->at);
    memset(p, 0, n);
    t->at += n;
    return (ssize_t)n;
}
