#include "base/threads.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#define MOST 16

size_t cb_threads_worth(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : CB_MIN((size_t)n, (size_t)MOST);
}

struct call {
    void (*fn)(void *arg);
    void *arg;
    pthread_t thread;
    bool started;
};

static void *make_call(void *arg)
{
    struct call *c = arg;
    c->fn(c->arg);
    return NULL;
}

/* Signals stay with the threads that were there before. */
static void start(struct call *calls, size_t n)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < n; i++)
        calls[i].started = pthread_create(&calls[i].thread, NULL, make_call, &calls[i]) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cb_threads_run(void (*fn)(void *arg), void *each, size_t size, size_t n)
{
    CB_AUTO(free) struct call *calls = cb_alloc(n * sizeof(*calls));
    for (size_t i = 0; i < n; i++)
        calls[i] = (struct call){.fn = fn, .arg = (char *)each + i * size};
    start(calls + 1, n - 1);
    fn(each);
    for (size_t i = 1; i < n; i++) {
        if (calls[i].started)
            pthread_join(calls[i].thread, NULL);
        else
            fn(calls[i].arg);
    }
}
