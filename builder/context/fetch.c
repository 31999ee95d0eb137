#include "builder/context/fetch.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/session/session.h"
#include "builder/context/download.h"

/* ---- http(s) ------------------------------------------------------------------------------------------------------ */

/* Last segment of the URL's path, which is percent-decoded first: "%2F" separates segments too (dockerfile.md §12.5). */
static char *url_file_name(const char *url)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    p += strcspn(p, "/?#");
    size_t n = strcspn(p, "?#");
    CB_AUTO(cb_buf) struct cb_buf path = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        int high = p[i] == '%' && i + 2 < n ? cb_hex_value(p[i + 1]) : -1, low = high >= 0 ? cb_hex_value(p[i + 2]) : -1;
        char byte = (char)(low >= 0 ? high << 4 | low : 0);
        cb_buf_addc(&path, byte ? byte : p[i]);
        i += byte ? 2 : 0;
    }
    while (path.len && path.data[path.len - 1] == '/')
        cb_buf_truncate(&path, path.len - 1);
    const char *name = path.len ? cb_path_base(path.data) : "";
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return cb_strdup("__unnamed__");
    return cb_strdup(name);
}

static int check_digest(const char *checksum, const struct cb_digest *have, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(have, text);
    if (!checksum || strcmp(checksum, text) == 0)
        return 0;
    return cb_fail(err, CB_E_CORRUPT, "digest mismatch %s: %s", text, checksum);
}

/* Before anything is fetched. A digest of a kind other than sha256 never matches what was computed (dockerfile.md §12.4). */
static int check_checksum(const char *checksum, struct cb_error *err)
{
    static const struct {
        const char *name;
        size_t digits;
    } kinds[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    if (!checksum)
        return 0;
    if (!strchr(checksum, ':'))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum digest format");
    for (size_t i = 0; i < CB_LEN(kinds); i++) {
        const char *digits = checksum + strlen(kinds[i].name);
        if (!cb_starts(checksum, kinds[i].name))
            continue;
        if (strlen(digits) != kinds[i].digits)
            return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum digest length");
        if (digits[strspn(digits, "0123456789abcdef")])
            return cb_fail(err, CB_E_DOCKERFILE, "invalid checksum digest format");
        return 0;
    }
    return cb_fail(err, CB_E_DOCKERFILE, "unsupported digest algorithm");
}

static int get_http(struct build_session *session, const struct build_remote_request *r, struct build_remote *ret,
                    struct cb_error *err)
{
    struct build_download d;
    char hex[CB_DIGEST_HEX + 1];
    if (check_checksum(r->checksum, err) < 0 || build_download(session, r->url, r->checksum, &d, err) < 0 ||
        check_digest(r->checksum, &d.digest, err) < 0)
        return -1;
    ret->name = url_file_name(r->url);
    struct cache_entry e = {
        .path = ret->name, .type = CB_FILE, .mode = 0600, .size = d.size, .mtime = d.mtime, .digest = d.digest};
    cb_digest_hex(&d.digest, hex);
    ret->tree = cache_tree_new();
    cache_tree_add(ret->tree, &e, 0, hex);
    ret->source = (struct build_source){.tree = ret->tree};
    ret->blobs = openat(session->store->root, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ret->dir = ret->blobs;
    return ret->dir < 0 ? cb_fail_sys(err, errno, "open the store's blobs") : 0;
}

/* ---- git ---------------------------------------------------------------------------------------------------------- */

static int git_options(const struct build_remote_request *r, const struct df_gitref *ref, bool *keep, struct cb_error *err)
{
    if (r->keep_git_dir != DF_UNSET && ref->has_keep_git_dir && ref->keep_git_dir != (r->keep_git_dir == DF_TRUE))
        return cb_fail(err, CB_E_DOCKERFILE, "inconsistent keep-git-dir configuration");
    if (r->checksum && *ref->checksum && strcmp(r->checksum, ref->checksum) != 0)
        return cb_fail(err, CB_E_DOCKERFILE, "checksum mismatch \"%s\" != \"%s\"", r->checksum, ref->checksum);
    *keep = r->keep_git_dir == DF_TRUE || (ref->has_keep_git_dir && ref->keep_git_dir);
    return 0;
}

static int get_git(struct build_session *session, const struct build_remote_request *r, const struct df_gitref *ref,
                   struct build_remote *ret, struct cb_error *err)
{
    struct build_checkout_request q = {.ref = ref, .checksum = r->checksum, .commit_times = ref->mtime == DF_GIT_MTIME_COMMIT};
    if (git_options(r, ref, &q.keep_git_dir, err) < 0 || build_checkout(session, &q, &ret->checkout, err) < 0)
        return -1;
    ret->git = true;
    ret->name = cb_strdup("");
    ret->dir = ret->checkout.dir;
    if (q.keep_git_dir && !*ref->subdir)
        ret->identity = cb_printf("%s %s %d", ref->remote, ret->checkout.commit, !ref->has_submodules || ref->submodules);
    struct build_walk_params p = {.dir = ret->dir, .name = ref->short_name, .git_modes = true};
    if (build_walk_new(&p, &ret->context, err) < 0)
        return -1;
    ret->source = *build_walk_source(ret->context);
    return 0;
}

/* ---- both ----------------------------------------------------------------------------------------------------------- */

int build_remote_get(struct build_session *session, const struct build_remote_request *r, struct build_remote **ret,
                     struct cb_error *err)
{
    CB_AUTO(df_gitref) struct df_gitref ref = {0};
    int kind = df_gitref_parse(r->url, &ref, err);
    if (kind < 0)
        return -1;
    if (session->request->call != BUILD_CALL_BUILD) /* a question about the Dockerfile downloads nothing */
        return kind ? 0 : check_checksum(r->checksum, err);
    struct build_remote *remote = CB_NEW(struct build_remote);
    remote->dir = remote->blobs = -1;
    remote->checkout = BUILD_CHECKOUT_INIT;
    if ((kind ? get_git(session, r, &ref, remote, err) : get_http(session, r, remote, err)) < 0) {
        build_remote_free(session, remote);
        return -1;
    }
    *ret = remote;
    return 0;
}

void build_remote_free(struct build_session *session, struct build_remote *r)
{
    if (!r)
        return;
    build_walk_free(r->context);
    cache_tree_free(r->tree);
    cb_close(r->blobs);
    build_checkout_done(session, &r->checkout);
    free(r->identity);
    free(r->name);
    free(r);
}
