/* registries.conf: a file is read to its end, or the error says where it is wrong. */
#include "registry/transfer/toml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const struct reg_toml_item *item, struct cb_error *err)
{
    bool header = item->kind == REG_TOML_TABLE || item->kind == REG_TOML_TABLES;
    (void)arg, (void)err;
    if (!item->table || header != !item->key || (item->kind == REG_TOML_STRING && !item->string) ||
        (item->kind == REG_TOML_STRINGS && !item->strings))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = reg_toml_read(text, size, "f", look, NULL, &err);
    if ((r < 0) != (err.msg != NULL))
        abort();
    return 0;
}
