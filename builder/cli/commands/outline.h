/* `--call=outline`: what a target takes from outside, as text and as JSON, and what its JSON shares with that of the other
 * answers. */
#ifndef CLI_OUTLINE_H
#define CLI_OUTLINE_H

#include "builder/plan/build.h"

/* Appends the answer. After build_plan of a request for it. */
void cli_outline_text(const struct build *b, struct cb_buf *out);
void cli_outline_json(const struct build *b, struct cb_buf *out);

struct json_t;
struct json_t *cli_json_sources(const struct build *b); /* [base64 of the Dockerfile] */
struct json_t *cli_json_text(const char *s);            /* as a JSON string, invalid UTF-8 replaced */

#endif
