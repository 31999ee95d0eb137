/* References to git repositories, as ADD, FROM and the command line take them: complete after success, a reason after failure,
 * and nothing that git would take for an option. */
#include "parser/gitref.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    CB_AUTO(df_gitref) struct df_gitref g = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = df_gitref_parse(text, &g, &err);
    if ((r < 0) != (err.msg != NULL))
        abort();
    if (r == 1 && (!g.remote || !*g.remote || *g.remote == '-' || !g.short_name || !g.ref || !g.subdir || !g.checksum))
        abort();
    return 0;
}
