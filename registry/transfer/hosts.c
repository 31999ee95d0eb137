#include "registry/transfer/hosts.h"

#include "base/fd.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "registry/transfer/toml.h"
#include <dirent.h>
#include <strings.h>

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST, MIRROR_TAG, MIRROR_USE_COUNT };
static const char *const mirror_use_names[MIRROR_USE_COUNT] = {"all", "digest-only", "tag-only"};

struct mirror {
    char *location;
    bool insecure;
    enum mirror_use use;
};
struct registry {
    char *prefix, *location, *file; /* location NULL: the name as it stands */
    bool insecure, blocked, mirror_by_digest_only;
    struct mirror *mirrors;
    size_t n_mirrors, cap_mirrors;
};
struct reg_hosts {
    struct registry *items;
    size_t n, cap;
    struct cb_strv helpers, aliases;   /* aliases: "short=long", the last one counts */
    const struct reg_options *options; /* NULL: none */
};

static void registry_done(struct registry *r)
{
    for (size_t i = 0; i < r->n_mirrors; i++)
        free(r->mirrors[i].location);
    free(r->mirrors);
    free(r->prefix);
    free(r->location);
    free(r->file);
    *r = (struct registry){0};
}

struct reg_hosts *reg_hosts_new(void)
{
    return CB_NEW(struct reg_hosts);
}

void reg_hosts_free(struct reg_hosts *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        registry_done(&h->items[i]);
    free(h->items);
    cb_strv_done(&h->helpers);
    cb_strv_done(&h->aliases);
    free(h);
}

const struct cb_strv *reg_hosts_helpers(const struct reg_hosts *h)
{
    return &h->helpers;
}

/* ---- reading ------------------------------------------------------------------------------- */
struct reading {
    const char *file;
    struct registry *items; /* of this file alone, so that a later file can replace an earlier one's */
    size_t n, cap;
    struct cb_strv helpers, aliases;
};

static void auto_reading_done(struct reading *rd)
{
    cb_strv_done(&rd->helpers);
    cb_strv_done(&rd->aliases);
    for (size_t i = 0; i < rd->n; i++)
        registry_done(&rd->items[i]);
    free(rd->items);
}

/* "host[:port][/path]" without a scheme; slashes at the end are dropped, as containers does. */
static int read_location(const char *text, char **ret, struct cb_error *err)
{
    if (strstr(text, "://"))
        return cb_fail(err, CB_E_FAILED, "'%s' must be a host and a path, without '%.*s://'", text, (int)strcspn(text, ":"),
                       text);
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '/')
        n--;
    if (n == 0 || text[0] == '/')
        return cb_fail(err, CB_E_FAILED, "'%s' names no registry", text);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || strchr("?#@\\\"%", text[i]))
            return cb_fail(err, CB_E_FAILED, "'%s' cannot appear in a name", text);
    free(*ret);
    *ret = cb_memdup0(text, n);
    return 0;
}

struct row {
    const char *table, *key;
    enum reg_toml_kind kind;
    int (*set)(struct registry *r, const struct reg_toml_item *item, struct cb_error *err); /* NULL: accepted, unused */
};

static int set_prefix(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    return read_location(item->string, &r->prefix, err);
}
static int set_location(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    return *item->string ? read_location(item->string, &r->location, err) : 0;
}
static int set_insecure(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    (void)err;
    r->insecure = item->boolean;
    return 0;
}
static int set_blocked(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    (void)err;
    r->blocked = item->boolean;
    return 0;
}
static int set_by_digest(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    (void)err;
    r->mirror_by_digest_only = item->boolean;
    return 0;
}
static int set_mirror_location(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    return read_location(item->string, &r->mirrors[r->n_mirrors - 1].location, err);
}
static int set_mirror_insecure(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    (void)err;
    r->mirrors[r->n_mirrors - 1].insecure = item->boolean;
    return 0;
}
static int set_mirror_use(struct registry *r, const struct reg_toml_item *item, struct cb_error *err)
{
    for (int i = 0; i < MIRROR_USE_COUNT; i++)
        if (strcmp(item->string, mirror_use_names[i]) == 0) {
            r->mirrors[r->n_mirrors - 1].use = (enum mirror_use)i;
            return 0;
        }
    return cb_fail(err, CB_E_FAILED, "pull-from-mirror must be 'all', 'digest-only' or 'tag-only', not '%s'", item->string);
}

