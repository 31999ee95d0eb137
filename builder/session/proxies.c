#include "builder/session/proxies.h"
#include "base/fd.h"
#include "base/json.h"

#include <string.h>

#define MAX_CONFIG (4u << 20)

static const struct {
    const char *name, *lower, *key; /* key: of config.json */
} proxies[] = {
    {"HTTP_PROXY", "http_proxy", "httpProxy"}, {"HTTPS_PROXY", "https_proxy", "httpsProxy"},
    {"FTP_PROXY", "ftp_proxy", "ftpProxy"},    {"NO_PROXY", "no_proxy", "noProxy"},
    {"ALL_PROXY", "all_proxy", "allProxy"},
};

/* "proxies" has a member for each daemon, and "default" for all others: ours is one of these. */
static int read_config(const char *path, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    json_t *all = NULL, *own = NULL;
    int r = cb_read_file(AT_FDCWD, path, MAX_CONFIG, &text);
    if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
        return 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", path);
    CB_AUTO(json) json_t *j = cb_json_parse(text.data, text.len, path, err);
    if (!j || cb_json_object(j, "proxies", path, &all, err) < 0 || (all && cb_json_object(all, "default", path, &own, err) < 0))
        return -1;
    for (size_t i = 0; own && i < CB_LEN(proxies); i++) {
        const char *value = NULL;
        if (cb_json_str(own, proxies[i].key, path, &value, err) < 0)
            return -1;
        if (value)
            cb_strv_take(ret, cb_printf("%s=%s", proxies[i].name, value));
    }
    return 0;
}

static bool is_of(const char *pair, const char *name)
{
    size_t n = strlen(name);
    return strncmp(pair, name, n) == 0 && pair[n] == '=';
}

static bool has(const struct cb_strv *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (is_of(v->items[i], name))
            return true;
    return false;
}

int build_proxies_find(struct build_request *q, struct cb_error *err)
{
    struct cb_strv *ret = &q->proxies;
    if (q->no_http_proxy)
        return 0;
    const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    CB_AUTO(free)
    char *path = dir && *dir     ? cb_printf("%s/config.json", dir)
                 : home && *home ? cb_printf("%s/.docker/config.json", home)
                                 : NULL;
    if (path && read_config(path, ret, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(proxies); i++) {
        const char *value = getenv(proxies[i].lower);
        if (!value)
            value = getenv(proxies[i].name);
        if (value && *value && !has(ret, proxies[i].name))
            cb_strv_take(ret, cb_printf("%s=%s", proxies[i].name, value));
    }
    return 0;
}

void build_proxies_spell(const struct cb_strv *v, struct cb_strv *ret)
{
    for (size_t i = 0; i < v->n; i++)
        for (size_t k = 0; k < CB_LEN(proxies); k++)
            if (is_of(v->items[i], proxies[k].name)) {
                cb_strv_push(ret, v->items[i]);
                cb_strv_take(ret, cb_printf("%s%s", proxies[k].lower, v->items[i] + strlen(proxies[k].name)));
            }
}

/* Behind the scheme, as far as the path. */
static struct cb_str authority(const char *url)
{
    const char *scheme = strstr(url, "://");
    return (struct cb_str){scheme ? scheme + 3 : url, strcspn(scheme ? scheme + 3 : url, "/?#")};
}

bool build_proxy_is_local(const char *url)
{
    static const char *const local[] = {"127.", "localhost:", "[::1]"};
    struct cb_str a = authority(url);
    const char *at = memrchr(a.p, '@', a.n);
    CB_AUTO(free) char *host = at ? cb_memdup0(at + 1, a.n - (size_t)(at + 1 - a.p)) : cb_memdup0(a.p, a.n);
    for (size_t i = 0; i < CB_LEN(local); i++)
        if (strncasecmp(host, local[i], strlen(local[i])) == 0)
            return true;
    return strcasecmp(host, "localhost") == 0;
}

struct cb_str build_proxy_password(const char *url)
{
    struct cb_str a = authority(url), none = {"", 0};
    const char *at = memrchr(a.p, '@', a.n), *colon = at ? memchr(a.p, ':', (size_t)(at - a.p)) : NULL;
    return colon ? (struct cb_str){colon + 1, (size_t)(at - colon - 1)} : none;
}
