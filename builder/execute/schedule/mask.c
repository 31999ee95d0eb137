#include "builder/execute/schedule/mask.h"

#include <stdlib.h>

void build_mask_done(struct build_mask *m)
{
    for (size_t i = 0; i < m->texts.n; i++)
        explicit_bzero(m->texts.items[i], strlen(m->texts.items[i]));
    cb_strv_done(&m->texts);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void add_text(struct build_mask *m, const char *p, size_t n)
{
    while (n && is_blank(*p))
        p++, n--;
    while (n && is_blank(p[n - 1]))
        n--;
    while (n >= BUILD_MASK_LEAST) {
        size_t piece = CB_MIN(n, (size_t)BUILD_MASK_MOST);
        cb_strv_take(&m->texts, cb_memdup0(p, piece));
        p += piece;
        n -= piece;
    }
}

/* A NUL ends a text as a line's end does: neither is part of what a line of output shows. */
void build_mask_add(struct build_mask *m, const char *secret, size_t n)
{
    for (size_t from = 0, i = 0; i <= n; i++) {
        if (i < n && secret[i] != '\n' && secret[i] != '\0')
            continue;
        add_text(m, secret + from, i - from);
        from = i + 1;
    }
}

static int longest_first(const void *a, const void *b)
{
    size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
    return (x < y) - (x > y);
}

void build_mask_ready(struct build_mask *m)
{
    if (m->texts.n > 1)
        qsort(m->texts.items, m->texts.n, sizeof(*m->texts.items), longest_first);
    for (size_t i = 0; i < m->texts.n; i++)
        m->first[(unsigned char)m->texts.items[i][0]] = true;
}

/* Bytes of the longest text that begins at `p`; 0: none does. */
static size_t text_at(const struct build_mask *m, const char *p, size_t n)
{
    if (!m->first[(unsigned char)*p])
        return 0;
    for (size_t i = 0; i < m->texts.n; i++) {
        size_t len = strlen(m->texts.items[i]);
        if (len <= n && memcmp(p, m->texts.items[i], len) == 0)
            return len;
    }
    return 0;
}

size_t build_mask_apply(const struct build_mask *m, struct cb_str line, bool whole, struct cb_buf *out)
{
    size_t longest = m->texts.n ? strlen(m->texts.items[0]) : 0, plain = 0, i = 0;
    while (i < line.n && (whole || i + longest <= line.n)) {
        size_t len = text_at(m, line.p + i, line.n - i);
        if (len) {
            cb_buf_add(out, line.p + plain, i - plain);
            cb_buf_adds(out, BUILD_MASK);
            plain = i + len;
        }
        i += len ? len : 1;
    }
    cb_buf_add(out, line.p + plain, i - plain);
    return i;
}
