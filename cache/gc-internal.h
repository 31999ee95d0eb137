/* The graph of what names what in the store; for gc.c and gc-scan.c only. */
#ifndef CACHE_GC_INTERNAL_H
#define CACHE_GC_INTERNAL_H

#include "base/map.h"
#include "cache/gc.h"
#include "cache/store/store.h"

/* A file with several names: it is freed when the last of them goes. */
struct cache_gc_inode {
    uint64_t bytes, names, dropped; /* of the names, those that go */
    bool counted;
};
struct cache_gc_link {
    struct cache_gc_inode *inode;
    uint64_t names; /* that are here */
};
/* Disk use of a file or tree. */
struct cache_gc_size {
    bool known;
    uint64_t own;   /* of what has one name */
    uint64_t first; /* of the files below that nobody had counted before */
    uint64_t freed; /* by its going */
    struct cache_gc_link *links;
    size_t n, cap;
};

/* A layer or a blob. Objects live in the graph's arena. */
struct cache_gc_object {
    bool is_layer;
    char hex[CB_DIGEST_HEX + 1];
    struct cache_gc_object **needs; /* each once */
    size_t n_needs, cap_needs;
    size_t refs; /* from records, images and living objects */
    bool by_image, dead;
    size_t images;    /* that lead here */
    const void *seen; /* the last who has been here */
    struct cache_gc_size size;
};

/* A root: what is kept for its own sake, or until it is old. */
enum cache_gc_root_kind { CACHE_GC_RECORD, CACHE_GC_IMAGE, CACHE_GC_MOUNT, CACHE_GC_FETCH };
struct cache_gc_root {
    enum cache_gc_root_kind kind;
    char *name;   /* path of the file of a record or download; name of an image; name below mounts/; in the arena */
    int64_t used; /* seconds since the epoch */
    char *text;   /* for people: a record's instruction, a mount's key; in the arena, or NULL */
    struct cache_gc_object **needs;
    size_t n_needs, cap_needs;
    bool by_image; /* a record whose layer a named image leads to */
    bool unnamed;  /* an image that goes by its id */
    bool dropped;
    struct cache_gc_size size;
};

struct cache_gc_graph {
    struct cache_store *store;
    struct cb_arena arena;
    struct cb_map layers, blobs; /* hex -> cache_gc_object */
    struct cache_gc_root *roots;
    size_t n_roots, cap_roots;
    struct cb_map inodes;          /* those with several names, by device and number */
    struct cache_gc_object **dead; /* in the order in which they were released: nothing before what needs it */
    size_t n_dead, cap_dead;
};
void cache_gc_graph_done(struct cache_gc_graph *g);
CB_DEFINE_AUTO(cache_gc_graph, struct cache_gc_graph, cache_gc_graph_done)

/* Reads what the store holds and what names what. Damaged records, and what vanishes meanwhile, are left out. */
int cache_gc_scan(struct cache_store *s, struct cache_gc_graph *g, struct cb_error *err);

/* ---- sizes (gc-size.c) ------------------------------------------------------------------------ */

/* Disk use of a file or tree below the store, looked up once; what cannot be read is not counted. */
void cache_gc_measure(struct cache_gc_graph *g, const char *path, struct cache_gc_size *ret);
void cache_gc_measure_object(struct cache_gc_graph *g, struct cache_gc_object *o);
void cache_gc_measure_root(struct cache_gc_graph *g, struct cache_gc_root *r);
/* All objects and roots; the sum of them. */
uint64_t cache_gc_measure_all(struct cache_gc_graph *g);
/* What the graph does not know: tables of contexts, work, locks. */
uint64_t cache_gc_measure_rest(struct cache_gc_graph *g);
uint64_t cache_gc_measure_path(struct cache_gc_graph *g, const char *path);
/* All of it, and what of it others hold, too. */
uint64_t cache_gc_size_all(const struct cache_gc_size *z);
uint64_t cache_gc_size_shared(const struct cache_gc_size *z);
/* It goes: how much that frees. */
uint64_t cache_gc_size_drop(struct cache_gc_size *z);
void cache_gc_size_done(struct cache_gc_size *z);
/* The path of an object or root below the store; caller frees. */
char *cache_gc_object_path(const struct cache_gc_object *o);
char *cache_gc_root_path(const struct cache_gc_root *r);

/* ---- choosing (gc-choose.c) --------------------------------------------------------------------- */

/* As people see them; strings are borrowed. */
struct cache_item cache_gc_root_item(const struct cache_gc_graph *g, const struct cache_gc_root *r);
struct cache_item cache_gc_object_item(const struct cache_gc_object *o);
bool cache_filter_takes(const struct cache_filter *f, const struct cache_item *i);
/* Marks what goes: roots as dropped, objects as dead, in g->dead, too. `total`: what the store uses, if p->keep_bytes is set;
 * then all has been measured. Gives what is freed. */
uint64_t cache_gc_choose(struct cache_gc_graph *g, const struct cache_prune *p, uint64_t total);
bool cache_gc_mount_in_use(struct cache_store *s, const char *mount);
/* Takes the lock of the slot that everybody shares, when no slot is in use. An fd for cache_unlock; -1: somebody uses it. */
int cache_gc_lock_mount(struct cache_store *s, const char *mount);
/* Is the owner of that work directory gone? */
bool cache_gc_owner_is_dead(struct cache_store *s, const char *work);

#define CACHE_GC_CONTEXT_KEEP (30 * 24 * 3600) /* seconds that the table of a context nobody builds stays */

#endif
