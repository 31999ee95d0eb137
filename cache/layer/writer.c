/* Layers made of entries: COPY, ADD, WORKDIR. File bytes are always read and hashed on their way to the disk, even when
 * their digest is known: a reflink would save the copy, but the copy would have to be read again to know that the file
 * has not changed since its digest was taken. */
#include "cache/layer/layer-internal.h"
#include "cache/layer/reader.h"
#include "base/limits.h"
#include "base/path.h"

#include <unistd.h>

struct cache_layer_writer {
    struct cache_layer_draft draft;
    struct cache_layer_disk disk;
    struct cache_layer_cursor source; /* where the files of the last FILE entry's root come from */
    struct cache_index index;
    char *buffer;
    /* the file of begin, write, end */
    struct cache_entry entry;
    struct cb_sha256 sha;
};

int cache_layer_writer_new(struct cache_store *s, struct cache_layer_writer **ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = CB_NEW(struct cache_layer_writer);
    w->draft = CACHE_LAYER_DRAFT_INIT;
    w->disk = CACHE_LAYER_DISK_INIT;
    w->source = CACHE_LAYER_CURSOR_INIT;
    if (cache_layer_draft_begin(s, true, &w->draft, err) < 0)
        return -1;
    cache_layer_disk_init(&w->disk, w->draft.fs);
    w->buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    *ret = CB_TAKE(w);
    return 0;
}

void cache_layer_writer_free(struct cache_layer_writer *w)
{
    if (!w)
        return;
    cache_layer_disk_done(&w->disk);
    cache_layer_cursor_done(&w->source);
    cache_layer_draft_done(&w->draft);
    cache_index_done(&w->index);
    free(w->buffer);
    free(w);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_zero(const struct cb_digest *d)
{
    static const struct cb_digest zero;
    return cb_digest_eq(d, &zero);
}

static int begin(struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err)
{
    if (cache_layer_disk_begin(&w->disk, e, err) < 0)
        return -1;
    cb_sha256_init(&w->sha);
    return 0;
}

static int put(struct cache_layer_writer *w, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err)
{
    if (n == 0)
        return 0;
    cb_sha256_add(&w->sha, p, n);
    return cache_layer_disk_write(&w->disk, e, p, n, err);
}

/* The file is whole: its size and digest must be what the entry says, where it says so. */
static int finish(struct cache_layer_writer *w, struct cache_entry *e, struct cb_error *err)
{
    if (w->disk.size != e->size)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' has %llu bytes instead of %llu: it changed while it was read", e->path,
                       (unsigned long long)w->disk.size, (unsigned long long)e->size);
    if (cache_layer_disk_end(&w->disk, e, err) < 0)
        return -1;
    struct cb_digest have;
    cb_sha256_end(&w->sha, &have);
    if (!is_zero(&e->digest) && !cb_digest_eq(&e->digest, &have))
        return cb_fail(err, CB_E_CORRUPT, "'/%s' changed while it was read", e->path);
    e->digest = have;
    return 0;
}

static int copy_bytes(struct cache_layer_writer *w, const struct cache_entry *e, int fd, const struct cache_data *data,
                      struct cb_error *err)
{
    /* one byte more than there should be: a file that grew is noticed without another call for small ones */
    uint64_t end = e->size + !data->may_grow;

    while (w->disk.size < end) {
        size_t want = (size_t)CB_MIN(end - w->disk.size, (uint64_t)CACHE_LAYER_COPY_BUFFER);
        int n = cb_read_full(fd, w->buffer, want);
        if (n < 0)
            return cb_fail_sys(err, n, "read '%s'", data->path);
        if (put(w, e, w->buffer, (size_t)n, err) < 0)
            return -1;
        if ((size_t)n < want)
            break;
    }
    return 0;
}

