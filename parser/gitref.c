#include "parser/gitref.h"

#include "base/map.h"
#include "base/path.h"
#include "base/text.h"
#include "parser/value.h"

/* A reference taken apart. Slices are borrowed from the text, encoded as written. */
struct url {
    char *scheme;       /* owned, lower case; NULL: none given */
    struct cb_str rest; /* host and path, without "://" */
    struct cb_str path;
    struct cb_str query, fragment;
    bool scp; /* user@host:path: nothing in it is percent-encoded except the query */
};

static void url_done(struct url *u)
{
    free(u->scheme);
}
CB_DEFINE_AUTO(url, struct url, url_done)

void df_gitref_done(struct df_gitref *g)
{
    free(g->remote);
    free(g->short_name);
    free(g->ref);
    free(g->subdir);
    free(g->checksum);
    *g = (struct df_gitref){0};
}

/* ---- characters ------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool only(struct cb_str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(others, s.p[i])))
            return false;
    return true;
}

/* Appends s with %XX decoded (and '+' as a space). False: a bad escape, or one for NUL, which no name contains. */
static bool percent_decode(struct cb_str s, bool plus, struct cb_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (s.n - i < 3 || cb_hex_value(s.p[i + 1]) < 0 || cb_hex_value(s.p[i + 2]) < 0)
                return false;
            c = (char)(cb_hex_value(s.p[i + 1]) * 16 + cb_hex_value(s.p[i + 2]));
            i += 2;
            if (c == '\0')
                return false;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        cb_buf_addc(out, c);
    }
    return true;
}

/* A path as it goes into a URL: as written where that is a valid encoding, else encoded anew as Go does. */
static bool encode_path(struct cb_str path, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
    if (!percent_decode(path, false, &plain))
        return false;
    if (only(path, "-._~!$&'()*+,;=:@[]%/")) {
        cb_buf_add(out, path.p, path.n);
        return true;
    }
    for (size_t i = 0; i < plain.len; i++)
        if (is_alnum(plain.data[i]) || strchr("-_.~$&+,/:;=@", plain.data[i]))
            cb_buf_addc(out, plain.data[i]);
        else
            cb_buf_printf(out, "%%%02X", (unsigned char)plain.data[i]);
    return true;
}

/* ---- taking apart ----------------------------------------------------------------------------- */

/* Cuts s at the first `c`; what follows it is the result, empty when there is none. */
static struct cb_str cut(struct cb_str *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    if (!at)
        return (struct cb_str){s->p + s->n, 0};
    size_t n = (size_t)(at - s->p);
    struct cb_str behind = {at + 1, s->n - n - 1};
    s->n = n;
    return behind;
}

/* host, host:port or user:password@host:port. */
static bool valid_authority(struct cb_str a)
{
    for (size_t i = a.n; i-- > 0;)
        if (a.p[i] == '@') {
            if (!only((struct cb_str){a.p, i}, "-._:~!$&'()*+,;=%@"))
                return false;
            a = (struct cb_str){a.p + i + 1, a.n - i - 1};
            break;
        }
    struct cb_str host = a;
    if (a.n && a.p[0] == '[') {
        struct cb_str port = cut(&host, ']');
        if (host.n == a.n || (port.n && port.p[0] != ':'))
            return false;
        return only((struct cb_str){host.p + 1, host.n - 1}, ":.%-_~") &&
               (port.n == 0 || strspn(port.p + 1, "0123456789") >= port.n - 1);
    }
    struct cb_str port = cut(&host, ':');
    for (size_t i = 0; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] < 0x80 && !is_alnum(host.p[i]) && !strchr("-._~!$&'()*+,;=<>\"", host.p[i]))
            return false;
    return true;
}

