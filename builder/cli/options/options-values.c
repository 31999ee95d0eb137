/* The options whose values have fields: --secret, --ssh, --output and its short forms, --call. */
#include "base/limits.h"
#include "base/named.h"
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/output/output.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

#include <sys/stat.h>
#include <unistd.h>

int cli_each_field(const char *option, const char *text, cli_field_fn *fn, void *arg, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    if (df_csv_fields(text, CB_E_USAGE, &fields, err) < 0)
        return cb_prefix(err, "%s '%s'", option, text);
    for (size_t i = 0; i < fields.n; i++) {
        char *eq = strchr(fields.items[i], '=');
        if (eq)
            *eq = 0;
        if (fn(arg, fields.items[i], eq ? eq + 1 : NULL, err) < 0)
            return cb_prefix(err, "%s '%s'", option, text);
    }
    return 0;
}

int cli_set_each(const char *list, cli_set_fn *set, void *to, struct cb_error *err)
{
    CB_AUTO(free) char *text = cb_strdup(list);
    for (char *rest = text, *item; (item = strsep(&rest, ","));)
        if (set(item, to, err) < 0)
            return -1;
    return 0;
}

int cli_set_lines(const char *file, cli_set_fn *set, void *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_named(file, CB_MAX_CONFIG, &text), number = 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", file);
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        number++;
        size_t n = strlen(line);
        if (n && line[n - 1] == '\r')
            line[n - 1] = 0;
        if (*line && *line != '#' && set(line, to, err) < 0)
            return cb_prefix(err, "'%s', line %d", file, number);
    }
    return 0;
}

static int secret_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct build_secret *s = arg;
    if (strcmp(key, "keyed") == 0)
        return cli_set_switch(value ? value : "true", &s->keyed, err);
    if (!value)
        return cb_fail(err, CB_E_USAGE, "invalid field '%s' must be a key=value pair", key);
    if (strcmp(key, "id") == 0)
        return cli_put(&s->id, value);
    if (strcmp(key, "src") == 0 || strcmp(key, "source") == 0)
        return cli_put(&s->src, value);
    if (strcmp(key, "env") == 0)
        return cli_put(&s->env, value);
    if (strcmp(key, "type") == 0 && (strcmp(value, "file") == 0 || strcmp(value, "env") == 0))
        return 0;
    return cb_fail(err, CB_E_USAGE, "unexpected key '%s'", key);
}

int cli_set_secret(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct build_secret *s = &CB_PUSH(r->secrets, r->n_secrets, r->cap_secrets);
    if (cli_each_field("--secret", v, secret_field, s, err) < 0)
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

int cli_set_ssh(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct build_ssh *s = &CB_PUSH(r->ssh, r->n_ssh, r->cap_ssh);
    const char *socket;
    s->id = cb_split_pair(v, &socket);
    s->socket = cb_strdup(socket ? socket : getenv("SSH_AUTH_SOCK"));
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

/* ---- --output ---------------------------------------------------------------------------------------------------------- */

/* The type says which keys there are, wherever it stands. */
static int find_type(void *arg, const char *key, const char *value, struct cb_error *err)
{
    const struct build_output_ops **ops = arg;
    if (!value)
        return cb_fail(err, CB_E_USAGE, "invalid field '%s' must be a key=value pair", key);
    if (strcmp(key, "type") != 0 || (*ops = build_output_find(value)) != NULL)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    build_output_types(&all, ", ");
    return cb_fail(err, CB_E_USAGE, "type '%s' is not one of %s", value, all.data);
}

static int output_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    return strcmp(key, "type") == 0 ? 0 : build_output_set(arg, key, value, err);
}

static int read_output(struct build_output *o, const char *v, struct cb_error *err)
{
    const struct build_output_ops *ops = NULL;
    if (cli_each_field("--output", v, find_type, &ops, err) < 0)
        return -1;
    if (!ops)
        return cb_fail(err, CB_E_USAGE, "--output '%s': type= is missing", v);
    build_output_begin(o, ops);
    return cli_each_field("--output", v, output_field, o, err);
}

/* docker's short form: a directory, or "-" for a tar. */
static int read_short_output(struct build_output *o, const char *v, struct cb_error *err)
{
    build_output_begin(o, build_output_find(strcmp(v, "-") == 0 ? "tar" : "local"));
    return build_output_set(o, "dest", v, err);
}

int cli_set_output(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct build_output *o = &CB_PUSH(r->outputs, r->n_outputs, r->cap_outputs);
    if ((*v && !strchr(v, '=') ? read_short_output : read_output)(o, v, err) < 0)
        return -1;
    return build_output_end(o, err) < 0 ? cb_prefix(err, "--output '%s'", v) : 0;
}

int cli_set_push(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    return yes ? cli_set_output("type=image,push=true", to, err) : 0;
}

int cli_set_load(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    return yes ? cli_set_output("type=image", to, err) : 0;
}

/* ---- --call ---------------------------------------------------------------------------------------------------------- */

struct call_state {
    struct build_request *r;
    bool has_kind;
};

static int call_kind(struct call_state *s, const char *name, struct cb_error *err)
{
    static const char *const names[] = {"build", "check", "outline", "targets", "lint"}; /* lint: buildx's old name of check */
    static const enum build_call kinds[] = {BUILD_CALL_BUILD, BUILD_CALL_CHECK, BUILD_CALL_OUTLINE, BUILD_CALL_TARGETS,
                                            BUILD_CALL_CHECK};
    int kind;
    if (s->has_kind)
        return cb_fail(err, CB_E_USAGE, "two things are asked for, '%s' is one of them", name);
    if (cli_choose("kind", names, CB_LEN(names), name, &kind, err) < 0)
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
    if (cli_choose("format", formats, CB_LEN(formats), value, &format, err) < 0)
        return -1;
    return cli_put(&s->r->call_format, value);
}

int cli_set_call(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    struct call_state s = {r, false};
    r->call = BUILD_CALL_BUILD;
    r->call_ignore_status = false;
    free(r->call_format);
    r->call_format = NULL;
    if (cli_each_field("--call", v, call_field, &s, err) < 0)
        return -1;
    if (r->call_format && strcmp(r->call_format, "sarif") == 0 && r->call != BUILD_CALL_CHECK)
        return cb_fail(err, CB_E_USAGE, "--call '%s': sarif is a format of check only", v);
    return 0;
}

int cli_set_check(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    if (yes)
        r->call = BUILD_CALL_CHECK;
    return 0;
}
