/* type=gha: the cache service of GitHub Actions. Who may read an entry is decided there: a branch reads its own and those of the
 * default branch, a pull request those of the branch that it is for. Entries cannot be changed once they are there. */
#include "base/limits.h"
#include "builder/pull/stores.h"
#include "builder/share/share-internal.h"

#include <ctype.h>

#define MAX_SCOPE 200 /* of the 512 bytes that a name may have */

struct build_share_link {
    struct reg_options options; /* members are borrowed */
    struct reg_actions *service;
    char *scope;
};

/* ---- options -------------------------------------------------------------------------------------------------------- */

static int set_scope(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    for (const char *c = value; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._/", *c))
            return cb_fail(err, CB_E_USAGE, "%s: '%s' has characters other than letters, digits and -._/", key, value);
    if (!*value || strlen(value) > MAX_SCOPE)
        return cb_fail(err, CB_E_USAGE, "%s: from 1 to %d characters are allowed", key, MAX_SCOPE);
    return build_share_set_setting(o, key, value, err);
}

static int set_version(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    (void)o;
    return strcmp(value, "2") == 0 ? 0
                                   : cb_fail(err, CB_E_UNSUPPORTED,
                                             "%s=%s cannot be honoured: GitHub has turned off the first "
                                             "version of its cache service",
                                             key, value);
}

/* BuildKit asks GitHub's REST interface for all names, with a token of its own, where it would ask for too many one by one; what
 * it needs for that, and for the first version, is not needed here. */
static int leave(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    (void)o, (void)key, (void)value, (void)err;
    return 0;
}

static const struct build_share_key key_scope = {.name = "scope", .from = true, .to = true, .set = set_scope};
static const struct build_share_key key_token = {.name = "token", .from = true, .to = true, .set = build_share_set_setting};
static const struct build_share_key key_url_v2 = {.name = "url_v2", .from = true, .to = true, .set = build_share_set_setting};
static const struct build_share_key key_version = {.name = "version", .from = true, .to = true, .set = set_version};
static const struct build_share_key key_url = {.name = "url", .from = true, .to = true, .set = leave};
static const struct build_share_key key_ghtoken = {.name = "ghtoken", .from = true, .to = true, .set = leave};
static const struct build_share_key key_repository = {.name = "repository", .from = true, .to = true, .set = leave};
static const struct build_share_key *const keys[] = {&key_scope, &key_token,   &key_url_v2,     &key_version,
                                                     &key_url,   &key_ghtoken, &key_repository, NULL};

/* Where the service is not, there is a warning when it is needed, and no mistake: the same command line is used elsewhere too. */
static int check(struct build_share *o, struct cb_error *err)
{
    (void)err;
    free(o->place);
    o->place = build_actions_where(o);
    return 0;
}

/* ---- the service ------------------------------------------------------------------------------------------------------ */

static int open_link(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                     struct cb_error *err)
{
    const char *scope = build_share_setting(o, "scope");
    CB_AUTO(free) struct build_share_link *l = CB_NEW(struct build_share_link);
    (void)io; /* what is tried again is no news */
    l->options = build_share_options(s);
    l->service = build_actions_open(s, o->place, &l->options, NULL, err);
    if (!l->service)
        return -1;
    l->scope = cb_strdup(scope ? scope : "cbuild");
    *ret = CB_TAKE(l);
    return 0;
}

static void close_link(struct build_share_link *l)
{
    reg_actions_close(l->service);
    free(l->scope);
    free(l);
}

static char *document_name(const struct build_share_link *l, const struct cb_digest *key)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(key, hex);
    return cb_printf("cbuild1-record-%s-%s", l->scope, hex);
}

static int get_document(struct build_share_link *l, const struct cb_digest *key, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(free) char *name = document_name(l, key);
    return reg_actions_get(l->service, name, CB_MAX_MANIFEST, ret, err);
}

static int get_documents(struct build_share_link *l, const struct cb_digest *digests, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err)
{
    return build_share_get_each(l, digests, n, get_document, fn, arg, err);
}

static int put_document(struct build_share_link *l, const struct cb_digest *key, const void *bytes, size_t n, bool replace,
                        struct cb_error *err)
{
    (void)replace; /* never asked for */
    CB_AUTO(free) char *name = document_name(l, key);
    return reg_actions_put(l->service, name, &(struct reg_http_body){.bytes = bytes, .size = n}, err);
}

static int get_blob(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err)
{
    CB_AUTO(free) char *name = build_actions_blob_name(&b->digest);
    return reg_actions_read(l->service, name, b->size, offset, sink, arg, err);
}

static int has_blob(struct build_share_link *l, const struct build_share_blob *b, struct cb_error *err)
{
    CB_AUTO(free) char *name = build_actions_blob_name(&b->digest);
    return reg_actions_has(l->service, name, err);
}

static int put_blob(struct build_share_link *l, const struct build_share_blob *b, build_share_open_fn *open_bytes, void *arg,
                    struct cb_error *err)
{
    CB_AUTO(free) char *name = build_actions_blob_name(&b->digest);
    struct reg_http_body body = {.size = b->size, .open = open_bytes, .arg = arg};
    return reg_actions_put(l->service, name, &body, err) < 0 ? -1 : 0;
}

const struct build_share_ops build_share_gha = {
    .name = "gha",
    .keys = keys,
    .from = BUILD_STORES_ACTIONS,
    .check = check,
    .open = open_link,
    .close = close_link,
    .get_documents = get_documents,
    .put_document = put_document,
    .get_blob = get_blob,
    .has_blob = has_blob,
    .put_blob = put_blob,
};
