#include "base/stream/blocks.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#define MAX_MEMORY (96u << 20) /* of blocks in flight */

enum slot_state { SLOT_EMPTY, SLOT_READY, SLOT_BUSY, SLOT_DONE, SLOT_FAILED };

struct slot {
    struct cb_block block;
    enum slot_state state;
};

struct cb_blocks {
    const struct cb_blocks_ops *ops;
    void *arg;
    int level;
    size_t size, room, threads;
    struct slot *slots; /* a ring: [tail, head) are at work, head is being filled */
    size_t n_slots, head, tail;
    void *own; /* packer of the calling thread, which packs when there is no other, and a lone block */
    pthread_t *workers;
    size_t n_workers;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool stop;
};

static struct slot *at_ring(const struct cb_blocks *b, size_t i)
{
    return &b->slots[i % b->n_slots];
}

struct cb_blocks *cb_blocks_new(const struct cb_blocks_ops *ops, int level, size_t size, size_t room, int threads, void *arg)
{
    struct cb_blocks *b = CB_NEW(struct cb_blocks);
    size_t most = MAX_MEMORY / (size + room); /* half as many more wait as are packed */
    *b = (struct cb_blocks){.ops = ops, .arg = arg, .level = level, .size = size, .room = room, .threads = 1};
    if (threads > 1 && most > 4)
        b->threads = CB_MIN((size_t)threads, (most - 2) * 2 / 3);
    b->n_slots = b->threads == 1 ? 2 : b->threads + b->threads / 2 + 2;
    b->slots = cb_alloc(b->n_slots * sizeof(*b->slots));
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    pthread_cond_init(&b->done, NULL);
    return b;
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

/* The oldest block that waits, or NULL. */
static struct slot *find_work(const struct cb_blocks *b)
{
    for (size_t i = b->tail; i != b->head; i++)
        if (at_ring(b, i)->state == SLOT_READY)
            return at_ring(b, i);
    return NULL;
}

static void *work(void *arg)
{
    struct cb_blocks *b = arg;
    void *packer = b->ops->open(b->level);
    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        struct slot *mine = find_work(b);
        if (!mine) {
            pthread_cond_wait(&b->wake, &b->lock);
            continue;
        }
        mine->state = SLOT_BUSY;
        pthread_mutex_unlock(&b->lock);
        bool good = packer && b->ops->pack(packer, &mine->block, b->room);
        pthread_mutex_lock(&b->lock);
        mine->state = good ? SLOT_DONE : SLOT_FAILED;
        pthread_cond_signal(&b->done);
    }
    pthread_mutex_unlock(&b->lock);
    b->ops->close(packer);
    return NULL;
}

/* Signals stay with the threads that were there before. Fewer workers than wanted, or none, is fine. */
static void start_workers(struct cb_blocks *b)
{
    b->workers = cb_alloc(b->threads * sizeof(*b->workers));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (b->n_workers < b->threads && pthread_create(&b->workers[b->n_workers], NULL, work, b) == 0)
        b->n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (b->n_workers == 0)
        b->threads = 1;
}

/* ---- the ring --------------------------------------------------------------------------------------------------- */

static struct cb_block *filling(struct cb_blocks *b)
{
    struct cb_block *block = &at_ring(b, b->head)->block;
    if (!block->in) {
        block->in = cb_alloc_buffer(b->size);
        block->out = cb_alloc_buffer(b->room);
    }
    return block;
}

static int hand_on(struct cb_blocks *b, const struct slot *s, struct cb_error *err)
{
    if (s->state == SLOT_FAILED)
        return cb_fail(err, CB_E_FAILED, "cannot compress: out of memory");
    return b->ops->take(b->arg, &s->block, err);
}

/* Hands on the oldest block, waiting until it is packed when `wait`. 1: done, 0: not ready. */
static int drain_one(struct cb_blocks *b, bool wait, struct cb_error *err)
{
    struct slot *s = at_ring(b, b->tail);
    pthread_mutex_lock(&b->lock);
    while (wait && s->state != SLOT_DONE && s->state != SLOT_FAILED)
        pthread_cond_wait(&b->done, &b->lock);
    bool ready = s->state == SLOT_DONE || s->state == SLOT_FAILED;
    pthread_mutex_unlock(&b->lock);
    if (!ready)
        return 0;
    if (hand_on(b, s, err) < 0)
        return -1;
    pthread_mutex_lock(&b->lock);
    s->state = SLOT_EMPTY;
    b->tail++;
    pthread_mutex_unlock(&b->lock);
    return 1;
}

static int pack_here(struct cb_blocks *b, struct slot *s, struct cb_error *err)
{
    if (!b->own)
        b->own = b->ops->open(b->level);
    s->state = b->own && b->ops->pack(b->own, &s->block, b->room) ? SLOT_DONE : SLOT_FAILED;
    b->head++;
    b->tail++;
    return hand_on(b, s, err);
}

static int pack_there(struct cb_blocks *b, struct slot *s, struct cb_error *err)
{
    pthread_mutex_lock(&b->lock);
    s->state = SLOT_READY;
    b->head++;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    while (b->head - b->tail == b->n_slots)
        if (drain_one(b, true, err) < 0)
            return -1;
    return 0;
}

/* The block that was filled goes to work. */
static int submit(struct cb_blocks *b, bool last, struct cb_error *err)
{
    filling(b)->last = last;
    struct slot *s = at_ring(b, b->head);
    bool alone = last && b->head == 0;
    if (b->threads > 1 && !alone && b->n_workers == 0)
        start_workers(b);
    int r = b->threads == 1 || alone ? pack_here(b, s, err) : pack_there(b, s, err);
    if (r == 0 && !last)
        filling(b)->len = 0;
    return r;
}

/* A block that is full is not the last one, since there is more. What is packed goes out while the caller reads on. */
static int next_block(struct cb_blocks *b, struct cb_error *err)
{
    int r = submit(b, false, err) < 0 ? -1 : 1;
    while (r > 0 && b->tail != b->head)
        r = drain_one(b, false, err);
    return r < 0 ? -1 : 0;
}

int cb_blocks_add(struct cb_blocks *b, const void *p, size_t n, struct cb_error *err)
{
    for (const char *from = p; n > 0;) {
        if (filling(b)->len == b->size && next_block(b, err) < 0)
            return -1;
        struct cb_block *to = filling(b);
        size_t part = CB_MIN(n, b->size - to->len);
        memcpy(to->in + to->len, from, part);
        to->len += part;
        from += part;
        n -= part;
    }
    return 0;
}

int cb_blocks_end(struct cb_blocks *b, struct cb_error *err)
{
    if (submit(b, true, err) < 0)
        return -1;
    while (b->tail != b->head)
        if (drain_one(b, true, err) < 0)
            return -1;
    return 0;
}

void cb_blocks_free(struct cb_blocks *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < b->n_workers; i++)
        pthread_join(b->workers[i], NULL);
    b->ops->close(b->own);
    for (size_t i = 0; i < b->n_slots; i++) {
        free(b->slots[i].block.in);
        free(b->slots[i].block.out);
    }
    pthread_cond_destroy(&b->wake);
    pthread_cond_destroy(&b->done);
    pthread_mutex_destroy(&b->lock);
    free(b->workers);
    free(b->slots);
    free(b);
}
