/* Memory and ownership. Low level: nothing here knows containers; do not add functions that do.
 *
 * Small allocations never fail: when memory runs out the process says so in one line and exits with
 * status 1, which the publish rule (docs/architecture.md, "Publishing") makes safe at any moment.
 * Sizes that come from outside are checked against base/limits.h *before* they get here.
 *
 * CB_AUTO(kind) runs the kind's destructor when the variable leaves its scope; CB_TAKE hands the
 * value over and leaves the variable empty. A cleanup never changes errno. */
#ifndef CB_MEM_H
#define CB_MEM_H

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#define CB_AUTO(kind)        __attribute__((cleanup(cb_auto_##kind)))
#define CB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CB_MUST_USE          __attribute__((warn_unused_result))

/* Declares cb_auto_<kind> for a struct whose contents `done` releases (CB_AUTO(cb_buf) struct cb_buf b). */
#define CB_DEFINE_AUTO(kind, type, done)                                                                                         \
    static inline void cb_auto_##kind(type *p)                                                                                   \
    {                                                                                                                            \
        int saved = errno;                                                                                                       \
        done(p);                                                                                                                 \
        errno = saved;                                                                                                           \
    }
/* The same for a pointer to a heap object (CB_AUTO(cache_store) struct cache_store *s). */
#define CB_DEFINE_AUTO_PTR(kind, type, free_fn)                                                                                  \
    static inline void cb_auto_##kind(type **p)                                                                                  \
    {                                                                                                                            \
        int saved = errno;                                                                                                       \
        free_fn(*p);                                                                                                             \
        errno = saved;                                                                                                           \
    }

#define CB_TAKE(p)                                                                                                               \
    ({                                                                                                                           \
        __typeof__(p) cb_taken = (p);                                                                                            \
        (p) = NULL;                                                                                                              \
        cb_taken;                                                                                                                \
    })

#define CB_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define CB_MIN(a, b)  ((a) < (b) ? (a) : (b))
#define CB_MAX(a, b)  ((a) > (b) ? (a) : (b))

static inline void cb_auto_free(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

void *cb_alloc(size_t n);                              /* zeroed; caller frees */
void *cb_alloc_buffer(size_t n);                       /* not zeroed, so that only what is read into it is touched */
void *cb_realloc(void *p, size_t n);                   /* new bytes are not zeroed */
char *cb_strdup(const char *s);                        /* NULL gives NULL; caller frees */
char *cb_memdup0(const void *p, size_t n);             /* n bytes and a NUL after them; caller frees */
char *cb_printf(const char *fmt, ...) CB_PRINTF(1, 2); /* caller frees */
char *cb_vprintf(const char *fmt, va_list ap) CB_PRINTF(1, 0);

#define CB_NEW(type) ((type *)cb_alloc(sizeof(type)))

/* A growable array is three fields of its struct: `type *items; size_t n, cap;` under any names.
 * CB_PUSH makes room and gives a pointer to the new last element, zeroed. Free items with free(). */
void *cb_array_grow(void *items, size_t *cap, size_t n, size_t elem);
#define CB_PUSH(items, n, cap)                                                                                                   \
    (*({                                                                                                                         \
        (items) = cb_array_grow((items), &(cap), (n) + 1, sizeof(*(items)));                                                     \
        &(items)[(n)++];                                                                                                         \
    }))

/* A list of owned strings. Zero is the valid empty list. */
struct cb_strv {
    char **items; /* items[n] is NULL once anything was added */
    size_t n, cap;
};
void cb_strv_push(struct cb_strv *v, const char *s);               /* copies */
void cb_strv_take(struct cb_strv *v, char *s);                     /* takes ownership */
void cb_strv_copy(struct cb_strv *to, const struct cb_strv *from); /* appends copies */
void cb_strv_done(struct cb_strv *v);                              /* frees all; the list is empty again */
void cb_strv_sort(struct cb_strv *v);                              /* by bytes */
int cb_strv_find(const struct cb_strv *v, const char *s);          /* index, or -1 */
CB_DEFINE_AUTO(cb_strv, struct cb_strv, cb_strv_done)

/* An arena: everything made in it lives until the arena ends. Zero is the valid empty arena. */
struct cb_arena {
    struct cb_arena_block *head;
};
void *cb_arena_alloc(struct cb_arena *a, size_t n); /* zeroed, aligned for any type */
char *cb_arena_strdup(struct cb_arena *a, const char *s);
char *cb_arena_memdup0(struct cb_arena *a, const void *p, size_t n);
void cb_arena_done(struct cb_arena *a);
CB_DEFINE_AUTO(cb_arena, struct cb_arena, cb_arena_done)

#endif
