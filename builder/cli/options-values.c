/* The options whose values have fields: --secret, --ssh, --output and its short forms, --call. */
#include "base/text.h"
#include "builder/cli/options-internal.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

#include <sys/stat.h>
#include <unistd.h>

int build_option_put(char **field, const char *value)
{
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

int build_option_choose(const char *option, const char *const *names, int n, const char *v, int *ret, struct cb_error *err)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], v) == 0) {
            *ret = i;
            return 0;
        }
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    for (int i = 0; i < n; i++)
        cb_buf_printf(&all, i ? ", %s" : "%s", names[i]);
    return cb_fail(err, CB_E_USAGE, "%s: '%s' is not one of %s", option, v, all.data);
}

/* Calls fn for each key=value of one CSV record; a field without '=' has value NULL. */
typedef int field_fn(void *arg, const char *key, const char *value, struct cb_error *err);

static int each_field(const char *option, const char *text, field_fn *fn, void *arg, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    if (df_csv_fields(text, CB_E_USAGE, &fields, err) < 0)
        return cb_context(err, "%s '%s'", option, text);
    for (size_t i = 0; i < fields.n; i++) {
        char *eq = strchr(fields.items[i], '=');
        if (eq)
            *eq = 0;
        if (fn(arg, fields.items[i], eq ? eq + 1 : NULL, err) < 0)
            return cb_context(err, "%s '%s'", option, text);
    }
    return 0;
}

static int secret_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct build_secret *s = arg;
    if (!value)
        return cb_fail(err, CB_E_USAGE, "invalid field '%s' must be a key=value pair", key);
    if (strcmp(key, "id") == 0)
        return build_option_put(&s->id, value);
    if (strcmp(key, "src") == 0 || strcmp(key, "source") == 0)
        return build_option_put(&s->src, value);
    if (strcmp(key, "env") == 0)
        return build_option_put(&s->env, value);
    if (strcmp(key, "type") == 0 && (strcmp(value, "file") == 0 || strcmp(value, "env") == 0))
        return 0;
    return cb_fail(err, CB_E_USAGE, "unexpected key '%s'", key);
}

int build_option_set_secret(struct build_request *r, const char *v, struct cb_error *err)
{
    struct build_secret *s = &CB_PUSH(r->secrets, r->n_secrets, r->cap_secrets);
    if (each_field("--secret", v, secret_field, s, err) < 0)
        return -1;
    if (!s->id || !*s->id)
        return cb_fail(err, CB_E_USAGE, "--secret '%s': id= is missing", v);
    if (!s->src && !s->env) {
        if (getenv(s->id))
            s->env = cb_strdup(s->id);
        else
            s->src = cb_strdup(s->id);
    }
    if (s->src && access(s->src, R_OK) < 0)
        return cb_fail_sys(err, errno, "--secret: failed to stat %s", s->src);
    return 0;
}

int build_option_set_ssh(struct build_request *r, const char *v, struct cb_error *err)
{
    const char *eq = strchr(v, '=');
    struct build_ssh *s = &CB_PUSH(r->ssh, r->n_ssh, r->cap_ssh);
    s->id = eq ? cb_memdup0(v, (size_t)(eq - v)) : cb_strdup(v);
    s->socket = cb_strdup(eq ? eq + 1 : getenv("SSH_AUTH_SOCK"));
    if (!s->socket || !*s->socket)
        return cb_fail(err, CB_E_USAGE, "--ssh %s: there is no agent: $SSH_AUTH_SOCK is not set", v);
    struct stat st;
    if (stat(s->socket, &st) < 0)
        return cb_fail_sys(err, errno, "--ssh %s: '%s'", v, s->socket);
    if (!S_ISSOCK(st.st_mode)) {
        cb_fail(err, CB_E_UNSUPPORTED, "--ssh %s: '%s' is not an agent's socket", v, s->socket);
        return cb_hint(err, "load the key into ssh-agent (ssh-add %s) and give --ssh %s", s->socket, s->id);
    }
    return 0;
}

static const struct {
    const char *name;
    enum build_output_kind kind;
} output_kinds[] = {{"image", OUTPUT_IMAGE}, {"registry", OUTPUT_REGISTRY}, {"oci", OUTPUT_OCI},        {"docker", OUTPUT_DOCKER},
                    {"tar", OUTPUT_TAR},     {"local", OUTPUT_LOCAL},       {"cacheonly", OUTPUT_CACHE}};

struct output_state {
    struct build_output *o;
    bool has_kind, has_types, has_compression;
};

