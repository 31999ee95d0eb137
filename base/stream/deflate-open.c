/* The blocks of a stream follow each other without a gap and without their lengths, so all codes are read, but nothing is
 * unpacked: a table says for the next 12 bits how many of them, and of the extra bits behind them, a code takes (or two literals,
 * one after the other), and whether a distance follows. What is what is not branched on: nobody could foretell it. */
#include "base/stream/deflate-open.h"
#include "base/mem.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX_BITS 15 /* of a code */
#define FAST     12 /* codes of up to so many bits are found at once */
#define LITERALS 288
#define END      256 /* the code that ends a block */

/* What a code is followed by: a code of the first table, one of the second; or what needs a closer look. */
enum { NEXT_LITERAL, NEXT_DISTANCE, NEXT_BLOCK, NEXT_LONG, NEXT_NONE };
/* Zero bits: there is no such code. */
struct step {
    unsigned char next, bits; /* bits: the code's and the extra ones behind it */
};

struct codes {
    uint16_t count[MAX_BITS + 1]; /* of codes of each length */
    uint16_t sorted[LITERALS];    /* symbols, by code */
    struct step (*step)(unsigned symbol, unsigned len);
};

struct skim {
    const unsigned char *p;
    size_t at, end; /* bits */
    struct codes codes[2];
    struct step fast[2][1u << FAST]; /* for NEXT_LITERAL and NEXT_DISTANCE */
};

static uint64_t peek(const struct skim *s)
{
    uint64_t w;
    memcpy(&w, s->p + s->at / 8, sizeof(w));
    return le64toh(w) >> s->at % 8; /* 57 bits of it are good */
}

static unsigned take(struct skim *s, unsigned n)
{
    unsigned v = (unsigned)(peek(s) & ((1u << n) - 1));
    s->at += n;
    return v;
}

/* ---- codes ------------------------------------------------------------------------------------------------------ */

static const struct step none = {NEXT_NONE, 0};

static struct step literal_step(unsigned symbol, unsigned len)
{
    static const unsigned char extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    if (symbol <= END)
        return (struct step){symbol == END ? NEXT_BLOCK : NEXT_LITERAL, (unsigned char)len};
    symbol -= END + 1;
    return symbol < CB_LEN(extra) ? (struct step){NEXT_DISTANCE, (unsigned char)(len + extra[symbol])} : none;
}

static struct step distance_step(unsigned symbol, unsigned len)
{
    unsigned extra = symbol < 2 ? 0 : symbol / 2 - 1;
    return symbol < 30 ? (struct step){NEXT_LITERAL, (unsigned char)(len + extra)} : none;
}

/* Of the code in which the lengths of the others are written. */
static struct step symbol_step(unsigned symbol, unsigned len)
{
    return (struct step){(unsigned char)symbol, (unsigned char)len};
}

static unsigned reversed(unsigned code, unsigned len)
{
    unsigned r = 0;
    for (unsigned i = 0; i < len; i++)
        r |= (code >> i & 1) << (len - 1 - i);
    return r;
}

static void fill(struct step *fast, unsigned code, unsigned len, struct step step)
{
    unsigned first = reversed(code, len);
    if (len > FAST) {
        fast[first & ((1u << FAST) - 1)] = (struct step){NEXT_LONG, 0};
        return;
    }
    for (unsigned i = first; i < 1u << FAST; i += 1u << len)
        fast[i] = step;
}

static void make_codes(struct skim *s, unsigned which, const unsigned char *lengths, unsigned n,
                       struct step (*step)(unsigned symbol, unsigned len))
{
    struct codes *c = &s->codes[which];
    uint16_t at[MAX_BITS + 2] = {0};
    unsigned next[MAX_BITS + 1] = {0}, used = 0;
    *c = (struct codes){.step = step};
    for (unsigned i = 0; i < n; i++)
        c->count[lengths[i]]++;
    c->count[0] = 0;
    for (unsigned len = 1; len <= MAX_BITS; len++) {
        at[len + 1] = (uint16_t)(at[len] + c->count[len]);
        next[len] = (next[len - 1] + c->count[len - 1]) << 1;
        used += (unsigned)c->count[len] << (MAX_BITS - len);
    }
    for (unsigned i = 0; used != 1u << MAX_BITS && i < 1u << FAST; i++)
        s->fast[which][i] = none;
    for (unsigned i = 0; i < n; i++) {
        unsigned len = lengths[i];
        if (len == 0)
            continue;
        c->sorted[at[len]++] = (uint16_t)i;
        fill(s->fast[which], next[len]++, len, step(i, len));
    }
}

/* Two literals that fit into the bits of the table are one step. From above: what stands below is still single. */
static void pair_literals(struct step *fast)
{
    for (unsigned i = 1u << FAST; i-- > 1;) {
        struct step *first = &fast[i];
        const struct step second = fast[i >> first->bits];
        if (first->next == NEXT_LITERAL && second.next == NEXT_LITERAL && first->bits + second.bits <= FAST)
            first->bits = (unsigned char)(first->bits + second.bits);
    }
}

