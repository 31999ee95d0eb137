#include "builder/show/terminal-text.h"
#include "base/text.h"

#define LONGEST_SEQUENCE 64 /* two colours of three parts each and all emphasis fit */
#define TAB_STOP         8

/* Colours as SGR counts them: 30 to 37 and 90 to 97 stand for themselves; in the others, the kind stands above the value. */
#define COLOUR_INDEXED (1u << 24)
#define COLOUR_RGB     (2u << 24)
#define COLOUR_PARTS   0xFFFFFFu

/* Emphasis by its SGR number; 5 and 6 blink, 8 hides. */
#define KNOWN_EMPHASIS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 9)

struct cell {
    char bytes[4]; /* one character */
    uint8_t len, columns;
    struct build_style style;
};

struct line {
    struct cell *cells;
    size_t n, cap;
    size_t at; /* the cursor; at most n */
    struct build_style style;
    size_t erased; /* as many cells from the first on are blank, which is not yet written into them */
    struct build_style erased_style;
};

/* ---- characters ------------------------------------------------------------------------------------------------- */

/* Wide in every terminal, or in some of them: a line that is too short is harmless, one that wraps is not. */
static bool is_wide(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } wide[] = {{0x1100, 0x115F}, {0x2600, 0x26FF}, {0x2E80, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F000, 0x1FAFF}, {0x20000, 0x3FFFD}};
    for (size_t i = 0; i < CB_LEN(wide); i++)
        if (cp >= wide[i].first && cp <= wide[i].last)
            return true;
    return false;
}

static void put(struct line *l, const char *p, size_t n, bool wide)
{
    struct cell c = {.len = (uint8_t)n, .columns = wide ? 2 : 1, .style = l->style};
    memcpy(c.bytes, p, n);
    if (l->at == l->n)
        (void)CB_PUSH(l->cells, l->n, l->cap);
    l->cells[l->at++] = c;
}

/* Puts the character at `p`, or its bytes made visible. Gives its length. */
static size_t put_character(struct line *l, const char *p, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    size_t len;
    if (*p >= ' ' && *p < 0x7F) {
        put(l, p, 1, false);
        return 1;
    }
    uint32_t cp = cb_utf8_decode(p, n, &len);
    cb_escape_terminal(&shown, p, len, *p == '\t');
    if (shown.len == len)
        put(l, p, len, is_wide(cp));
    else
        for (size_t i = 0; i < shown.len; i++)
            put(l, shown.data + i, 1, false);
    return len;
}

/* ---- sequences -------------------------------------------------------------------------------------------------- */

static size_t span(const char *p, size_t n, unsigned char first, unsigned char last)
{
    size_t i = 0;
    while (i < n && (unsigned char)p[i] >= first && (unsigned char)p[i] <= last)
        i++;
    return i;
}

/* Bytes of the complete sequence (ECMA-48: a control sequence, or an escape sequence that has an intermediate byte) at the ESC
 * `p`; 0: there is none. Strings such as OSC do not count: leaving them out would hide what stands in them. */
static size_t sequence_at(const char *p, size_t n)
{
    bool control = n > 1 && p[1] == '[';
    size_t i = control ? 2 : 1;
    n = CB_MIN(n, (size_t)LONGEST_SEQUENCE);
    i += control ? span(p + i, n - i, 0x30, 0x3F) : 0;
    size_t between = span(p + i, n - i, 0x20, 0x2F);
    i += between;
    if (i >= n || !(control || between))
        return 0;
    return span(p + i, 1, control ? 0x40 : 0x30, 0x7E) ? i + 1 : 0;
}

/* The numbers of a control sequence; an empty one is 0, and what is not a number is given as one larger than any that has a
 * meaning. */
static size_t numbers_of(struct cb_str seq, unsigned *ret)
{
    size_t n = 0;
    ret[0] = 0;
    for (size_t i = 2; i + 1 < seq.n; i++) {
        if (seq.p[i] == ';')
            ret[++n] = 0;
        else
            ret[n] = seq.p[i] >= '0' && seq.p[i] <= '9' && ret[n] < 256 ? ret[n] * 10 + (unsigned)(seq.p[i] - '0') : 10000;
    }
    return n + 1;
}

/* A colour after 38 or 48: `5;n` or `2;r;g;b`. Gives how many numbers it takes; 0: it is not a colour. */
static size_t long_colour(const unsigned *v, size_t n, uint32_t *ret)
{
    size_t parts = n && v[0] == 5 ? 1 : n && v[0] == 2 ? 3 : 0;
    uint32_t colour = 0;
    if (!parts || n < 1 + parts)
        return 0;
    for (size_t i = 1; i <= parts; i++) {
        if (v[i] > 255)
            return 0;
        colour = colour << 8 | v[i];
    }
    *ret = colour | (parts == 1 ? COLOUR_INDEXED : COLOUR_RGB);
    return 1 + parts;
}

static void emphasize(struct build_style *s, unsigned v)
{
    if (v >= 1 && v <= 9)
        s->emphasis |= 1u << v & KNOWN_EMPHASIS;
    else if (v == 22)
        s->emphasis &= ~(1u << 1 | 1u << 2);
    else if (v >= 23 && v <= 29)
        s->emphasis &= ~(1u << (v - 20));
}

static void set_style(struct build_style *s, struct cb_str seq)
{
    unsigned v[LONGEST_SEQUENCE];
    size_t n = numbers_of(seq, v);
    for (size_t i = 0; i < n; i++) {
        bool back = (v[i] >= 40 && v[i] <= 49) || (v[i] >= 100 && v[i] <= 107);
        unsigned code = back ? v[i] - 10 : v[i];
        uint32_t *colour = back ? &s->background : &s->foreground;
        if (code == 0)
            *s = (struct build_style){0};
        else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
            *colour = code;
        else if (code == 39)
            *colour = 0;
        else if (code != 38)
            emphasize(s, code);
        else if (long_colour(v + i + 1, n - i - 1, colour))
            i += v[i + 1] == 5 ? 2 : 4;
        else
            return; /* what its numbers are is not known, so neither is what follows them */
    }
}

