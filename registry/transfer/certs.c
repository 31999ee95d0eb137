#include "registry/transfer/certs.h"

#include "base/fd.h"
#include "base/limits.h"
#include <dirent.h>
#include <unistd.h>

void reg_certs_done(struct reg_certs *c)
{
    cb_buf_done(&c->authorities);
    free(c->cert);
    free(c->key);
    *c = REG_CERTS_INIT;
}

const char *reg_certs_bundle(void)
{
    static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};
    const char *given = getenv("SSL_CERT_FILE");
    if (given && *given)
        return given;
    for (size_t i = 0; i < CB_LEN(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return NULL;
}

static int add_authority(struct reg_certs *c, const char *path, struct cb_error *err)
{
    if (c->authorities.len == 0) { /* ours replace libcurl's default, so the system's come first */
        const char *system = reg_certs_bundle();
        int r = system ? cb_read_file(AT_FDCWD, system, CB_MAX_CONFIG, &c->authorities) : 0;
        if (r < 0)
            return cb_fail_sys(err, r, "read '%s'", system);
        cb_buf_addc(&c->authorities, '\n');
    }
    int r = cb_read_file(AT_FDCWD, path, CB_MAX_CONFIG, &c->authorities);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", path);
    cb_buf_addc(&c->authorities, '\n');
    return 0;
}

static int add_client(struct reg_certs *c, const char *cert, struct cb_error *err)
{
    if (c->cert)
        return 0;
    char *key = cb_printf("%.*s.key", (int)(strlen(cert) - strlen(".cert")), cert);
    if (access(key, R_OK) < 0) {
        cb_fail_sys(err, errno, "read the key '%s' of '%s'", key, cert);
        free(key);
        return -1;
    }
    c->cert = cb_strdup(cert);
    c->key = key;
    return 0;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dir(struct reg_certs *c, const char *dir, struct cb_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, visible, by_bytes), result = 0;
    for (int i = 0; i < n; i++) {
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names[i]->d_name);
        if (result == 0 && cb_ends(path, ".crt"))
            result = add_authority(c, path, err);
        else if (result == 0 && cb_ends(path, ".cert"))
            result = add_client(c, path, err);
        free(names[i]);
    }
    free(names);
    return result;
}

/* The value of a "domain=value" that names this host. */
static const char *value_for(const char *pair, const char *host, unsigned port)
{
    CB_AUTO(free) char *with_port = cb_printf("%s:%u=", host, port), *plain = cb_printf("%s=", host);
    if (cb_starts(pair, with_port))
        return pair + strlen(with_port);
    return port == 443 && cb_starts(pair, plain) ? pair + strlen(plain) : NULL;
}

/* "CERT,KEY" */
static int add_pair(struct reg_certs *c, const char *pair, struct cb_error *err)
{
    size_t n = strcspn(pair, ",");
    c->cert = cb_memdup0(pair, n);
    c->key = cb_strdup(pair[n] ? pair + n + 1 : c->cert);
    const char *files[] = {c->cert, c->key};
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (access(files[i], R_OK) < 0)
            return cb_fail_sys(err, errno, "read '%s'", files[i]);
    return 0;
}

static int add_given(struct reg_certs *c, const struct reg_options *o, const char *host, unsigned port, struct cb_error *err)
{
    for (size_t i = 0; i < o->authorities.n; i++) {
        const char *file = value_for(o->authorities.items[i], host, port);
        if (file && add_authority(c, file, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < o->clients.n && !c->cert; i++) {
        const char *pair = value_for(o->clients.items[i], host, port);
        if (pair && add_pair(c, pair, err) < 0)
            return -1;
    }
    if (o->cert_dir && access(o->cert_dir, X_OK) < 0)
        return cb_fail_sys(err, errno, "read '%s'", o->cert_dir);
    return o->cert_dir ? read_dir(c, o->cert_dir, err) : 0;
}

int reg_certs_find(const struct reg_options *o, const char *host, unsigned port, struct reg_certs *ret, struct cb_error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    CB_AUTO(free)
    char *user = config && *config ? cb_printf("%s/containers", config) : cb_printf("%s/.config/containers", home ? home : "");
    const char *bases[] = {"/etc/containers", user, "/etc/docker"};
    CB_AUTO(reg_certs) struct reg_certs c = REG_CERTS_INIT;
    if (o && add_given(&c, o, host, port, err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(bases); i++) {
        CB_AUTO(free) char *with_port = cb_printf("%s/certs.d/%s:%u", bases[i], host, port);
        CB_AUTO(free) char *plain = cb_printf("%s/certs.d/%s", bases[i], host);
        if (read_dir(&c, with_port, err) < 0 || (port == 443 && read_dir(&c, plain, err) < 0))
            return -1;
    }
    *ret = c;
    c = REG_CERTS_INIT;
    return 0;
}
