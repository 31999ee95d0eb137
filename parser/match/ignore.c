#include "parser/match/ignore.h"

#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "parser/match/glob.h"
#include "parser/match/ignore-regex.h"

enum match_kind {
    EXACT,  /* text is the path */
    PREFIX, /* `text**` without other wildcards: the path begins with text */
    SUFFIX, /* `**text`: the path ends with text, or is what follows its '/' */
    REGEX
};

struct pattern {
    bool exception;
    enum match_kind kind;
    char *text;
    size_t len;
    struct df_regex *regex;
};

struct df_ignore {
    struct pattern *patterns;
    size_t n, cap;
    size_t budget;          /* repetitions that more patterns may hold */
    size_t past_exceptions; /* after the last `!` pattern; 0: none */
};

/* ---- reading a file --------------------------------------------------------------------------- */

/* Without Unicode space at both ends. */
static struct cb_str trim(struct cb_str s)
{
    size_t len, kept = 0;
    while (s.n && cb_is_unicode_space(cb_utf8_decode(s.p, s.n, &len)))
        s = (struct cb_str){s.p + len, s.n - len};
    for (size_t i = 0; i < s.n; i += len)
        if (!cb_is_unicode_space(cb_utf8_decode(s.p + i, s.n - i, &len)))
            kept = i + len;
    return (struct cb_str){s.p, kept};
}

static void read_line(struct cb_str line, struct cb_strv *ret)
{
    if (line.n && line.p[0] == '#')
        return;
    line = trim(line);
    if (line.n == 0)
        return;
    bool exception = line.p[0] == '!';
    if (exception)
        line = trim((struct cb_str){line.p + 1, line.n - 1});
    CB_AUTO(free) char *text = cb_memdup0(line.p, line.n);
    CB_AUTO(free) char *clean = *text ? cb_path_clean(text) : cb_strdup("");
    const char *relative = clean[0] == '/' && clean[1] ? clean + 1 : clean;
    cb_strv_take(ret, cb_printf("%s%s", exception ? "!" : "", relative));
}

void df_ignore_read(const char *text, size_t n, struct cb_strv *ret)
{
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        n -= 3;
    }
    while (n) {
        const char *nl = memchr(text, '\n', n);
        size_t len = nl ? (size_t)(nl - text) : n;
        read_line((struct cb_str){text, len}, ret);
        len += nl != NULL;
        text += len;
        n -= len;
    }
}

/* ---- compiling -------------------------------------------------------------------------------- */

/* BuildKit's translation, character by character (dockerfile.md §15): `out` is the expression; the result is the kind of
 * match that does without it. Inside a class nothing is different. Its table of what is escaped lacks `|`, `{`
 * and `}`: beside a wildcard they are operators. */
static enum match_kind translate(const char *p, struct cb_buf *out)
{
    enum match_kind kind = EXACT;
    for (const char *start = p; *p;) {
        bool first = p == start;
        char c = *p++;
        if (c == '*' && *p == '*') {
            p++;
            p += *p == '/';
            bool last = *p == '\0';
            if (last && kind == EXACT) {
                kind = PREFIX;
            } else {
                cb_buf_adds(out, last ? ".*" : "(.*/)?");
                kind = REGEX;
            }
            if (first)
                kind = SUFFIX;
        } else if (c == '*' || c == '?') {
            cb_buf_adds(out, c == '*' ? "[^/]*" : "[^/]");
            kind = REGEX;
        } else if (strchr(".+()$", c)) {
            cb_buf_addc(out, '\\');
            cb_buf_addc(out, c);
        } else {
            cb_buf_addc(out, c);
            if (c == '\\' && *p)
                cb_buf_addc(out, *p++);
            if (c == '\\' || c == '[' || c == ']')
                kind = REGEX;
        }
    }
    return kind;
}

static int bad_pattern(struct cb_error *err, const char *pattern)
{
    cb_fail(err, CB_E_DOCKERFILE, "syntax error in pattern");
    return cb_hint(err, "the pattern is '%.256s'", pattern);
}

static int compile(struct pattern *p, size_t *budget, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf regex = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    if (!df_glob_valid(p->text))
        return bad_pattern(err, p->text);
    p->len = strlen(p->text);
    cb_utf8_sanitize(&clean, p->text, p->len);
    p->kind = translate(clean.data, &regex);
    if (p->kind == PREFIX)
        p->len -= 2;
    if (p->kind == REGEX && !(p->regex = df_regex_new(regex.data, budget)))
        return bad_pattern(err, p->text);
    return 0;
}

static int add_pattern(struct df_ignore *m, const char *written, struct cb_error *err)
{
    struct cb_str s = trim(cb_str(written));
    if (s.n == 0)
        return 0;
    if (s.n > CB_MAX_IGNORE_PATTERN)
        return cb_fail(err, CB_E_DOCKERFILE, "pattern is longer than %u bytes", CB_MAX_IGNORE_PATTERN);
    if (m->n == CB_MAX_IGNORE_PATTERNS)
        return cb_fail(err, CB_E_DOCKERFILE, "more than %u patterns", CB_MAX_IGNORE_PATTERNS);
    CB_AUTO(free) char *text = cb_memdup0(s.p, s.n);
    CB_AUTO(free) char *clean = cb_path_clean(text);
    if (strcmp(clean, "!") == 0)
        return cb_fail(err, CB_E_DOCKERFILE, "illegal exclusion pattern: \"!\"");
    struct pattern *p = &CB_PUSH(m->patterns, m->n, m->cap);
    p->exception = clean[0] == '!';
    p->text = cb_strdup(clean + p->exception);
    if (p->exception)
        m->past_exceptions = m->n;
    return compile(p, &m->budget, err);
}

