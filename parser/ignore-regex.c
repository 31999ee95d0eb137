#include "parser/ignore-regex.h"

#include "base/text.h"
#include "parser/ignore-class.h"

/* One position of the automaton. The expression is a chain, so position i leads to i + 1 (or i + 2), and
 * whatever consumes nothing leads forward: one ascending pass closes a set of positions. */
enum kind {
    CHAR,
    NOT_SLASH,
    NOT_NEWLINE,
    CLASS,
    DIRS,      /* an optional run of directories: to the next position, or past it */
    DIRS_LOOP, /* inside it: anything but a newline stays, '/' leaves */
    /* consume nothing */
    AT_BEGIN,
    AT_END,
    AT_BOUNDARY,
    NO_BOUNDARY
};

struct node {
    unsigned kind : 7; /* enum kind */
    unsigned star : 1;
    unsigned value : 24; /* CHAR: code point; CLASS: its number */
};

struct df_regex {
    struct node *nodes;
    size_t n, cap;
    struct df_class *classes;
    size_t n_classes, cap_classes;
    /* Plain text at both ends, compared before anything else. Positions [first, last) lie between. */
    struct cb_buf prefix, suffix;
    size_t first, last;
};

/* ---- compiling -------------------------------------------------------------------------------- */

static struct node *add(struct df_regex *r, enum kind kind)
{
    struct node *node = &CB_PUSH(r->nodes, r->n, r->cap);
    node->kind = kind;
    return node;
}

static struct df_class *add_class(struct df_regex *r)
{
    add(r, CLASS)->value = r->n_classes & 0xFFFFFF;
    return &CB_PUSH(r->classes, r->n_classes, r->cap_classes);
}

/* Behind a backslash. */
static bool compile_escape(struct df_regex *r, const char **p)
{
    static const struct {
        char letter;
        enum kind kind;
    } table[] = {{'A', AT_BEGIN}, {'z', AT_END}, {'b', AT_BOUNDARY}, {'B', NO_BOUNDARY}};
    for (size_t i = 0; i < CB_LEN(table); i++)
        if (**p == table[i].letter) {
            add(r, table[i].kind);
            ++*p;
            return true;
        }
    if (**p && strchr("dDsSwW", **p)) {
        struct df_class *c = add_class(r);
        df_class_perl(p, c);
        df_class_complete(c);
        return true;
    }
    uint32_t c;
    if (!df_escape_char(p, &c))
        return false;
    add(r, CHAR)->value = c & 0xFFFFFF;
    return true;
}

static bool compile_class(struct df_regex *r, const char **p)
{
    struct df_class *c = add_class(r);
    if (!df_class_parse(p, c))
        return false;
    df_class_complete(c);
    if (c->negated && c->n == 0 && c->ascii[0] == ~(1ull << '/') && c->ascii[1] == ~0ull)
        r->nodes[r->n - 1].kind = NOT_SLASH;
    return true;
}

static bool compile_one(struct df_regex *r, const char **p)
{
    uint32_t c;
    switch (**p) {
    case '(': /* escaped everywhere but in the translation of `**` */
        *p += strlen("(.*/)?");
        add(r, DIRS);
        add(r, DIRS_LOOP);
        return true;
    case '[':
        ++*p;
        return compile_class(r, p);
    case '\\':
        ++*p;
        return compile_escape(r, p);
    case '.':
        ++*p;
        add(r, NOT_NEWLINE);
        return true;
    case '^':
        ++*p;
        add(r, AT_BEGIN);
        return true;
    default:
        df_regex_char(p, &c);
        add(r, CHAR)->value = c & 0xFFFFFF;
        return true;
    }
}

/* U+FFFD also matches an invalid byte, so it is no plain text. */
static bool is_plain(const struct node *node)
{
    return node->kind == CHAR && !node->star && node->value != 0xFFFD;
}

static void find_plain_ends(struct df_regex *r)
{
    for (; r->first < r->n && is_plain(&r->nodes[r->first]); r->first++)
        cb_utf8_encode(&r->prefix, r->nodes[r->first].value);
    r->last = r->n;
    while (r->last > r->first && is_plain(&r->nodes[r->last - 1]))
        r->last--;
    for (size_t i = r->last; i < r->n; i++)
        cb_utf8_encode(&r->suffix, r->nodes[i].value);
}

struct df_regex *df_regex_new(const char *text)
{
    struct df_regex *r = CB_NEW(struct df_regex);
    r->prefix = r->suffix = CB_BUF_INIT;
    while (*text) {
        if (!compile_one(r, &text)) {
            df_regex_free(r);
            return NULL;
        }
        if (*text == '*') {
            r->nodes[r->n - 1].star = true;
            text++;
        }
    }
    find_plain_ends(r);
    return r;
}

void df_regex_free(struct df_regex *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_classes; i++)
        df_class_done(&r->classes[i]);
    free(r->classes);
    free(r->nodes);
    cb_buf_done(&r->prefix);
    cb_buf_done(&r->suffix);
    free(r);
}

/* ---- matching --------------------------------------------------------------------------------- */

#define STACK_WORDS 8

/* A run over s: the sets of positions before and behind the character at hand. */
struct run {
    const struct df_regex *r;
    const char *s;
    size_t n;
    bool open_end; /* more text may follow: conditions at the end are taken as met */
    uint64_t *now, *then;
    size_t words;
};

