#include "cache/layer/reader.h"
#include "cache/layer/layer-internal.h"

#include <unistd.h>

/* ---- directories -------------------------------------------------------------------------------- */

static bool is_above(const struct cb_digest *ids, size_t n, size_t i)
{
    for (size_t k = i + 1; k < n; k++)
        if (cb_digest_eq(&ids[k], &ids[i]))
            return true;
    return false;
}

/* Overlay refuses the same directory twice, and steps that did the same thing left the same layer. What a layer shows or
 * hides, it does equally well from its topmost place alone. */
int cache_stack_open(struct cache_store *s, const struct cb_digest *layers, size_t n, struct cache_stack *ret,
                     struct cb_error *err)
{
    CB_AUTO(cache_stack) struct cache_stack stack = CACHE_STACK_INIT;
    enum cache_layer_form form;
    size_t deepest = 0; /* of those with links that have owners: how many layers to look through */
    stack.dirs = cb_alloc((2 * n + 1) * sizeof(int));
    for (size_t i = n; i-- > 0;) {
        if (is_above(layers, n, i))
            continue;
        stack.dirs[stack.n] = cache_layer_open_own(s, &layers[i], &form, err);
        if (stack.dirs[stack.n] < 0)
            return -1;
        stack.n++;
        if (form == CACHE_FORM_LINKS)
            deepest = stack.n;
        if (cache_layer_open_marks(s, &layers[i], &stack.dirs[stack.n], err) < 0)
            return -1;
        stack.n += stack.dirs[stack.n] >= 0;
    }
    if (deepest && cache_layer_gather_links(stack.dirs, deepest, &stack.paths, &stack.links, err) < 0)
        return -1;
    *ret = stack;
    stack = CACHE_STACK_INIT;
    return 0;
}

void cache_stack_close(struct cache_stack *stack)
{
    for (size_t i = 0; i < stack->n; i++)
        cb_close(stack->dirs[i]);
    free(stack->dirs);
    free(stack->links.items);
    cb_arena_done(&stack->paths);
    *stack = CACHE_STACK_INIT;
}

/* ---- files ---------------------------------------------------------------------------------------- */

struct cache_reader {
    struct cache_store *store;
    const struct cb_digest *layers;
    size_t n;
    int *fs;                          /* of each layer; -1 until it is needed */
    struct cache_layer_cursor cursor; /* in the layer that was asked for last */
};

struct cache_reader *cache_reader_new(struct cache_store *s, const struct cb_digest *layers, size_t n)
{
    struct cache_reader *r = CB_NEW(struct cache_reader);
    *r = (struct cache_reader){s, layers, n, cb_alloc((n + 1) * sizeof(int)), CACHE_LAYER_CURSOR_INIT};
    for (size_t i = 0; i < n; i++)
        r->fs[i] = -1;
    return r;
}

struct cache_reader *cache_reader_again(const struct cache_reader *r)
{
    return cache_reader_new(r->store, r->layers, r->n);
}

void cache_reader_free(struct cache_reader *r)
{
    if (!r)
        return;
    cache_layer_cursor_done(&r->cursor);
    for (size_t i = 0; i < r->n; i++)
        cb_close(r->fs[i]);
    free(r->fs);
    free(r);
}

static bool is_packed(const struct cache_reader *r, int layer)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cache_layer_dir l;
    return cache_layer_load(r->store, &r->layers[layer], &l, &ignored) == 1 && !l.l.has_files && !l.foreign;
}

int cache_reader_open(struct cache_reader *r, int layer, const char *path, struct cb_error *err)
{
    int *fs = &r->fs[layer];
    if (*fs < 0 && is_packed(r, layer))
        return cache_layer_open_packed(r->store, &r->layers[layer], path, err);
    if (*fs < 0 && (*fs = cache_layer_open_fs(r->store, &r->layers[layer], err)) < 0)
        return -1;
    if (r->cursor.root != *fs)
        cache_layer_cursor_set_root(&r->cursor, *fs);
    struct stat st;
    int fd = cache_layer_cursor_open(&r->cursor, path, &st);
    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' in the layer's files is missing", path);
    return fd < 0 ? cb_fail_sys(err, fd, "open '/%s' in the layer's files", path) : fd;
}

void cache_reader_drop(struct cache_reader *r, int layer)
{
    cache_layer_drop(r->store, &r->layers[layer]);
}