/* `scheme://…` of the schemes git sources have. */
static bool split_url(const char *text, size_t scheme_len, struct url *u)
{
    static const char *const schemes[] = {"http", "https", "ssh", "git"};
    u->scheme = cb_memdup0(text, scheme_len);
    bool known = false;
    for (char *c = u->scheme; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    for (size_t i = 0; i < CB_LEN(schemes); i++)
        known |= strcmp(u->scheme, schemes[i]) == 0;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return false;
    u->rest = cb_str(text + scheme_len + 3);
    u->fragment = cut(&u->rest, '#');
    u->query = cut(&u->rest, '?');
    struct cb_str authority = u->rest;
    cut(&authority, '/');
    u->path = (struct cb_str){u->rest.p + authority.n, u->rest.n - authority.n};
    return known && valid_authority(authority);
}

/* `user@host:path`, as scp writes it; never something that git would take for an option. */
static bool split_scp(const char *text, struct url *u)
{
    struct cb_str user = cb_str(text);
    if (memchr(user.p, '\n', user.n))
        return false;
    struct cb_str host = cut(&user, '@');
    struct cb_str path = {host.p, host.n};
    if (user.p + user.n == host.p || user.n == 0 || *user.p == '-' || !only(user, "-_"))
        return false;
    struct cb_str behind = cut(&path, ':');
    if (path.n == host.n || path.n == 0 || !only(path, "-."))
        return false;
    u->scp = true;
    u->fragment = cut(&behind, '#');
    u->query = cut(&behind, '?');
    u->path = behind;
    u->rest = (struct cb_str){text, (size_t)(behind.p + behind.n - text)};
    return true;
}

static bool split(const char *text, struct url *u, bool *ret_like_local)
{
    *ret_like_local = cb_starts(text, "github.com/");
    if (cb_starts(text, "./") || cb_starts(text, "../"))
        return false;
    if (*ret_like_local) {
        for (const char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7F)
                return false;
        u->rest = cb_str(text);
        u->fragment = cut(&u->rest, '#');
        u->query = cut(&u->rest, '?');
        u->path = u->rest;
        return true;
    }
    size_t n = 0;
    while (is_alnum(text[n]))
        n++;
    return n && cb_starts(text + n, "://") ? split_url(text, n, u) : split_scp(text, u);
}

/* ---- what it says ----------------------------------------------------------------------------- */

static bool set_remote(struct df_gitref *g, const struct url *u)
{
    CB_AUTO(cb_buf) struct cb_buf remote = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
    if (u->scheme)
        cb_buf_printf(&remote, "%s://", u->scheme);
    cb_buf_add(&remote, u->rest.p, (size_t)(u->path.p - u->rest.p));
    if (u->scp)
        cb_buf_add(&remote, u->path.p, u->path.n);
    else if (!encode_path(u->path, &remote) || !percent_decode(u->path, false, &plain))
        return false;
    if (u->scheme && cb_starts(u->scheme, "http") && !cb_ends(plain.data, ".git"))
        return false;
    const char *name = cb_path_base(remote.data);
    size_t n = strlen(name);
    g->short_name = cb_memdup0(name, cb_ends(name, ".git") ? n - 4 : n);
    g->remote = cb_buf_detach(&remote);
    return true;
}

/* `#ref:subdir`. */
static bool set_fragment(struct df_gitref *g, const struct url *u)
{
    CB_AUTO(cb_buf) struct cb_buf plain = CB_BUF_INIT;
    if (u->scp)
        cb_buf_add(&plain, u->fragment.p, u->fragment.n);
    else if (!percent_decode(u->fragment, false, &plain))
        return false;
    char *colon = strchr(plain.data, ':');
    if (colon)
        *colon = '\0';
    g->ref = cb_strdup(plain.data);
    g->subdir = colon ? cb_path_rel(colon + 1) : cb_strdup("");
    return true;
}

/* What the query holds besides what goes straight into df_gitref. */
struct query {
    struct df_gitref *g;
    char *tag, *branch; /* owned, full ref names; NULL: not given */
    struct cb_error *err;
};

static void query_done(struct query *q)
{
    free(q->tag);
    free(q->branch);
}
CB_DEFINE_AUTO(query, struct query, query_done)

static char *quote(const char *s)
{
    struct cb_buf b = CB_BUF_INIT;
    cb_quote_go(&b, s, strlen(s));
    return cb_buf_detach(&b);
}

/* A message with up to two quoted texts in it. */
static int fail_quoted(struct cb_error *err, const char *fmt, const char *a, const char *b)
{
    CB_AUTO(free) char *first = quote(a);
    CB_AUTO(free) char *second = quote(b);
    return cb_fail(err, CB_E_DOCKERFILE, fmt, first, second);
}

/* Replaces *to by value unless something else is there already. */
static int set_once(struct query *q, char **to, const char *value, const char *conflict)
{
    if (**to && strcmp(*to, value) != 0)
        return fail_quoted(q->err, conflict, *to, value);
    char *copy = cb_strdup(value);
    free(*to);
    *to = copy;
    return 0;
}

static int set_flag(struct query *q, const char *key, const char *value, bool *ret)
{
    *ret = true;
    if (*value == '\0' || df_parse_bool(value, ret))
        return 0;
    CB_AUTO(free) char *quoted = quote(value);
    return cb_fail(q->err, CB_E_DOCKERFILE, "invalid %s value: %s", key, quoted);
}

static char *full_ref(const char *prefix, const char *name)
{
    return cb_printf("%s%s", cb_starts(name, prefix) ? "" : prefix, name);
}

static int set_mtime(struct query *q, const char *value)
{
    bool commit = strcmp(value, "commit") == 0;
    if (!commit && strcmp(value, "checkout") != 0)
        return fail_quoted(q->err, "invalid mtime value: %s (must be \"checkout\" or \"commit\")", value, "");
    q->g->mtime = commit ? DF_GIT_MTIME_COMMIT : DF_GIT_MTIME_CHECKOUT;
    return 0;
}

static int take_flag(struct query *q, const char *key, const char *value)
{
    struct df_gitref *g = q->g;
    if (strcmp(key, "keep-git-dir") == 0) {
        g->has_keep_git_dir = true;
        return set_flag(q, key, value, &g->keep_git_dir);
    }
    if (strcmp(key, "submodules") == 0) {
        g->has_submodules = true;
        return set_flag(q, key, value, &g->submodules);
    }
    return strcmp(key, "fetch-by-commit") == 0 ? set_flag(q, key, value, &g->fetch_by_commit) : 1;
}

static int take_parameter(struct query *q, const char *key, const char *value)
{
    int r = take_flag(q, key, value);
    if (r <= 0)
        return r;
    if (*value == '\0')
        return fail_quoted(q->err, "query %s has no value", key, "");
    if (strcmp(key, "ref") == 0)
        return set_once(q, &q->g->ref, value, "ref conflicts: %s vs %s");
    if (strcmp(key, "subdir") == 0)
        return set_once(q, &q->g->subdir, value, "subdir conflicts: %s vs %s");
    if (strcmp(key, "mtime") == 0)
        return set_mtime(q, value);
    if (strcmp(key, "tag") == 0) {
        q->tag = full_ref("refs/tags/", value);
    } else if (strcmp(key, "branch") == 0) {
        q->branch = full_ref("refs/heads/", value);
    } else if (strcmp(key, "checksum") == 0 || strcmp(key, "commit") == 0) {
        free(q->g->checksum);
        q->g->checksum = cb_strdup(value);
    } else {
        return fail_quoted(q->err, "unexpected query %s", key, "");
    }
    return 0;
}

/* Each key may come once; pairs that are not encoded properly do not count, as in Go's url.Query. In an
 * scp-style reference they make it no reference at all: *ret_bad. */
static int take_query(struct query *q, struct cb_str text, bool *ret_bad)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    while (text.n) {
        CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
        CB_AUTO(cb_buf) struct cb_buf value = CB_BUF_INIT;
        struct cb_str pair = text;
        text = cut(&pair, '&');
        if (pair.n == 0)
            continue;
        struct cb_str written = cut(&pair, '=');
        bool semicolon = memchr(pair.p, ';', pair.n) || (written.n && memchr(written.p, ';', written.n));
        if (semicolon || !percent_decode(pair, true, &key) || !percent_decode(written, true, &value)) {
            *ret_bad = true;
            continue;
        }
        if (cb_map_has(&seen, key.data))
            return fail_quoted(q->err, "query %s has multiple values", key.data, "");
        cb_map_set(&seen, key.data, NULL);
        if (take_parameter(q, key.data, value.data) < 0)
            return -1;
    }
    return 0;
}

