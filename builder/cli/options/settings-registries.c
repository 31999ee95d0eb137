#include "builder/cli/options/settings-registries.h"

#include "base/text.h"

struct entry {
    const char *host, *file; /* file: the settings */
    struct reg_options *o;
    const char *cert, *key; /* of the client; borrowed from the JSON */
};

static int expected(const char *what, struct cb_error *err)
{
    return cb_fail(err, CB_E_USAGE, "expected %s", what);
}

static char *beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    return *path == '/' || !slash ? cb_strdup(path) : cb_printf("%.*s/%s", (int)(slash - file), file, path);
}

static int set_mirrors(struct entry *e, json_t *value, struct cb_error *err)
{
    size_t i;
    json_t *mirror;
    if (!json_is_array(value))
        return expected("an array of strings", err);
    json_array_foreach (value, i, mirror) {
        const char *text = json_string_value(mirror);
        if (!text || !*text || strstr(text, "://") || *text == '/')
            return expected("an array of mirrors, HOST[:PORT][/PATH] each", err);
        cb_strv_take(&e->o->mirrors, cb_printf("%s=%s", e->host, text));
    }
    return 0;
}

static int set_insecure(struct entry *e, json_t *value, struct cb_error *err)
{
    if (!json_is_boolean(value))
        return expected("true or false", err);
    if (json_is_true(value))
        cb_strv_push(&e->o->insecure, e->host);
    return 0;
}

static int set_blocked(struct entry *e, json_t *value, struct cb_error *err)
{
    if (!json_is_boolean(value))
        return expected("true or false", err);
    if (json_is_true(value))
        cb_strv_take(&e->o->blocked, cb_printf("%s=%s", e->host, e->file));
    return 0;
}

static int set_ca(struct entry *e, json_t *value, struct cb_error *err)
{
    if (!json_is_string(value))
        return expected("a file", err);
    CB_AUTO(free) char *file = beside(e->file, json_string_value(value));
    cb_strv_take(&e->o->authorities, cb_printf("%s=%s", e->host, file));
    return 0;
}

static int set_cert(struct entry *e, json_t *value, struct cb_error *err)
{
    e->cert = json_string_value(value);
    return e->cert ? 0 : expected("a file", err);
}

static int set_key(struct entry *e, json_t *value, struct cb_error *err)
{
    e->key = json_string_value(value);
    return e->key ? 0 : expected("a file", err);
}

static const struct {
    const char *name;
    int (*set)(struct entry *e, json_t *value, struct cb_error *err);
} members[] = {{"mirrors", set_mirrors}, {"insecure", set_insecure}, {"blocked", set_blocked},
               {"ca", set_ca},           {"cert", set_cert},         {"key", set_key}};

static int set_member(struct entry *e, const char *name, json_t *value, struct cb_error *err)
{
    const char *names[CB_LEN(members)];
    for (size_t i = 0; i < CB_LEN(members); i++) {
        names[i] = members[i].name;
        if (strcmp(name, names[i]) == 0)
            return members[i].set(e, value, err) < 0 ? cb_prefix(err, "%s", name) : 0;
    }
    const char *near = cb_did_you_mean(name, names, CB_LEN(names), false);
    cb_fail(err, CB_E_USAGE, "there is no setting '%s' of a registry", name);
    return near ? cb_hint(err, "did you mean '%s'?", near) : -1;
}

static int set_entry(struct entry *e, json_t *value, struct cb_error *err)
{
    const char *name;
    json_t *member;
    if (!json_is_object(value))
        return expected("an object", err);
    if (strpbrk(e->host, "/= ") || !*e->host)
        return cb_fail(err, CB_E_USAGE, "a registry is HOST or HOST:PORT");
    json_object_foreach (value, name, member)
        if (set_member(e, name, member, err) < 0)
            return -1;
    if (!e->cert != !e->key)
        return cb_fail(err, CB_E_USAGE, "cert and key go together");
    if (e->cert) {
        CB_AUTO(free) char *cert = beside(e->file, e->cert), *key = beside(e->file, e->key);
        cb_strv_take(&e->o->clients, cb_printf("%s=%s,%s", e->host, cert, key));
    }
    return 0;
}

int cli_settings_registries(json_t *value, const char *path, struct reg_options *o, struct cb_error *err)
{
    const char *host;
    json_t *entry;
    if (!json_is_object(value))
        return expected("an object of registries", err);
    json_object_foreach (value, host, entry) {
        struct entry e = {.host = host, .file = path, .o = o};
        if (set_entry(&e, entry, err) < 0)
            return cb_prefix(err, "%s", host);
    }
    return 0;
}

int cli_settings_aliases(json_t *value, const char *path, struct reg_options *o, struct cb_error *err)
{
    const char *name;
    json_t *full;
    (void)path;
    if (!json_is_object(value))
        return expected("an object of short names", err);
    json_object_foreach (value, name, full) {
        if (!json_is_string(full))
            return expected("HOST/REPOSITORY for each name", err);
        cb_strv_take(&o->aliases, cb_printf("%s=%s", name, json_string_value(full)));
    }
    return 0;
}
