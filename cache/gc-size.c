/* Disk use, as the disk counts it: in blocks, a file with several names once. */
#include "cache/gc-internal.h"

#include "base/dir.h"
#include "cache/image.h"
#include "cache/store/files.h"

#define MAX_DEPTH 512 /* open directories at once; what lies deeper is not counted */

/* Of the inodes that the tree being measured has, the places among its links, by address. */
struct measuring {
    struct cache_gc_graph *g;
    struct cache_gc_size *size;
    struct cb_map seen;
};

static struct cache_gc_inode *inode_of(struct cache_gc_graph *g, const struct stat *st, uint64_t bytes)
{
    uint64_t id[2] = {st->st_dev, st->st_ino};
    struct cache_gc_inode *i = cb_map_getn(&g->inodes, (const char *)id, sizeof(id));
    if (i)
        return i;
    i = cb_arena_alloc(&g->arena, sizeof(*i));
    *i = (struct cache_gc_inode){.bytes = bytes, .names = st->st_nlink};
    cb_map_setn(&g->inodes, (const char *)id, sizeof(id), i);
    return i;
}

static void count(struct measuring *m, const struct stat *st)
{
    uint64_t bytes = (uint64_t)st->st_blocks * 512;
    struct cache_gc_size *z = m->size;
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2) {
        z->own += bytes;
        return;
    }
    struct cache_gc_inode *i = inode_of(m->g, st, bytes);
    z->first += i->counted ? 0 : bytes;
    i->counted = true;
    uintptr_t place = (uintptr_t)cb_map_getn(&m->seen, (const char *)&i, sizeof(i));
    if (!place) {
        CB_PUSH(z->links, z->n, z->cap) = (struct cache_gc_link){i, 0};
        place = z->n;
        cb_map_setn(&m->seen, (const char *)&i, sizeof(i), (void *)place);
    }
    z->links[place - 1].names++;
}

static void walk(struct measuring *m, int root, const char *path)
{
    struct stat st;
    struct cb_dir stack[MAX_DEPTH];
    size_t n = 0;
    if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    count(m, &st);
    if (S_ISDIR(st.st_mode))
        stack[n++] = cb_dir_open(root, path);
    while (n) {
        const struct dirent *e = cb_dir_next(&stack[n - 1]);
        if (!e) {
            cb_dir_close(&stack[--n]);
            continue;
        }
        int fd = dirfd(stack[n - 1].stream);
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        count(m, &st);
        if (S_ISDIR(st.st_mode) && n < MAX_DEPTH)
            stack[n++] = cb_dir_open(fd, e->d_name);
    }
}

void cache_gc_measure(struct cache_gc_graph *g, const char *path, struct cache_gc_size *ret)
{
    struct measuring m = {.g = g, .size = ret};
    if (ret->known)
        return;
    ret->known = true;
    walk(&m, g->store->root, path);
    cb_map_done(&m.seen);
}

uint64_t cache_gc_size_all(const struct cache_gc_size *z)
{
    uint64_t sum = z->own;
    for (size_t i = 0; i < z->n; i++)
        sum += z->links[i].inode->bytes;
    return sum;
}

uint64_t cache_gc_size_shared(const struct cache_gc_size *z)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < z->n; i++)
        sum += z->links[i].names < z->links[i].inode->names ? z->links[i].inode->bytes : 0;
    return sum;
}

uint64_t cache_gc_size_drop(struct cache_gc_size *z)
{
    z->freed = z->own;
    for (size_t i = 0; i < z->n; i++) {
        struct cache_gc_inode *inode = z->links[i].inode;
        bool there = inode->dropped < inode->names;
        inode->dropped += z->links[i].names;
        z->freed += there && inode->dropped >= inode->names ? inode->bytes : 0;
    }
    return z->freed;
}

void cache_gc_size_done(struct cache_gc_size *z)
{
    free(z->links);
    *z = (struct cache_gc_size){0};
}

/* ---- what the graph knows --------------------------------------------------------------------- */

char *cache_gc_object_path(const struct cache_gc_object *o)
{
    return cb_printf("%s/%s", o->is_layer ? "layers" : "blobs/sha256", o->hex);
}

char *cache_gc_root_path(const struct cache_gc_root *r)
{
    if (r->kind == CACHE_GC_MOUNT)
        return cb_printf("mounts/%s", r->name);
    if (r->kind != CACHE_GC_IMAGE)
        return cb_strdup(r->name);
    CB_AUTO(free) char *file = cache_image_file(r->name);
    return cb_printf("images/%s", file);
}

void cache_gc_measure_object(struct cache_gc_graph *g, struct cache_gc_object *o)
{
    CB_AUTO(free) char *path = cache_gc_object_path(o);
    cache_gc_measure(g, path, &o->size);
}

void cache_gc_measure_root(struct cache_gc_graph *g, struct cache_gc_root *r)
{
    CB_AUTO(free) char *path = cache_gc_root_path(r);
    cache_gc_measure(g, path, &r->size);
}

uint64_t cache_gc_measure_all(struct cache_gc_graph *g)
{
    struct cb_map *maps[] = {&g->layers, &g->blobs};
    uint64_t sum = 0;
    for (size_t m = 0; m < CB_LEN(maps); m++)
        for (struct cb_map_item *it = NULL; (it = cb_map_next(maps[m], it));) {
            struct cache_gc_object *o = it->value;
            cache_gc_measure_object(g, o);
            sum += o->size.own + o->size.first;
        }
    for (size_t i = 0; i < g->n_roots; i++) {
        cache_gc_measure_root(g, &g->roots[i]);
        sum += g->roots[i].size.own + g->roots[i].size.first;
    }
    return sum;
}

uint64_t cache_gc_measure_path(struct cache_gc_graph *g, const char *path)
{
    struct cache_gc_size z = {0};
    cache_gc_measure(g, path, &z);
    uint64_t bytes = z.own + z.first;
    cache_gc_size_done(&z);
    return bytes;
}

uint64_t cache_gc_measure_rest(struct cache_gc_graph *g)
{
    static const char *const dirs[] = {"context", "work", "diffs", "locks"};
    uint64_t sum = 0;
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        sum += cache_gc_measure_path(g, dirs[i]);
    return sum;
}
