/* "registries" of cbuild's own settings: what registries.conf and certs.d say, in JSON (docs/registries.md). */
#ifndef CLI_SETTINGS_REGISTRIES_H
#define CLI_SETTINGS_REGISTRIES_H

#include "base/json.h"
#include "registry/transfer/options.h"

/* `value`: an object of hosts. Files in it that are not absolute are beside the settings, `path`. -1: what is wrong, and where.
 */
int cli_settings_registries(json_t *value, const char *path, struct reg_options *o, struct cb_error *err);

/* "aliases": an object of short names, and what each stands for. */
int cli_settings_aliases(json_t *value, const char *path, struct reg_options *o, struct cb_error *err);

#endif
