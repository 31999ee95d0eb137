/* Many requests at once: each in the hands of one thread, so that their waiting adds up to that of the slowest. */
#ifndef REG_MANY_H
#define REG_MANY_H

#include "base/error.h"

#define REG_MANY_MOST 16 /* threads: as many connections as a server that speaks HTTP/1.1 is sure to bear */

/* Calls fn(arg, 0, …) to fn(arg, n - 1, …), each once, in any order, REG_MANY_MOST at a time. After a call that gave -1 no
 * further one is begun; the first error is the one given. */
int reg_many(size_t n, int (*fn)(void *arg, size_t number, struct cb_error *err), void *arg, struct cb_error *err);

#endif
