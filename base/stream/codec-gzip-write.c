/* gzip, written on several threads. The input is cut into blocks of 1 MiB; each is deflated on its own with the last 32 KiB of
 * the block before it as dictionary and ends at a byte boundary (Z_SYNC_FLUSH), so the pieces put one after the other are one
 * valid deflate stream, joined into one gzip member. Where the cuts are depends on the input alone: the same bytes come out for
 * any number of threads. Threads are started at the second block: small layers do not pay for them. */
#include "base/stream/codec-internal.h"
#include <pthread.h>
#include <signal.h>
#include <zlib.h>

#define BLOCK       (1u << 20)
#define DICTIONARY  32768u
#define MAX_OUT     (BLOCK + BLOCK / 8 + 1024)

#define MAX_THREADS 16 /* a block in flight takes 2.2 MiB: 26 of them stay below 64 MiB */

enum slot_state { SLOT_EMPTY, SLOT_READY, SLOT_BUSY, SLOT_DONE, SLOT_FAILED };

struct slot {
    enum slot_state state;
    unsigned char *in; /* dictionary (32 KiB reserved), then the block */
    size_t dict, len;
    unsigned char *out;
    size_t out_len;
    bool last;
    uint32_t crc;
};

struct gzip_encoder {
    cb_sink_fn *sink;
    void *arg;
    int level, threads;
    bool header_written;
    struct slot *slots; /* a ring: [tail, head) are at work, head is being filled */
    size_t n_slots, head, tail;
    uint32_t crc;
    uint64_t total;
    z_stream own; /* of the calling thread, used when threads == 1 and for a lone block */
    bool own_ready;
    pthread_t *workers;
    size_t n_workers;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    bool stop;
};

static size_t at_ring(const struct gzip_encoder *g, size_t i)
{
    return i % g->n_slots;
}

static void *encoder_open(int level, int threads, cb_sink_fn *sink, void *arg)
{
    struct gzip_encoder *g = CB_NEW(struct gzip_encoder);
    g->sink = sink;
    g->arg = arg;
    g->level = level;
    g->threads = threads < 1 ? 1 : CB_MIN(threads, MAX_THREADS);
    g->n_slots = g->threads == 1 ? 2 : (size_t)g->threads + (size_t)g->threads / 2 + 2;
    g->slots = cb_alloc(g->n_slots * sizeof(*g->slots));
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
    pthread_cond_init(&g->done, NULL);
    return g;
}

/* ---- one block ------------------------------------------------------------------------------ */

static bool deflate_slot(z_stream *z, struct slot *s)
{
    if (deflateReset(z) != Z_OK || (s->dict && deflateSetDictionary(z, s->in + DICTIONARY - s->dict, (uInt)s->dict) != Z_OK))
        return false;
    z->next_in = s->in + DICTIONARY;
    z->avail_in = (uInt)s->len;
    z->next_out = s->out;
    z->avail_out = MAX_OUT;
    int r = deflate(z, s->last ? Z_FINISH : Z_SYNC_FLUSH);
    s->out_len = MAX_OUT - z->avail_out;
    s->crc = (uint32_t)crc32(0, s->in + DICTIONARY, (uInt)s->len);
    return z->avail_in == 0 && z->avail_out > 0 && r == (s->last ? Z_STREAM_END : Z_OK);
}

