#include "registry/transfer/header.h"

#include "base/buf.h"
#include "base/text.h"
#include <ctype.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *reg_header_line(const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n), *end = p + n;
    if (!colon || memchr(p, '\0', n))
        return NULL;
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    const char *value = colon + 1;
    while (end > value && is_blank(end[-1]))
        end--;
    while (value < end && is_blank(*value))
        value++;
    for (const char *c = p; c < colon; c++)
        cb_buf_addc(&line, (char)tolower((unsigned char)*c));
    cb_buf_adds(&line, ": ");
    for (; value < end; value++)
        cb_buf_addc(&line, *value == '\t' ? ' ' : *value);
    return cb_buf_detach(&line);
}

bool reg_header_clean(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

int reg_header_check_length(const char *line, const char *before, struct cb_error *err)
{
    static const char name[] = "content-length: ";
    const char *value = line + strlen(name);
    uint64_t bytes;
    if (!cb_starts(line, name))
        return 0;
    if (!cb_parse_u64(value, INT64_MAX, &bytes))
        return cb_fail(err, CB_E_CORRUPT, "the answer has the Content-Length '%.100s', which is not a number of bytes", value);
    if (before && strcmp(before, value) != 0)
        return cb_fail(err, CB_E_CORRUPT, "the answer has two different Content-Length headers, '%.100s' and '%.100s'", before,
                       value);
    return 0;
}
