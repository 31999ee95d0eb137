/* For the documents that registry/ writes; only its neighbours include this. All functions give new references
 * and never fail: text that is not UTF-8 is written with U+FFFD in place of the wrong bytes, as Go does. */
#ifndef OCI_EMIT_H
#define OCI_EMIT_H

#include "base/digest.h"
#include "base/json.h"
#include <time.h>

void oci_emit_set(json_t *obj, const char *key, json_t *value);            /* takes `value`; an equal key is replaced */
void oci_emit_append(json_t *array, json_t *value);                        /* takes `value` */
void oci_emit_text(json_t *obj, const char *key, const char *s);           /* NULL and "": left out */
void oci_emit_strv(json_t *obj, const char *key, const struct cb_strv *v); /* empty: left out */
json_t *oci_emit_string(const char *s);
json_t *oci_emit_digest(const struct cb_digest *d);
json_t *oci_emit_time(struct timespec t);
/* {"a":{},"b":{}}: sorted; the elements of `keys`. */
json_t *oci_emit_key_set(const struct cb_strv *keys);
/* {"key":"value"} sorted by key, from "key=value" elements. */
json_t *oci_emit_annotations(const struct cb_strv *annotations);
/* The same from elements that are keys and values in turn. */
json_t *oci_emit_pairs(const struct cb_strv *list);

#endif
