/* JSON documents from outside, read through jansson. Getters fail with a path in the message
 * ("layers[2].digest: expected a string"). Writing: build with jansson's functions or json_pack and
 * dump with cb_json_dump (compact, key order as inserted unless `sorted`). */
#ifndef CB_JSON_H
#define CB_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include <jansson.h>

static inline void cb_auto_json(json_t **j)
{
    json_decref(*j);
}
/* Parses exactly one document; duplicate keys and nesting beyond limits are refused.
 * `what` names it in messages. NULL with `err` set on failure; the caller owns the reference. */
json_t *cb_json_parse(const char *text, size_t n, const char *what, struct cb_error *err);
/* Optional members: absent and null give 0 with *ret untouched (set a default before); a wrong type
 * gives -1. Found gives 1. Strings are borrowed from `obj`. `path` prefixes messages. */
int cb_json_str(json_t *obj, const char *key, const char *path, const char **ret, struct cb_error *err);
int cb_json_int(json_t *obj, const char *key, const char *path, int64_t *ret, struct cb_error *err);
int cb_json_bool(json_t *obj, const char *key, const char *path, bool *ret, struct cb_error *err);
int cb_json_array(json_t *obj, const char *key, const char *path, json_t **ret, struct cb_error *err);
int cb_json_object(json_t *obj, const char *key, const char *path, json_t **ret, struct cb_error *err);
/* An array of strings appended to `ret`. */
int cb_json_strv(json_t *obj, const char *key, const char *path, struct cb_strv *ret, struct cb_error *err);

enum cb_json_style { CB_JSON_COMPACT, CB_JSON_SORTED, CB_JSON_INDENT }; /* INDENT: 2 blanks, insertion order */
void cb_json_dump(json_t *j, enum cb_json_style style, struct cb_buf *out);

#endif