struct df_ignore *df_ignore_new(const struct cb_strv *patterns, struct cb_error *err)
{
    CB_AUTO(df_ignore) struct df_ignore *m = CB_NEW(struct df_ignore);
    m->budget = CB_MAX_IGNORE_REPEATS;
    for (size_t i = 0; i < patterns->n; i++)
        if (add_pattern(m, patterns->items[i], err) < 0)
            return NULL;
    return CB_TAKE(m);
}

void df_ignore_free(struct df_ignore *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        df_regex_free(m->patterns[i].regex);
        free(m->patterns[i].text);
    }
    free(m->patterns);
    free(m);
}

size_t df_ignore_count(const struct df_ignore *m)
{
    return m->n;
}

bool df_ignore_has_exceptions(const struct df_ignore *m)
{
    return m->past_exceptions > 0;
}

/* ---- matching --------------------------------------------------------------------------------- */

static bool matches_suffix(const struct pattern *p, const char *path, size_t n)
{
    const char *suffix = p->text + 2;
    size_t len = p->len - 2;
    if (n >= len && memcmp(path + n - len, suffix, len) == 0)
        return true;
    return len > 0 && suffix[0] == '/' && n == len - 1 && memcmp(path, suffix + 1, n) == 0;
}

static bool matches(const struct pattern *p, const char *path, size_t n)
{
    switch (p->kind) {
    case EXACT:
        return n == p->len && memcmp(path, p->text, n) == 0;
    case PREFIX:
        return n >= p->len && memcmp(path, p->text, p->len) == 0;
    case SUFFIX:
        return matches_suffix(p, path, n);
    case REGEX:
        return df_regex_match(p->regex, path, n);
    }
    return false;
}

/* Whether the pattern may match a path that lies below the directory `path`. */
static bool may_match_below(const struct pattern *p, const char *path, size_t n)
{
    switch (p->kind) {
    case EXACT:
        return p->len > n && p->text[n] == '/' && memcmp(p->text, path, n) == 0;
    case PREFIX:
        if (p->len > n)
            return p->text[n] == '/' && memcmp(p->text, path, n) == 0;
        return memcmp(p->text, path, p->len) == 0;
    case SUFFIX:
        return true;
    case REGEX:
        return df_regex_may_match_below(p->regex, path, n);
    }
    return true;
}

void df_ignore_state_done(struct df_ignore_state *s)
{
    free(s->hit);
    *s = (struct df_ignore_state){0};
}

static void state_reset(struct df_ignore_state *s, size_t n)
{
    if (s->n != n)
        s->hit = cb_realloc(s->hit, CB_MAX(n, 1));
    s->n = n;
    s->excluded = false;
    if (n)
        memset(s->hit, 0, n);
}

static bool test(const struct df_ignore *m, const char *path, size_t len, const struct df_ignore_state *parent,
                 struct df_ignore_state *ret)
{
    bool known = parent && parent->n == m->n, verdict = false;
    if (ret)
        state_reset(ret, m->n);
    for (size_t i = 0; i < m->n; i++) {
        const struct pattern *p = &m->patterns[i];
        bool hit = known && parent->hit[i];
        if (!hit) {
            if (p->exception != verdict) /* it could not change the verdict */
                continue;
            hit = matches(p, path, len);
        }
        if (!hit)
            continue;
        verdict = !p->exception;
        if (ret)
            ret->hit[i] = 1;
        else if (verdict && i >= m->past_exceptions)
            break;
    }
    if (ret)
        ret->excluded = verdict;
    return verdict;
}

bool df_ignore_test(const struct df_ignore *m, const char *path, const struct df_ignore_state *parent,
                    struct df_ignore_state *ret)
{
    return test(m, path, strlen(path), parent, ret);
}

bool df_ignore_match(const struct df_ignore *m, const char *path)
{
    CB_AUTO(df_ignore_state) struct df_ignore_state a = {0};
    CB_AUTO(df_ignore_state) struct df_ignore_state b = {0};
    struct df_ignore_state *above = NULL, *here = &a;
    for (const char *slash = path; *path && (slash = strchr(slash + 1, '/'));) {
        test(m, path, (size_t)(slash - path), above, here);
        above = here;
        here = above == &a ? &b : &a;
    }
    return test(m, path, strlen(path), above, NULL);
}

/* To change the verdict on anything below, a `!` pattern must match and come after the last pattern that excludes
 * the directory itself; that one overrules those before it. */
bool df_ignore_can_skip_dir(const struct df_ignore *m, const char *path, const struct df_ignore_state *state)
{
    if (!state->excluded || state->n != m->n)
        return false;
    size_t n = strlen(path);
    for (size_t i = m->n; i-- > 0;) {
        const struct pattern *p = &m->patterns[i];
        if (!p->exception && state->hit[i])
            break;
        if (p->exception && may_match_below(p, path, n))
            return false;
    }
    return true;
}

bool df_ignore_may_match_below(const struct df_ignore *m, const char *path, const struct df_ignore_state *state)
{
    if (state->excluded)
        return true;
    size_t n = strlen(path);
    for (size_t i = 0; i < m->n; i++)
        if (!m->patterns[i].exception && may_match_below(&m->patterns[i], path, n))
            return true;
    return false;
}
