#include "builder/execute/network.h"
#include "base/text.h"
#include "builder/session/proxies.h"
#include "runtime/network/uplink.h"

#include <string.h>

const struct rt_network *build_network_of(const struct rt_network *wanted, struct cb_job_io *io)
{
    CB_AUTO(free) char *why = NULL;
    if (!wanted->uplink || rt_uplink_wait(&why))
        return wanted;
    if (why)
        cb_job_warn(io, why);
    return rt_network_find("host");
}

bool build_network_is_missing(void)
{
    return rt_uplink_missing();
}

void build_network_check_proxies(const struct rt_network *n, const struct cb_strv *proxies, struct cb_job_io *io)
{
    for (size_t i = 0; n->own && i < proxies->n; i++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(proxies->items[i], &value);
        if (name[0] < 'A' || name[0] > 'Z' || strcmp(name, "NO_PROXY") == 0 || !build_proxy_is_local(value))
            continue;
        CB_AUTO(free)
        char *text = cb_printf("%s is a proxy on this machine's loopback address, which RUN does not reach: let it "
                               "listen on another address, or build with --network=host",
                               name);
        cb_job_warn(io, text);
    }
}
