/* The options that say what a RUN reaches of the world outside. Of these only the kind of network and the names of hosts are in
 * the key of a step. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/session/request.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

/* What the others call a network that is the container's own. */
static const char *const own_networks[] = {"bridge", "private", "pasta", "slirp4netns"};

static const struct rt_network *find_network(const char *name)
{
    for (size_t i = 0; i < CB_LEN(own_networks); i++)
        if (strcmp(own_networks[i], name) == 0)
            name = "default";
    return rt_network_find(name);
}

/* Whoever asks for the host's network on the command line has allowed it, as with buildx. */
static int set_network(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    const struct rt_network *found = find_network(v);
    if (!found) {
        cb_fail(err, CB_E_USAGE, "invalid netmode %s", v);
        return cb_hint(err, "there are no networks with names: default, none, host");
    }
    r->network = found->name;
    r->allow_host_network |= strcmp(v, "host") == 0;
    return 0;
}

static bool is_address(const char *text)
{
    unsigned char address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static int add_host(const char *v, void *to, struct cb_error *err)
{
    size_t n = strcspn(v, "=:");
    const char *ip = v[n] ? v + n + 1 : "";
    CB_AUTO(free) char *plain = *ip == '[' && cb_ends(ip, "]") ? cb_memdup0(ip + 1, strlen(ip) - 2) : cb_strdup(ip);
    if (!n || (!is_address(plain) && strcmp(plain, BUILD_HOST_GATEWAY) != 0))
        return cb_fail(err, CB_E_USAGE, "invalid host \"%s\": expected NAME:IP with an IPv4 or IPv6 address, or host-gateway", v);
    cb_strv_take(to, cb_printf("%.*s=%s", (int)n, v, plain));
    return 0;
}

/* A line of resolv.conf is made of words. */
static bool is_word(const char *v)
{
    for (const char *c = v; *c; c++)
        if (!isgraph((unsigned char)*c))
            return false;
    return *v;
}

/* `alone` stands for no value at all: it goes with no other. */
static int add_word(const char *v, const char *alone, struct cb_strv *to, struct cb_error *err)
{
    bool last = strcmp(v, alone) == 0, first = to->n && strcmp(to->items[0], alone) == 0;
    if (to->n && (first || last))
        return cb_fail(err, CB_E_USAGE, "'%s' stands alone", alone);
    cb_strv_push(to, v);
    return 0;
}

static int add_server(const char *v, void *to, struct cb_error *err)
{
    if (!is_address(v) && strcmp(v, "none") != 0)
        return cb_fail(err, CB_E_USAGE, "'%s' is not an IPv4 or IPv6 address, or none", v);
    return add_word(v, "none", to, err);
}

static int add_domain(const char *v, void *to, struct cb_error *err)
{
    return is_word(v) ? add_word(v, ".", to, err) : cb_fail(err, CB_E_USAGE, "'%s' is not the name of a domain", v);
}

static int add_option(const char *v, void *to, struct cb_error *err)
{
    if (!is_word(v))
        return cb_fail(err, CB_E_USAGE, "'%s' is not an option of resolv.conf (try ndots:2)", v);
    cb_strv_push(to, v);
    return 0;
}

/* buildah's take lists. */
static int set_add_host(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_host, to, err);
}

static int set_dns(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_server, to, err);
}

static int set_dns_search(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_domain, to, err);
}

static int set_dns_option(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_option, to, err);
}

static int set_http_proxy(const char *v, void *to, struct cb_error *err)
{
    bool yes = true;
    int r = cli_set_switch(v, &yes, err);
    *(bool *)to = !yes;
    return r;
}

#define AT(member) offsetof(struct build_request, member)

static const char network[] = "Network of RUN steps";

static const struct cli_option options[] = {
    {"network", 0, network, "MODE", NULL, set_network, 0, "default (one of the build's own), none, host"},
    {"add-host", 0, network, "NAME:IP", NULL, set_add_host, AT(add_hosts),
     "line for /etc/hosts (IP: an address or host-gateway)"},
    {"dns", 0, network, "ADDRESS", NULL, set_dns, AT(dns), "name server instead of the host's (none: the image's resolv.conf)"},
    {"dns-search", 0, network, "DOMAIN", NULL, set_dns_search, AT(dns_search), "search domain instead of the host's (.: none)"},
    {"dns-option", 0, network, "OPTION", NULL, set_dns_option, AT(dns_options), "option of resolv.conf instead of the host's"},
    {"http-proxy", 0, network, NULL, NULL, set_http_proxy, AT(no_http_proxy),
     "give RUN the proxies of the environment and of Docker's config.json (default: true)"},
    {"net", .value = "MODE", .set = set_network, .help = "the same as --network"},
    {"dns-opt", .value = "OPTION", .set = set_dns_option, .field = AT(dns_options), .help = "the same as --dns-option"},
};

const struct cli_table cli_network_options = {options, CB_LEN(options)};
