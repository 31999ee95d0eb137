#include "parser/match/ignore-regex.h"

#include "base/text.h"
#include "parser/match/ignore-class.h"

#define MAX_REPEAT 1000 /* Go's limit */

/* One position of the automaton. An alternative is a chain, so position i leads to i + 1 (or i + 2), and
 * whatever consumes nothing leads forward: one ascending pass completes a set of positions. */
enum kind {
    CHAR,
    NOT_SLASH,
    NOT_NEWLINE,
    ANY,
    CLASS,
    DIRS,      /* an optional run of directories: to the next position, or past it */
    DIRS_LOOP, /* inside it: anything but a newline stays inside, '/' leaves */
    /* consume nothing */
    AT_BEGIN,
    AT_END,
    AT_BOUNDARY,
    NO_BOUNDARY
};

struct node {
    unsigned kind : 6; /* enum kind */
    unsigned star : 1;
    unsigned optional : 1;
    unsigned value : 24; /* CHAR: code point; CLASS: its number */
};

struct chain {
    struct node *nodes;
    size_t n, cap;
    /* Plain text at both ends, compared before anything else. Positions [first, last) lie between. */
    struct cb_buf prefix, suffix;
    size_t first, last;
};

struct df_regex {
    struct chain *chains;
    size_t n, cap;
    struct df_class *classes;
    size_t n_classes, cap_classes;
};

/* ---- compiling -------------------------------------------------------------------------------- */

static struct node *add(struct df_regex *r, enum kind kind)
{
    struct chain *chain = &r->chains[r->n - 1];
    struct node *node = &CB_PUSH(chain->nodes, chain->n, chain->cap);
    node->kind = kind;
    return node;
}

static void add_chain(struct df_regex *r)
{
    struct chain *chain = &CB_PUSH(r->chains, r->n, r->cap);
    chain->prefix = chain->suffix = CB_BUF_INIT;
}

static struct df_class *add_class(struct df_regex *r)
{
    add(r, CLASS)->value = r->n_classes & 0xFFFFFF;
    return &CB_PUSH(r->classes, r->n_classes, r->cap_classes);
}

/* After a backslash. */
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
    const struct chain *chain = &r->chains[r->n - 1];
    if (c->negated && c->n == 0 && c->ascii[0] == ~(1ull << '/') && c->ascii[1] == ~0ull)
        chain->nodes[chain->n - 1].kind = NOT_SLASH;
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

/* ---- repetition ------------------------------------------------------------------------------- */

struct repeat {
    int min, max; /* max -1: no end */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number without leading zeros; one that is far too large is -1. */
static bool repeat_number(const char **p, int *ret)
{
    const char *s = *p;
    if (!is_digit(s[0]) || (s[0] == '0' && is_digit(s[1])))
        return false;
    int n = 0;
    for (; is_digit(*s); s++)
        n = n < 0 || n > 100000 ? -1 : n * 10 + (*s - '0');
    *p = s;
    *ret = n;
    return true;
}

/* Takes `{n}`, `{n,}` or `{n,m}`. 0: it is something else, so the brace is a character. -1: Go refuses the numbers. */
static int read_repeat(const char **p, struct repeat *ret)
{
    const char *s = *p;
    if (*s++ != '{' || !repeat_number(&s, &ret->min))
        return 0;
    ret->max = ret->min;
    bool wrong = false;
    if (*s == ',' && *++s == '}') {
        ret->max = -1;
    } else if (s[-1] == ',') {
        if (!repeat_number(&s, &ret->max))
            return 0;
        wrong = ret->max < ret->min;
    }
    if (*s != '}')
        return 0;
    *p = s + 1;
    return wrong || ret->min < 0 || ret->min > MAX_REPEAT || ret->max > MAX_REPEAT ? -1 : 1;
}

/* Repeats the last position. */
static bool add_copies(struct df_regex *r, struct repeat repeat, size_t *budget)
{
    struct chain *chain = &r->chains[r->n - 1];
    struct node node = chain->nodes[--chain->n];
    int n = CB_MAX(repeat.min, repeat.max);
    if ((size_t)n > *budget)
        return false;
    *budget -= (size_t)n;
    for (int i = 0; i < n; i++) {
        node.optional = i >= repeat.min;
        CB_PUSH(chain->nodes, chain->n, chain->cap) = node;
    }
    if (repeat.max < 0) {
        node.star = true;
        CB_PUSH(chain->nodes, chain->n, chain->cap) = node;
    }
    return true;
}

/* An operator that repeats the position before it, which may not be repeated twice. */
static bool compile_repeat(struct df_regex *r, const char **p, size_t *budget)
{
    struct chain *chain = &r->chains[r->n - 1];
    struct node *last = &chain->nodes[chain->n - 1];
    bool star = **p == '*';
    if (star) {
        last->star = true;
        ++*p;
    }
    struct repeat repeat;
    int n = read_repeat(p, &repeat);
    if (n <= 0)
        return n == 0;
    if (star || last->kind == DIRS_LOOP || !add_copies(r, repeat, budget))
        return false;
    return read_repeat(p, &repeat) == 0;
}

/* ---- alternatives ----------------------------------------------------------------------------- */

static void add_anything(struct df_regex *r)
{
    add(r, ANY)->star = true;
}

/* The condition that the text begins here precedes only the first alternative, and can be repeated too. */
static bool compile_begin(struct df_regex *r, const char **p)
{
    struct repeat repeat;
    if (r->n > 1)
        add_anything(r);
    int n = read_repeat(p, &repeat);
    if (n == 0)
        return true;
    if (n < 0 || r->n > 1 || read_repeat(p, &repeat) != 0)
        return false;
    if (repeat.min == 0)
        add_anything(r);
    return true;
}

static bool compile(struct df_regex *r, const char *p, size_t *budget)
{
    add_chain(r);
    if (!compile_begin(r, &p))
        return false;
    while (*p) {
        if (*p == '|') {
            p++;
            add_anything(r);
            add_chain(r);
            if (!compile_begin(r, &p))
                return false;
        } else if (!compile_one(r, &p) || !compile_repeat(r, &p, budget)) {
            return false;
        }
    }
    return true;
}

/* U+FFFD also matches an invalid byte, so it is not plain text. */
static bool is_plain(const struct node *node)
{
    return node->kind == CHAR && !node->star && !node->optional && node->value != 0xFFFD;
}

static void find_plain_ends(struct chain *c)
{
    for (; c->first < c->n && is_plain(&c->nodes[c->first]); c->first++)
        cb_utf8_encode(&c->prefix, c->nodes[c->first].value);
    c->last = c->n;
    while (c->last > c->first && is_plain(&c->nodes[c->last - 1]))
        c->last--;
    for (size_t i = c->last; i < c->n; i++)
        cb_utf8_encode(&c->suffix, c->nodes[i].value);
}

struct df_regex *df_regex_new(const char *text, size_t *budget)
{
    struct df_regex *r = CB_NEW(struct df_regex);
    if (!compile(r, text, budget)) {
        df_regex_free(r);
        return NULL;
    }
    for (size_t i = 0; i < r->n; i++)
        find_plain_ends(&r->chains[i]);
    return r;
}

void df_regex_free(struct df_regex *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_classes; i++)
        df_class_done(&r->classes[i]);
    for (size_t i = 0; i < r->n; i++) {
        free(r->chains[i].nodes);
        cb_buf_done(&r->chains[i].prefix);
        cb_buf_done(&r->chains[i].suffix);
    }
    free(r->classes);
    free(r->chains);
    free(r);
}

