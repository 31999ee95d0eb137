#include "base/buf.h"

#include <stdio.h>

char cb_buf_empty[1] = "";

void cb_buf_done(struct cb_buf *b)
{
    if (b->cap)
        free(b->data);
    *b = CB_BUF_INIT;
}

void cb_buf_reset(struct cb_buf *b)
{
    cb_buf_truncate(b, 0);
}

void cb_buf_reserve(struct cb_buf *b, size_t extra)
{
    size_t need = b->len + extra + 1;
    if (need <= b->cap)
        return;
    size_t cap = CB_MAX(need, b->cap ? b->cap + b->cap / 2 : 64);
    b->data = cb_realloc(b->cap ? b->data : NULL, cap);
    b->cap = cap;
    b->data[b->len] = 0;
}

void cb_buf_add(struct cb_buf *b, const void *p, size_t n)
{
    if (!n)
        return;
    cb_buf_reserve(b, n);
    memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = 0;
}

void cb_buf_addc(struct cb_buf *b, char c)
{
    cb_buf_add(b, &c, 1);
}

void cb_buf_adds(struct cb_buf *b, const char *s)
{
    cb_buf_add(b, s, strlen(s));
}

void cb_buf_printf(struct cb_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = cb_vprintf(fmt, ap);
    va_end(ap);
    cb_buf_adds(b, s);
    free(s);
}

void cb_buf_truncate(struct cb_buf *b, size_t len)
{
    if (len < b->len) {
        b->len = len;
        b->data[len] = 0;
    }
}

char *cb_buf_detach(struct cb_buf *b)
{
    char *s = b->cap ? b->data : cb_strdup("");
    *b = CB_BUF_INIT;
    return s;
}

bool cb_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}
