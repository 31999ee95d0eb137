#include "builder/cli/options/settings.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/settings-registries.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_SETTINGS 65536

/* Values are strings, as an option would have them, or JSON of their own. */
static const struct {
    const char *key;
    cli_set_fn *set;
    int (*read)(json_t *value, const char *path, struct reg_options *o, struct cb_error *err); /* instead of it */
    size_t field;
} settings[] = {
    {"max-size", cli_set_size, NULL, offsetof(struct build_request, store_limit)},
    {"aliases", NULL, cli_settings_aliases, offsetof(struct build_request, registry)},
    {"registries", NULL, cli_settings_registries, offsetof(struct build_request, registry)},
};

char *cli_settings_path(void)
{
    const char *given = getenv("CBUILD_CONFIG"), *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (given && *given)
        return cb_strdup(given);
    CB_AUTO(free)
    char *own = config && *config == '/' ? cb_printf("%s/cbuild/config.json", config)
                : home && *home == '/'   ? cb_printf("%s/.config/cbuild/config.json", home)
                                         : NULL;
    if (own && access(own, F_OK) == 0)
        return CB_TAKE(own);
    return access("/etc/cbuild/config.json", F_OK) == 0 ? cb_strdup("/etc/cbuild/config.json") : NULL;
}

static int unknown(const char *path, const char *key, struct cb_error *err)
{
    const char *names[CB_LEN(settings)];
    for (size_t i = 0; i < CB_LEN(settings); i++)
        names[i] = settings[i].key;
    const char *near = cb_did_you_mean(key, names, CB_LEN(names), false);
    cb_fail(err, CB_E_USAGE, "'%s': there is no setting '%s'", path, key);
    return near ? cb_hint(err, "did you mean '%s'?", near) : -1;
}

static int set_one(struct build_request *r, const char *path, size_t i, json_t *value, struct cb_error *err)
{
    void *field = (char *)r + settings[i].field;
    if (settings[i].read)
        return settings[i].read(value, path, field, err);
    if (!json_is_string(value))
        return cb_fail(err, CB_E_USAGE, "expected a string");
    return settings[i].set(json_string_value(value), field, err);
}

static int set(struct build_request *r, const char *path, const char *key, json_t *value, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(settings); i++) {
        if (strcmp(settings[i].key, key) != 0)
            continue;
        if (set_one(r, path, i, value, err) == 0)
            return 0;
        err->code = CB_E_USAGE;
        return cb_prefix(err, "'%s': %s", path, key);
    }
    return unknown(path, key, err);
}

int cli_settings_read(struct build_request *r, struct cb_error *err)
{
    CB_AUTO(free) char *path = cli_settings_path();
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    const char *key;
    json_t *value;
    if (!path)
        return 0;
    int n = cb_read_file(AT_FDCWD, path, MAX_SETTINGS, &text);
    if (n < 0)
        return cb_fail_sys(err, n, "read the settings '%s'", path);
    CB_AUTO(json) json_t *all = cb_json_parse(text.data, text.len, path, err);
    if (!all)
        return -1;
    if (!json_is_object(all))
        return cb_fail(err, CB_E_USAGE, "'%s': expected a JSON object", path);
    json_object_foreach (all, key, value)
        if (set(r, path, key, value, err) < 0)
            return -1;
    return 0;
}
