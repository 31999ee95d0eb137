/* System calls that somebody else's seccomp filter refuses us, found by making them with arguments that the kernel itself
 * refuses: then nothing happens, and the error says who refused. */
#ifndef RT_FILTER_H
#define RT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct rt_filter_trial {
    const char *call;   /* its name */
    long (*make)(void); /* so that the kernel's own errno is neither EPERM nor EACCES nor ENOSYS */
};
extern const struct rt_filter_trial rt_filter_trials[];
extern const size_t rt_filter_n_trials;

/* The errno that the filter gives, or 0: the call gets to the kernel. A call that this kernel lacks counts as refused (ENOSYS).
 */
int rt_filter_answer(const struct rt_filter_trial *t);
/* Is there a filter around us? */
bool rt_has_seccomp_filter(void);
/* The calls that are refused of those that make namespaces and mounts, as in "clone and mount"; NULL: none. Caller frees. */
char *rt_filter_refused(void);

#endif