/* Keys of BuildKit's exporters that change nothing here, or cannot be honoured. */
static const struct {
    const char *key, *fine; /* the value that means what is done anyway; "*": any; NULL: none */
    const char *why;
} other_keys[] = {
    {"unpack", "*", NULL}, /* the store unpacks a layer when a step needs its files */
    {"store", "true", "use type=registry to push without storing"},
    {"platform-split", "false", "this version builds one platform at a time"},
    {"registry.insecure", "false", "registries.conf says which registries are insecure"},
    {"prefer-nondist-layers", "false", "layers of base images that may not be distributed become normal ones"},
    {"rewrite-timestamp", "false", "files keep the times that the steps gave them; set them in a RUN with touch -d"},
    {"estargz", "false", "layers are plain tars; use compression=zstd"},
};

static int other_key(const char *key, const char *value, struct cb_error *err)
{
    bool wanted, given;
    for (size_t i = 0; i < CB_LEN(other_keys); i++) {
        const char *fine = other_keys[i].fine;
        if (strcmp(other_keys[i].key, key) != 0)
            continue;
        if (!df_parse_bool(value, &given))
            return cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
        if (strcmp(fine, "*") == 0 || (df_parse_bool(fine, &wanted) && given == wanted))
            return 0;
        return cb_fail(err, CB_E_UNSUPPORTED, "%s=%s cannot be honoured: %s", key, value, other_keys[i].why);
    }
    return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
}

int build_option_add_annotation(struct cb_strv *list, const char *type, const char *pair, const char *shown, struct cb_error *err)
{
    size_t n = strcspn(type, "[");
    const char *eq = strchr(pair, '=');
    CB_AUTO(free) char *platform = type[n] ? cb_strdup(type + n + 1) : NULL;
    size_t len = platform ? strlen(platform) : 0;
    if (!eq || eq == pair || (platform && (len == 0 || platform[len - 1] != ']')))
        return cb_fail(err, CB_E_USAGE, "invalid annotation \"%s\": expected KEY=VALUE or manifest[PLATFORM]:KEY=VALUE", shown);
    if (n != strlen("manifest") || !cb_starts(type, "manifest"))
        return cb_fail(err, CB_E_UNSUPPORTED,
                       "annotation \"%s\": only those of the manifest can be set: an image of one platform has no index", shown);
    if (!platform) {
        cb_strv_push(list, pair);
        return 0;
    }
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    platform[len - 1] = 0;
    if (oci_platform_parse(platform, &p, err) < 0)
        return cb_context(err, "annotation \"%s\"", shown);
    cb_strv_take(list, cb_printf("[%s]%s", platform, pair));
    return 0;
}

/* annotation.KEY, annotation-manifest.KEY, annotation[PLATFORM].KEY and the same for parts that are not made here. */
static int output_annotation(struct build_output *o, const char *key, const char *value, struct cb_error *err)
{
    const char *rest = key + strlen("annotation"), *close = strchr(rest, ']');
    const char *dot = strchr(close ? close : rest, '.');
    CB_AUTO(free) char *shown = cb_printf("%s=%s", key, value);
    if (!dot || !dot[1] || !strchr("-[.", *rest))
        return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
    CB_AUTO(free) char *pair = cb_printf("%s=%s", dot + 1, value);
    CB_AUTO(free)
    char *type = cb_printf("%s%.*s", *rest == '-' ? "" : "manifest", (int)(dot - rest) - (*rest == '-'), rest + (*rest == '-'));
    return build_option_add_annotation(&o->annotations, type, pair, shown, err);
}

static int output_bool(const char *key, const char *value, bool *ret, struct cb_error *err)
{
    return df_parse_bool(value, ret) ? 0 : cb_fail(err, CB_E_USAGE, "%s: expected true or false, not '%s'", key, value);
}

static int output_compression(struct build_output *o, const char *value, struct cb_error *err)
{
    o->codec = cb_codec_find(value);
    if (o->codec)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    cb_codec_names(&all, ", ");
    return cb_fail(err, CB_E_USAGE, "compression: '%s' is not one of %s", value, all.data);
}

static int output_kind(struct output_state *s, const char *value, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(output_kinds); i++)
        if (strcmp(output_kinds[i].name, value) == 0) {
            s->o->kind = output_kinds[i].kind;
            s->has_kind = true;
            return 0;
        }
    return cb_fail(err, CB_E_USAGE, "type '%s' is not one of image, registry, oci, docker, tar, local, cacheonly", value);
}