#define HELPERS_KEY "credential-helpers"
static const struct row rows[] = {
    {"", "unqualified-search-registries", REG_TOML_STRINGS, NULL},
    {"", "short-name-mode", REG_TOML_STRING, NULL},
    {"", HELPERS_KEY, REG_TOML_STRINGS, NULL},
    {"", "additional-layer-store-auth-helper", REG_TOML_STRING, NULL},
    {"registry", "prefix", REG_TOML_STRING, set_prefix},
    {"registry", "location", REG_TOML_STRING, set_location},
    {"registry", "insecure", REG_TOML_BOOL, set_insecure},
    {"registry", "blocked", REG_TOML_BOOL, set_blocked},
    {"registry", "mirror-by-digest-only", REG_TOML_BOOL, set_by_digest},
    {"registry.mirror", "location", REG_TOML_STRING, set_mirror_location},
    {"registry.mirror", "insecure", REG_TOML_BOOL, set_mirror_insecure},
    {"registry.mirror", "pull-from-mirror", REG_TOML_STRING, set_mirror_use},
};

static int read_header(struct reading *rd, const struct reg_toml_item *item, struct cb_error *err)
{
    if (item->kind == REG_TOML_TABLES && strcmp(item->table, "registry") == 0) {
        struct registry *r = &CB_PUSH(rd->items, rd->n, rd->cap);
        r->file = cb_strdup(rd->file);
        return 0;
    }
    if (item->kind == REG_TOML_TABLES && strcmp(item->table, "registry.mirror") == 0) {
        if (rd->n == 0)
            return cb_fail(err, CB_E_FAILED, "[[registry.mirror]] comes before any [[registry]]");
        struct registry *r = &rd->items[rd->n - 1];
        (void)CB_PUSH(r->mirrors, r->n_mirrors, r->cap_mirrors);
        return 0;
    }
    if (item->kind == REG_TOML_TABLE && strcmp(item->table, "aliases") == 0)
        return 0;
    if (cb_starts(item->table, "registries.")) {
        cb_fail(err, CB_E_FAILED, "[%s] is the old version 1 of this format", item->table);
        return cb_hint(err, "write [[registry]] tables instead: see containers-registries.conf(5)");
    }
    return cb_fail(err, CB_E_FAILED, "unknown table '%s'", item->table);
}

/* Those of a distribution would give what a Dockerfile says another meaning, on some machines. */
static int read_alias(struct reading *rd, const struct reg_toml_item *item, struct cb_error *err)
{
    if (item->kind != REG_TOML_STRING)
        return cb_fail(err, CB_E_FAILED, "the alias '%s' must be a string", item->key);
    if (!cb_ends(rd->file, "shortnames.conf"))
        cb_strv_take(&rd->aliases, cb_printf("%s=%s", item->key, item->string));
    return 0;
}

static int read_item(void *arg, const struct reg_toml_item *item, struct cb_error *err)
{
    static const char *const kinds[] = {"", "", "a string", "a boolean", "an array of strings"};
    struct reading *rd = arg;
    if (!item->key)
        return read_header(rd, item, err);
    if (strcmp(item->table, "aliases") == 0)
        return read_alias(rd, item, err);
    for (size_t i = 0; i < CB_LEN(rows); i++) {
        if (strcmp(item->table, rows[i].table) != 0 || strcmp(item->key, rows[i].key) != 0)
            continue;
        if (item->kind != rows[i].kind)
            return cb_fail(err, CB_E_FAILED, "'%s' must be %s", item->key, kinds[rows[i].kind]);
        if (strcmp(item->key, HELPERS_KEY) == 0)
            cb_strv_copy(&rd->helpers, item->strings);
        return rows[i].set ? rows[i].set(&rd->items[rd->n - 1], item, err) : 0;
    }
    return cb_fail(err, CB_E_FAILED, "unknown key '%s'%s%s", item->key, *item->table ? " in " : "", item->table);
}

static int complete(struct registry *r, struct cb_error *err)
{
    if (!r->prefix && !r->location)
        return cb_fail(err, CB_E_FAILED, "'%s': a [[registry]] has neither prefix nor location", r->file);
    for (size_t i = 0; i < r->n_mirrors; i++)
        if (!r->mirrors[i].location)
            return cb_fail(err, CB_E_FAILED, "'%s': a mirror of '%s' has no location", r->file,
                           r->prefix ? r->prefix : r->location);
    if (!r->prefix)
        r->prefix = cb_strdup(r->location);
    return 0;
}

static void put(struct reg_hosts *h, struct registry *r)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->items[i].prefix, r->prefix) == 0) {
            registry_done(&h->items[i]);
            h->items[i] = *r;
            *r = (struct registry){0};
            return;
        }
    CB_PUSH(h->items, h->n, h->cap) = *r;
    *r = (struct registry){0};
}

