/* Threads of one piece of work, inside a job: started, and waited for by the same call. */
#ifndef CB_THREADS_H
#define CB_THREADS_H

#include <stddef.h>

/* How many are worth starting on this machine: at least 1, at most 16. */
size_t cb_threads_worth(void);
/* Calls fn for each of the n elements of `each` (`size` bytes each, n >= 1), side by side, the first in the calling thread, and
 * returns when all are done. Where no thread can be had, in turn. */
void cb_threads_run(void (*fn)(void *arg), void *each, size_t size, size_t n);

#endif
