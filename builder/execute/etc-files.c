#include "builder/execute/etc-files.h"
#include "base/fd.h"

#include <string.h>

char *build_hosts_file(const struct build_request *q, const char *hostname)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_buf_printf(&out, "127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost ip6-loopback\n", hostname);
    for (size_t i = 0; i < q->add_hosts.n; i++) {
        const char *pair = q->add_hosts.items[i], *eq = strchr(pair, '=');
        cb_buf_printf(&out, "%s\t%.*s\n", eq + 1, (int)(eq - pair), pair);
    }
    return cb_buf_detach(&out);
}

char *build_resolv_file(void)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (cb_read_file(AT_FDCWD, "/etc/resolv.conf", 1 << 20, &out) < 0)
        cb_buf_reset(&out); /* a host without one: names do not resolve there either */
    return cb_buf_detach(&out);
}