/* ---- matching --------------------------------------------------------------------------------- */

#define STACK_WORDS 8

/* A run over s: the sets of positions before and after the current character. */
struct run {
    const struct df_regex *r;
    const struct chain *chain;
    const char *s;
    size_t n;
    bool open_end; /* more text may follow: conditions at the end are taken to hold */
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

/* Where position i leads without consuming a character. */
static void follow_empty(struct run *run, size_t i, size_t pos)
{
    const struct node *node = &run->chain->nodes[i];
    if (node->kind == DIRS) {
        set_bit(run->now, i + 1);
        set_bit(run->now, i + 2);
    } else if (node->kind >= AT_BEGIN) {
        if (node->star || node->optional || condition_holds(run, node->kind, pos))
            set_bit(run->now, i + 1);
    } else if (node->star || node->optional) {
        set_bit(run->now, i + 1);
    }
}

static bool takes(const struct df_regex *r, const struct node *node, uint32_t c)
{
    if (node->kind == CHAR)
        return c == node->value;
    if (node->kind == NOT_SLASH)
        return c != '/';
    if (node->kind == ANY)
        return true;
    if (node->kind == CLASS)
        return df_class_has(&r->classes[node->value], c);
    return (node->kind == NOT_NEWLINE || node->kind == DIRS_LOOP) && c != '\n';
}

static void follow_char(struct run *run, size_t i, uint32_t c)
{
    const struct node *node = &run->chain->nodes[i];
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
            if (i >= run->chain->last)
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
 * of a path is passed over this way. Gives where to go on. */
static size_t skip_idle(const struct run *run, size_t pos, size_t end)
{
    uint64_t set = run->now[0];
    if (run->words > 1 || !set || set & (set - 1))
        return pos;
    size_t i = (size_t)__builtin_ctzll(set);
    if (i >= run->chain->last || run->chain->nodes[i].kind != DIRS_LOOP)
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
static bool run_reaches(struct run *run, size_t first, size_t pos, size_t end, size_t from, size_t to)
{
    uint64_t stack[2 * STACK_WORDS] = {0};
    run->words = run->chain->n / 64 + 1;
    uint64_t *sets = run->words <= STACK_WORDS ? stack : cb_alloc(2 * run->words * sizeof(*sets));
    run->now = sets;
    run->then = sets + run->words;
    bool found = false;
    if (run_over(run, first, pos, end))
        for (size_t i = from; i <= to && !found; i++)
            found = run->now[i / 64] >> i % 64 & 1;
    if (sets != stack)
        free(sets);
    return found;
}

static bool match_chain(const struct df_regex *r, const struct chain *c, const char *s, size_t n)
{
    size_t ends = c->prefix.len + c->suffix.len;
    if (n < ends || memcmp(s, c->prefix.data, c->prefix.len) != 0 ||
        memcmp(s + n - c->suffix.len, c->suffix.data, c->suffix.len) != 0)
        return false;
    if (c->first == c->last)
        return n == ends;
    struct run run = {.r = r, .chain = c, .s = s, .n = n};
    return run_reaches(&run, c->first, c->prefix.len, n - c->suffix.len, c->last, c->last);
}

bool df_regex_match(const struct df_regex *r, const char *s, size_t n)
{
    for (size_t i = 0; i < r->n; i++)
        if (match_chain(r, &r->chains[i], s, n))
            return true;
    return false;
}

bool df_regex_may_match_below(const struct df_regex *r, const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf dir = CB_BUF_INIT;
    cb_buf_add(&dir, s, n);
    cb_buf_addc(&dir, '/');
    for (size_t i = 0; i < r->n; i++) {
        struct chain whole = r->chains[i];
        whole.first = 0;
        whole.last = whole.n;
        struct run run = {.r = r, .chain = &whole, .s = dir.data, .n = dir.len, .open_end = true};
        if (whole.n && run_reaches(&run, 0, 0, dir.len, 0, whole.n - 1))
            return true;
    }
    return false;
}
