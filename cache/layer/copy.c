/* Files of a layer once more, from those that are there: for a working tree, and for a build that lacks the ids which own them.
 */
#include "cache/layer/layer-internal.h"
#include "base/fd.h"

int cache_layer_copy_file(struct cache_layer_disk *to, struct cache_layer_cursor *from, const struct cache_entry *e,
                          const char *path, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(close) int fd = cache_layer_cursor_open(from, path, &st);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '/%s' of a layer", e->path);
    if ((uint64_t)st.st_size != e->size)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' of a layer is not as its index says", e->path);
    if (cache_layer_disk_begin(to, e, err) < 0)
        return -1;
    int r = e->size ? cb_copy_file(fd, to->fd, e->size) : 0;
    if (r < 0)
        return cb_fail_sys(err, r, "copy '/%s' of a layer", e->path);
    to->size = e->size;
    to->nsec = st.st_mtim.tv_sec == e->mtime ? st.st_mtim.tv_nsec : 0;
    return cache_layer_disk_end(to, e, err);
}

bool cache_layer_can_be_read(int fs, const struct cache_index *x)
{
    CB_AUTO(cache_layer_cursor) struct cache_layer_cursor from = CACHE_LAYER_CURSOR_INIT;
    cache_layer_cursor_set_root(&from, fs);
    for (size_t i = 0; i < x->n; i++) {
        struct stat st;
        int fd = x->entries[i].type == CB_FILE ? cache_layer_cursor_open(&from, x->entries[i].path, &st) : -1;
        if (x->entries[i].type == CB_FILE && fd < 0)
            return false;
        cb_close(fd);
    }
    return true;
}

int cache_layer_copy_files(int fs, int to, const struct cache_index *x, struct cb_error *err)
{
    CB_AUTO(cache_layer_cursor) struct cache_layer_cursor from = CACHE_LAYER_CURSOR_INIT;
    CB_AUTO(cache_layer_disk) struct cache_layer_disk disk = CACHE_LAYER_DISK_INIT;
    cache_layer_cursor_set_root(&from, fs);
    cache_layer_disk_init(&disk, to);
    for (size_t i = 0; i < x->n; i++) {
        const struct cache_entry *e = &x->entries[i];
        int r = e->type == CB_FILE ? cache_layer_copy_file(&disk, &from, e, e->path, err) : cache_layer_disk_make(&disk, e, err);
        if (r < 0)
            return -1;
    }
    return cache_layer_disk_finish(&disk, x, err);
}
