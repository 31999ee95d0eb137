#include "runtime/network.h"
#include "base/fd.h"
#include "runtime/rung/sysctl.h"

#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FIRST_PORT 1024 /* the first that needs no privilege, where the kernel has no setting for it */

static int loopback_up(struct cb_error *err)
{
    struct ifreq r = {.ifr_name = "lo"};
    CB_AUTO(close) int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0)
        return cb_fail_sys(err, errno, "find the loopback interface");
    r.ifr_flags |= IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r) < 0 ? cb_fail_sys(err, errno, "bring the loopback interface up") : 0;
}

static const struct rt_network networks[] = {
    {"default", 0, 0, NULL}, /* the host's until there is a private one */
    {"host", 0, 0, NULL},
    {"none", 1, CLONE_NEWNET, loopback_up},
};

const struct rt_network *rt_network_find(const char *name)
{
    for (size_t i = 0; i < CB_LEN(networks); i++)
        if (strcmp(networks[i].name, name) == 0)
            return &networks[i];
    return NULL;
}

char *rt_network_why_no_port(const struct rt_network *n)
{
    uint64_t first = n->namespaces ? 0 : rt_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", FIRST_PORT);
    if (first == 0)
        return NULL;
    return cb_printf(
        "ports below %llu cannot be bound in RUN, not even by root: it shares the host's network, which its user namespace "
        "does not own. 'RUN --network=none' has a network of its own, where they can",
        (unsigned long long)first);
}
