#include "base/stream/beside.h"

#include <pthread.h>
#include <signal.h>

#define PIECE  (256u << 10)
#define PIECES 4u

struct cb_beside {
    cb_sink_fn *sink;
    void *arg;
    char *pieces[PIECES];
    size_t len[PIECES];
    size_t head, tail; /* [tail, head) are full; head is being filled */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending, failed;
    struct cb_error err; /* of the sink, in the thread */
    bool started;
    pthread_t thread;
};

struct cb_beside *cb_beside_new(cb_sink_fn *sink, void *arg)
{
    struct cb_beside *b = CB_NEW(struct cb_beside);
    b->sink = sink;
    b->arg = arg;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    return b;
}

static void *hand_on(void *arg)
{
    struct cb_beside *b = arg;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->tail == b->head && !b->ending)
            pthread_cond_wait(&b->changed, &b->lock);
        if (b->tail == b->head || b->failed)
            break;
        size_t at = b->tail % PIECES;
        pthread_mutex_unlock(&b->lock);
        int r = b->sink(b->arg, b->pieces[at], b->len[at], &b->err);
        pthread_mutex_lock(&b->lock);
        b->failed = r < 0;
        b->tail++;
        pthread_cond_signal(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Signals stay with the threads that were there before. */
static void start(struct cb_beside *b)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    b->started = pthread_create(&b->thread, NULL, hand_on, b) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The piece that was filled is handed on. -1: the sink has failed. */
static int submit(struct cb_beside *b, struct cb_error *err)
{
    size_t at = b->head % PIECES;
    if (!b->started)
        start(b);
    if (!b->started) { /* no thread is to be had */
        int r = b->sink(b->arg, b->pieces[at], b->len[at], err);
        b->len[at] = 0;
        return r;
    }
    pthread_mutex_lock(&b->lock);
    b->head++;
    pthread_cond_signal(&b->changed);
    while (b->head - b->tail == PIECES && !b->failed)
        pthread_cond_wait(&b->changed, &b->lock);
    bool failed = b->failed;
    pthread_mutex_unlock(&b->lock);
    b->len[b->head % PIECES] = 0;
    if (!failed)
        return 0;
    cb_error_move(err, &b->err);
    return -1;
}

int cb_beside_add(void *beside, const void *p, size_t n, struct cb_error *err)
{
    struct cb_beside *b = beside;
    for (const char *from = p; n > 0;) {
        size_t at = b->head % PIECES, part = CB_MIN(n, PIECE - b->len[at]);
        if (!b->pieces[at])
            b->pieces[at] = cb_alloc_buffer(PIECE);
        memcpy(b->pieces[at] + b->len[at], from, part);
        b->len[at] += part;
        from += part;
        n -= part;
        if (b->len[at] == PIECE && submit(b, err) < 0)
            return -1;
    }
    return 0;
}

static void join(struct cb_beside *b)
{
    if (!b->started)
        return;
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    b->started = false;
}

int cb_beside_end(struct cb_beside *b, struct cb_error *err)
{
    size_t at = b->head % PIECES;
    join(b);
    if (b->failed) {
        cb_error_move(err, &b->err);
        return -1;
    }
    return b->len[at] ? b->sink(b->arg, b->pieces[at], b->len[at], err) : 0;
}

void cb_beside_free(struct cb_beside *b)
{
    if (!b)
        return;
    join(b);
    for (size_t i = 0; i < PIECES; i++)
        free(b->pieces[i]);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    cb_error_done(&b->err);
    free(b);
}
