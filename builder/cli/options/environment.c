#include "builder/cli/options/environment.h"
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/settings.h"

#include <stdlib.h>

static const struct {
    const char *name;
    cli_set_fn *set;
    size_t field;
    bool build; /* says nothing of a container */
} variables[] = {
    {"DOCKER_DEFAULT_PLATFORM", cli_set_platform, offsetof(struct build_request, platform), false},
    {"CBUILD_STORE_LIMIT", cli_set_size, offsetof(struct build_request, store_limit), true},
    {"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", cli_add_policy, offsetof(struct build_request, policy), true},
    {"BUILDAH_FORMAT", cli_set_format, offsetof(struct build_request, changes.docker_types), true},
};

static int take(bool build, struct build_request *r, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(variables); i++) {
        const char *value = getenv(variables[i].name);
        if (!value || !*value || (variables[i].build && !build))
            continue;
        if (variables[i].set(value, (char *)r + variables[i].field, err) < 0) {
            err->code = CB_E_USAGE;
            return cb_prefix(err, "$%s", variables[i].name);
        }
    }
    return 0;
}

int cli_build_environment(struct build_request *r, struct cb_error *err)
{
    return cli_settings_read(r, err) < 0 ? -1 : take(true, r, err);
}

int cli_registry_environment(struct build_request *r, struct cb_error *err)
{
    return cli_settings_read(r, err);
}

int cli_container_environment(struct build_request *r, struct cb_error *err)
{
    return cli_settings_read(r, err) < 0 ? -1 : take(false, r, err);
}
