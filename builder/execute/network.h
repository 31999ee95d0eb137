/* The network that a command has in the end. */
#ifndef BUILD_NETWORK_H
#define BUILD_NETWORK_H

#include "base/job.h"
#include "runtime/network/network.h"

/* In a command's job: the network that it asks for, once that is there; where the build cannot have one of its own
 * (runtime/network/uplink.h), the host's, and a warning says why. */
const struct rt_network *build_network_of(const struct rt_network *wanted, struct cb_job_io *io);
/* In the coordinator, once the build has asked for a network of its own: has it the host's instead? */
bool build_network_is_missing(void);
/* Warns of proxies ("NAME=VALUE") that cannot be reached from it. */
void build_network_check_proxies(const struct rt_network *n, const struct cb_strv *proxies, struct cb_job_io *io);

#endif
