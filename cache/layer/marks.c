/* Whiteouts and opaque directories that a store's file system cannot hold (another overlay, NFS, one without attributes) are in
 * the indexes alone. Where layers are stacked all the same, because what is written lies elsewhere, each has a second directory
 * there, below its own, that holds nothing but these. */
#include "cache/layer/layer-internal.h"
#include "base/dir.h"
#include "base/path.h"

#include <stdio.h>
#include <unistd.h>

struct marks_name {
    char text[sizeof("marks-") + CB_DIGEST_HEX];
};

static struct marks_name name_of(const struct cb_digest *id)
{
    struct marks_name n = {"marks-"};
    cb_digest_hex(id, n.text + strlen("marks-"));
    return n;
}

static int make_marks(int dir, const struct cache_index *x, struct cb_error *err)
{
    CB_AUTO(cache_layer_disk) struct cache_layer_disk disk = CACHE_LAYER_DISK_INIT;
    CB_AUTO(cache_index) struct cache_index marks = {0};
    int r = 0;
    for (size_t i = 0; i < x->n && r == 0; i++) {
        const struct cache_entry *e = &x->entries[i];
        if (e->type != CACHE_WHITEOUT && e->type != CACHE_OPAQUE)
            continue;
        cache_index_add(&marks, e);
        const char *end = strrchr(e->path, '/');
        size_t n = e->type == CACHE_OPAQUE ? strlen(e->path) : end ? (size_t)(end - e->path) : 0;
        CB_AUTO(free) char *needed = cb_memdup0(e->path, n);
        r = n ? cb_mkdirs(dir, needed, 0755) : 0;
    }
    if (r < 0)
        return cb_fail_sys(err, r, "make the marks of a layer");
    cache_index_sort(&marks);
    cache_layer_disk_init(&disk, dir);
    return cache_layer_disk_finish(&disk, &marks, err);
}

/* Whole under a name of our own first: other steps look for them, too. */
static int make(struct cache_store *s, const struct cb_digest *id, const char *name, struct cb_error *err)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    char own[CACHE_RANDOM_NAME + 1];
    cache_random_name(own);
    if (cache_layer_index(s, id, &x, err) < 0)
        return -1;
    CB_AUTO(close)
    int dir = mkdirat(s->marks, own, 0755) < 0 ? -1 : openat(s->marks, own, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "make the marks of a layer");
    if (make_marks(dir, &x, err) < 0)
        return -1;
    int r = cache_rename_new(s->marks, own, s->marks, name);
    return r < 0 && r != -EEXIST ? cb_fail_sys(err, r, "keep the marks of a layer") : 0;
}

int cache_layer_open_marks(struct cache_store *s, const struct cb_digest *id, int *ret, struct cb_error *err)
{
    struct marks_name name = name_of(id);
    *ret = -1;
    if (s->marks < 0 || cache_layer_holds_marks(s->root))
        return 0;
    int dir = openat(s->marks, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT && make(s, id, name.text, err) < 0)
        return -1;
    if (dir < 0)
        dir = openat(s->marks, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open the marks of a layer");
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dir, ".");
    *ret = cb_dir_next(&d) ? dir : cb_close(dir);
    return 0;
}
