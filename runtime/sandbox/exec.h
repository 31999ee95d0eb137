/* The exec stub (exec-stub.c) as a file that can be executed. Internal to runtime/. */
#ifndef RT_EXEC_H
#define RT_EXEC_H

#include "base/error.h"

/* Makes the stub in this process, for it and all that it forks. Once is enough. 0, or -1 with `err` set. Needs the rights
 * of a namespace's root. */
int rt_exec_prepare(struct cb_error *err);

#endif
