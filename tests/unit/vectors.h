/* Test vectors of another builder, read from $CBUILD_SHARED/corpus/buildkit. Without that variable every test over
 * them is skipped, and says so. */
#ifndef VECTORS_H
#define VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/fd.h"
#include "base/json.h"

#define VECTORS_MAX (16u << 20)

/* The bytes of one file; ends the test as skipped when there are none. */
static inline void vectors_read(const char *name, struct cb_buf *out)
{
    const char *shared = getenv("CBUILD_SHARED");
    if (!shared) {
        print_message("no CBUILD_SHARED: %s left out\n", name);
        skip();
    }
    CB_AUTO(free) char *path = cb_printf("%s/corpus/buildkit/%s", shared, name);
    if (cb_read_file(AT_FDCWD, path, VECTORS_MAX, out) < 0)
        fail_msg("cannot read %s", path);
}

/* One JSON file; the caller owns the reference. */
static inline json_t *vectors_load(const char *name)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    vectors_read(name, &text);
    json_t *j = cb_json_parse(text.data, text.len, name, &err);
    if (!j)
        fail_msg("%s", err.msg);
    return j;
}

static inline const char *vector_text(json_t *v, const char *key, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s ? s : otherwise;
}

static inline bool vector_flag(json_t *v, const char *key)
{
    return json_is_true(json_object_get(v, key));
}

/* An error there, and with this text in it. */
static inline bool error_has(const struct cb_error *err, const char *text)
{
    return err->msg && strstr(err->msg, text);
}

#endif
