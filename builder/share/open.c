#include "builder/share/open.h"
#include "base/fd.h"
#include "base/text.h"
#include "builder/pull/place.h"
#include "builder/share/share-internal.h"
#include "cache/layer/places.h"
#include "registry/oci/document.h"
#include "cache/store/blob.h"
#include "registry/transfer/many.h"

#include <unistd.h>

static const struct build_share *share_of(const struct build_shares *s, size_t share)
{
    return &s->session->request->shares[share];
}

/* A line for people. Takes the error; caller frees. */
static char *line_of(const struct build_shares *s, size_t share, const char *what, struct cb_error *why)
{
    const struct build_share *o = share_of(s, share);
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_shorten_message(&b, why->msg, strlen(why->msg));
    CB_AUTO(free) char *place = o->place && *o->place ? cb_printf(" '%s'", o->place) : cb_strdup("");
    char *line = cb_printf("the cache %s%s %s: %s%s%s", o->ops->name, place, what, b.data, why->hint ? "; " : "",
                           why->hint ? why->hint : "");
    cb_error_done(why);
    return line;
}

void build_shares_drop(struct build_shares *s, size_t share, struct cb_error *why)
{
    if (s->links[share])
        share_of(s, share)->ops->close(s->links[share]);
    s->links[share] = NULL;
    free(s->failed[share]);
    s->failed[share] = line_of(s, share, "is not used", why);
}

void build_shares_open(struct build_session *session, struct cb_job_io *io, bool writes, const bool *off,
                       struct build_shares *ret)
{
    size_t n = session->request->n_shares;
    *ret = (struct build_shares){session, io, writes, cb_alloc((n + 1) * sizeof(*ret->links)),
                                 cb_alloc((n + 1) * sizeof(*ret->failed))};
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        const struct build_share *o = share_of(ret, i);
        if (o->writes == writes && !off[i] && o->ops->open(session, o, io, &ret->links[i], &err) < 0)
            build_shares_drop(ret, i, &err);
    }
}

void build_shares_close(struct build_shares *s)
{
    for (size_t i = 0; s->links && i < s->session->request->n_shares; i++) {
        if (s->links[i])
            share_of(s, i)->ops->close(s->links[i]);
        free(s->failed[i]);
    }
    free(s->links);
    free(s->failed);
    *s = (struct build_shares){0};
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

struct asking {
    struct build_shares *s;
    size_t share;
    const size_t *numbers; /* of the caller, by ours */
    bool *answered;        /* by the caller's */
    build_shares_answer_fn *fn;
    void *arg;
};

static bool is_old(const struct asking *q, const struct build_artifact *a)
{
    const struct build_request *r = q->s->session->request;
    const struct build_share *o = share_of(q->s, q->share);
    int64_t age = q->s->session->started.tv_sec - a->record.created.tv_sec;
    return (r->ages && age >= r->max_age) || (o->ages && age >= o->max_age);
}

static int take_document(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    (void)err; /* one that is not sound is as not there */
    struct asking *q = arg;
    CB_AUTO(build_artifact) struct build_artifact a = BUILD_ARTIFACT_INIT;
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    size_t of_caller = q->numbers[number];
    if (build_artifact_read(bytes, n, &a, &why) < 0) {
        CB_AUTO(free) char *line = line_of(q->s, q->share, "has a document that is not sound", &why);
        cb_job_warn(q->s->io, line);
        return 0;
    }
    if (q->answered[of_caller] || is_old(q, &a))
        return 0;
    q->answered[of_caller] = true;
    q->fn(q->arg, of_caller, q->share, &a);
    return 0;
}

void build_shares_ask(struct build_shares *s, const struct cb_digest *keys, size_t n, build_shares_answer_fn *fn, void *arg)
{
    CB_AUTO(free) bool *answered = cb_alloc(n + 1);
    CB_AUTO(free) struct cb_digest *rest = cb_alloc((n + 1) * sizeof(*rest));
    CB_AUTO(free) size_t *numbers = cb_alloc((n + 1) * sizeof(*numbers));
    for (size_t i = 0; i < s->session->request->n_shares; i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct asking q = {s, i, numbers, answered, fn, arg};
        size_t n_rest = 0;
        for (size_t k = 0; k < n; k++)
            if (!answered[k]) {
                numbers[n_rest] = k;
                rest[n_rest++] = keys[k];
            }
        if (s->links[i] && n_rest && share_of(s, i)->ops->get_documents(s->links[i], rest, n_rest, take_document, &q, &err) < 0)
            build_shares_drop(s, i, &err);
    }
}

struct having {
    enum build_has *has;
    struct cb_digest *layers; /* of sound documents */
    uint64_t *sizes;
};

/* Whatever it says of the step, it is there first: unless nobody can take anything from it. */
static int note_document(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    (void)err;
    struct having *h = arg;
    CB_AUTO(build_artifact) struct build_artifact a = BUILD_ARTIFACT_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    h->has[number] = build_artifact_read(bytes, n, &a, &ignored) < 0 ? BUILD_HAS_DAMAGED : BUILD_HAS_SOUND;
    h->layers[number] = a.layer.digest;
    h->sizes[number] = a.layer.size;
    return 0;
}

void build_shares_has(struct build_shares *s, size_t share, const struct cb_digest *keys, size_t n, bool with_layers,
                      enum build_has *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) struct cb_digest *layers = cb_alloc((n + 1) * sizeof(*layers));
    CB_AUTO(free) uint64_t *sizes = cb_alloc((n + 1) * sizeof(*sizes));
    struct having h = {ret, layers, sizes};
    const struct build_share_ops *ops = share_of(s, share)->ops;
    memset(ret, 0, n * sizeof(*ret));
    int r = s->links[share] ? ops->get_documents(s->links[share], keys, n, note_document, &h, &err) : 0;
    for (size_t i = 0; r >= 0 && with_layers && s->links[share] && i < n; i++) {
        struct build_share_blob layer = {layers[i], sizes[i], OCI_TYPE_LAYER};
        r = ret[i] == BUILD_HAS_SOUND ? ops->has_blob(s->links[share], &layer, &err) : 1;
        if (r == 0)
            ret[i] = BUILD_HAS_DAMAGED;
    }
    if (r < 0)
        build_shares_drop(s, share, &err);
}