static bool raw_deflate_init(z_stream *z, int level)
{
    memset(z, 0, sizeof(*z));
    return deflateInit2(z, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

static void *worker(void *arg)
{
    struct gzip_encoder *g = arg;
    z_stream z;
    bool usable = raw_deflate_init(&z, g->level);
    pthread_mutex_lock(&g->lock);
    while (!g->stop) {
        struct slot *mine = NULL;
        for (size_t i = g->tail; i != g->head && !mine; i++) {
            if (g->slots[at_ring(g, i)].state == SLOT_READY)
                mine = &g->slots[at_ring(g, i)];
        }
        if (!mine) {
            pthread_cond_wait(&g->wake, &g->lock);
            continue;
        }
        mine->state = SLOT_BUSY;
        pthread_mutex_unlock(&g->lock);
        bool good = usable && deflate_slot(&z, mine);
        pthread_mutex_lock(&g->lock);
        mine->state = good ? SLOT_DONE : SLOT_FAILED;
        pthread_cond_signal(&g->done);
    }
    pthread_mutex_unlock(&g->lock);
    if (usable)
        deflateEnd(&z);
    return NULL;
}

/* Signals stay with the threads that were there before. Fewer workers than wanted, or none, is fine. */
static void start_workers(struct gzip_encoder *g)
{
    g->workers = cb_alloc((size_t)g->threads * sizeof(*g->workers));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (g->n_workers < (size_t)g->threads && pthread_create(&g->workers[g->n_workers], NULL, worker, g) == 0)
        g->n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (g->n_workers == 0)
        g->threads = 1;
}

/* ---- the ring ------------------------------------------------------------------------------- */

static struct slot *filling(struct gzip_encoder *g)
{
    struct slot *s = &g->slots[at_ring(g, g->head)];
    if (!s->in) {
        s->in = cb_alloc_buffer(DICTIONARY + BLOCK);
        s->out = cb_alloc(MAX_OUT);
    }
    return s;
}

static int emit(struct gzip_encoder *g, struct slot *s, struct cb_error *err)
{
    static const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    if (s->state == SLOT_FAILED)
        return cb_fail(err, CB_E_FAILED, "gzip: cannot compress: out of memory");
    if (!g->header_written && g->sink(g->arg, header, sizeof(header), err) < 0)
        return -1;
    g->header_written = true;
    g->crc = (uint32_t)crc32_combine(g->crc, s->crc, (z_off_t)s->len);
    g->total += s->len;
    return g->sink(g->arg, s->out, s->out_len, err);
}

/* Writes the oldest block, waiting until it is compressed when `wait`. 1: written, 0: not ready. */
static int drain_one(struct gzip_encoder *g, bool wait, struct cb_error *err)
{
    struct slot *s = &g->slots[at_ring(g, g->tail)];
    pthread_mutex_lock(&g->lock);
    while (wait && s->state != SLOT_DONE && s->state != SLOT_FAILED)
        pthread_cond_wait(&g->done, &g->lock);
    bool ready = s->state == SLOT_DONE || s->state == SLOT_FAILED;
    pthread_mutex_unlock(&g->lock);
    if (!ready)
        return 0;
    if (emit(g, s, err) < 0)
        return -1;
    pthread_mutex_lock(&g->lock);
    s->state = SLOT_EMPTY;
    g->tail++;
    pthread_mutex_unlock(&g->lock);
    return 1;
}

static int compress_here(struct gzip_encoder *g, struct slot *s, struct cb_error *err)
{
    if (!g->own_ready && !raw_deflate_init(&g->own, g->level))
        return cb_fail(err, CB_E_FAILED, "gzip: cannot compress: out of memory");
    g->own_ready = true;
    s->state = deflate_slot(&g->own, s) ? SLOT_DONE : SLOT_FAILED;
    return emit(g, s, err);
}

/* The slot that was filled goes to work; the next one gets its dictionary. */
static int submit(struct gzip_encoder *g, bool last, struct cb_error *err)
{
    struct slot *s = filling(g);
    bool alone = last && g->head == 0;
    size_t keep = CB_MIN(s->len, (size_t)DICTIONARY);
    s->last = last;
    if (g->threads > 1 && !alone && g->n_workers == 0)
        start_workers(g);
    if (g->threads == 1 || alone) {
        if (compress_here(g, s, err) < 0)
            return -1;
        g->head++;
        g->tail++;
    } else {
        pthread_mutex_lock(&g->lock);
        s->state = SLOT_READY;
        g->head++;
        pthread_cond_signal(&g->wake);
        pthread_mutex_unlock(&g->lock);
        while (g->head - g->tail == g->n_slots) {
            if (drain_one(g, true, err) < 0)
                return -1;
        }
    }
    if (last)
        return 0;
    struct slot *next = filling(g);
    next->dict = keep;
    next->len = 0;
    memcpy(next->in + DICTIONARY - keep, s->in + DICTIONARY + s->len - keep, keep);
    return 0;
}

static int encoder_add(void *encoder, const void *p, size_t n, struct cb_error *err)
{
    struct gzip_encoder *g = encoder;
    const char *from = p;
    while (n > 0) {
        struct slot *s = filling(g);
        size_t part = CB_MIN(n, BLOCK - s->len);
        if (part == 0) { /* full: it is not the last one, since there is more */
            if (submit(g, false, err) < 0)
                return -1;
            while (g->tail != g->head) { /* what is ready goes out while the caller reads on */
                int r = drain_one(g, false, err);
                if (r < 0)
                    return -1;
                if (r == 0)
                    break;
            }
            continue;
        }
        memcpy(s->in + DICTIONARY + s->len, from, part);
        s->len += part;
        from += part;
        n -= part;
    }
    return 0;
}

static int encoder_end(void *encoder, struct cb_error *err)
{
    struct gzip_encoder *g = encoder;
    if (submit(g, true, err) < 0)
        return -1;
    while (g->tail != g->head) {
        if (drain_one(g, true, err) < 0)
            return -1;
    }
    unsigned char trailer[8];
    for (int i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(g->crc >> 8 * i);
        trailer[4 + i] = (unsigned char)(g->total >> 8 * i);
    }
    return g->sink(g->arg, trailer, sizeof(trailer), err);
}

static void encoder_close(void *encoder)
{
    struct gzip_encoder *g = encoder;
    pthread_mutex_lock(&g->lock);
    g->stop = true;
    pthread_cond_broadcast(&g->wake);
    pthread_mutex_unlock(&g->lock);
    for (size_t i = 0; i < g->n_workers; i++)
        pthread_join(g->workers[i], NULL);
    if (g->own_ready)
        deflateEnd(&g->own);
    for (size_t i = 0; i < g->n_slots; i++) {
        free(g->slots[i].in);
        free(g->slots[i].out);
    }
    pthread_cond_destroy(&g->wake);
    pthread_cond_destroy(&g->done);
    pthread_mutex_destroy(&g->lock);
    free(g->workers);
    free(g->slots);
    free(g);
}

const struct cb_codec_encoder_ops cb_gzip_encoder_ops = {encoder_open, encoder_add, encoder_end, encoder_close};
