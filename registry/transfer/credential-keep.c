#include "registry/transfer/credential-keep.h"

#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "registry/oci/reference.h"
#include "registry/transfer/credential-files.h"
#include "registry/transfer/credential-helper.h"
#include <sys/file.h>
#include <unistd.h>

#define OF_FILES "containers-auth.json" /* what registries.conf calls the files, among helpers */

/* ---- accounts --------------------------------------------------------------------------------- */
void reg_account_done(struct reg_account *a)
{
    free(a->domain);
    free(a->path);
    free(a->name);
    *a = (struct reg_account){0};
}

/* Without scheme, version and slashes at the end; caller frees. */
static char *trimmed(const char *text)
{
    static const char *const ends[] = {"/", "/v1", "/v2"};
    const char *sep = strstr(text, "://");
    char *s = cb_strdup(sep ? sep + 3 : text);
    for (size_t i = 0; i < CB_LEN(ends);)
        if (strchr(s, '/') && cb_ends(s, ends[i])) {
            s[strlen(s) - strlen(ends[i])] = '\0';
            i = 0;
        } else {
            i++;
        }
    return s;
}

static int bad_account(const char *text, struct cb_error *err)
{
    cb_fail(err, CB_E_USAGE, "'%s' names no registry", text);
    return cb_hint(err, "a registry is HOST[:PORT] or HOST[:PORT]/REPOSITORY; HOST has a dot or a port, or is localhost");
}

int reg_account_parse(const char *text, struct reg_account *ret, struct cb_error *err)
{
    CB_AUTO(free) char *s = trimmed(text);
    size_t n = strcspn(s, "/");
    CB_AUTO(free) char *domain = cb_memdup0(s, n);
    const char *path = s[n] ? s + n + 1 : "";
    CB_AUTO(free) char *as_name = cb_printf("%s/%s", domain, *path ? path : "x");
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    bool hub = reg_is_hub(domain);
    if (oci_ref_parse(as_name, &ref, &why) < 0 || ref.tag_given || ref.digest || (!hub && strcmp(ref.domain, domain) != 0))
        return bad_account(text, err);
    ret->domain = cb_strdup(ref.domain);
    ret->path = cb_strdup(path);
    ret->name = cb_printf("%s%s%s", ret->domain, *path ? "/" : "", path);
    return 0;
}

/* Is it this account's key, and not only one that fits it? */
static bool is_key(const char *key, const struct reg_account *a)
{
    return reg_key_fits(key, a->domain, a->path) == 1 + strlen(a->path);
}

/* ---- one file --------------------------------------------------------------------------------- */
struct document {
    char *path;
    bool docker;
    json_t *root;
    int lock; /* its directory: two logins at once take turns */
};

static void document_done(struct document *d)
{
    free(d->path);
    json_decref(d->root);
    cb_close(d->lock);
}
CB_DEFINE_AUTO(document, struct document, document_done)
#define DOCUMENT_INIT ((struct document){.lock = -1})

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? cb_memdup0(path, (size_t)(slash - path) + (slash == path)) : cb_strdup(".");
}

/* Opened to be changed: whoever made the name a link means what it leads to. */
static int open_document(const struct reg_auth_file *f, struct document *ret, struct cb_error *err)
{
    char *real = realpath(f->path, NULL);
    ret->path = real ? real : cb_strdup(f->path);
    ret->docker = f->docker;
    CB_AUTO(free) char *dir = parent_of(ret->path);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    ret->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->lock >= 0)
        (void)CB_RETRY(flock(ret->lock, LOCK_EX)); /* where there are no locks, two at once are bad luck */
    int r = cb_read_file(AT_FDCWD, ret->path, CB_MAX_CONFIG, &text);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR)
        return cb_fail_sys(err, r, "read '%s'", ret->path);
    bool empty = strspn(text.data, " \t\r\n") >= text.len; /* podman leaves such files behind */
    ret->root = empty ? json_object() : cb_json_parse(text.data, text.len, ret->path, err);
    if (ret->root && !json_is_object(ret->root))
        return cb_fail(err, CB_E_CORRUPT, "'%s': expected a JSON object", ret->path);
    return ret->root ? 0 : -1;
}

