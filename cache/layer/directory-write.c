#include "base/map.h"
#include "cache/layer/directory.h"
#include "cache/layer/layer-internal.h"

struct cache_directory {
    struct cache_layer_disk disk;
    struct cache_index dirs;
    struct cb_map known; /* their paths */
};

struct cache_directory *cache_directory_new(int dir)
{
    struct cache_directory *d = CB_NEW(struct cache_directory);
    cache_layer_disk_init(&d->disk, dir);
    return d;
}

void cache_directory_free(struct cache_directory *d)
{
    if (!d)
        return;
    cache_layer_disk_done(&d->disk);
    cache_index_done(&d->dirs);
    cb_map_done(&d->known);
    free(d);
}

static int add_dir(struct cache_directory *d, const struct cache_entry *e, struct cb_error *err)
{
    if (cache_layer_disk_make(&d->disk, e, err) < 0)
        return -1;
    cache_index_add(&d->dirs, e);
    cb_map_set(&d->known, e->path, d);
    return 1;
}

static int add_parents(struct cache_directory *d, const char *path, struct cb_error *err)
{
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        CB_AUTO(free) char *dir = cb_memdup0(path, (size_t)(slash - path));
        const struct cache_entry e = {.path = dir, .type = CB_DIR, .mode = 0755};
        if (!cb_map_has(&d->known, dir) && add_dir(d, &e, err) < 0)
            return -1;
    }
    return 0;
}

int cache_directory_add(struct cache_directory *d, const struct cache_entry *e, struct cb_error *err)
{
    if (e->type == CB_CHAR || e->type == CB_BLOCK)
        return 0;
    if (add_parents(d, e->path, err) < 0)
        return -1;
    if (e->type == CB_DIR)
        return add_dir(d, e, err);
    if (cb_map_has(&d->known, e->path))
        return cb_fail(err, CB_E_CORRUPT, "'%s' is a directory and something else", e->path);
    if (cache_layer_disk_remove(&d->disk, e->path, err) < 0)
        return -1;
    int r = e->type == CB_FILE ? cache_layer_disk_begin(&d->disk, e, err) : cache_layer_disk_make(&d->disk, e, err);
    return r < 0 ? -1 : 1;
}

int cache_directory_write(struct cache_directory *d, const struct cache_entry *e, const void *p, size_t n, struct cb_error *err)
{
    return cache_layer_disk_write(&d->disk, e, p, n, err);
}

int cache_directory_end(struct cache_directory *d, const struct cache_entry *e, struct cb_error *err)
{
    return cache_layer_disk_end(&d->disk, e, err);
}

int cache_directory_finish(struct cache_directory *d, struct cb_error *err)
{
    cache_index_sort(&d->dirs);
    return cache_layer_disk_finish(&d->disk, &d->dirs, err);
}
