/* URLs of users and of Location headers, two in an input with a newline between: what is written reads back as the same place,
 * and nothing that can stand in a request line or a message breaks out of it. */
#include "registry/transfer/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            abort();
}

static void try_url(const char *text)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    CB_AUTO(reg_url) struct reg_url again = {0};
    CB_AUTO(free) char *shown = reg_url_redact(text);
    if (!shown)
        abort();
    if (!reg_url_parse(text, &u))
        return;
    CB_AUTO(free) char *written = reg_url_text(&u);
    expect_clean(u.target);
    expect_clean(u.host);
    if (!reg_url_parse(written, &again) || !reg_url_same_origin(&u, &again) || strcmp(u.target, again.target) != 0)
        abort();
}

static void try_resolve(const char *base, const char *location)
{
    CB_AUTO(reg_url) struct reg_url u = {0};
    CB_AUTO(free) char *resolved = reg_url_parse(base, &u) ? reg_url_resolve(base, location) : NULL;
    if (resolved)
        try_url(resolved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    CB_AUTO(cb_buf) struct cb_buf escaped = CB_BUF_INIT;
    char *location = strchr(text, '\n');
    if (location)
        *location++ = 0;
    try_url(text);
    if (location)
        try_resolve(text, location);
    reg_url_escape(&escaped, text);
    if (escaped.len)
        expect_clean(escaped.data);
    return 0;
}