static int save(const struct document *d, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_json_dump(d->root, CB_JSON_INDENT, &out);
    cb_buf_addc(&out, '\n');
    int r = cb_publish_file(AT_FDCWD, d->path, out.data, out.len, 0600);
    explicit_bzero(out.data, out.len);
    return r < 0 ? cb_fail_sys(err, r, "write '%s'", d->path) : 0;
}

static json_t *auths_of(const struct document *d)
{
    json_t *auths = json_object_get(d->root, "auths");
    return json_is_object(auths) ? auths : NULL;
}

static bool has_key(json_t *map, const struct reg_account *a)
{
    const char *key;
    json_t *value;
    json_object_foreach (map, key, value)
        if (is_key(key, a))
            return true;
    return false;
}

/* Removes the entries of this account under whatever key. */
static bool remove_keys(json_t *map, const struct reg_account *a)
{
    const char *key;
    json_t *value;
    void *next;
    bool found = false;
    json_object_foreach_safe(map, next, key, value) if (is_key(key, a))
    {
        json_object_del(map, key);
        found = true;
    }
    return found;
}

/* The helper that the file names for this account, or NULL: whom a reader asks first. Borrowed. */
static const char *helper_of(const struct document *d, const struct reg_account *a)
{
    const char *key, *all = json_string_value(json_object_get(d->root, "credsStore"));
    json_t *value;
    json_object_foreach (json_object_get(d->root, "credHelpers"), key, value)
        if (reg_key_fits(key, a->domain, a->path) && json_is_string(value) && *json_string_value(value))
            return json_string_value(value);
    return all && *all ? all : NULL;
}

/* ---- logging in ------------------------------------------------------------------------------- */
static int to_helper(const char *helper, const struct reg_account *a, const char *user, const char *password, char **ret_where,
                     struct cb_error *err)
{
    if (*a->path) {
        cb_fail(err, CB_E_UNSUPPORTED, "credential helper '%s' keeps logins of whole registries only, not of '%s'", helper,
                a->name);
        return cb_hint(err, "log in to '%s', or keep it in a file: --authfile FILE", a->domain);
    }
    *ret_where = cb_printf("credential helper '%s'", helper);
    return reg_helper_store(helper, reg_helper_server(a->domain), user, password, err);
}

static json_t *entry(const char *user, const char *password)
{
    CB_AUTO(free) char *pair = cb_printf("%s:%s", user, password);
    CB_AUTO(cb_buf) struct cb_buf coded = CB_BUF_INIT;
    cb_base64_encode(&coded, pair, strlen(pair));
    json_t *e = json_pack("{s:s}", "auth", coded.data);
    explicit_bzero(pair, strlen(pair));
    explicit_bzero(coded.data, coded.len);
    return e;
}

static int to_file(const struct reg_auth_file *f, const struct reg_account *a, const char *user, const char *password,
                   char **ret_where, struct cb_error *err)
{
    CB_AUTO(document) struct document d = DOCUMENT_INIT;
    CB_AUTO(free) char *dir = parent_of(f->path);
    int r = cb_mkdirs(AT_FDCWD, dir, 0700);
    if (r < 0)
        return cb_fail_sys(err, r, "make the directory '%s'", dir);
    if (open_document(f, &d, err) < 0)
        return -1;
    const char *helper = helper_of(&d, a);
    if (helper && to_helper(helper, a, user, password, ret_where, err) < 0)
        return -1;
    if (!auths_of(&d))
        json_object_set_new(d.root, "auths", json_object());
    remove_keys(auths_of(&d), a);
    const char *key = d.docker && !*a->path ? reg_helper_server(a->domain) : a->name;
    json_object_set_new(auths_of(&d), key,
                        helper ? json_object() : entry(user, password)); /* docker lists what its helpers keep */
    if (!helper)
        *ret_where = cb_printf("'%s'", d.path);
    return save(&d, err);
}

static bool keeps(const struct reg_auth_file *f, const struct reg_account *a)
{
    CB_AUTO(document) struct document d = DOCUMENT_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* one that cannot be read keeps nothing for us */
    return access(f->path, R_OK) == 0 && open_document(f, &d, &ignored) == 0 &&
           (has_key(auths_of(&d), a) || has_key(json_object_get(d.root, "credHelpers"), a));
}