/* A code that is longer than the table's, bit by bit. */
static struct step long_step(const struct codes *c, uint64_t bits)
{
    unsigned code = 0, first = 0, index = 0;
    for (unsigned len = 1; len <= MAX_BITS; len++) {
        code |= (unsigned)(bits >> (len - 1)) & 1;
        if (code < first + c->count[len])
            return c->step(c->sorted[index + code - first], len);
        index += c->count[len];
        first = (first + c->count[len]) << 1;
        code <<= 1;
    }
    return none;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* What the table cannot say. False: no code is here, or one that cannot follow. */
static bool step_slowly(struct skim *s, unsigned *table, struct step step)
{
    if (step.next == NEXT_LONG)
        step = long_step(&s->codes[*table], peek(s));
    *table = step.next;
    s->at += step.bits;
    return step.next < NEXT_LONG && s->at <= s->end;
}

/* As far as the table goes. Two steps take 48 bits at most. */
static struct step skim_fast(struct skim *s, unsigned *table)
{
    const unsigned mask = (1u << FAST) - 1;
    struct step a = none;
    size_t at = s->at;
    while (at < s->end) {
        uint64_t w;
        memcpy(&w, s->p + at / 8, sizeof(w));
        w = le64toh(w) >> at % 8;
        a = s->fast[*table][w & mask];
        if (a.next > NEXT_DISTANCE)
            break;
        at += a.bits;
        w >>= a.bits;
        *table = a.next;
        a = s->fast[*table][w & mask];
        if (a.next > NEXT_DISTANCE)
            break;
        at += a.bits;
        *table = a.next;
    }
    s->at = at;
    return a;
}

static bool skim_codes(struct skim *s)
{
    unsigned table = NEXT_LITERAL;
    while (table != NEXT_BLOCK) {
        struct step last = skim_fast(s, &table);
        if (s->at >= s->end || !step_slowly(s, &table, last))
            return false;
    }
    return true;
}

static bool skim_stored(struct skim *s)
{
    s->at = (s->at + 7) / 8 * 8;
    unsigned len = take(s, 16);
    s->at += 16 + (size_t)len * 8;
    return true;
}

static bool skim_fixed(struct skim *s)
{
    unsigned char lengths[LITERALS];
    for (unsigned i = 0; i < LITERALS; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    make_codes(s, NEXT_LITERAL, lengths, LITERALS, literal_step);
    memset(lengths, 5, 32);
    make_codes(s, NEXT_DISTANCE, lengths, 32, distance_step);
    return skim_codes(s);
}

/* The lengths of the codes for literals and distances are coded themselves. */
static bool read_lengths(struct skim *s, unsigned char *lengths, unsigned n)
{
    for (unsigned i = 0; i < n;) {
        struct step step = s->fast[NEXT_DISTANCE][peek(s) & ((1u << FAST) - 1)];
        unsigned symbol = step.next, repeat = 1;
        s->at += step.bits;
        if (step.bits == 0 || s->at >= s->end || (symbol == 16 && i == 0))
            return false;
        unsigned char value = symbol < 16 ? (unsigned char)symbol : symbol == 16 ? lengths[i - 1] : 0;
        if (symbol >= 16)
            repeat = symbol == 16 ? 3 + take(s, 2) : symbol == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
        if (repeat > n - i)
            return false;
        memset(lengths + i, value, repeat);
        i += repeat;
    }
    return true;
}

static bool skim_dynamic(struct skim *s)
{
    static const unsigned char order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    unsigned char first[CB_LEN(order)] = {0}, lengths[LITERALS + 32];
    unsigned literals = 257 + take(s, 5), distances = 1 + take(s, 5), n = 4 + take(s, 4);
    for (unsigned i = 0; i < n; i++)
        first[order[i]] = (unsigned char)take(s, 3);
    make_codes(s, NEXT_DISTANCE, first, CB_LEN(first), symbol_step);
    if (literals > LITERALS || !read_lengths(s, lengths, literals + distances))
        return false;
    make_codes(s, NEXT_LITERAL, lengths, literals, literal_step);
    make_codes(s, NEXT_DISTANCE, lengths + literals, distances, distance_step);
    pair_literals(s->fast[NEXT_LITERAL]);
    return skim_codes(s);
}

static bool skim_block(struct skim *s, bool *ret_last)
{
    *ret_last = take(s, 1);
    switch (take(s, 2)) {
    case 0:
        return skim_stored(s);
    case 1:
        return skim_fixed(s);
    case 2:
        return skim_dynamic(s);
    default:
        return false;
    }
}

/* An empty stored block without the mark of the last begins here and fills the byte. */
static size_t end_at_byte(unsigned char *p, size_t at)
{
    static const unsigned char empty[] = {0, 0, 0xff, 0xff};
    if (at % 8 == 0)
        return at / 8;
    size_t n = (at + 3 + 7) / 8;
    p[at / 8] &= (unsigned char)((1u << at % 8) - 1);
    memset(p + at / 8 + 1, 0, n - at / 8 - 1);
    memcpy(p + n, empty, sizeof(empty));
    return n + sizeof(empty);
}

size_t cb_deflate_open(unsigned char *stream, size_t n)
{
    CB_AUTO(free) struct skim *s = CB_NEW(struct skim);
    bool last = false;
    size_t mark = 0;
    *s = (struct skim){.p = stream, .end = n * 8};
    while (!last) {
        mark = s->at;
        if (s->at >= s->end || !skim_block(s, &last) || s->at > s->end)
            return 0;
    }
    stream[mark / 8] &= (unsigned char)~(1u << mark % 8);
    return end_at_byte(stream, s->at);
}
