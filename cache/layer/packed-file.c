/* One file of a layer that is there in packed form alone: a user's name looked up in a base image that nothing stands on, say. It
 * is found by its size and digest, so whatever the tar calls it, these are the bytes of the index. */
#include "cache/layer/layer-internal.h"
#include "cache/store/blob.h"

#include <unistd.h>

static ssize_t read_blob(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t got = cb_read(*(int *)arg, p, n);
    return got < 0 ? cb_fail_sys(err, (int)got, "read a blob of the store") : got;
}

/* What cb_decoder_read needs, as a source. */
static ssize_t read_plain(void *arg, void *p, size_t n, struct cb_error *err)
{
    return cb_decoder_read(arg, p, n, err);
}

/* 1: it is in `to`, from its start. 0: this member is another file. */
static int take_member(struct cb_tar_reader *t, const struct cache_entry *e, int to, struct cb_error *err)
{
    CB_AUTO(free) char *buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    struct cb_sha256 sha;
    struct cb_digest have;
    ssize_t n;
    if (ftruncate(to, 0) < 0 || lseek(to, 0, SEEK_SET) < 0)
        return cb_fail_sys(err, errno, "write '/%s' of a layer into memory", e->path);
    cb_sha256_init(&sha);
    while ((n = cb_tar_read(t, buffer, CACHE_LAYER_COPY_BUFFER, err)) > 0) {
        int r = cb_write_full(to, buffer, (size_t)n);
        if (r < 0)
            return cb_fail_sys(err, r, "write '/%s' of a layer into memory", e->path);
        cb_sha256_add(&sha, buffer, (size_t)n);
    }
    cb_sha256_end(&sha, &have);
    if (n < 0 || !cb_digest_eq(&have, &e->digest))
        return n < 0 ? -1 : 0;
    return lseek(to, 0, SEEK_SET) < 0 ? cb_fail_sys(err, errno, "read '/%s' of a layer", e->path) : 1;
}

static int find_member(struct cb_tar_reader *t, const struct cache_entry *e, int to, struct cb_error *err)
{
    struct cb_tar_entry member;
    int r;
    while ((r = cb_tar_next(t, &member, err)) > 0) {
        int found = member.type == CB_FILE && member.size == e->size ? take_member(t, e, to, err) : 0;
        if (found != 0)
            return found;
    }
    return r < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "'/%s' is not in the layer's blob", e->path);
}

static int extract(struct cache_store *s, const struct cache_packed *from, const struct cache_entry *e, int to,
                   struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_blob_open(s, &from->digest, err);
    if (fd < 0)
        return -1;
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(read_blob, &fd, "layer");
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_plain, d, false, err);
    return t ? find_member(t, e, to, err) : -1;
}

int cache_layer_open_packed(struct cache_store *s, const struct cb_digest *id, const char *path, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_packed from;
    int r = cache_layer_packed(s, id, cb_codecs[0], -1, true, &from, err);
    if (r == 0)
        cb_fail(err, CB_E_NOT_FOUND, "%s is neither unpacked nor packed in the store", cache_layer_name(id).text);
    if (r <= 0 || cache_layer_index(s, id, &x, err) < 0)
        return -1;
    const struct cache_entry *e = cache_index_find(&x, path);
    if (!e || e->type != CB_FILE)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' in the layer's index is missing", path);
    CB_AUTO(close) int fd = cb_memory_file("layer");
    if (fd < 0)
        return cb_fail_sys(err, fd, "make a file in memory");
    if (extract(s, &from, e, fd, err) < 0)
        return cb_prefix(err, "%s", cache_layer_name(id).text);
    return cb_take_fd(&fd);
}
