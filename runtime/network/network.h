/* The networks of a RUN. Each is an entry in network.c; nobody else asks which one it is. */
#ifndef RT_NETWORK_H
#define RT_NETWORK_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct rt_network {
    const char *name;         /* as given to --network */
    uint8_t key;              /* in the keys of steps: networks that reach the same things have the same key */
    unsigned long namespaces; /* CLONE_NEWNET: a namespace of each sandbox's own */
    bool own;                 /* not the host's: the namespace belongs to the sandbox's user namespace */
    bool uplink;              /* the build's, of uplink.h, which must be there before a sandbox is made */
    /* In the sandbox's first process, while all capabilities are held; NULL: nothing to do. 0, or -1 with `err` set. */
    int (*apply)(struct cb_error *err);
};

/* In a new network namespace: what all that are not the host's have. For runtime/. */
int rt_network_prepare(struct cb_error *err);

const struct rt_network *rt_network_find(const char *name); /* NULL: no such network */
/* Why a command may be refused a port on it, with the way out; caller frees. NULL: no port is refused because of its number. */
char *rt_network_why_no_port(const struct rt_network *n);

#endif
