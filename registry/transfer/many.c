#include "registry/transfer/many.h"

#include <pthread.h>
#include <stdbool.h>

struct many {
    int (*fn)(void *arg, size_t number, struct cb_error *err);
    void *arg;
    size_t n;
    pthread_mutex_t lock; /* guards what follows */
    size_t next;
    bool failed;
    struct cb_error error; /* the first one */
};

static bool take_number(struct many *m, size_t *ret)
{
    pthread_mutex_lock(&m->lock);
    bool more = !m->failed && m->next < m->n;
    *ret = more ? m->next++ : 0;
    pthread_mutex_unlock(&m->lock);
    return more;
}

static void take_error(struct many *m, struct cb_error *e)
{
    pthread_mutex_lock(&m->lock);
    if (!m->failed)
        cb_error_move(&m->error, e);
    m->failed = true;
    pthread_mutex_unlock(&m->lock);
    cb_error_done(e);
}

static void *work(void *arg)
{
    struct many *m = arg;
    for (size_t number; take_number(m, &number);) {
        struct cb_error e = CB_ERROR_INIT;
        if (m->fn(m->arg, number, &e) < 0)
            take_error(m, &e);
    }
    return NULL;
}

int reg_many(size_t n, int (*fn)(void *arg, size_t number, struct cb_error *err), void *arg, struct cb_error *err)
{
    struct many m = {.fn = fn, .arg = arg, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[REG_MANY_MOST];
    size_t begun = 0;
    while (begun + 1 < CB_MIN(n, (size_t)REG_MANY_MOST) && pthread_create(&threads[begun], NULL, work, &m) == 0)
        begun++;
    work(&m); /* this thread is one of them, and the only one where no other could be made */
    for (size_t i = 0; i < begun; i++)
        pthread_join(threads[i], NULL);
    if (m.failed)
        cb_error_move(err, &m.error);
    return m.failed ? -1 : 0;
}
