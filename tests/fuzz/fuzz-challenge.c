/* WWW-Authenticate as registries send it: what is understood has a scheme in lower case, and nothing else is touched. */
#include "registry/transfer/challenge.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    CB_AUTO(reg_challenges) struct reg_challenges c = {0};
    reg_challenges_parse(&c, text);
    for (size_t i = 0; i < c.n; i++) {
        const char *scheme = c.items[i].scheme;
        if (!*scheme || !reg_challenges_find(&c, scheme))
            abort();
        for (; *scheme; scheme++)
            if (tolower((unsigned char)*scheme) != *scheme)
                abort();
    }
    return 0;
}
