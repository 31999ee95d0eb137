#include "registry/transfer/credentials.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/proc.h"
#include "base/base64.h"
#include <ctype.h>
#include <strings.h>
#include <unistd.h>

/* Docker Hub's key in Docker's files and helpers. */
#define HUB_KEY "https://index.docker.io/v1/"

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

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* "$var/below", or "$HOME/otherwise/below"; NULL: neither is set. */
static char *place(const char *var, const char *otherwise, const char *below)
{
    const char *dir = var ? env(var) : NULL, *home = env("HOME");
    if (dir)
        return cb_printf("%s/%s", dir, below);
    return home && otherwise ? cb_printf("%s/%s%s", home, otherwise, below) : NULL;
}

static int load(struct reg_credentials *c, struct cb_error *err)
{
    const char *option = c->options->auth_file, *given = option ? option : env("REGISTRY_AUTH_FILE"),
               *text = env("DOCKER_AUTH_CONFIG");
    if (option && access(option, R_OK) < 0)
        return cb_fail_sys(err, errno, "read '%s'", option);
    if (given && add_file(c, given, true, false, err) < 0)
        return -1;
    if (text && reg_credentials_add(c, text, strlen(text), "$DOCKER_AUTH_CONFIG", false, err) < 0)
        return -1;
    CB_AUTO(free) char *docker = place("DOCKER_CONFIG", ".docker/", "config.json");
    CB_AUTO(free) char *config = place("XDG_CONFIG_HOME", ".config/", "containers/auth.json");
    CB_AUTO(free) char *legacy = place(NULL, "", ".dockercfg");
    CB_AUTO(free) char *runtime = place("XDG_RUNTIME_DIR", NULL, "containers/auth.json");
    if (!runtime)
        runtime = cb_printf("/run/containers/%u/auth.json", (unsigned)getuid());
    const struct {
        const char *path;
        bool wanted, legacy;
    } files[] = {
        {docker, env("DOCKER_CONFIG") != NULL, false}, {runtime, false, false}, {config, false, false}, {legacy, false, true}};
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (files[i].path && add_file(c, files[i].path, files[i].wanted, files[i].legacy, err) < 0)
            return -1;
    return 0;
}

struct reg_credentials *reg_credentials_load(const struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(reg_credentials) struct reg_credentials *c = reg_credentials_new();
    c->options = o;
    return load(c, err) < 0 ? NULL : CB_TAKE(c);
}

/* ---- names of registries --------------------------------------------------------------------- */
static bool is_hub(const char *host, size_t n)
{
    static const char *const names[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < CB_LEN(names); i++)
        if (strlen(names[i]) == n && strncasecmp(names[i], host, n) == 0)
            return true;
    return false;
}

/* How well the key of a credential file fits: 0 not at all, else 1 + the length of its namespace. A key with a
 * scheme is Docker's and names only the host; others may be podman's "host/team". */
static size_t key_fits(const char *key, const char *domain, const char *path)
{
    const char *host = key, *sep = strstr(key, "://");
    if (sep)
        host = sep + 3;
    size_t n = strcspn(host, "/"), len;
    bool same = (strlen(domain) == n && strncasecmp(host, domain, n) == 0) || (is_hub(host, n) && is_hub(domain, strlen(domain)));
    if (!same)
        return 0;
    const char *space = host[n] == '/' ? host + n + 1 : "";
    for (len = strlen(space); len > 0 && space[len - 1] == '/';)
        len--;
    if (sep || len == 0 || (len == 2 && (strncmp(space, "v1", 2) == 0 || strncmp(space, "v2", 2) == 0)))
        return 1;
    return strncmp(space, path, len) == 0 && (path[len] == '/' || path[len] == '\0') ? 1 + len : 0;
}

static json_t *best_entry(json_t *map, const char *domain, const char *path, const char **ret_key)
{
    const char *key;
    json_t *value, *best = NULL;
    size_t best_fit = 0;
    json_object_foreach (map, key, value) {
        size_t fit = key_fits(key, domain, path);
        if (fit > best_fit) {
            best_fit = fit;
            best = value;
            *ret_key = key;
        }
    }
    return best;
}

/* ---- helpers ---------------------------------------------------------------------------------- */
static int parse_answer(const struct cb_buf *out, const char *program, struct reg_cred *ret, struct cb_error *err)
{
    const char *user = "", *secret = "";
    CB_AUTO(json) json_t *j = cb_json_parse(out->data, out->len, program, err);
    if (!j || cb_json_str(j, "Username", program, &user, err) < 0 || cb_json_str(j, "Secret", program, &secret, err) < 0)
        return -1;
    if (!*secret)
        return 0;
    if (strcmp(user, "<token>") == 0) {
        ret->identity_token = cb_strdup(secret);
        return 1;
    }
    ret->user = cb_strdup(user);
    ret->password = cb_strdup(secret);
    return 1;
}

/* 1: found, 0: the helper does not know the registry, -1: it does not work. */
static int ask_helper(const char *name, const char *server, struct reg_cred *ret, struct cb_error *err)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            return cb_fail(err, CB_E_FAILED, "'%s' is not the name of a credential helper", name);
    CB_AUTO(free) char *program = cb_printf("docker-credential-%s", name);
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, errout = CB_BUF_INIT;
    const char *argv[] = {program, "get", NULL};
    struct cb_proc p = {.argv = argv, .stdin_bytes = server, .stdin_len = strlen(server), .cwd_fd = -1, .max_output = 1u << 20};
    int status;
    if (cb_proc_run(&p, &out, &errout, &status, err) < 0)
        return cb_prefix(err, "credential helper '%s'", program);
    if (status == 0)
        return parse_answer(&out, program, ret, err);
    if (strstr(out.data, "credentials not found") || strstr(errout.data, "credentials not found"))
        return 0;
    const char *why = out.len ? out.data : errout.data;
    return cb_fail(err, CB_E_FAILED, "credential helper '%s' ended with status %d: %.*s", program, status,
                   (int)CB_MIN(strcspn(why, "\r\n"), (size_t)300), why);
}

/* As ask_helper, but one that does not work is noted: then it knows nobody. `where` says what named it. */
static int try_helper(const char *name, const char *where, const char *domain, struct reg_cred *ret, struct cb_buf *note)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = ask_helper(name, is_hub(domain, strlen(domain)) ? HUB_KEY : domain, ret, &err);
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
        return cb_hint(err, "log in to '%s' again", domain);
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
