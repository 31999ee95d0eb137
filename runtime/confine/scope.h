/* A Landlock domain for a command: see scope.c. */
#ifndef RT_SCOPE_H
#define RT_SCOPE_H

#include <stdbool.h>

/* Shuts the host's abstract sockets and processes off where the kernel can; needs CAP_SYS_ADMIN in this namespace. 1: done; 0:
 * this kernel cannot; -errno. */
int rt_scope_enter(bool files, bool *ret_walled);
/* Will the domain of this user's command keep it from others also where it takes no_new_privs? Only a number is sure to be root.
 */
bool rt_scope_is_sure(const char *user);

#endif