int reg_hosts_read(struct reg_hosts *h, const char *text, size_t n, const char *file, struct cb_error *err)
{
    __attribute__((cleanup(auto_reading_done))) struct reading rd = {.file = file};
    if (reg_toml_read(text, n, file, read_item, &rd, err) < 0)
        return -1;
    struct cb_map seen = {0};
    int result = 0;
    for (size_t i = 0; i < rd.n && result == 0; i++) {
        result = complete(&rd.items[i], err);
        if (result == 0 && cb_map_has(&seen, rd.items[i].prefix))
            result = cb_fail(err, CB_E_FAILED, "'%s': two [[registry]] have the prefix '%s'", file, rd.items[i].prefix);
        if (result == 0)
            cb_map_set(&seen, rd.items[i].prefix, NULL);
    }
    cb_map_done(&seen);
    for (size_t i = 0; i < rd.n && result == 0; i++)
        put(h, &rd.items[i]);
    if (result == 0)
        cb_strv_copy(&h->aliases, &rd.aliases);
    if (result == 0 && rd.helpers.n) {
        cb_strv_done(&h->helpers);
        h->helpers = rd.helpers;
        rd.helpers = (struct cb_strv){0};
    }
    return result;
}

/* ---- finding the files ---------------------------------------------------------------------- */
/* 1: read, 0: there is none. */
static int read_file(struct reg_hosts *h, const char *path, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_file(AT_FDCWD, path, CB_MAX_CONFIG, &text);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0) {
        cb_fail_sys(err, r, "read '%s'", path);
        return cb_hint(err,
                       "it may block registries or lead to others, so it is not passed over: make it readable, or do without "
                       "any with CONTAINERS_REGISTRIES_CONF=/dev/null");
    }
    return reg_hosts_read(h, text.data, text.len, path, err) < 0 ? -1 : 1;
}

static int is_conf(const struct dirent *e)
{
    return e->d_name[0] != '.' && cb_ends(e->d_name, ".conf");
}
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort follows the locale */
}

static int read_dir(struct reg_hosts *h, const char *dir, struct cb_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_conf, by_bytes), result = 0;
    for (int i = 0; i < n; i++) {
        CB_AUTO(free) char *path = cb_printf("%s/%s", dir, names[i]->d_name);
        if (result == 0 && read_file(h, path, err) < 0)
            result = -1;
        free(names[i]);
    }
    free(names);
    return result;
}

static char *user_file(const char *name)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config == '/')
        return cb_printf("%s/containers/%s", config, name);
    return home && *home ? cb_printf("%s/.config/containers/%s", home, name) : NULL;
}

static int load(struct reg_hosts *h, struct cb_error *err)
{
    const char *option = h->options->conf_file, *given = option ? option : getenv("CONTAINERS_REGISTRIES_CONF");
    if (given && *given) {
        int r = read_file(h, given, err);
        if (r != 0)
            return r;
        cb_fail(err, CB_E_NOT_FOUND, "'%s' does not exist", given);
        return option ? -1 : cb_hint(err, "$CONTAINERS_REGISTRIES_CONF names it");
    }
    CB_AUTO(free) char *user = user_file("registries.conf"), *user_dir = user_file("registries.conf.d");
    int r = user ? read_file(h, user, err) : 0;
    if (r == 0)
        r = read_file(h, "/etc/containers/registries.conf", err);
    if (r < 0 || read_dir(h, "/etc/containers/registries.conf.d", err) < 0)
        return -1;
    return user_dir ? read_dir(h, user_dir, err) : 0;
}

struct reg_hosts *reg_hosts_load(const struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_new();
    h->options = o;
    return load(h, err) < 0 ? NULL : CB_TAKE(h);
}

/* ---- aliases -------------------------------------------------------------------------------- */
static bool names_registry(const char *text)
{
    size_t n = strcspn(text, "/");
    return text[n] && (strcspn(text, ".:") < n || cb_starts(text, "localhost/"));
}

static const char *alias_in(const struct cb_strv *list, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = list->n; i-- > 0;)
        if (strncmp(list->items[i], name, n) == 0 && list->items[i][n] == '=')
            return list->items[i] + n + 1;
    return NULL;
}

