/* Why something that a sandbox takes cannot be had, found by looking. */
#ifndef RT_WHY_H
#define RT_WHY_H

/* What forbids namespaces on this machine, in one sentence with the way out, for the errno of clone or of
 * the first mount or map. Caller frees. */
char *rt_userns_why(int sys);

#endif
