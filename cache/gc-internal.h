/* The graph of what names what in the store; for gc.c and gc-scan.c only. */
#ifndef CACHE_GC_INTERNAL_H
#define CACHE_GC_INTERNAL_H

#include "base/map.h"
#include "cache/store/store.h"

/* A layer or a blob. Objects live in the graph's arena. */
struct cache_gc_object {
    bool is_layer;
    char hex[CB_DIGEST_HEX + 1];
    struct cache_gc_object **needs; /* each once */
    size_t n_needs, cap_needs;
    size_t refs; /* from records, images and living objects */
    bool by_image, dead, measured;
    uint64_t bytes;
};

/* A root: what is kept for its own sake, or until it is old. */
enum cache_gc_root_kind { CACHE_GC_RECORD, CACHE_GC_IMAGE, CACHE_GC_MOUNT, CACHE_GC_FETCH };
struct cache_gc_root {
    enum cache_gc_root_kind kind;
    char *name;   /* path of the file of a record or download; name of an image; name below mounts/; in the arena */
    int64_t used; /* seconds since the epoch */
    struct cache_gc_object **needs;
    size_t n_needs, cap_needs;
    bool by_image; /* a record whose layer an image leads to */
    bool dropped;
    uint64_t bytes;
};

struct cache_gc_graph {
    struct cache_store *store;
    struct cb_arena arena;
    struct cb_map layers, blobs; /* hex -> cache_gc_object */
    struct cache_gc_root *roots;
    size_t n_roots, cap_roots;
    struct cb_map links; /* files with several names that were counted */
};
void cache_gc_graph_done(struct cache_gc_graph *g);
CB_DEFINE_AUTO(cache_gc_graph, struct cache_gc_graph, cache_gc_graph_done)

/* Reads what the store holds and what names what. Damaged records, and what vanishes meanwhile, are left out. */
int cache_gc_scan(struct cache_store *s, struct cache_gc_graph *g, struct cb_error *err);
/* Disk use of an object; looked up once. */
uint64_t cache_gc_object_bytes(struct cache_gc_graph *g, struct cache_gc_object *o);
/* Disk use of a file or tree below `dir`; what cannot be read is not counted. */
uint64_t cache_gc_disk_use(struct cache_gc_graph *g, int dir, const char *name);

#endif
