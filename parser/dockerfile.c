#include "parser/dockerfile.h"

#include "base/limits.h"
#include "parser/lex-internal.h"

/* A Dockerfile on its way to nodes. */
struct parser {
    struct df_file *file;
    struct cb_str rest; /* what has not been read yet */
    int line;           /* number of the last physical line read */
    struct df_directives directives;
    struct cb_str *comments; /* doc comments since the last instruction, borrowed from the text */
    size_t n_comments, cap_comments;
    struct cb_buf logical; /* the logical line being joined */
    struct df_node *nodes;
    size_t n_nodes, cap_nodes;
    struct cb_error *err;
};

static bool next_line(struct parser *p, struct cb_str *line)
{
    if (!df_next_line(&p->rest, line))
        return false;
    p->line++;
    return true;
}

/* ---- comments and directives ---------------------------------------------------------------- */

static int set_escape(struct parser *p, struct cb_str value)
{
    if (value.n != 1 || (value.p[0] != '\\' && value.p[0] != '`')) {
        CB_AUTO(free) char *text = cb_memdup0(value.p, value.n);
        return cb_fail(p->err, CB_E_DOCKERFILE, "invalid escape token '%s' does not match ` or \\", text);
    }
    p->file->escape = value.p[0];
    return 0;
}

/* Directives are looked for until the first line that is not one. 1: `line` was one. */
static int directive(struct parser *p, struct cb_str line)
{
    enum df_directive_kind kind;
    struct cb_str value;
    int r = df_directive_line(&p->directives, df_trim_left(df_trim_newline(line)), &kind, &value, p->err);
    if (r > 0 && kind == DF_DIRECTIVE_ESCAPE && set_escape(p, value) < 0)
        r = -1;
    if (r < 0)
        cb_at(p->err, p->line, p->line);
    return r;
}

/* A comment line outside an instruction. A bare `#` starts a new block. */
static void note_comment(struct parser *p, struct cb_str line)
{
    struct cb_str text = df_trim((struct cb_str){line.p + 1, line.n - 1});
    if (text.n)
        CB_PUSH(p->comments, p->n_comments, p->cap_comments) = text;
    else
        p->n_comments = 0;
}

static void take_comments(struct parser *p, struct df_node *node)
{
    struct df_collect c = {.arena = &p->file->arena};
    for (size_t i = 0; i < p->n_comments; i++)
        df_collect_add(&c, p->comments[i].p, p->comments[i].n);
    node->comments = df_collect_end(&c);
    p->n_comments = 0;
}

/* ---- logical lines -------------------------------------------------------------------------- */

/* Joins the lines that continue `line` into p->logical. Gives the line to report NoEmptyContinuation at, or 0. */
static int join_lines(struct parser *p, struct cb_str line)
{
    bool more = df_cut_continuation(&line, p->file->escape), empty = false;
    cb_buf_reset(&p->logical);
    cb_buf_add(&p->logical, line.p, line.n);
    while (more && next_line(p, &line)) {
        if (df_is_comment(line))
            continue;
        line = df_trim_newline(line);
        if (!df_trim_left(line).n) {
            empty = true;
            continue;
        }
        more = df_cut_continuation(&line, p->file->escape);
        cb_buf_add(&p->logical, line.p, line.n);
    }
    return empty ? p->line : 0;
}

/* ---- heredocs ------------------------------------------------------------------------------- */

static bool terminates(struct cb_str line, const struct df_heredoc *h)
{
    line = df_trim_newline(line);
    while (h->chomp && line.n && line.p[0] == '\t') {
        line.p++;
        line.n--;
    }
    return cb_str_eq(line, h->name);
}

static int read_body(struct parser *p, struct df_heredoc *h)
{
    const char *start = p->rest.p;
    struct cb_str line;
    while (next_line(p, &line))
        if (terminates(line, h)) {
            h->content = df_keep(&p->file->arena, (struct cb_str){start, (size_t)(line.p - start)});
            return 0;
        }
    return cb_fail(p->err, CB_E_DOCKERFILE, "unterminated heredoc");
}