static int output_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct output_state *s = arg;
    struct build_output *o = s->o;
    bool yes;
    int64_t level;
    if (!value)
        return cb_fail(err, CB_E_USAGE, "invalid field '%s' must be a key=value pair", key);
    if (strcmp(key, "type") == 0)
        return output_kind(s, value, err);
    if (strcmp(key, "dest") == 0 && !*value)
        return cb_fail(err, CB_E_USAGE, "dest: a file, a directory or '-' is missing");
    if (strcmp(key, "dest") == 0)
        return build_option_put(&o->dest, value);
    if (strcmp(key, "name") == 0)
        return build_option_put(&o->name, value);
    if (strcmp(key, "push") == 0)
        return output_bool(key, value, &o->push, err);
    if (strcmp(key, "push-by-digest") == 0)
        return output_bool(key, value, &o->by_digest, err);
    if (strcmp(key, "compression") == 0)
        return (s->has_compression = true, output_compression(o, value, err));
    if (strcmp(key, "force-compression") == 0)
        return output_bool(key, value, &o->force_compression, err);
    if (strcmp(key, "tar") == 0 && output_bool(key, value, &yes, err) == 0)
        return (o->as_directory = !yes, 0);
    if (strcmp(key, "oci-mediatypes") == 0 && output_bool(key, value, &yes, err) == 0)
        return (o->docker_types = !yes, s->has_types = true, 0);
    if (strcmp(key, "compression-level") == 0) {
        if (!cb_parse_i64(value, &level) || level < -100 || level > 100)
            return cb_fail(err, CB_E_USAGE, "compression-level: '%s' is no level", value);
        o->level = (int)level;
        return 0;
    }
    if (cb_starts(key, "annotation"))
        return output_annotation(o, key, value, err);
    return err->code ? -1 : other_key(key, value, err);
}

static int check_names(const struct build_output *o, const char *v, struct cb_error *err)
{
    bool image = o->kind == OUTPUT_IMAGE || o->kind == OUTPUT_REGISTRY;
    if (!image && o->push)
        return cb_fail(err, CB_E_USAGE, "'%s': push=true goes with type=image", v);
    if (o->by_digest && !o->push && o->kind != OUTPUT_REGISTRY)
        return cb_fail(err, CB_E_USAGE, "'%s': push-by-digest=true goes with push=true", v);
    for (const char *p = o->name ? o->name : ""; *p;) {
        size_t n = strcspn(p, ",");
        CB_AUTO(free) char *name = cb_memdup0(p, n);
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(name, &ref, err) < 0)
            return cb_context(err, "'%s': name", v);
        if (ref.digest)
            return cb_fail(err, CB_E_USAGE, "'%s': name=%s: a digest cannot be given", v, name);
        const char *slash = strrchr(name, '/');
        if (o->by_digest && strchr(slash ? slash : name, ':'))
            return cb_fail(err, CB_E_USAGE, "'%s': name=%s: what is pushed by its digest has no tag", v, name);
        p += n + (p[n] == ',');
    }
    return 0;
}

/* What becomes one file goes to standard output when no other is named: into a pipe to what loads it. */
static int check_dest(struct build_output *o, const char *v, struct cb_error *err)
{
    bool file = !o->as_directory && (o->kind == OUTPUT_OCI || o->kind == OUTPUT_DOCKER || o->kind == OUTPUT_TAR);
    bool directory = o->as_directory || o->kind == OUTPUT_LOCAL;
    if (directory && !o->dest)
        return cb_fail(err, CB_E_USAGE, "'%s': dest= is missing", v);
    if (!file && !directory && o->dest)
        return cb_fail(err, CB_E_USAGE, "'%s': dest= means nothing for what is not written to a file", v);
    if (directory && strcmp(o->dest, "-") == 0)
        return cb_fail(err, CB_E_USAGE, "'%s': a directory cannot be written to standard output; use %s", v,
                       o->kind == OUTPUT_LOCAL ? "type=tar" : "tar=true");
    if (file && !o->dest)
        build_option_put(&o->dest, "-");
    if (!file || strcmp(o->dest, "-") != 0 || !isatty(STDOUT_FILENO))
        return 0;
    cb_fail(err, CB_E_USAGE, "'%s': standard output is a terminal; redirect it", v);
    return cb_hint(err, "name a file with dest=FILE, or use --load to have the image in the store");
}

static int check_output(const struct output_state *s, const char *v, struct cb_error *err)
{
    struct build_output *o = s->o;
    bool layers = o->kind != OUTPUT_TAR && o->kind != OUTPUT_LOCAL && o->kind != OUTPUT_CACHE;
    if (o->as_directory && o->kind != OUTPUT_OCI)
        return cb_fail(err, CB_E_USAGE, "'%s': tar=false goes with type=oci", v);
    if (check_dest(o, v, err) < 0)
        return -1;
    if (!layers && (s->has_compression || s->has_types || o->level != -1 || o->force_compression || o->name || o->annotations.n))
        return cb_fail(err, CB_E_USAGE, "'%s': %s has no layers, names or annotations", v,
                       o->kind == OUTPUT_CACHE ? "what only stays in the cache" : "a root file system");
    if (o->docker_types && (!o->codec->docker_reads || o->annotations.n))
        return cb_fail(err, CB_E_USAGE, "'%s': Docker's media types have no %s; take oci-mediatypes=true", v,
                       o->annotations.n ? "annotations" : o->codec->name);
    if (o->level != -1 && !cb_codec_has_level(o->codec, o->level))
        return cb_fail(err, CB_E_USAGE, "'%s': compression-level=%d: %s has no such level", v, o->level, o->codec->name);
    return check_names(o, v, err);
}

