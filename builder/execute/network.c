#include "builder/execute/network.h"
#include "base/mem.h"
#include "runtime/uplink.h"

const struct rt_network *build_network_of(const struct rt_network *wanted, struct cb_job_io *io)
{
    CB_AUTO(free) char *why = NULL;
    if (!wanted->uplink || rt_uplink_wait(&why))
        return wanted;
    if (why)
        cb_job_warn(io, why);
    return rt_network_find("host");
}