static void set_bit(uint64_t *set, size_t i)
{
    set[i / 64] |= 1ull << i % 64;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool condition_holds(const struct run *run, enum kind kind, size_t pos)
{
    if (run->open_end && pos == run->n)
        return kind != AT_END && (kind != AT_BEGIN || pos == 0);
    if (kind == AT_BEGIN)
        return pos == 0;
    if (kind == AT_END)
        return pos == run->n;
    bool before = pos > 0 && is_word(run->s[pos - 1]), behind = pos < run->n && is_word(run->s[pos]);
    return (before != behind) == (kind == AT_BOUNDARY);
}

/* Where position i leads without a character. */
static void follow_empty(struct run *run, size_t i, size_t pos)
{
    const struct node *node = &run->r->nodes[i];
    if (node->kind == DIRS) {
        set_bit(run->now, i + 1);
        set_bit(run->now, i + 2);
    } else if (node->kind >= AT_BEGIN) {
        if (node->star || condition_holds(run, node->kind, pos))
            set_bit(run->now, i + 1);
    } else if (node->star) {
        set_bit(run->now, i + 1);
    }
}

static bool takes(const struct df_regex *r, const struct node *node, uint32_t c)
{
    if (node->kind == CHAR)
        return c == node->value;
    if (node->kind == NOT_SLASH)
        return c != '/';
    if (node->kind == CLASS)
        return df_class_has(&r->classes[node->value], c);
    return (node->kind == NOT_NEWLINE || node->kind == DIRS_LOOP) && c != '\n';
}

static void follow_char(struct run *run, size_t i, uint32_t c)
{
    const struct node *node = &run->r->nodes[i];
    if (!takes(run->r, node, c))
        return;
    bool loop = node->kind == DIRS_LOOP;
    if (loop || node->star)
        set_bit(run->then, i);
    if (loop ? c == '/' : !node->star)
        set_bit(run->then, i + 1);
}

/* Visits all positions of the set in ascending order, also those that the visit adds. `c`: the character to
 * take, or none. */
static void visit(struct run *run, size_t pos, const uint32_t *c)
{
    for (size_t w = 0; w < run->words; w++) {
        uint64_t seen = 0, todo;
        while ((todo = run->now[w] & ~seen)) {
            int bit = __builtin_ctzll(todo);
            seen |= 1ull << bit;
            size_t i = w * 64 + (size_t)bit;
            if (i >= run->r->last)
                continue;
            follow_empty(run, i, pos);
            if (c)
                follow_char(run, i, *c);
        }
    }
}

static bool is_empty(const uint64_t *set, size_t words)
{
    for (size_t w = 0; w < words; w++)
        if (set[w])
            return false;
    return true;
}

/* While only the inside of an optional run of directories is left, nothing happens in front of the next '/': most
 * paths are passed over so. Gives where to go on. */
static size_t skip_idle(const struct run *run, size_t pos, size_t end)
{
    uint64_t set = run->now[0];
    if (run->words > 1 || !set || set & (set - 1))
        return pos;
    size_t i = (size_t)__builtin_ctzll(set);
    if (i >= run->r->last || run->r->nodes[i].kind != DIRS_LOOP)
        return pos;
    const char *slash = memchr(run->s + pos, '/', end - pos);
    size_t stop = slash ? (size_t)(slash - run->s) : end;
    return memchr(run->s + pos, '\n', stop - pos) ? pos : stop;
}

/* From `pos` to `end`; false when no position is left. Otherwise run->now is the closed set at the end. */
static bool run_over(struct run *run, size_t first, size_t pos, size_t end)
{
    set_bit(run->now, first);
    while ((pos = skip_idle(run, pos, end)) < end) {
        size_t len;
        uint32_t c = cb_utf8_decode(run->s + pos, run->n - pos, &len);
        visit(run, pos, &c);
        pos += len;
        uint64_t *used = run->now;
        run->now = run->then;
        run->then = used;
        memset(used, 0, run->words * sizeof(*used));
        if (is_empty(run->now, run->words))
            return false;
    }
    visit(run, pos, NULL);
    return true;
}

/* Whether one of the positions [from, to] is in the set at the end. */
static bool run_reaches(const struct df_regex *r, const char *s, size_t n, bool open_end, size_t first, size_t pos, size_t end,
                        size_t from, size_t to)
{
    uint64_t stack[2 * STACK_WORDS] = {0};
    struct run run = {.r = r, .s = s, .n = n, .open_end = open_end, .words = r->n / 64 + 1};
    uint64_t *sets = run.words <= STACK_WORDS ? stack : cb_alloc(2 * run.words * sizeof(*sets));
    run.now = sets;
    run.then = sets + run.words;
    bool found = false;
    if (run_over(&run, first, pos, end))
        for (size_t i = from; i <= to && !found; i++)
            found = run.now[i / 64] >> i % 64 & 1;
    if (sets != stack)
        free(sets);
    return found;
}

bool df_regex_match(const struct df_regex *r, const char *s, size_t n)
{
    size_t ends = r->prefix.len + r->suffix.len;
    if (n < ends || memcmp(s, r->prefix.data, r->prefix.len) != 0 ||
        memcmp(s + n - r->suffix.len, r->suffix.data, r->suffix.len) != 0)
        return false;
    if (r->first == r->last)
        return n == ends;
    return run_reaches(r, s, n, false, r->first, r->prefix.len, n - r->suffix.len, r->last, r->last);
}

bool df_regex_may_match_below(const struct df_regex *r, const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf dir = CB_BUF_INIT;
    cb_buf_add(&dir, s, n);
    cb_buf_addc(&dir, '/');
    if (r->n == 0)
        return false;
    struct df_regex whole = *r;
    whole.first = 0;
    whole.last = r->n;
    return run_reaches(&whole, dir.data, dir.len, true, 0, 0, dir.len, 0, r->n - 1);
}
