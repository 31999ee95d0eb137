#include "registry/transfer/credentials.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/base64.h"
#include "registry/transfer/credential-files.h"
#include "registry/transfer/credential-helper.h"
#include <unistd.h>

struct source {
    char *name;
    json_t *root;  /* owned */
    json_t *auths; /* borrowed from root, or NULL */
};
struct reg_credentials {
    struct source *items;
    size_t n, cap;
    struct cb_strv helpers;            /* of registries.conf */
    const struct reg_options *options; /* NULL: none */
};

void reg_cred_done(struct reg_cred *c)
{
    free(c->user);
    free(c->password);
    free(c->identity_token);
    free(c->registry_token);
    *c = (struct reg_cred){0};
}

struct reg_credentials *reg_credentials_new(void)
{
    return CB_NEW(struct reg_credentials);
}

void reg_credentials_free(struct reg_credentials *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].name);
        json_decref(c->items[i].root);
    }
    free(c->items);
    cb_strv_done(&c->helpers);
    free(c);
}

void reg_credentials_set_helpers(struct reg_credentials *c, const struct cb_strv *helpers)
{
    cb_strv_done(&c->helpers);
    cb_strv_copy(&c->helpers, helpers);
}

/* ---- reading ------------------------------------------------------------------------------- */
int reg_credentials_add(struct reg_credentials *c, const char *text, size_t n, const char *name, bool legacy,
                        struct cb_error *err)
{
    size_t blank = strspn(text, " \t\r\n");
    if (blank >= n) /* podman leaves such files behind */
        return 0;
    CB_AUTO(free) char *what = cb_printf("'%s'", name);
    CB_AUTO(json) json_t *root = cb_json_parse(text, n, what, err);
    json_t *auths = NULL;
    if (!root)
        return -1;
    if (!json_is_object(root))
        return cb_fail(err, CB_E_CORRUPT, "%s: expected a JSON object", what);
    if (legacy)
        auths = root;
    else if (cb_json_object(root, "auths", "", &auths, err) < 0)
        return cb_prefix(err, "%s", what);
    struct source *s = &CB_PUSH(c->items, c->n, c->cap);
    s->name = cb_strdup(name);
    s->auths = auths;
    s->root = CB_TAKE(root);
    return 0;
}

/* `wanted`: somebody named this file, so failing to read it is an error. */
static int add_file(struct reg_credentials *c, const char *path, bool wanted, bool legacy, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_file(AT_FDCWD, path, CB_MAX_CONFIG, &text);
    if (r == -ENOENT || r == -ENOTDIR || (r == -EACCES && !wanted))
        return 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", path);
    return reg_credentials_add(c, text.data, text.len, path, legacy, err);
}

static int load(struct reg_credentials *c, struct cb_error *err)
{
    const char *option = c->options->auth_file, *text = getenv("DOCKER_AUTH_CONFIG");
    CB_AUTO(reg_auth_files) struct reg_auth_files files = {0};
    reg_auth_files_list(c->options, &files);
    if (option && access(option, R_OK) < 0)
        return cb_fail_sys(err, errno, "read '%s'", option);
    for (size_t i = 0; i < files.n; i++) {
        const struct reg_auth_file *f = &files.items[i];
        bool next =
            !f->given && (i == 0 || files.items[i - 1].given); /* the variable's text comes behind the file that is named */
        if (next && text && *text && reg_credentials_add(c, text, strlen(text), "$DOCKER_AUTH_CONFIG", false, err) < 0)
            return -1;
        if (add_file(c, f->path, f->wanted, f->legacy, err) < 0)
            return -1;
    }
    return 0;
}

struct reg_credentials *reg_credentials_load(const struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_new();
    c->options = o;
    return load(c, err) < 0 ? NULL : CB_TAKE(c);
}

/* ---- entries -------------------------------------------------------------------------------------- */
static json_t *best_entry(json_t *map, const char *domain, const char *path, const char **ret_key)
{
    const char *key;
    json_t *value, *best = NULL;
    size_t best_fit = 0;
    json_object_foreach (map, key, value) {
        size_t fit = reg_key_fits(key, domain, path);
        if (fit > best_fit) {
            best_fit = fit;
            best = value;
            *ret_key = key;
        }
    }
    return best;
}

