#include "registry/transfer/url.h"

#include "base/text.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

static bool scheme_of(const char *text, bool *tls, const char **rest)
{
    static const struct {
        const char *text;
        bool tls;
    } schemes[] = {{"https://", true}, {"http://", false}};
    for (size_t i = 0; i < CB_LEN(schemes); i++) {
        size_t n = strlen(schemes[i].text);
        if (strncasecmp(text, schemes[i].text, n) == 0) {
            *tls = schemes[i].tls;
            *rest = text + n;
            return true;
        }
    }
    return false;
}

static char *percent_decode(const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        int hi = s[i] == '%' && i + 2 < n ? cb_hex_value(s[i + 1]) : -1, lo = hi < 0 ? -1 : cb_hex_value(s[i + 2]);
        if (lo >= 0 && hi * 16 + lo != 0) {
            cb_buf_addc(&b, (char)(hi * 16 + lo));
            i += 2;
        } else {
            cb_buf_addc(&b, s[i]);
        }
    }
    return cb_buf_detach(&b);
}

static bool host_valid(const char *p, size_t n)
{
    if (n == 0)
        return false;
    bool v6 = p[0] == '[';
    if (v6 && (n < 4 || p[n - 1] != ']'))
        return false;
    for (size_t i = v6 ? 1 : 0; i < (v6 ? n - 1 : n); i++) {
        unsigned char c = (unsigned char)p[i];
        bool ok = v6 ? isxdigit(c) || c == ':' || c == '.' : isalnum(c) || strchr(".-_", c) || c >= 0x80;
        if (!ok)
            return false;
    }
    return true;
}

static char *clean_target(const char *p)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (*p != '/')
        cb_buf_addc(&b, '/');
    for (; *p && *p != '#'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80 || strchr(" \"<>\\^`{|}", c))
            cb_buf_printf(&b, "%%%02X", c);
        else
            cb_buf_addc(&b, *p);
    }
    return cb_buf_detach(&b);
}

bool reg_url_parse(const char *text, struct reg_url *ret)
{
    struct reg_url u = {0};
    const char *p;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    if (!scheme_of(text, &u.tls, &p))
        return false;
    const char *end = p + strcspn(p, "/?#"), *at = memrchr(p, '@', (size_t)(end - p)), *host = at ? at + 1 : p;
    const char *host_end = host < end && *host == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
    host_end = host_end ? host_end + 1 : host + strcspn(host, ":/?#");
    if (host_end > end || !host_valid(host, (size_t)(host_end - host)))
        return false;
    u.port = u.tls ? 443 : 80;
    if (host_end < end) {
        if (*host_end != ':')
            return false;
        CB_AUTO(free) char *digits = cb_memdup0(host_end + 1, (size_t)(end - host_end - 1));
        uint64_t port = u.port;
        if (*digits && (!cb_parse_u64(digits, 65535, &port) || port == 0))
            return false;
        u.port = (unsigned)port;
    }
    u.user = at ? percent_decode(p, (size_t)(at - p)) : NULL;
    u.host = cb_memdup0(host, (size_t)(host_end - host));
    for (char *c = u.host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    u.target = clean_target(end);
    *ret = u;
    return true;
}

void reg_url_done(struct reg_url *u)
{
    free(u->user);
    free(u->host);
    free(u->target);
    *u = (struct reg_url){0};
}

char *reg_url_text(const struct reg_url *u)
{
    if (u->port == (u->tls ? 443u : 80u))
        return cb_printf("%s://%s%s", u->tls ? "https" : "http", u->host, u->target);
    return cb_printf("%s://%s:%u%s", u->tls ? "https" : "http", u->host, u->port, u->target);
}

static char *url_origin(const struct reg_url *u)
{
    return cb_printf("%s://%s:%u", u->tls ? "https" : "http", u->host, u->port);
}

bool reg_url_same_origin(const struct reg_url *a, const struct reg_url *b)
{
    return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* A scheme is what comes before the first ':' when no '/', '?' or '#' comes earlier. */
static bool has_scheme(const char *s)
{
    size_t n = strcspn(s, ":/?#");
    return s[n] == ':' && n > 0 && isalpha((unsigned char)s[0]);
}

char *reg_url_resolve(const char *base, const char *location)
{
    CB_AUTO(reg_url) struct reg_url b = {0}, result = {0};
    CB_AUTO(free) char *text = NULL;
    while (*location == ' ')
        location++;
    if (!reg_url_parse(base, &b))
        return NULL;
    CB_AUTO(free) char *origin = url_origin(&b);
    size_t path = strcspn(b.target, "?");
    if (has_scheme(location)) {
        text = cb_strdup(location);
    } else if (cb_starts(location, "//")) {
        text = cb_printf("%s:%s", b.tls ? "https" : "http", location);
    } else if (*location == '/') {
        text = cb_printf("%s%s", origin, location);
    } else if (*location == '?') {
        text = cb_printf("%s%.*s%s", origin, (int)path, b.target, location);
    } else {
        while (b.target[path - 1] != '/') /* a target begins with '/' */
            path--;
        text = cb_printf("%s%.*s%s", origin, (int)path, b.target, location);
    }
    if (!reg_url_parse(text, &result))
        return NULL;
    if (!result.user)
        return reg_url_text(&result);
    return CB_TAKE(text);
}

void reg_url_escape(struct cb_buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr("-._~", c))
            cb_buf_addc(b, *s);
        else
            cb_buf_printf(b, "%%%02X", c);
    }
}

/* Everything else in a query may be a signature, a token or a password. */
static bool harmless_parameter(const char *name, size_t n)
{
    static const char *const names[] = {"scope", "service", "client_id", "mount", "from", "digest",
                                        "ns",    "tag",     "n",         "last",  "ref",  "artifactType"};
    for (size_t i = 0; i < CB_LEN(names); i++)
        if (strlen(names[i]) == n && strncmp(names[i], name, n) == 0)
            return true;
    return false;
}

char *reg_url_redact(const char *url)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    const char *rest = strstr(url, "://");
    rest = rest ? rest + 3 : url;
    cb_buf_add(&b, url, (size_t)(rest - url));
    const char *end = rest + strcspn(rest, "/?#"), *at = memrchr(rest, '@', (size_t)(end - rest));
    if (at)
        rest = at + 1;
    const char *query = rest + strcspn(rest, "?#");
    cb_buf_add(&b, rest, (size_t)(query - rest));
    for (const char *p = query; *p == '?' || *p == '&';) {
        size_t n = strcspn(p + 1, "&#"), name = strcspn(p + 1, "=&#");
        bool shown = name == n || harmless_parameter(p + 1, name);
        cb_buf_add(&b, p, 1 + (shown ? n : name));
        if (!shown)
            cb_buf_adds(&b, "=xxxxx");
        p += 1 + n;
    }
    return cb_buf_detach(&b);
}

bool reg_host_is_local(const char *host)
{
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (n > strlen(host) || (host[n] != '\0' && host[n] != ':'))
        return false;
    CB_AUTO(free) char *name = cb_memdup0(host, n);
    struct in_addr v4;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0;
}
