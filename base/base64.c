#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cb_base64_encode(struct cb_buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)p[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            cb_buf_addc(out, i + k <= n ? alphabet[v >> (18 - 6 * k) & 63] : '=');
    }
}

bool cb_base64_decode(struct cb_buf *out, const char *text)
{
    uint32_t v = 0;
    unsigned bits = 0;
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '=')
        n--;
    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (!at)
            return false;
        v = v << 6 | (uint32_t)(at - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            cb_buf_addc(out, (char)(v >> bits & 0xff));
        }
    }
    return true;
}