int reg_alias_find(const struct reg_options *o, const char *text, char **ret, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (names_registry(text))
        return 0;
    CB_AUTO(reg_hosts) struct reg_hosts *h = reg_hosts_load(o, err);
    if (!h)
        return -1;
    size_t slash = strrchr(text, '/') ? (size_t)(strrchr(text, '/') - text) : 0, n = slash + strcspn(text + slash, ":@");
    CB_AUTO(free) char *name = cb_memdup0(text, n);
    const char *given = alias_in(&o->aliases, name), *full = given ? given : alias_in(&h->aliases, name);
    if (!full)
        return 0;
    if (!names_registry(full) || oci_ref_parse(full, &ref, err) < 0 || ref.tag_given || ref.digest) {
        cb_error_done(err);
        return cb_fail(err, CB_E_FAILED, "the alias '%s' stands for '%s', which is not HOST/REPOSITORY", name, full);
    }
    *ret = cb_printf("%s%s", full, text + n);
    return 1;
}

/* ---- asking --------------------------------------------------------------------------------- */
static bool ends_component(char c)
{
    return c == '\0' || c == ':' || c == '/' || c == '@';
}

/* How much of the full reference the prefix stands for; 0: it does not fit. "*.example.com" fits every host
 * below example.com and stands for the whole host. */
static size_t match(const char *prefix, const char *ref)
{
    size_t n = strlen(prefix);
    if (cb_starts(prefix, "*.")) {
        size_t host = strcspn(ref, ":/@"), tail = strcspn(prefix + 1, ":/@");
        if (host <= tail || memcmp(ref + host - tail, prefix + 1, tail) != 0)
            return 0;
        n -= 1 + tail; /* what the prefix has after the host */
        return strncmp(ref + host, prefix + 1 + tail, n) == 0 && ends_component(ref[host + n]) ? host + n : 0;
    }
    return strncmp(ref, prefix, n) == 0 && ends_component(ref[n]) ? n : 0;
}

static const struct registry *find(const struct reg_hosts *h, const char *ref, size_t *matched)
{
    const struct registry *best = NULL;
    size_t best_len = 0;
    *matched = 0;
    for (size_t i = 0; i < h->n; i++) {
        const struct registry *r = &h->items[i];
        size_t n = match(r->prefix, ref), len = strlen(r->prefix);
        if (n > 0 && (!best || len > best_len)) {
            best = r;
            best_len = len;
            *matched = n;
        }
    }
    return best;
}

/* `name` is host and path after a rewrite. */
static int add_endpoint(struct reg_endpoints *e, const char *name, bool insecure, bool mirror, struct cb_error *err)
{
    const char *slash = strchr(name, '/');
    if (!slash || slash == name || !slash[1])
        return cb_fail(err, CB_E_FAILED, "registries.conf turns the name into '%s', which has no repository", name);
    struct reg_endpoint *p = &CB_PUSH(e->items, e->n, e->cap);
    p->domain = cb_memdup0(name, (size_t)(slash - name));
    if (strcasecmp(p->domain, "index.docker.io") == 0 || strcasecmp(p->domain, "registry-1.docker.io") == 0) {
        free(p->domain);
        p->domain = cb_strdup("docker.io");
    }
    bool hub = strcmp(p->domain, "docker.io") == 0;
    p->host = cb_strdup(hub ? "registry-1.docker.io" : p->domain);
    p->path = hub && !strchr(slash + 1, '/') ? cb_printf("library/%s", slash + 1) : cb_strdup(slash + 1);
    p->insecure = insecure;
    p->mirror = mirror;
    return 0;
}

static int add_rewritten(struct reg_endpoints *e, const char *location, const char *name, size_t matched, bool insecure,
                         bool mirror, struct cb_error *err)
{
    size_t n = strlen(name);
    /* a prefix with a tag or digest reaches beyond the name */
    CB_AUTO(free) char *to = location ? cb_printf("%s%s", location, name + CB_MIN(matched, n)) : cb_strdup(name);
    return add_endpoint(e, to, insecure, mirror, err);
}

static bool mirror_fits(const struct registry *r, const struct mirror *m, bool by_digest)
{
    if (r->mirror_by_digest_only && !by_digest)
        return false;
    return m->use == MIRROR_ALL || (m->use == MIRROR_DIGEST) == by_digest;
}

/* The mirrors that the command line names come before those of registries.conf. */
static int add_given_mirrors(struct reg_endpoints *e, const struct reg_hosts *h, const struct oci_ref *ref, struct cb_error *err)
{
    for (size_t i = 0; h->options && i < h->options->mirrors.n; i++) {
        const char *mirror;
        CB_AUTO(free) char *domain = cb_split_pair(h->options->mirrors.items[i], &mirror);
        CB_AUTO(free) char *name = cb_printf("%s/%s", mirror, ref->path);
        if (strcmp(domain, ref->domain) == 0 && add_endpoint(e, name, false, true, err) < 0)
            return -1;
    }
    return 0;
}