/* ---- helpers ---------------------------------------------------------------------------------- */
/* As reg_helper_get, but one that does not work is noted: then it knows nobody. `where` says what named it. */
static int try_helper(const char *name, const char *where, const char *domain, struct reg_cred *ret, struct cb_buf *note)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = reg_helper_get(name, reg_helper_server(domain), ret, &err);
    if (r < 0)
        cb_buf_printf(note, "%s'%s': %s", note->len ? "; " : "", where, err.msg);
    return r > 0;
}

static int from_helpers(const struct source *s, const char *domain, const char *path, struct reg_cred *ret, struct cb_buf *note)
{
    const char *key = NULL, *helpers[2] = {NULL, NULL};
    json_t *by_host = json_object_get(s->root, "credHelpers");
    json_t *own = by_host ? best_entry(by_host, domain, path, &key) : NULL;
    helpers[0] = own ? json_string_value(own) : NULL;
    helpers[1] = json_string_value(json_object_get(s->root, "credsStore"));
    for (size_t i = 0; i < CB_LEN(helpers); i++)
        if (helpers[i] && *helpers[i] && try_helper(helpers[i], s->name, domain, ret, note))
            return 1;
    return 0;
}

/* ---- entries of files ------------------------------------------------------------------------- */
static int split_auth(const char *auth, struct reg_cred *ret)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (!cb_base64_decode(&text, auth))
        return -1;
    const char *colon = memchr(text.data, ':', text.len);
    if (!colon)
        return -1;
    ret->user = cb_memdup0(text.data, (size_t)(colon - text.data));
    ret->password = cb_strdup(colon + 1); /* old clients padded it with NULs */
    return 0;
}

static int from_auths(const struct source *s, const char *domain, const char *path, struct reg_cred *ret, struct cb_error *err)
{
    const char *key = NULL, *auth = "", *user = "", *password = "", *identity = "", *token = "";
    json_t *e = s->auths ? best_entry(s->auths, domain, path, &key) : NULL;
    if (!e)
        return 0;
    CB_AUTO(free) char *where = cb_printf("'%s': auths.%s", s->name, key);
    if (cb_json_str(e, "auth", where, &auth, err) < 0 || cb_json_str(e, "username", where, &user, err) < 0 ||
        cb_json_str(e, "password", where, &password, err) < 0 || cb_json_str(e, "identitytoken", where, &identity, err) < 0 ||
        cb_json_str(e, "registrytoken", where, &token, err) < 0)
        return -1;
    CB_AUTO(reg_cred) struct reg_cred c = {0};
    if (*auth && split_auth(auth, &c) < 0) {
        cb_fail(err, CB_E_CORRUPT, "%s.auth: expected \"user:password\" in base64", where);
        return cb_hint(err, "log in again: cbuild login %s", domain);
    }
    if (!*auth && *user) {
        c.user = cb_strdup(user);
        c.password = cb_strdup(password);
    }
    c.identity_token = *identity ? cb_strdup(identity) : NULL;
    c.registry_token = *token ? cb_strdup(token) : NULL;
    if (!c.user && !c.identity_token && !c.registry_token)
        return 0;
    *ret = c;
    c = (struct reg_cred){0};
    return 1;
}

static int from_sources(const struct reg_credentials *c, const char *domain, const char *path, struct reg_cred *ret,
                        struct cb_buf *note, struct cb_error *err)
{
    for (size_t i = 0; i < c->n; i++) {
        int r = from_helpers(&c->items[i], domain, path, ret, note);
        if (r == 0)
            r = from_auths(&c->items[i], domain, path, ret, err);
        if (r != 0)
            return r;
    }
    return 0;
}

int reg_credentials_find(const struct reg_credentials *c, const char *domain, const char *path, struct reg_cred *ret,
                         struct cb_buf *note, struct cb_error *err)
{
    if (c->options && c->options->user) {
        *ret = (struct reg_cred){.user = cb_strdup(c->options->user), .password = cb_strdup(c->options->password)};
        return 1;
    }
    if (!c->helpers.n)
        return from_sources(c, domain, path, ret, note, err);
    for (size_t i = 0; i < c->helpers.n; i++) {
        const char *name = c->helpers.items[i];
        int r = strcmp(name, "containers-auth.json") == 0 ? from_sources(c, domain, path, ret, note, err)
                                                          : try_helper(name, "registries.conf", domain, ret, note);
        if (r != 0)
            return r;
    }
    return 0;
}
