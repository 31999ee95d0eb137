/* The keys that all kinds of shared caches take, and those that none does. */
#include "base/text.h"
#include "builder/share/share-internal.h"
#include "parser/value.h"

int build_share_set_setting(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    (void)err; /* checked when all keys are there */
    cb_strv_take(&o->settings, cb_printf("%s=%s", key, value));
    return 0;
}

int build_share_set_place(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    if (!*value)
        return cb_fail(err, CB_E_USAGE, "%s: the value is empty", key);
    free(o->place);
    o->place = cb_strdup(value);
    return 0;
}

/* ---- for all kinds ------------------------------------------------------------------------------------------------ */

static int set_mode(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    o->all = strcmp(value, "max") == 0;
    return o->all || strcmp(value, "min") == 0 ? 0 : cb_fail(err, CB_E_USAGE, "%s: '%s' is not one of min, max", key, value);
}

static int set_compression(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    return build_read_codec(key, value, &o->codec, err);
}

static int set_level(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    return build_read_level(key, value, &o->level, err);
}

static int set_ttl(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int64_t ns;
    if (df_parse_duration(value, &ns, &ignored) < 0 || ns < 0)
        return cb_fail(err, CB_E_USAGE, "%s: '%s' is not a time span (try 24h)", key, value);
    o->ages = true;
    o->max_age = ns / 1000000000;
    return 0;
}

/* ---- cache mounts ------------------------------------------------------------------------------------------------- */

static int set_mounts(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    CB_AUTO(free) char *text = cb_strdup(value);
    for (char *rest = text, *id; (id = strsep(&rest, ","));) {
        if (!*id)
            return cb_fail(err, CB_E_USAGE, "%s: expected 'all', or ids of cache mounts", key);
        o->all_mounts = o->all_mounts || strcmp(id, "all") == 0;
        cb_strv_push(&o->mounts, id);
    }
    return 0;
}

static int set_mounts_size(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    int64_t size;
    if (!df_parse_size(value, &size) || size <= 0)
        return cb_fail(err, CB_E_USAGE, "%s: '%s' is not a size (try 2g)", key, value);
    o->mounts_max_size = (uint64_t)size;
    return 0;
}

static int set_mounts_age(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int64_t ns;
    if (df_parse_duration(value, &ns, &ignored) < 0 || ns < 0)
        return cb_fail(err, CB_E_USAGE, "%s: '%s' is not a time span (try 720h)", key, value);
    o->mounts_max_age = ns / 1000000000;
    return 0;
}

/* ---- for all kinds, too ------------------------------------------------------------------------------------------- */

/* A cache that cannot be used never fails a build. */
static int set_ignore_error(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    (void)o;
    bool given;
    return df_parse_bool(value, &given) ? 0 : cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
}

static const struct build_share_key key_mode = {.name = "mode", .to = true, .set = set_mode};
static const struct build_share_key key_compression = {.name = "compression", .to = true, .set = set_compression};
static const struct build_share_key key_level = {.name = "compression-level", .to = true, .set = set_level};
static const struct build_share_key key_ttl = {.name = "ttl", .from = true, .to = true, .set = set_ttl};
static const struct build_share_key key_ignore_error = {
    .name = "ignore-error", .from = true, .to = true, .set = set_ignore_error};

static const struct build_share_key key_mounts = {.name = "cache-mounts", .from = true, .to = true, .set = set_mounts};
static const struct build_share_key key_mounts_size = {
    .name = "cache-mounts-max-size", .from = true, .to = true, .set = set_mounts_size};
static const struct build_share_key key_mounts_age = {.name = "cache-mounts-max-age", .to = true, .set = set_mounts_age};

const struct build_share_key *const build_share_common_keys[] = {
    &key_mode, &key_compression, &key_level, &key_ttl, &key_ignore_error, &key_mounts, &key_mounts_size, &key_mounts_age, NULL};

/* ---- keys of BuildKit's caches that change nothing here, or cannot be honoured -------------------------------------- */

static const struct {
    const char *key, *fine; /* the value that means what is done anyway */
    const char *why;
} others[] = {
    {"force-compression", NULL, NULL}, /* layers that steps made are packed as compression= says, and no others are put there */
    {"oci-mediatypes", "true", "the documents of this cache exist in OCI's form only"},
    {"image-manifest", "true", "the documents of this cache are image manifests"},
    {"reset", "false", "others may be using what is there; remove the directory by hand"},
    {"registry.insecure", "false", "registries.conf says which registries are insecure"},
};

int build_share_other_key(const char *key, const char *value, struct cb_error *err)
{
    bool given, fine;
    for (size_t i = 0; i < CB_LEN(others); i++) {
        if (strcmp(others[i].key, key) != 0)
            continue;
        if (!df_parse_bool(value, &given))
            return cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
        if (!others[i].fine || (df_parse_bool(others[i].fine, &fine) && given == fine))
            return 0;
        return cb_fail(err, CB_E_UNSUPPORTED, "%s=%s cannot be honoured: %s", key, value, others[i].why);
    }
    return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
}