/* ---- taking ---------------------------------------------------------------------------------------------------------- */

struct taken {
    struct cb_buf bytes;
    uint64_t size; /* no more than these are taken */
};

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct taken *t = arg;
    if (n > t->size - t->bytes.len)
        return cb_fail(err, CB_E_CORRUPT, "a blob is larger than the %llu bytes of its descriptor", (unsigned long long)t->size);
    cb_buf_add(&t->bytes, p, n);
    return 0;
}

/* The bytes of a part, wherever they are. */
static int get_part(struct build_shares *s, size_t share, const struct build_artifact_part *p, struct cb_buf *ret,
                    struct cb_error *err)
{
    if (p->here) {
        cb_buf_add(ret, p->data.data, p->data.len);
        return 0;
    }
    struct build_share_blob blob = build_artifact_blob(p);
    struct taken t = {CB_BUF_INIT, p->size};
    struct cb_digest is;
    int r = p->size > BUILD_ARTIFACT_MAX_INDEX
                ? cb_fail(err, CB_E_CORRUPT, "a layer's index of %llu bytes is too large", (unsigned long long)p->size)
                : share_of(s, share)->ops->get_blob(s->links[share], &blob, 0, take_bytes, &t, err);
    cb_sha256(t.bytes.data, t.bytes.len, &is);
    if (r == 0 && !cb_digest_eq(&is, &p->digest))
        r = cb_fail(err, CB_E_CORRUPT, "the bytes of a layer's index do not have its digest");
    if (r == 0)
        cb_buf_add(ret, t.bytes.data, t.bytes.len);
    cb_buf_done(&t.bytes);
    return r;
}

/* Nobody has its index: nothing that is said of it is believed before its bytes have come. */
static int bring_unknown(struct build_shares *s, const struct build_artifact *a, const struct cache_place *place,
                         struct cb_error *err)
{
    CB_AUTO(build_fetch) struct build_fetch f;
    build_fetch_init(&f, s->session, s->io);
    return build_fetch_unknown(&f, &a->record.layer, &a->diff_id, place, err);
}

