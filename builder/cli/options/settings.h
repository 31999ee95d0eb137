/* cbuild's own settings: $CBUILD_CONFIG, else $XDG_CONFIG_HOME/cbuild/config.json (or ~/.config/…), else
 * /etc/cbuild/config.json: one JSON object. The first of them that is there counts alone. */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "builder/session/request.h"

/* The file that is there; NULL: none is. Caller frees. */
char *cli_settings_path(void);
/* Puts what it says into the request, before the environment and the options. A key that nobody knows is an error, which names
 * it and the file. 0 or -1. */
int cli_settings_read(struct build_request *r, struct cb_error *err);

#endif