/* The place itself, unless the command line wants mirrors alone and there are some: then the last one takes its place. */
static int add_place(struct reg_endpoints *e, const struct reg_hosts *h, const struct registry *r, const char *name,
                     size_t matched, struct cb_error *err)
{
    if (!e->n || !h->options || !h->options->mirrors_only)
        return add_rewritten(e, r ? r->location : NULL, name, matched, r && r->insecure, false, err);
    e->items[e->n - 1].mirror = false;
    return 0;
}

static void mark_insecure(struct reg_endpoints *e, const struct reg_options *o, bool push)
{
    for (size_t i = 0; o && i < e->n; i++)
        e->items[i].insecure |=
            (push ? o->insecure_push : o->insecure_pull) || cb_strv_find(&o->insecure, e->items[i].domain) >= 0;
}

static int fail_blocked(const char *registry, const char *file, const char *setting, struct cb_error *err)
{
    cb_fail(err, CB_E_DENIED, "registry '%s' is blocked in '%s'", registry, file);
    return cb_hint(err, "remove %s there, or use another registry", setting);
}

static int check_blocked(const struct reg_hosts *h, const struct registry *r, const char *domain, struct cb_error *err)
{
    if (r && r->blocked)
        return fail_blocked(r->prefix, r->file, "'blocked = true'", err);
    for (size_t i = 0; h->options && i < h->options->blocked.n; i++) {
        const char *file;
        CB_AUTO(free) char *blocked = cb_split_pair(h->options->blocked.items[i], &file);
        if (strcmp(blocked, domain) == 0)
            return fail_blocked(domain, file, "\"blocked\": true", err);
    }
    return 0;
}

int reg_hosts_resolve(const struct reg_hosts *h, const struct oci_ref *ref, bool push, struct reg_endpoints *ret,
                      struct cb_error *err)
{
    CB_AUTO(free) char *name = cb_printf("%s/%s", ref->domain, ref->path);
    CB_AUTO(free)
    char *full = cb_printf("%s%s%s%s%s", name, ref->tag ? ":" : "", ref->tag ? ref->tag : "", ref->digest ? "@" : "",
                           ref->digest ? ref->digest : "");
    CB_AUTO(reg_endpoints) struct reg_endpoints e = {0};
    size_t matched;
    const struct registry *r = find(h, full, &matched);
    if (check_blocked(h, r, ref->domain, err) < 0)
        return -1;
    if (!push && add_given_mirrors(&e, h, ref, err) < 0)
        return -1;
    for (size_t i = 0; r && !push && i < r->n_mirrors; i++)
        if (mirror_fits(r, &r->mirrors[i], ref->digest != NULL) &&
            add_rewritten(&e, r->mirrors[i].location, name, matched, r->mirrors[i].insecure, true, err) < 0)
            return -1;
    if (add_place(&e, h, r, name, matched, err) < 0)
        return -1;
    mark_insecure(&e, h->options, push);
    *ret = e;
    e = (struct reg_endpoints){0};
    return 0;
}

/* Does "host/path" lead to this host? */
static bool is_at(const char *location, const char *domain)
{
    size_t n = strlen(domain);
    return location && strncmp(location, domain, n) == 0 && (location[n] == '\0' || location[n] == '/');
}

static bool said_insecure(const struct reg_hosts *h, const char *domain)
{
    for (size_t i = 0; i < h->n; i++) {
        const struct registry *r = &h->items[i];
        if (r->insecure && is_at(r->location ? r->location : r->prefix, domain))
            return true;
        for (size_t k = 0; k < r->n_mirrors; k++)
            if (r->mirrors[k].insecure && is_at(r->mirrors[k].location, domain))
                return true;
    }
    return false;
}

int reg_hosts_itself(const struct reg_hosts *h, const char *domain, const char *path, struct reg_endpoints *ret,
                     struct cb_error *err)
{
    CB_AUTO(free) char *name = cb_printf("%s/%s", domain, *path ? path : "x");
    size_t matched;
    if (check_blocked(h, find(h, name, &matched), domain, err) < 0 ||
        add_endpoint(ret, name, said_insecure(h, domain), false, err) < 0)
        return -1;
    mark_insecure(ret, h->options, true);
    return 0;
}

void reg_endpoints_done(struct reg_endpoints *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->items[i].domain);
        free(e->items[i].host);
        free(e->items[i].path);
    }
    free(e->items);
    *e = (struct reg_endpoints){0};
}
