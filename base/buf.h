/* A growable byte buffer. `data` is never NULL and always has a NUL after its `len` bytes, so text can
 * be used as it stands. cb_buf_detach is the only way to take the memory out. */
#ifndef CB_BUF_H
#define CB_BUF_H

#include "base/mem.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct cb_buf {
    char *data;
    size_t len, cap;
};

extern char cb_buf_empty[1];
#define CB_BUF_INIT ((struct cb_buf){cb_buf_empty, 0, 0})

void cb_buf_done(struct cb_buf *b);
void cb_buf_reset(struct cb_buf *b); /* length 0, memory kept */
void cb_buf_reserve(struct cb_buf *b, size_t extra);
void cb_buf_add(struct cb_buf *b, const void *p, size_t n);
void cb_buf_addc(struct cb_buf *b, char c);
void cb_buf_adds(struct cb_buf *b, const char *s);
void cb_buf_printf(struct cb_buf *b, const char *fmt, ...) CB_PRINTF(2, 3);
void cb_buf_truncate(struct cb_buf *b, size_t len); /* len <= b->len */
char *cb_buf_detach(struct cb_buf *b);              /* caller frees; the buffer is empty again */
CB_DEFINE_AUTO(cb_buf, struct cb_buf, cb_buf_done)

/* A borrowed slice: not NUL-terminated, valid as long as what it points into. */
struct cb_str {
    const char *p;
    size_t n;
};
#define CB_STR(literal) ((struct cb_str){(literal), sizeof(literal) - 1})
static inline struct cb_str cb_str(const char *s)
{
    return (struct cb_str){s, strlen(s)};
}
static inline bool cb_str_eq(struct cb_str a, struct cb_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool cb_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}
bool cb_ends(const char *s, const char *suffix);

#endif
