#include "builder/share/mount-list.h"
#include "base/limits.h"
#include "base/pack.h"

#define VERSION 1

void build_mount_list_done(struct build_mount_list *l)
{
    cache_index_done(&l->files);
    free(l->used);
    free(l->pack);
    free(l->packs);
    *l = (struct build_mount_list){0};
}

void build_mount_list_write(const struct build_mount_list *l, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    cb_put_u32(out, VERSION);
    cb_put_u32(out, l->mode);
    cb_put_u32(out, l->uid);
    cb_put_u32(out, l->gid);
    cb_put_u64(out, l->n_packs);
    for (size_t i = 0; i < l->n_packs; i++) {
        cb_put_digest(out, &l->packs[i].digest);
        cb_put_u64(out, l->packs[i].size);
        cb_put_u64(out, l->packs[i].raw);
    }
    cb_put_u64(out, l->files.n);
    for (size_t i = 0; i < l->files.n; i++) {
        cb_put_u32(out, l->used[i]);
        cb_put_u32(out, l->pack[i]);
    }
    cache_index_write(&l->files, &index);
    cb_put_bytes(out, index.data, index.len);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static int refuse(struct cb_error *err, const char *why)
{
    return cb_fail(err, CB_E_CORRUPT, "the list of a cache mount: %s", why);
}

static int read_packs(struct cb_unpack *u, struct build_mount_list *l, struct cb_error *err)
{
    uint64_t n = cb_get_u64(u);
    if (n > BUILD_MOUNT_MAX)
        return refuse(err, "too many packs");
    for (uint64_t i = 0; i < n && !u->failed; i++) {
        struct build_mount_pack *p = &CB_PUSH(l->packs, l->n_packs, l->cap_packs);
        p->digest = cb_get_digest(u);
        p->size = cb_get_u64(u);
        p->raw = cb_get_u64(u);
        if (p->size > CB_MAX_BLOB || p->raw > CB_MAX_BLOB)
            return refuse(err, "a pack is too large");
    }
    return 0;
}

static int check_entry(const struct build_mount_list *l, size_t i, struct cb_error *err)
{
    const struct cache_entry *e = &l->files.entries[i], *data = NULL;
    switch (e->type) {
    case CB_FILE:
        return l->pack[i] < l->n_packs ? cache_check_size(e->path, e->size, err) : refuse(err, "a file is in no pack");
    case CB_HARDLINK:
        data = cache_index_find(&l->files, e->link);
        return data && data->type == CB_FILE ? 0 : refuse(err, "a link leads to no file");
    case CB_DIR:
    case CB_SYMLINK:
    case CB_FIFO:
        return 0;
    default:
        return refuse(err, "an entry is of a kind that no cache mount has");
    }
}

static int read_entries(struct cb_unpack *u, struct build_mount_list *l, struct cb_error *err)
{
    uint64_t n = cb_get_u64(u);
    if (n > (uint64_t)(u->end - u->p) / 8)
        return refuse(err, "it is cut off");
    l->used = cb_alloc((size_t)(n + 1) * sizeof(*l->used));
    l->pack = cb_alloc((size_t)(n + 1) * sizeof(*l->pack));
    for (uint64_t i = 0; i < n; i++) {
        l->used[i] = cb_get_u32(u);
        l->pack[i] = cb_get_u32(u);
    }
    struct cb_str index = cb_get_bytes(u);
    if (u->failed || u->p != u->end)
        return refuse(err, "it is cut off, or something follows");
    if (cache_index_read(index.p, index.n, &l->files, err) < 0)
        return -1;
    if (l->files.n != n)
        return refuse(err, "its numbers of entries differ");
    for (size_t i = 0; i < n; i++)
        if (check_entry(l, i, err) < 0)
            return -1;
    return 0;
}

int build_mount_list_read(const void *bytes, size_t n, struct build_mount_list *ret, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(bytes, n);
    uint32_t version = cb_get_u32(&u);
    if (!u.failed && version != VERSION)
        return cb_fail(err, CB_E_UNSUPPORTED, "the list of a cache mount has the version %u, not %d", version, VERSION);
    ret->mode = cb_get_u32(&u);
    ret->uid = cb_get_u32(&u);
    ret->gid = cb_get_u32(&u);
    if (ret->uid == UINT32_MAX || ret->gid == UINT32_MAX)
        return refuse(err, "an owner that cannot be");
    return read_packs(&u, ret, err) < 0 ? -1 : read_entries(&u, ret, err);
}