/* Only noted: a line may erase what is before the cursor very often without going back there. */
static void erase_in_line(struct line *l, unsigned what)
{
    if (what > 2)
        return;
    if (what != 1)
        l->n = l->at;
    if (what != 0) {
        l->erased = l->at;
        l->erased_style = l->style;
    }
}

/* Before the cursor goes back to where the blanks are, and at the end. */
static void write_erased(struct line *l)
{
    for (size_t i = 0; i < l->erased; i++)
        l->cells[i] = (struct cell){.bytes = " ", .len = 1, .columns = 1, .style = l->erased_style};
    l->erased = 0;
}

static void obey(struct line *l, struct cb_str seq)
{
    unsigned v[LONGEST_SEQUENCE];
    char last = seq.p[seq.n - 1];
    if (seq.p[1] != '[' || span(seq.p + 2, seq.n - 3, '0', ';') != seq.n - 3)
        return;
    if (last == 'm')
        set_style(&l->style, seq);
    else if (last == 'K' && numbers_of(seq, v) == 1)
        erase_in_line(l, v[0]);
}

/* ---- a line ----------------------------------------------------------------------------------------------------- */

static void read_line(struct line *l, struct cb_str text)
{
    for (size_t i = 0, len; i < text.n; i += len) {
        const char *p = text.p + i;
        len = *p == '\033' ? sequence_at(p, text.n - i) : 0;
        if (len) {
            obey(l, (struct cb_str){p, len});
        } else if (*p == '\r') {
            write_erased(l);
            l->at = 0;
            len = 1;
        } else {
            len = put_character(l, p, text.n - i);
        }
    }
    write_erased(l);
}

static void write_colour(struct cb_buf *out, uint32_t colour, bool back)
{
    unsigned shift = back ? 10 : 0;
    if (colour & COLOUR_RGB)
        cb_buf_printf(out, ";%u;2;%u;%u;%u", 38 + shift, colour >> 16 & 255, colour >> 8 & 255, colour & 255);
    else if (colour & COLOUR_INDEXED)
        cb_buf_printf(out, ";%u;5;%u", 38 + shift, colour & 255);
    else if (colour)
        cb_buf_printf(out, ";%u", colour + shift);
}

static bool same_style(const struct build_style *a, const struct build_style *b)
{
    return a->foreground == b->foreground && a->background == b->background && a->emphasis == b->emphasis;
}

static void write_style(struct cb_buf *out, struct build_style *now, const struct build_style *want)
{
    const struct build_style none = {0};
    if (same_style(now, want))
        return;
    CB_AUTO(cb_buf) struct cb_buf codes = CB_BUF_INIT;
    for (unsigned v = 1; v <= 9; v++)
        if (want->emphasis & 1u << v)
            cb_buf_printf(&codes, ";%u", v);
    write_colour(&codes, want->foreground, false);
    write_colour(&codes, want->background, true);
    bool fresh = same_style(now, &none);
    cb_buf_printf(out, "\033[%s%sm", fresh ? "" : "0", fresh ? codes.data + 1 : codes.data);
    *now = *want;
}

static size_t columns_of(const struct cell *c, size_t at, bool any)
{
    return c->bytes[0] == '\t' && !any ? TAB_STOP - at % TAB_STOP : c->columns;
}

/* How many cells fit into the width; *ret_more: not all, and they leave room for an ellipsis. */
static size_t fitting(const struct line *l, size_t width, bool *ret_more)
{
    size_t at = 0, short_of_it = 0;
    *ret_more = false;
    for (size_t i = 0; i < l->n; i++) {
        at += columns_of(&l->cells[i], at, width == BUILD_ANY_WIDTH);
        if (at > width) {
            *ret_more = true;
            return short_of_it;
        }
        if (at < width)
            short_of_it = i + 1;
    }
    return l->n;
}

static size_t write_line(const struct line *l, bool colours, size_t width, struct cb_buf *out)
{
    struct build_style now = {0};
    const struct build_style none = {0};
    bool more;
    size_t n = fitting(l, width, &more), at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cell *c = &l->cells[i];
        size_t columns = columns_of(c, at, width == BUILD_ANY_WIDTH);
        if (colours)
            write_style(out, &now, &c->style);
        if (c->bytes[0] == '\t' && width != BUILD_ANY_WIDTH)
            cb_buf_printf(out, "%*s", (int)columns, "");
        else
            cb_buf_add(out, c->bytes, c->len);
        at += columns;
    }
    cb_buf_adds(out, more ? "…" : "");
    write_style(out, &now, &none);
    return at + more;
}

/* Most lines are: nothing in them has to be looked at character by character. */
static bool is_simple(const struct build_terminal *t, struct cb_str text, size_t width)
{
    const struct build_style none = {0};
    return text.n <= width && same_style(&t->style, &none) && span(text.p, text.n, ' ', '~') == text.n;
}

size_t build_terminal_line(struct build_terminal *t, struct cb_str text, size_t width, struct cb_buf *out)
{
    struct line l = {.style = t->style};
    if (is_simple(t, text, width)) {
        cb_buf_add(out, text.p, text.n);
        return text.n;
    }
    read_line(&l, text);
    size_t columns = write_line(&l, t->colours, width, out);
    t->style = l.style;
    free(l.cells);
    return columns;
}
