/* One file of a layer. Bytes are always read and hashed on their way to the disk, even when their digest is known: a reflink
 * would save the copy, but the copy would have to be read again to know that the file has not changed since its digest was taken.
 *
 * What the model has with the same content, owner, mode, time and attributes is linked, and not read at all: what lies in a layer
 * is what its index says, or is found out when the layer is packed. Where owners are beside the files only root's are linked: an
 * inode of two layers cannot be given away for one of them (form.c). */
#include "cache/layer/layer-internal.h"
#include "cache/layer/reader.h"

#include <unistd.h>

void cache_layer_hand_init(struct cache_layer_hand *h, int fs, int model)
{
    *h = (struct cache_layer_hand){.disk = CACHE_LAYER_DISK_INIT,
                                   .model = model,
                                   .model_cursor = CACHE_LAYER_CURSOR_INIT,
                                   .source = CACHE_LAYER_CURSOR_INIT};
    cache_layer_disk_init(&h->disk, fs);
    cache_layer_cursor_set_root(&h->model_cursor, model);
}

void cache_layer_hand_done(struct cache_layer_hand *h)
{
    cache_layer_disk_done(&h->disk);
    cache_layer_cursor_done(&h->model_cursor);
    cache_layer_cursor_done(&h->source);
    cache_reader_free(h->reader);
    free(h->buffer);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

int cache_layer_hand_begin(struct cache_layer_hand *h, const struct cache_entry *e, struct cb_error *err)
{
    if (h->tar ? cache_layer_tar_entry(h->tar, e, err) < 0 : cache_layer_disk_begin(&h->disk, e, err) < 0)
        return -1;
    cb_sha256_init(&h->sha);
    h->trusted = false;
    h->size = 0;
    return 0;
}

int cache_layer_hand_put(struct cache_layer_hand *h, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err)
{
    uint64_t room = e->size - h->size;
    if (n == 0)
        return 0;
    h->size += n;
    if (!h->trusted)
        cb_sha256_add(&h->sha, p, n);
    return h->tar ? cb_tar_write(h->tar, p, (size_t)CB_MIN(n, room), err) : cache_layer_disk_write(&h->disk, e, p, n, err);
}

int cache_layer_hand_end(struct cache_layer_hand *h, struct cache_entry *e, struct cb_error *err)
{
    if (h->size != e->size)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' has %llu bytes instead of %llu: it changed while it was read", e->path,
                       (unsigned long long)h->size, (unsigned long long)e->size);
    if (!h->tar && cache_layer_disk_end(&h->disk, e, err) < 0)
        return -1;
    if (h->trusted)
        return 0;
    struct cb_digest have;
    cb_sha256_end(&h->sha, &have);
    if (!cb_digest_is_zero(&e->digest) && !cb_digest_eq(&e->digest, &have))
        return cb_fail(err, CB_E_CORRUPT, "'/%s' changed while it was read", e->path);
    e->digest = have;
    return 0;
}

static int copy_bytes(struct cache_layer_hand *h, const struct cache_entry *e, int fd, const struct cache_data *data,
                      struct cb_error *err)
{
    /* one byte more than there should be: a file that grew is noticed without another call for small ones */
    uint64_t end = e->size + !data->may_grow;

    if (!h->buffer)
        h->buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    while (h->size < end) {
        size_t want = (size_t)CB_MIN(end - h->size, (uint64_t)CACHE_LAYER_COPY_BUFFER);
        int n = cb_read_full(fd, h->buffer, want);
        if (n < 0)
            return cb_fail_sys(err, n, "read '%s'", data->path);
        if (cache_layer_hand_put(h, e, h->buffer, (size_t)n, err) < 0)
            return -1;
        if ((size_t)n < want)
            break;
    }
    return 0;
}

static struct cache_reader *own_reader(struct cache_layer_hand *h, const struct cache_reader *like)
{
    if (h->reads_like != like) {
        cache_reader_free(h->reader);
        h->reader = cache_reader_again(like);
        h->reads_like = like;
    }
    return h->reader;
}

