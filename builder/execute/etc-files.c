#include "builder/execute/etc-files.h"
#include "base/fd.h"
#include "runtime/network/uplink.h"

#include <string.h>

#define MAX_RESOLV  (1u << 20)
#define MAX_SERVERS 3 /* a C library asks no more */

/* ---- /etc/hosts ----------------------------------------------------------------------------------------------------------- */

/* With the host's network that is its loopback address: a service that listens there alone is reached too. */
static const char *gateway(bool uplink, char text[INET6_ADDRSTRLEN])
{
    bool found = uplink && (rt_uplink_source(AF_INET, text) || rt_uplink_source(AF_INET6, text));
    return found ? text : "127.0.0.1";
}

char *build_hosts_added(const struct build_request *q, bool uplink)
{
    char text[INET6_ADDRSTRLEN];
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (size_t i = 0; i < q->add_hosts.n; i++) {
        const char *pair = q->add_hosts.items[i], *eq = strchr(pair, '=');
        const char *address = strcmp(eq + 1, BUILD_HOST_GATEWAY) == 0 ? gateway(uplink, text) : eq + 1;
        cb_buf_printf(&out, "%s\t%.*s\n", address, (int)(eq - pair), pair);
    }
    return cb_buf_detach(&out);
}

/* ---- /etc/resolv.conf ----------------------------------------------------------------------------------------------------- */

struct resolv {
    struct cb_strv servers, rest; /* rest: lines */
};

static void resolv_done(struct resolv *r)
{
    cb_strv_done(&r->servers);
    cb_strv_done(&r->rest);
}
CB_DEFINE_AUTO(resolv, struct resolv, resolv_done)

static void add_server(struct resolv *r, const char *address)
{
    if (r->servers.n < MAX_SERVERS && cb_strv_find(&r->servers, address) < 0)
        cb_strv_push(&r->servers, address);
}

/* Is this a server of the host's own, or one that is only found by an interface of the host's? */
static bool is_local(const char *address)
{
    return cb_starts(address, "127.") || strcmp(address, "::1") == 0 || strncasecmp(address, "fe80:", 5) == 0 ||
           strchr(address, '%');
}

/* From a build's network the host's own servers are reached through pasta. It passes on what comes by UDP; what takes TCP (a
 * long answer) is for the servers behind them. */
static void read_server(struct resolv *r, const char *address, bool uplink, bool behind)
{
    bool local = uplink && is_local(address);
    if (local && !behind && !strchr(address, ':'))
        add_server(r, RT_UPLINK_DNS);
    if (!local)
        add_server(r, address);
}

static void read_lines(struct resolv *r, const char *text, bool uplink, bool behind)
{
    CB_AUTO(free) char *copy = cb_strdup(text);
    char *rest = copy;
    for (const char *line; (line = strsep(&rest, "\n"));) {
        size_t n = strcspn(line, " \t");
        const char *value = line + n + strspn(line + n, " \t");
        if (n == 10 && cb_starts(line, "nameserver")) {
            CB_AUTO(free) char *address = cb_memdup0(value, strcspn(value, " \t#;\r"));
            read_server(r, address, uplink, behind);
        } else if (n && !behind && !strchr("#;", *line)) {
            cb_strv_push(&r->rest, line);
        }
    }
}

static bool says(const char *line, const char *word)
{
    size_t n = strlen(word);
    return strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t');
}

static void put_words(struct cb_buf *out, const char *word, const struct cb_strv *values)
{
    cb_buf_adds(out, word);
    for (size_t i = 0; i < values->n; i++)
        cb_buf_printf(out, " %s", values->items[i]);
    cb_buf_addc(out, '\n');
}

char *build_resolv_text(const struct build_request *q, bool uplink, const char *host, const char *upstream)
{
    CB_AUTO(resolv) struct resolv r = {0};
    struct cb_buf out = CB_BUF_INIT;
    bool search = q->dns_search.n > 0, options = q->dns_options.n > 0;
    if (!uplink && !q->dns.n && !search && !options)
        return cb_strdup(host);
    read_lines(&r, host, uplink, false);
    if (uplink && cb_strv_find(&r.servers, RT_UPLINK_DNS) >= 0)
        read_lines(&r, upstream, uplink, true);
    if (uplink && !r.servers.n)
        add_server(&r, RT_UPLINK_DNS);
    const struct cb_strv *servers = q->dns.n ? &q->dns : &r.servers;
    for (size_t i = 0; i < servers->n; i++)
        cb_buf_printf(&out, "nameserver %s\n", servers->items[i]);
    for (size_t i = 0; i < r.rest.n; i++) {
        const char *line = r.rest.items[i];
        if (!(search && (says(line, "search") || says(line, "domain"))) && !(options && says(line, "options")))
            cb_buf_printf(&out, "%s\n", line);
    }
    if (search && strcmp(q->dns_search.items[0], ".") != 0) /* buildah's word for none */
        put_words(&out, "search", &q->dns_search);
    if (options)
        put_words(&out, "options", &q->dns_options);
    return cb_buf_detach(&out);
}

char *build_resolv_file(const struct build_request *q, bool uplink)
{
    CB_AUTO(cb_buf) struct cb_buf host = CB_BUF_INIT, upstream = CB_BUF_INIT;
    if (q->dns.n && strcmp(q->dns.items[0], "none") == 0)
        return NULL;
    if (cb_read_file(AT_FDCWD, "/etc/resolv.conf", MAX_RESOLV, &host) < 0)
        cb_buf_reset(&host); /* a host without one: names do not resolve there either */
    /* systemd-resolved */
    if (cb_read_file(AT_FDCWD, "/run/systemd/resolve/resolv.conf", MAX_RESOLV, &upstream) < 0)
        cb_buf_reset(&upstream);
    return build_resolv_text(q, uplink, host.data, upstream.data);
}