static int set_query(struct df_gitref *g, const struct url *u, struct cb_error *err)
{
    CB_AUTO(query) struct query q = {.g = g, .err = err};
    bool bad = false;
    if (take_query(&q, u->query, &bad) < 0)
        return -1;
    if (q.tag && set_once(&q, &g->ref, q.tag, "ref conflicts: %s vs %s") < 0)
        return -1;
    if (q.branch && q.tag)
        return cb_fail(err, CB_E_DOCKERFILE, "branch conflicts with tag");
    if (q.branch && set_once(&q, &g->ref, q.branch, "ref conflicts: %s vs %s") < 0)
        return -1;
    return bad && u->scp ? 0 : 1;
}

int df_gitref_parse(const char *text, struct df_gitref *ret, struct cb_error *err)
{
    CB_AUTO(url) struct url u = {0};
    CB_AUTO(df_gitref) struct df_gitref g = {0};
    if (!split(text, &u, &g.like_local) || !set_remote(&g, &u) || !set_fragment(&g, &u))
        return 0;
    g.checksum = cb_strdup("");
    g.unencrypted = u.scheme && (strcmp(u.scheme, "http") == 0 || strcmp(u.scheme, "git") == 0);
    int r = set_query(&g, &u, err);
    if (r > 0) {
        *ret = g;
        g = (struct df_gitref){0};
    }
    return r;
}