static int read_heredocs(struct parser *p, struct df_node *node)
{
    if (!df_node_takes_heredocs(node))
        return 0;
    if (df_heredocs_of_line(node->source, &p->file->arena, &node->heredocs, &node->n_heredocs, p->err) < 0)
        return -1;
    for (size_t i = 0; i < node->n_heredocs; i++)
        if (read_body(p, &node->heredocs[i]) < 0)
            return cb_hint(p->err, "no line after the instruction is just '%s'", node->heredocs[i].name.p);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int instruction(struct parser *p, struct cb_str line)
{
    struct df_node node;
    int first = p->line, empty = join_lines(p, line);
    int r = df_node_parse(p->file, (struct cb_str){p->logical.data, p->logical.len}, &node, p->err);
    if (r == 0) {
        node.empty_continuation = empty;
        r = read_heredocs(p, &node);
    }
    if (r < 0)
        return cb_at(p->err, first, p->line);
    node.at = (struct cb_place){first, p->line};
    take_comments(p, &node);
    if (p->n_nodes == CB_MAX_INSTRUCTIONS) {
        cb_fail(p->err, CB_E_DOCKERFILE, "more than %u instructions", CB_MAX_INSTRUCTIONS);
        return cb_at(p->err, first, p->line);
    }
    CB_PUSH(p->nodes, p->n_nodes, p->cap_nodes) = node;
    return 0;
}

static int parse_lines(struct parser *p)
{
    struct cb_str line;
    while (next_line(p, &line)) {
        if (p->line == 1 && line.n >= 3 && memcmp(line.p, "\xEF\xBB\xBF", 3) == 0)
            line = (struct cb_str){line.p + 3, line.n - 3};
        int r = directive(p, line);
        if (r < 0)
            return -1;
        if (df_is_comment(line)) {
            if (r == 0)
                note_comment(p, line);
            continue;
        }
        line = df_trim_left(df_trim_newline(line));
        if (line.n && instruction(p, line) < 0)
            return -1;
    }
    return 0;
}

static int parse_text(struct parser *p, const char *text, size_t n)
{
    struct df_file *f = p->file;
    if (n > CB_MAX_DOCKERFILE)
        return cb_fail(p->err, CB_E_DOCKERFILE, "the Dockerfile is larger than %u MiB", CB_MAX_DOCKERFILE >> 20);
    f->text = (struct cb_str){cb_arena_memdup0(&f->arena, text, n), n};
    p->rest = f->text;
    if (parse_lines(p) < 0)
        return -1;
    if (!p->n_nodes) {
        cb_fail(p->err, CB_E_DOCKERFILE, "file with no instructions");
        return cb_at(p->err, p->line, p->line);
    }
    f->nodes = cb_arena_alloc(&f->arena, p->n_nodes * sizeof(*f->nodes));
    memcpy(f->nodes, p->nodes, p->n_nodes * sizeof(*f->nodes));
    f->n_nodes = p->n_nodes;
    return 0;
}

/* Kept apart from df_parse: triggers are not files and have no directives of their own to look for. */
static void find_directives(struct df_file *f)
{
    CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
    if (df_directive_find(f->text.p, f->text.n, "syntax", true, &hold, &f->syntax) && hold.len) {
        f->syntax.whole = df_keep(&f->arena, f->syntax.whole);
        f->syntax.value = f->syntax.whole;
    }
    df_directive_find(f->text.p, f->text.n, "check", false, &hold, &f->check);
}

static struct df_file *parse(const char *text, size_t n, struct cb_error *err)
{
    struct df_file *f = CB_NEW(struct df_file);
    struct parser p = {.file = f, .directives = {.prefix = "#"}, .logical = CB_BUF_INIT, .err = err};
    f->escape = '\\';
    int r = parse_text(&p, text, n);
    free(p.comments);
    free(p.nodes);
    cb_buf_done(&p.logical);
    if (r < 0) {
        df_file_free(f);
        return NULL;
    }
    return f;
}

int df_parse(const char *text, size_t n, struct df_file **ret, struct cb_error *err)
{
    if (!n)
        return cb_fail(err, CB_E_DOCKERFILE, "the Dockerfile cannot be empty");
    struct df_file *f = parse(text, n, err);
    if (!f)
        return -1;
    find_directives(f);
    *ret = f;
    return 0;
}

int df_parse_trigger(const char *text, size_t n, struct cb_place at, struct df_file **ret, struct cb_error *err)
{
    CB_AUTO(df_file) struct df_file *f = parse(text, n, err);
    if (f && f->n_nodes != 1)
        cb_fail(err, CB_E_DOCKERFILE, "onbuild trigger should be a single expression");
    if (!f || f->n_nodes != 1) {
        err->at = at;
        return -1;
    }
    f->nodes[0].at = at;
    *ret = CB_TAKE(f);
    return 0;
}

void df_file_free(struct df_file *f)
{
    if (!f)
        return;
    cb_arena_done(&f->arena);
    free(f);
}
