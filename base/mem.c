#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void out_of_memory(void)
{
    static const char text[] = "cbuild: out of memory\n";
    ssize_t n = write(2, text, sizeof(text) - 1);
    (void)n; /* nothing is left to report it to */
    _exit(1);
}

void *cb_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *cb_alloc_buffer(size_t n)
{
    return cb_realloc(NULL, n);
}

void *cb_realloc(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

char *cb_memdup0(const void *p, size_t n)
{
    char *s = cb_realloc(NULL, n + 1);
    if (n)
        memcpy(s, p, n);
    s[n] = 0;
    return s;
}

char *cb_strdup(const char *s)
{
    return s ? cb_memdup0(s, strlen(s)) : NULL;
}

char *cb_vprintf(const char *fmt, va_list ap)
{
    char *s;
    if (vasprintf(&s, fmt, ap) < 0)
        out_of_memory();
    return s;
}

char *cb_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = cb_vprintf(fmt, ap);
    va_end(ap);
    return s;
}

void *cb_array_grow(void *items, size_t *cap, size_t n, size_t elem)
{
    if (n > *cap) {
        size_t bigger = CB_MAX(n, *cap ? *cap * 2 : 8);
        if (bigger > SIZE_MAX / elem)
            out_of_memory();
        items = cb_realloc(items, bigger * elem);
        *cap = bigger;
    }
    memset((char *)items + (n - 1) * elem, 0, elem);
    return items;
}

void cb_strv_take(struct cb_strv *v, char *s)
{
    CB_PUSH(v->items, v->n, v->cap) = s;
    (void)CB_PUSH(v->items, v->n, v->cap); /* the NULL after the last */
    v->n--;
}

void cb_strv_push(struct cb_strv *v, const char *s)
{
    cb_strv_take(v, cb_strdup(s));
}

void cb_strv_copy(struct cb_strv *to, const struct cb_strv *from)
{
    for (size_t i = 0; i < from->n; i++)
        cb_strv_push(to, from->items[i]);
}

void cb_strv_done(struct cb_strv *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct cb_strv){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cb_strv_sort(struct cb_strv *v)
{
    if (v->n)
        qsort(v->items, v->n, sizeof(*v->items), by_bytes);
}

int cb_strv_find(const struct cb_strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0)
            return (int)i;
    return -1;
}

/* ---- arena ---------------------------------------------------------------------------------- */

struct cb_arena_block {
    struct cb_arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void *cb_arena_alloc(struct cb_arena *a, size_t n)
{
    const size_t align = sizeof(max_align_t);
    if (n > SIZE_MAX / 2)
        out_of_memory();
    n = (n + align - 1) / align * align;
    struct cb_arena_block *b = a->head;
    if (!b || b->size - b->used < n) {
        /* Blocks grow with the arena, so that a large one needs few; a large object gets its own. */
        size_t size = b ? CB_MIN(b->size * 2, (size_t)1 << 20) : 4096;
        size = CB_MAX(size, n);
        struct cb_arena_block *fresh = cb_realloc(NULL, sizeof(*fresh) + size);
        fresh->size = size;
        fresh->used = 0;
        fresh->next = b;
        a->head = b = fresh;
    }
    void *p = (char *)b->data + b->used;
    b->used += n;
    memset(p, 0, n);
    return p;
}

char *cb_arena_memdup0(struct cb_arena *a, const void *p, size_t n)
{
    char *s = cb_arena_alloc(a, n + 1);
    if (n)
        memcpy(s, p, n);
    return s;
}

char *cb_arena_strdup(struct cb_arena *a, const char *s)
{
    return s ? cb_arena_memdup0(a, s, strlen(s)) : NULL;
}

void cb_arena_done(struct cb_arena *a)
{
    while (a->head) {
        struct cb_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
}
