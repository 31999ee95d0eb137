/* What kinds on the network share: how often they try, and all requests for documents at once. */
#include "builder/share/share-internal.h"
#include "registry/transfer/many.h"

#include <pthread.h>

struct asking {
    struct build_share_link *l;
    const struct cb_digest *keys;
    build_share_get_fn *get;
    pthread_mutex_t lock; /* calls of fn */
    build_share_document_fn *fn;
    void *arg;
};

static int ask(void *arg, size_t number, struct cb_error *err)
{
    struct asking *q = arg;
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    int r = q->get(q->l, &q->keys[number], &bytes, err);
    if (r <= 0)
        return r;
    pthread_mutex_lock(&q->lock);
    r = q->fn(q->arg, number, bytes.data, bytes.len, err);
    pthread_mutex_unlock(&q->lock);
    return r;
}

int build_share_get_each(struct build_share_link *l, const struct cb_digest *keys, size_t n, build_share_get_fn *get,
                         build_share_document_fn *fn, void *arg, struct cb_error *err)
{
    struct asking q = {l, keys, get, PTHREAD_MUTEX_INITIALIZER, fn, arg};
    return reg_many(n, ask, &q, err);
}

struct reg_options build_share_options(const struct build_session *s)
{
    enum { TRIES = 2 };
    struct reg_options o = s->request->registry;
    if (!o.tries)
        o.tries = TRIES;
    return o;
}
