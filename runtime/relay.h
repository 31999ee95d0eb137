/* A socket inside a sandbox that stands for one outside (an ssh agent's, dockerfile.md §11): a new one, with the owner
 * and mode of its mount, whose connections are passed on. The agent's own socket is open to its user alone. */
#ifndef RT_RELAY_H
#define RT_RELAY_H

#include "base/error.h"
#include <sys/types.h>

struct rt_relay {
    const char *socket; /* the agent's */
    unsigned mode, uid, gid;
};

/* Makes the socket `name` in the directory `dir` and a process that serves it, which ends with the caller's process, or
 * by SIGKILL. *ret: the socket, O_PATH. */
pid_t rt_relay_start(const struct rt_relay *relay, int dir, const char *name, int *ret, struct cb_error *err);

#endif
