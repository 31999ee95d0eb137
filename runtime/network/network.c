#include "runtime/network/network.h"
#include "base/fd.h"
#include "runtime/rung/sysctl.h"
#include "runtime/network/uplink.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

int rt_network_prepare(struct cb_error *err)
{
    /* As in Docker's containers. Where /proc/sys cannot be written, ports below 1024 are for uid 0. */
    CB_AUTO(close) int first = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
    if (first >= 0)
        (void)!write(first, "0", 1);
    return loopback_up(err);
}

static const struct rt_network networks[] = {
    {"default", .key = 0, .own = true, .uplink = true, .apply = rt_uplink_join},
    {"host", .key = 0},
    {"none", .key = 1, .namespaces = CLONE_NEWNET, .own = true, .apply = rt_network_prepare},
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
    bool own = n->own && !(n->uplink && rt_uplink_missing());
    uint64_t first = own ? 0 : rt_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", FIRST_PORT);
    if (first == 0)
        return NULL;
    return cb_printf(
        "ports below %llu cannot be bound in RUN, not even by root: it shares the host's network, which its user namespace "
        "does not own. They can where RUN has another: by default, with pasta (package 'passt'), or with --network=none",
        (unsigned long long)first);
}
