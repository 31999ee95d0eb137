/* The network of a build: one network namespace for all commands that have the network "default", which pasta (package
 * passt, runtime.md §9) connects to the outside. It is made when the first of them is executed and ends with the helper. What
 * listens on the host's loopback addresses, and its abstract sockets, are not in it. Where there is no pasta these commands have
 * the host's network. */
#ifndef RT_UPLINK_H
#define RT_UPLINK_H

#include "base/error.h"
#include <netinet/in.h>
#include <stdbool.h>

/* Addresses inside are our own, of a network so small that it hardly covers one that is needed. With the host's addresses the
 * host itself could not be reached by them. */
#define RT_UPLINK_INTERFACE "eth0"
#define RT_UPLINK_ADDRESS   "10.98.117.2"
#define RT_UPLINK_BITS      "29"
#define RT_UPLINK_GATEWAY   "10.98.117.1"
#define RT_UPLINK_DNS       "10.98.117.3" /* questions to it go to the host's resolver, whatever address that has there */

/* The address of this family from which a process here reaches the outside, and by which it is itself reached from a build's
 * network. False: there is no route. */
bool rt_uplink_source(int family, char ret[INET6_ADDRSTRLEN]);

/* In a command's job: waits until the network is there. False: it is not, and the host's is to be used. *ret_why says why, in a
 * sentence with the way out; NULL: no command has one on this rung. Caller frees. */
bool rt_uplink_wait(char **ret_why);
/* Is the host's network used instead? In the process that started the helper: false as long as that is not known. */
bool rt_uplink_missing(void);

/* ---- for runtime/ ------------------------------------------------------------------------------------------------------- */

/* In the process that starts the helper: afterwards both see how it goes. */
void rt_uplink_share(void);
/* In the helper: makes the namespace and starts pasta, which takes some time. Jobs that are forked later can wait for it. */
void rt_uplink_begin(void);
/* In the helper, when pasta has been killed. */
void rt_uplink_end(void);
/* In the sandbox's first process: enters it. 0, or -1 with `err` set. */
int rt_uplink_join(struct cb_error *err);

/* pasta.c. Starts pasta for the network namespace `netns` and returns when it is ready, or -1 with `err` set. In a process
 * that is made for this: it gets a mount namespace of its own. */
int rt_pasta_start(int netns, struct cb_error *err);

#endif