/* podman's own; where its directory cannot be made, as for a user whom nobody has logged in, the one in the home directory. */
static const struct reg_auth_file *podmans(const struct reg_auth_files *files)
{
    const struct reg_auth_file *last = NULL;
    for (size_t i = 0; i < files->n; i++) {
        const struct reg_auth_file *f = &files->items[i];
        CB_AUTO(free) char *dir = parent_of(f->path);
        if (f->given || f->docker)
            continue;
        if (cb_mkdirs(AT_FDCWD, dir, 0700) >= 0 && access(dir, W_OK) == 0)
            return f;
        last = f;
    }
    return last;
}

static const struct reg_auth_file *choose_file(const struct reg_auth_files *files, const struct reg_account *a)
{
    const struct reg_auth_file *docker = NULL;
    for (size_t i = 0; i < files->n; i++) {
        const struct reg_auth_file *f = &files->items[i];
        if (f->given || f->wanted)
            return f;
        if (f->docker && !f->legacy)
            docker = f;
    }
    for (size_t i = 0; i < files->n; i++)
        if (!files->items[i].legacy && keeps(&files->items[i], a))
            return &files->items[i];
    return docker && access(docker->path, F_OK) == 0 ? docker : podmans(files);
}

int reg_login_store(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a, const char *user,
                    const char *password, char **ret_where, struct cb_error *err)
{
    CB_AUTO(reg_auth_files) struct reg_auth_files files = {0};
    reg_auth_files_list(o, &files);
    if (!files.items[0].given && helpers->n && strcmp(helpers->items[0], OF_FILES) != 0)
        return to_helper(helpers->items[0], a, user, password, ret_where, err);
    return to_file(choose_file(&files, a), a, user, password, ret_where, err);
}

/* ---- logging out ------------------------------------------------------------------------------ */
static int out_of_helper(const char *helper, const struct reg_account *a, struct cb_strv *ret_where, struct cb_error *err)
{
    CB_AUTO(reg_cred) struct reg_cred had = {0};
    const char *server = reg_helper_server(a->domain);
    int r = reg_helper_get(helper, server, &had, err);
    if (r <= 0)
        return r;
    if (reg_helper_erase(helper, server, err) < 0)
        return -1;
    cb_strv_take(ret_where, cb_printf("credential helper '%s'", helper));
    return 0;
}

static int forget(struct document *d, const struct reg_account *a, struct cb_strv *ret_where, struct cb_error *err)
{
    const char *helper = *a->path ? NULL : helper_of(d, a);
    if (helper && out_of_helper(helper, a, ret_where, err) < 0)
        return -1;
    if (!remove_keys(auths_of(d), a))
        return 0;
    if (!helper)
        cb_strv_take(ret_where, cb_printf("'%s'", d->path));
    return save(d, err);
}

/* Docker lists in `auths` what its helper keeps; entries of credHelpers are the user's own, and stay. */
static int forget_all(struct document *d, struct cb_strv *ret_where, struct cb_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach (auths_of(d), key, value) {
        CB_AUTO(reg_account) struct reg_account a = {0};
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* a key that is no registry goes like the others */
        const char *helper = reg_account_parse(key, &a, &ignored) == 0 && !*a.path ? helper_of(d, &a) : NULL;
        if (helper && out_of_helper(helper, &a, ret_where, err) < 0)
            return -1;
    }
    if (!json_object_size(auths_of(d)))
        return 0;
    json_object_clear(auths_of(d));
    cb_strv_take(ret_where, cb_printf("'%s'", d->path));
    return save(d, err);
}

int reg_login_erase(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a,
                    struct cb_strv *ret_where, struct cb_error *err)
{
    CB_AUTO(reg_auth_files) struct reg_auth_files files = {0};
    reg_auth_files_list(o, &files);
    bool given = files.items[0].given;
    for (size_t i = 0; a && !*a->path && !given && i < helpers->n; i++)
        if (strcmp(helpers->items[i], OF_FILES) != 0 && out_of_helper(helpers->items[i], a, ret_where, err) < 0)
            return -1;
    for (size_t i = 0; i < (given ? 1 : files.n); i++) {
        CB_AUTO(document) struct document d = DOCUMENT_INIT;
        if (files.items[i].legacy || (access(files.items[i].path, R_OK) < 0 && !files.items[i].given))
            continue;
        if (open_document(&files.items[i], &d, err) < 0 ||
            (a ? forget(&d, a, ret_where, err) : forget_all(&d, ret_where, err)) < 0)
            return -1;
    }
    return 0;
}
