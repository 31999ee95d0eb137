/* Small layers for the tests of what stands on them. */
#ifndef LAYER_FIXTURE_H
#define LAYER_FIXTURE_H

#include "store-fixture.h"

#include "cache/layer/layer.h"

/* A layer of one file "f" with this text. */
static inline struct cb_digest make_layer(struct fixture *f, const char *text)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    struct cache_layer layer;
    struct cache_entry e = {.path = "f", .type = CB_FILE, .mode = 0644, .uid = geteuid(), .gid = getegid(), .size = strlen(text)};
    struct cache_data data = {.kind = CACHE_DATA_INLINE, .bytes = text, .root = -1};
    OK_IS(f, 0, cache_layer_writer_new(f->s, &w, &f->err));
    OK_IS(f, 0, cache_layer_add(w, &e, &data, &f->err));
    OK_IS(f, 0, cache_layer_commit(w, &layer, &f->err));
    return layer.id;
}

static inline bool has_layer(struct fixture *f, const struct cb_digest *id)
{
    struct cache_layer layer;
    int r = cache_layer_find(f->s, id, &layer, &f->err);
    assert_true(r >= 0);
    return r == 1;
}

#endif
