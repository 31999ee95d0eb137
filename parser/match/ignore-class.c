#include "parser/match/ignore-class.h"

#include "base/text.h"

#define LAST_CODE_POINT 0x10FFFFu

static void add_range(struct df_class *c, uint32_t low, uint32_t high)
{
    CB_PUSH(c->ranges, c->n, c->cap) = (struct df_range){low, high};
}

/* Adds ranges in ascending order given as pairs of characters, or everything between them. */
static void add_pairs(struct df_class *c, const char *pairs, bool negated)
{
    uint32_t gap = 0;
    for (const unsigned char *p = (const unsigned char *)pairs; *p; p += 2) {
        if (!negated)
            add_range(c, p[0], p[1]);
        else if (p[0] > gap)
            add_range(c, gap, p[0] - 1u);
        gap = p[1] + 1u;
    }
    if (negated)
        add_range(c, gap, LAST_CODE_POINT);
}

bool df_class_perl(const char **p, struct df_class *ret)
{
    static const struct {
        char letter;
        const char *pairs;
    } table[] = {{'d', "09"}, {'s', "\t\n\f\r  "}, {'w', "09AZ__az"}};
    for (size_t i = 0; i < CB_LEN(table); i++) {
        bool negated = **p == table[i].letter - 'a' + 'A';
        if (**p == table[i].letter || negated) {
            add_pairs(ret, table[i].pairs, negated);
            ++*p;
            return true;
        }
    }
    return false;
}

/* `[:name:]` or `[:^name:]`, after both brackets and the colon. 1: taken. 0: no `:]` follows, so it is
 * plain text. -1: no such class. */
static int posix_class(const char **p, struct df_class *ret)
{
    static const struct {
        const char *name, *pairs;
    } table[] = {
        {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", NULL},      {"blank", "\t\t  "},  {"cntrl", NULL},
        {"digit", "09"},     {"graph", "!~"},   {"lower", "az"},      {"print", " ~"},      {"punct", "!/:@[`{~"},
        {"space", "\t\r  "}, {"upper", "AZ"},   {"word", "09AZ__az"}, {"xdigit", "09AFaf"},
    };
    const char *end = strstr(*p, ":]");
    if (!end)
        return 0;
    bool negated = **p == '^';
    struct cb_str name = {*p + negated, (size_t)(end - *p - negated)};
    for (size_t i = 0; i < CB_LEN(table); i++) {
        if (!cb_str_eq(name, cb_str(table[i].name)))
            continue;
        if (table[i].pairs) {
            add_pairs(ret, table[i].pairs, negated);
        } else { /* the two that hold NUL, which ends a list of pairs */
            bool cntrl = table[i].name[0] == 'c';
            uint32_t high = cntrl ? 0x1F : 0x7F;
            if (!negated)
                add_range(ret, 0, high);
            if (cntrl)
                add_range(ret, negated ? 0x20 : 0x7F, negated ? 0x7E : 0x7F);
            if (negated)
                add_range(ret, 0x80, LAST_CODE_POINT);
        }
        *p = end + 2;
        return 1;
    }
    return -1;
}

bool df_regex_char(const char **p, uint32_t *ret)
{
    size_t len;
    if (**p == '\0')
        return false;
    *ret = cb_utf8_decode(*p, strnlen(*p, 4), &len);
    *p += len;
    return true;
}

/* After `\x`: two digits, or any number of them in braces. */
static bool hex_char(const char **p, uint32_t *ret)
{
    bool braces = **p == '{';
    *p += braces;
    uint32_t v = 0;
    size_t n = 0;
    for (; cb_hex_value(**p) >= 0 && (braces || n < 2); ++*p, n++) {
        v = v << 4 | (uint32_t)cb_hex_value(**p);
        if (v > LAST_CODE_POINT)
            return false;
    }
    if (braces ? n == 0 || *(*p)++ != '}' : n != 2)
        return false;
    *ret = v;
    return true;
}

bool df_escape_char(const char **p, uint32_t *ret)
{
    static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";
    uint32_t c;
    if (!df_regex_char(p, &c))
        return false;
    const char *control = c < 0x80 ? strchr(from, (int)c) : NULL;
    if (control) {
        *ret = (uint32_t)to[control - from];
        return true;
    }
    if (c == 'x')
        return hex_char(p, ret);
    if (c >= '0' && c <= '7') { /* up to three octal digits; a single one other than 0 would be a back reference */
        if (c != '0' && (**p < '0' || **p > '7'))
            return false;
        c -= '0';
        for (int i = 0; i < 2 && **p >= '0' && **p <= '7'; i++)
            c = c * 8 + (uint32_t)(*(*p)++ - '0');
        *ret = c;
        return true;
    }
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    *ret = c;
    return c < 0x80 && !alnum;
}

static bool class_char(const char **p, uint32_t *ret)
{
    if (**p != '\\')
        return df_regex_char(p, ret);
    ++*p;
    return df_escape_char(p, ret);
}

/* One character or range. */
static bool class_range(const char **p, struct df_class *ret)
{
    uint32_t low, high;
    if (!class_char(p, &low))
        return false;
    high = low;
    if ((*p)[0] == '-' && (*p)[1] && (*p)[1] != ']') {
        ++*p;
        if (!class_char(p, &high) || high < low)
            return false;
    }
    add_range(ret, low, high);
    return true;
}

bool df_class_parse(const char **p, struct df_class *ret)
{
    ret->negated = **p == '^';
    *p += ret->negated;
    for (bool first = true; first || **p != ']'; first = false) {
        if ((*p)[0] == '[' && (*p)[1] == ':') {
            const char *name = *p + 2;
            int r = posix_class(&name, ret);
            if (r < 0)
                return false;
            if (r > 0) {
                *p = name;
                continue;
            }
        }
        if (**p == '\\') {
            const char *letter = *p + 1;
            if (df_class_perl(&letter, ret)) {
                *p = letter;
                continue;
            }
        }
        if (!class_range(p, ret))
            return false;
    }
    ++*p;
    return true;
}

static bool in_ranges(const struct df_class *c, uint32_t cp)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->ranges[i].low <= cp && cp <= c->ranges[i].high)
            return true;
    return false;
}

void df_class_complete(struct df_class *c)
{
    for (uint32_t cp = 0; cp < 128; cp++)
        if (in_ranges(c, cp) != c->negated)
            c->ascii[cp / 64] |= 1ull << cp % 64;
    size_t n = 0; /* the ranges are searched only for characters beyond ASCII */
    for (size_t i = 0; i < c->n; i++)
        if (c->ranges[i].high >= 128)
            c->ranges[n++] = c->ranges[i];
    c->n = n;
}

bool df_class_has(const struct df_class *c, uint32_t cp)
{
    return cp < 128 ? c->ascii[cp / 64] >> cp % 64 & 1 : in_ranges(c, cp) != c->negated;
}

void df_class_done(struct df_class *c)
{
    free(c->ranges);
    *c = (struct df_class){0};
}