static int open_data(struct cache_layer_hand *h, const struct cache_data *data, struct stat *st, struct cb_error *err)
{
    if (data->kind == CACHE_DATA_LAYER)
        return cache_reader_open(own_reader(h, data->reader), data->layer, data->path, err);
    if (h->source.root != data->root)
        cache_layer_cursor_set_root(&h->source, data->root);
    int fd = cache_layer_cursor_open(&h->source, data->path, st);
    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
        return cb_fail(err, CB_E_CORRUPT, "'%s' changed while it was read: it is no longer a file", data->path);
    return fd < 0 ? cb_fail_sys(err, fd, "open '%s'", data->path) : fd;
}

/* Its times are those of the moment when its digest was taken, as the table of a context would ask. */
static bool is_as_seen(const struct cache_data *data, const struct cache_entry *e, const struct stat *st)
{
    const struct cache_seen *seen = &data->seen;
    return data->kind == CACHE_DATA_FILE && seen->sure && st->st_ino == seen->ino && (uint64_t)st->st_size == e->size &&
           st->st_mtim.tv_sec == e->mtime && (uint32_t)st->st_mtim.tv_nsec == seen->mtime_nsec &&
           st->st_ctim.tv_sec == seen->ctime && (uint32_t)st->st_ctim.tv_nsec == seen->ctime_nsec;
}

/* What was not hashed must have stayed as it was until its last byte was read; or have grown, where it may. */
static bool has_stayed(const struct cache_data *data, const struct cache_entry *e, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    return is_as_seen(data, e, &st) || (data->may_grow && (uint64_t)st.st_size > e->size);
}

static int copy_file(struct cache_layer_hand *h, struct cache_entry *e, const struct cache_data *data, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(close) int fd = open_data(h, data, &st, err);
    if (fd < 0 || cache_layer_hand_begin(h, e, err) < 0)
        return -1;
    h->trusted = !cb_digest_is_zero(&e->digest) && is_as_seen(data, e, &st);
    if (copy_bytes(h, e, fd, data, err) < 0)
        return -1;
    if (h->trusted && !has_stayed(data, e, fd))
        return cb_fail(err, CB_E_CORRUPT, "'/%s' changed while it was read", e->path);
    h->disk.nsec = data->mtime_nsec;
    return cache_layer_hand_end(h, e, err);
}

/* ---- the model ------------------------------------------------------------------------------- */

bool cache_layer_same_file(const struct cache_entry *a, const struct cache_entry *b)
{
    return a->type == CB_FILE && b->type == CB_FILE && a->size == b->size && a->mtime == b->mtime && a->mode == b->mode &&
           a->uid == b->uid && a->gid == b->gid && cb_digest_eq(&a->digest, &b->digest) && cache_same_xattrs(a, b);
}

static bool may_be_shared(const struct cache_layer_hand *h, const struct cache_entry *e, const struct cache_data *data)
{
    return h->model >= 0 && !cb_digest_is_zero(&e->digest) && data->mtime_nsec == 0 && (h->disk.owners || (!e->uid && !e->gid));
}

/* Whatever keeps it from being linked (the file system allows only so many names, it was removed meanwhile), it can be copied. */
static bool link_file(struct cache_layer_hand *h, const struct cache_entry *e, const struct cache_data *data)
{
    const char *name;
    struct stat st;
    if (!may_be_shared(h, e, data))
        return false;
    int from = cache_layer_cursor_parent(&h->model_cursor, e->path, &name);
    int to = from < 0 ? -1 : cache_layer_cursor_parent(&h->disk.cursor, e->path, &name);
    return to >= 0 && fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == e->size && st.st_mtim.tv_sec == e->mtime && linkat(from, name, to, name, 0) == 0;
}

/* ---- a whole file ------------------------------------------------------------------------------ */

int cache_layer_hand_file(struct cache_layer_hand *h, struct cache_entry *e, const struct cache_data *data, bool in_model,
                          struct cb_error *err)
{
    static const struct cache_data none = {.kind = CACHE_DATA_NONE};
    data = data ? data : &none;
    if (in_model && link_file(h, e, data))
        return 0;
    if (data->kind == CACHE_DATA_FILE || data->kind == CACHE_DATA_LAYER)
        return copy_file(h, e, data, err);
    if (cache_layer_hand_begin(h, e, err) < 0)
        return -1;
    if (data->kind == CACHE_DATA_INLINE && cache_layer_hand_put(h, e, data->bytes, (size_t)e->size, err) < 0)
        return -1;
    return cache_layer_hand_end(h, e, err);
}
