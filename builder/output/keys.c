/* The keys that several kinds of outputs take, and those that none does. */
#include "base/text.h"
#include "builder/output/output-internal.h"
#include "parser/value.h"
#include "registry/oci/reference.h"

static int put(char **field, const char *value)
{
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

static int get_bool(const char *key, const char *value, bool *ret, struct cb_error *err)
{
    return df_parse_bool(value, ret) ? 0 : cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
}

/* ---- where to, and under which name ----------------------------------------------------------------------------- */

static int set_dest(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return *value ? put(&o->dest, value) : cb_fail(err, CB_E_USAGE, "%s: a file, a directory or '-' is missing", key);
}
const struct build_output_key build_output_key_dest = {.name = "dest", .set = set_dest};

static int set_tar(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    bool tar;
    if (get_bool(key, value, &tar, err) < 0)
        return -1;
    o->as_directory = !tar;
    return 0;
}
const struct build_output_key build_output_key_tar = {.name = "tar", .set = set_tar, .fine = "true"};

static int check_name(const char *name, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(name, &ref, err) < 0)
        return cb_prefix(err, "name");
    return ref.digest ? cb_fail(err, CB_E_USAGE, "name=%s: a digest cannot be given", name) : 0;
}

static int set_name(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    (void)key;
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        CB_AUTO(free) char *name = cb_memdup0(p, n);
        if (check_name(name, err) < 0)
            return -1;
        p += n + (p[n] == ',');
    }
    return put(&o->name, value);
}
const struct build_output_key build_output_key_name = {.name = "name", .set = set_name};

static int set_push(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return get_bool(key, value, &o->push, err);
}
const struct build_output_key build_output_key_push = {.name = "push", .set = set_push, .fine = "false"};

static int set_by_digest(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return get_bool(key, value, &o->by_digest, err);
}
const struct build_output_key build_output_key_by_digest = {.name = "push-by-digest", .set = set_by_digest, .fine = "false"};

/* ---- layers and manifests --------------------------------------------------------------------------------------- */

static int set_compression(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return build_read_codec(key, value, &o->codec, err);
}
const struct build_output_key build_output_key_compression = {.name = "compression", .set = set_compression};

static int set_level(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return build_read_level(key, value, &o->level, err);
}
const struct build_output_key build_output_key_level = {.name = "compression-level", .set = set_level};

static int set_force(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return get_bool(key, value, &o->force_compression, err);
}
const struct build_output_key build_output_key_force = {.name = "force-compression", .set = set_force, .fine = "false"};

static int set_types(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    bool oci;
    if (get_bool(key, value, &oci, err) < 0)
        return -1;
    o->docker_types = !oci;
    return 0;
}
const struct build_output_key build_output_key_types = {.name = "oci-mediatypes", .set = set_types};

static int set_rewrites(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    return get_bool(key, value, &o->rewrites_times, err);
}
const struct build_output_key build_output_key_rewrite = {.name = "rewrite-timestamp", .set = set_rewrites, .fine = "false"};

static int set_split(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    bool split;
    if (get_bool(key, value, &split, err) < 0)
        return -1;
    o->platform_split = split;
    return 0;
}
const struct build_output_key build_output_key_split = {.name = "platform-split", .set = set_split, .fine = "false"};

/* annotation.KEY, annotation[PLATFORM].KEY, annotation-index.KEY and so on. */
static int set_annotation(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    const char *rest = key + strlen("annotation"), *close = strchr(rest, ']');
    const char *dot = strchr(close ? close : rest, '.');
    CB_AUTO(free) char *shown = cb_printf("%s=%s", key, value);
    if (!dot || !dot[1] || !strchr("-[.", *rest))
        return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
    CB_AUTO(free) char *pair = cb_printf("%s=%s", dot + 1, value);
    CB_AUTO(free)
    char *type = cb_printf("%s%.*s", *rest == '-' ? "" : "manifest", (int)(dot - rest) - (*rest == '-'), rest + (*rest == '-'));
    return build_output_add_annotation(&o->annotations, type, pair, shown, err);
}
const struct build_output_key build_output_key_annotation = {.name = "annotation", .prefix = true, .set = set_annotation};

/* ---- keys of BuildKit's exporters that change nothing here, or cannot be honoured -------------------------------- */

static const struct {
    const char *key, *fine; /* the value that means what is done anyway; NULL: any */
    const char *why;
} others[] = {
    {"unpack", NULL, NULL},         /* the store unpacks a layer when a step needs its files */
    {"name-canonical", NULL, NULL}, /* an image is found by its id, and in a registry by its digest, whatever else it is called */
    {"store", "true", "use type=registry to push without storing"},
    {"registry.insecure", "false", "registries.conf says which registries are insecure"},
    {"prefer-nondist-layers", "false", "layers of base images that may not be distributed become normal ones"},
    {"estargz", "false", "layers are plain tars; use compression=zstd"},
};

int build_output_other_key(const char *key, const char *value, struct cb_error *err)
{
    bool given, fine;
    for (size_t i = 0; i < CB_LEN(others); i++) {
        if (strcmp(others[i].key, key) != 0)
            continue;
        if (get_bool(key, value, &given, err) < 0)
            return -1;
        if (!others[i].fine || (df_parse_bool(others[i].fine, &fine) && given == fine))
            return 0;
        return cb_fail(err, CB_E_UNSUPPORTED, "%s=%s cannot be honoured: %s", key, value, others[i].why);
    }
    return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
}
