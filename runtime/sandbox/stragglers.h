/* What a command leaves behind where no PID namespace ends with it. */
#ifndef RT_STRAGGLERS_H
#define RT_STRAGGLERS_H

#include <stddef.h>
#include <sys/types.h>

/* From now on, whatever loses its parent among the descendants of this process becomes its child. 0 or -errno. */
int rt_stragglers_adopt(void);

/* The children that this process has now; caller frees. */
pid_t *rt_stragglers_children(size_t *ret_n);

/* Ends all descendants of this process, but for these children and what they have started, and waits until they are gone. Only
 * one that hangs in the kernel outlives it: -ETIMEDOUT, after a minute and more. */
int rt_stragglers_end(const pid_t *keep, size_t n_keep);

/* Sends SIGSTOP or SIGCONT to all descendants of this process. */
void rt_stragglers_signal(int sig);

#endif