int build_option_set_output(struct build_request *r, const char *v, struct cb_error *err)
{
    struct build_output *o = &CB_PUSH(r->outputs, r->n_outputs, r->cap_outputs);
    struct output_state s = {.o = o};
    *o = (struct build_output){.codec = cb_codecs[0], .level = -1};
    if (!strchr(v, '=') && *v) { /* docker's short form: a directory, or "-" for a tar */
        o->kind = strcmp(v, "-") == 0 ? OUTPUT_TAR : OUTPUT_LOCAL;
        build_option_put(&o->dest, v);
        return check_output(&s, v, err);
    }
    if (each_field("--output", v, output_field, &s, err) < 0)
        return -1;
    if (!s.has_kind)
        return cb_fail(err, CB_E_USAGE, "'%s': type= is missing", v);
    if (o->kind == OUTPUT_DOCKER && !s.has_types)
        o->docker_types = true;
    return check_output(&s, v, err);
}

int build_option_set_push(struct build_request *r, const char *v, struct cb_error *err)
{
    bool yes;
    if (!df_parse_bool(v, &yes))
        return cb_fail(err, CB_E_USAGE, "--push: expected true or false, not '%s'", v);
    return yes ? build_option_set_output(r, "type=image,push=true", err) : 0;
}

int build_option_set_load(struct build_request *r, const char *v, struct cb_error *err)
{
    bool yes;
    if (!df_parse_bool(v, &yes))
        return cb_fail(err, CB_E_USAGE, "--load: expected true or false, not '%s'", v);
    return yes ? build_option_set_output(r, "type=image", err) : 0;
}

/* ---- --call ---------------------------------------------------------------------------------------------------------- */

struct call_state {
    struct build_request *r;
    bool has_kind;
};

static int call_kind(struct call_state *s, const char *name, struct cb_error *err)
{
    static const char *const names[] = {"build", "check", "outline", "targets", "lint"}; /* lint: buildx's old name of check */
    static const enum build_call kinds[] = {CALL_BUILD, CALL_CHECK, CALL_OUTLINE, CALL_TARGETS, CALL_CHECK};
    int kind;
    if (s->has_kind)
        return cb_fail(err, CB_E_USAGE, "two things are asked for, '%s' is one of them", name);
    if (build_option_choose("kind", names, CB_LEN(names), name, &kind, err) < 0)
        return -1;
    s->r->call = kinds[kind];
    s->has_kind = true;
    return 0;
}

static int call_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    static const char *const formats[] = {"text", "json", "sarif"};
    struct call_state *s = arg;
    int format;
    if (!value)
        return call_kind(s, key, err);
    if (strcmp(key, "ignorestatus") == 0) {
        if (df_parse_bool(value, &s->r->call_ignore_status))
            return 0;
        return cb_fail(err, CB_E_USAGE, "ignorestatus: expected true or false, not '%s'", value);
    }
    if (strcmp(key, "format") != 0)
        return cb_fail(err, CB_E_USAGE, "unknown key '%s'", key);
    if (build_option_choose("format", formats, CB_LEN(formats), value, &format, err) < 0)
        return -1;
    return build_option_put(&s->r->call_format, value);
}

int build_option_set_call(struct build_request *r, const char *v, struct cb_error *err)
{
    struct call_state s = {r, false};
    r->call = CALL_BUILD;
    r->call_ignore_status = false;
    free(r->call_format);
    r->call_format = NULL;
    if (each_field("--call", v, call_field, &s, err) < 0)
        return -1;
    if (r->call_format && strcmp(r->call_format, "sarif") == 0 && r->call != CALL_CHECK)
        return cb_fail(err, CB_E_USAGE, "--call '%s': sarif is a format of check only", v);
    return 0;
}

int build_option_set_check(struct build_request *r, const char *v, struct cb_error *err)
{
    bool yes;
    if (!df_parse_bool(v, &yes))
        return cb_fail(err, CB_E_USAGE, "--check: expected true or false, not '%s'", v);
    if (yes)
        r->call = CALL_CHECK;
    return 0;
}
