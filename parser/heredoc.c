/* Heredocs: which words announce one, and the tabs of their bodies (dockerfile.md §6). */
#include "parser/lex-internal.h"

#include "parser/expand.h"

/* ^(\d*)<<(-?)\s*([^<]*)$ with a third group that is not empty. */
static bool match(struct cb_str word, struct df_heredoc *ret, struct cb_str *rest)
{
    size_t i = 0;
    unsigned fd = 0;
    for (; i < word.n && word.p[i] >= '0' && word.p[i] <= '9'; i++)
        fd = fd > 100000000 ? fd : fd * 10 + (unsigned)(word.p[i] - '0');
    if (word.n - i < 2 || word.p[i] != '<' || word.p[i + 1] != '<')
        return false;
    i += 2;
    bool chomp = i < word.n && word.p[i] == '-';
    i += chomp;
    while (i < word.n && df_is_regex_space(word.p[i]))
        i++;
    if (i == word.n || memchr(word.p + i, '<', word.n - i))
        return false;
    *rest = (struct cb_str){word.p + i, word.n - i};
    *ret = (struct df_heredoc){.chomp = chomp, .fd = fd};
    return true;
}

static size_t count_quotes(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == '\'' || *s == '"';
    return n;
}

int df_heredoc_word(struct cb_str word, struct cb_arena *arena, struct df_heredoc *ret, struct cb_error *err)
{
    struct df_heredoc h;
    struct cb_str rest;
    if (!match(word, &h, &rest))
        return 0;
    CB_AUTO(free) char *text = cb_memdup0(rest.p, rest.n);
    CB_AUTO(cb_strv) struct cb_strv plain = {0}, raw = {0};
    struct df_expand keep_quotes = df_expand_heredoc_name;
    keep_quotes.raw_quotes = true;
    if (df_expand_words(&df_expand_heredoc_name, text, &plain, err) < 0)
        return -1;
    if (plain.n != 1)
        return 0;
    if (df_expand_words(&keep_quotes, text, &raw, err) < 0)
        return -1;
    if (raw.n != 1)
        return cb_fail(err, CB_E_DOCKERFILE, "internal lexing of heredoc produced inconsistent results: %s", text);
    h.expand = count_quotes(plain.items[0]) == count_quotes(raw.items[0]);
    h.name = df_keep(arena, cb_str(plain.items[0]));
    *ret = h;
    return 1;
}

int df_heredocs_of_line(struct cb_str line, struct cb_arena *arena, struct df_heredoc **ret, size_t *ret_n, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_strv) struct cb_strv words = {0};
    *ret = NULL;
    *ret_n = 0;
    if (!memmem(line.p, line.n, "<<", 2))
        return 0;
    if (memchr(line.p, 0, line.n))
        return cb_fail(err, CB_E_DOCKERFILE, "a NUL byte stands in an instruction with '<<'");
    /* The line is the shell's: what cannot be lexed here simply has no heredocs. */
    if (df_expand_words(&df_expand_heredoc_detect, line.p, &words, &ignored) < 0)
        return 0;
    struct df_heredoc *items = NULL;
    size_t n = 0, cap = 0;
    int r = 0;
    for (size_t i = 0; i < words.n && r >= 0; i++) {
        struct df_heredoc h;
        r = df_heredoc_word(cb_str(words.items[i]), arena, &h, err);
        if (r > 0)
            CB_PUSH(items, n, cap) = h;
    }
    if (r >= 0 && n) {
        *ret = cb_arena_alloc(arena, n * sizeof(*items));
        memcpy(*ret, items, n * sizeof(*items));
        *ret_n = n;
    }
    free(items);
    return r < 0 ? -1 : 0;
}

void df_chomp(struct cb_str content, struct cb_buf *out)
{
    struct cb_str line;
    while (df_next_line(&content, &line)) {
        while (line.n && line.p[0] == '\t') {
            line.p++;
            line.n--;
        }
        cb_buf_add(out, line.p, line.n);
    }
}
