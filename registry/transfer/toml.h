/* The part of TOML that registries.conf uses: keys (bare or quoted), strings (basic and literal),
 * booleans, arrays of strings, [table] and [[array of tables]], comments. Anything else is an error that
 * names file and line, so nothing in the file goes silently unheeded. */
#ifndef REG_TOML_H
#define REG_TOML_H

#include "base/buf.h"
#include "base/error.h"

enum reg_toml_kind { REG_TOML_TABLE, REG_TOML_TABLES, REG_TOML_STRING, REG_TOML_BOOL, REG_TOML_STRINGS };

struct reg_toml_item { /* everything is borrowed for the call */
    enum reg_toml_kind kind;
    const char *table; /* "", "aliases", "registry.mirror": the header that holds it, or the header itself */
    const char *key;   /* NULL for headers */
    const char *string;
    bool boolean;
    const struct cb_strv *strings;
};
/* Called for every header and every value in the order of the file. -1 with err: stops; the reader puts
 * file and line in front. */
typedef int reg_toml_fn(void *arg, const struct reg_toml_item *item, struct cb_error *err);

/* 0, or -1 with "'file':LINE: …" in err. Duplicate keys within a table are refused. */
int reg_toml_read(const char *text, size_t n, const char *file, reg_toml_fn *fn, void *arg, struct cb_error *err);

#endif