int build_shares_bring(struct build_shares *s, size_t share, const struct build_artifact *a, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf packed = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    const struct build_share *o = share_of(s, share);
    const struct cache_place place = {(char *)o->ops->from, o->place, a->layer.digest, a->layer.size, a->layer.media_type};
    struct cache_layer layer;
    int found = cache_layer_find(s->session->store, &a->record.layer, &layer, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (!a->index.media_type)
        return bring_unknown(s, a, &place, err);
    if (get_part(s, share, &a->index, &packed, err) < 0 || build_artifact_index(a, packed.data, packed.len, &x, err) < 0)
        return -1;
    return cache_layer_put_elsewhere(s->session->store, &a->record.layer, &x, &a->diff_id, &place, &layer, err);
}

int build_shares_bring_inputs(struct build_shares *s, size_t share, struct build_artifact *a, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf packed = CB_BUF_INIT;
    if (!a->inputs.media_type)
        return 0;
    return get_part(s, share, &a->inputs, &packed, err) < 0 ? -1 : build_artifact_inputs(a, packed.data, packed.len, err);
}

/* ---- putting --------------------------------------------------------------------------------------------------------- */

struct source {
    struct cache_store *store;
    const struct cb_digest *digest;
    const struct cb_buf *bytes; /* NULL: a blob of the store */
};

static int open_source(void *arg, struct cb_error *err)
{
    const struct source *from = arg;
    if (!from->bytes)
        return cache_blob_open(from->store, from->digest, err);
    CB_AUTO(close) int fd = cb_memory_file("part");
    int r = fd < 0 ? fd : cb_write_full(fd, from->bytes->data, from->bytes->len);
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return cb_fail_sys(err, r < 0 ? r : errno, "keep a part of a document");
    return cb_take_fd(&fd);
}

struct putting {
    struct build_shares *s;
    size_t share;
    const struct build_artifact_part *parts[4];
    const struct cb_buf *document;
    const struct cb_digest *keys, *newest;
    size_t n_keys;
    bool anew;
    bool put[2]; /* the document, under each of the keys */
};

static int put_part(void *arg, size_t number, struct cb_error *err)
{
    const struct putting *p = arg;
    const struct build_artifact_part *part = p->parts[number];
    struct source from = {p->s->session->store, &part->digest, part->here ? &part->data : NULL};
    struct build_share_blob blob = build_artifact_blob(part);
    const struct build_share_ops *ops = share_of(p->s, p->share)->ops;
    if (!part->media_type)
        return 0;
    int there = ops->at_once || p->anew ? 0 : ops->has_blob(p->s->links[p->share], &blob, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    return ops->put_blob(p->s->links[p->share], &blob, open_source, &from, err);
}

static int put_document(void *arg, size_t number, struct cb_error *err)
{
    struct putting *p = arg;
    const struct build_share_ops *ops = share_of(p->s, p->share)->ops;
    bool newest = number >= p->n_keys;
    const struct cb_digest *key = newest ? &p->newest[number - p->n_keys] : &p->keys[number];
    int r = ops->put_document(p->s->links[p->share], key, p->document->data, p->document->len,
                              newest || (p->anew && ops->replaces), err);
    if (!newest)
        p->put[number] = r > 0;
    return CB_MIN(r, 0);
}

/* Each by itself, or all at once where each has to wait for an answer from afar. */
static int do_each(const struct putting *p, size_t n, int (*fn)(void *arg, size_t number, struct cb_error *err),
                   struct cb_error *err)
{
    if (share_of(p->s, p->share)->ops->at_once)
        return reg_many(n, fn, (void *)p, err);
    for (size_t i = 0; i < n; i++)
        if (fn((void *)p, i, err) < 0)
            return -1;
    return 0;
}

/* A push to the same registry has the layer from there. */
static void note_place(const struct build_shares *s, size_t share, const struct build_artifact *a)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const struct build_share *o = share_of(s, share);
    const struct cache_place place = {(char *)o->ops->from, o->place, a->layer.digest, a->layer.size, a->layer.media_type};
    if (a->layer.media_type)
        (void)cache_layer_add_place(s->session->store, &a->record.layer, &place, &ignored);
}

int build_shares_put(struct build_shares *s, size_t share, struct build_artifact *a, const struct cache_packed *packed,
                     const struct cb_digest *keys, size_t n, bool anew, const struct cb_digest *newest, size_t n_newest,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf document = CB_BUF_INIT;
    struct putting p = {s, share, {&a->layer, &a->index, &a->inputs, &a->config}, &document, keys, newest, n, anew, {false}};
    build_artifact_set_layer(a, packed);
    if (build_artifact_write(a, &document, err) < 0 || do_each(&p, CB_LEN(p.parts), put_part, err) < 0)
        return -1;
    note_place(s, share, a);
    size_t more = share_of(s, share)->ops->replaces ? n_newest : 0;
    return do_each(&p, n + more, put_document, err) < 0 ? -1 : p.put[0] || p.put[1];
}