static int open_data(struct cache_layer_writer *w, const struct cache_data *data, struct cb_error *err)
{
    if (data->kind == CACHE_DATA_LAYER)
        return cache_reader_open(data->reader, data->layer, data->path, err);
    if (w->source.root != data->root)
        cache_layer_cursor_set_root(&w->source, data->root);
    struct stat st;
    int fd = cache_layer_cursor_open(&w->source, data->path, &st);
    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
        return cb_fail(err, CB_E_CORRUPT, "'%s' changed while it was read: it is no longer a file", data->path);
    return fd < 0 ? cb_fail_sys(err, fd, "open '%s'", data->path) : fd;
}

static int add_from_file(struct cache_layer_writer *w, struct cache_entry *e, const struct cache_data *data, struct cb_error *err)
{
    CB_AUTO(close) int fd = open_data(w, data, err);
    if (fd < 0 || begin(w, e, err) < 0 || copy_bytes(w, e, fd, data, err) < 0)
        return -1;
    w->disk.nsec = data->mtime_nsec;
    return finish(w, e, err);
}

static int add_file(struct cache_layer_writer *w, struct cache_entry *e, const struct cache_data *data, struct cb_error *err)
{
    if (data && (data->kind == CACHE_DATA_FILE || data->kind == CACHE_DATA_LAYER))
        return add_from_file(w, e, data, err);
    if (begin(w, e, err) < 0)
        return -1;
    if (data && data->kind == CACHE_DATA_INLINE && put(w, e, data->bytes, (size_t)e->size, err) < 0)
        return -1;
    return finish(w, e, err);
}

/* ---- the interface --------------------------------------------------------------------------- */

static int check(const struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err)
{
    if (w->index.n >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_UNSUPPORTED, "a layer cannot have more than %u entries", CB_MAX_ENTRIES);
    if (strlen(e->path) > CB_MAX_PATH)
        return cb_fail(err, CB_E_UNSUPPORTED, "a path of %zu bytes is too long for a layer", strlen(e->path));
    if (cb_starts(cb_path_base(e->path), ".wh."))
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s': names that begin with '.wh.' cannot be stored in a layer", e->path);
    if (e->type == CB_CHAR && e->dev_major == 0 && e->dev_minor == 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s' is a device 0:0, which would hide what is below", e->path);
    return e->type == CB_FILE ? cache_check_size(e->path, e->size, err) : 0;
}

int cache_layer_add(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                    struct cb_error *err)
{
    struct cache_entry copy = *e;
    if (check(w, e, err) < 0)
        return -1;
    if (e->type == CB_FILE ? add_file(w, &copy, data, err) < 0 : cache_layer_disk_make(&w->disk, e, err) < 0)
        return -1;
    cache_index_add(&w->index, &copy);
    return 0;
}

int cache_layer_file_begin(struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err)
{
    if (check(w, e, err) < 0 || begin(w, e, err) < 0)
        return -1;
    cache_index_add(&w->index, e); /* keeps the strings; digest and size follow */
    w->entry = w->index.entries[w->index.n - 1];
    return 0;
}

int cache_layer_file_write(struct cache_layer_writer *w, const void *p, size_t n, struct cb_error *err)
{
    if (n > w->entry.size || w->disk.size > w->entry.size - n)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' is longer than its header says", w->entry.path);
    return put(w, &w->entry, p, n, err);
}

int cache_layer_file_end(struct cache_layer_writer *w, struct cb_error *err)
{
    if (finish(w, &w->entry, err) < 0)
        return -1;
    w->index.entries[w->index.n - 1].digest = w->entry.digest;
    return 0;
}

int cache_layer_commit(struct cache_layer_writer *w, struct cache_layer *ret, struct cb_error *err)
{
    cache_layer_settle_links(&w->index);
    if (cache_layer_disk_finish(&w->disk, &w->index, err) < 0)
        return -1;
    struct cb_digest content;
    cache_index_content_id(&w->index, &content);
    int found = cache_layer_exists(w->draft.store, &content, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    return cache_layer_publish(&w->draft, &w->index, &content, NULL, ret, err);
}
