/* parser/dockerfile.h: text to nodes, places, heredocs, comments, directives. */
#include "parser/dockerfile.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* ---- S-expressions: how the corpus and the tables here write a tree --------------------------- */

static void dump_words(struct cb_buf *b, const struct cb_str *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cb_buf_addc(b, ' ');
        cb_quote_go(b, items[i].p, items[i].n);
    }
}

static void dump_node(struct cb_buf *b, const struct df_node *node)
{
    for (size_t i = 0; i < node->keyword.n; i++) {
        char c = node->keyword.p[i];
        cb_buf_addc(b, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    if (node->flags.n) {
        struct cb_buf flags = CB_BUF_INIT;
        dump_words(&flags, node->flags.items, node->flags.n);
        cb_buf_printf(b, " [%s]", flags.data + 1);
        cb_buf_done(&flags);
    }
    if (node->trigger) {
        cb_buf_adds(b, " (");
        dump_node(b, node->trigger);
        cb_buf_addc(b, ')');
    }
    bool pairs = node->kind == DF_ENV || node->kind == DF_LABEL;
    for (size_t i = 0; i < node->args.n; i += pairs ? 2 : 1) {
        dump_words(b, node->args.items + i, pairs ? 2 : 1);
        if (pairs)
            cb_buf_adds(b, node->legacy ? " \"\"" : " \"=\"");
    }
}

static void dump(struct cb_buf *b, const struct df_file *f)
{
    for (size_t i = 0; i < f->n_nodes; i++) {
        cb_buf_addc(b, '(');
        dump_node(b, &f->nodes[i]);
        cb_buf_adds(b, ")\n");
    }
}

static struct df_file *parsed(const char *text, size_t n)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct df_file *f = NULL;
    if (df_parse(text, n, &f, &err) < 0)
        fail_msg("does not parse: %s\n%s", err.msg, text);
    return f;
}

/* ---- tables ----------------------------------------------------------------------------------- */

static void trees(void **state)
{
    static const struct {
        const char *text, *tree;
    } cases[] = {
        /* lines */
        {"FROM a\r\nRUN b\r\r\n", "(from \"a\")(run \"b\")"},
        {"FROM a\rb", "(from \"a\" \"b\")"},
        {"\xEF\xBB\xBF"
         "FROM a",
         "(from \"a\")"},
        {"FROM a\n\xC2\xA0\tRUN b\xE3\x80\x80", "(from \"a\")(run \"b\")"},
        {"RUN a \\\n  b", "(run \"a   b\")"},
        {"RUN a\\\nb", "(run \"ab\")"},
        {"RUN a \\ \t\nb", "(run \"a b\")"},
        {"RUN a \\\\\nRUN b", "(run \"a \\\\\\\\\")(run \"b\")"},
        {"RUN a \\\\\\\nRUN b", "(run \"a \\\\\\\\\\\\\")(run \"b\")"},
        {"RUN a \\\n# comment \\\n\t# another\nb", "(run \"a b\")"},
        {"RUN a \\\n\n \t\nb\nRUN c", "(run \"a b\")(run \"c\")"},
        {"RUN a \\", "(run \"a\")"},
        {"\\\n  RUN a", "(run \"a\")"},
        {"RUN a\n\\", "(run \"a\")()"},
        {"\\\n\\\nRUN a", "(run \"a\")"},
        {"RUN a # b", "(run \"a # b\")"},
        {"RUN a `\nb", "(run \"a `\")(b)"},
        {"# escape=`\nRUN a `\nb", "(run \"a b\")"},
        {" # EsCaPe = ` \nRUN a `\nb", "(run \"a b\")"},
        {"# x\n# escape=`\nRUN a `\nb", "(run \"a `\")(b)"},
        {"\n# escape=`\nRUN a `\nb", "(run \"a `\")(b)"},
        {"#!/bin/sh\n# escape=`\nRUN a `\nb", "(run \"a `\")(b)"},
        {"#syntax=x\n#check=y\n#escape=`\nRUN a `\nb", "(run \"a b\")"},
        /* keyword and flags */
        {"rUn\t\v\f a", "(run \"a\")"},
        {"RUN", "(run)"},
        {"FOO bar", "(foo)"},
        {"RUN\xC2\xA0x", "(run\xC2\xA0x)"},
        {"RUN --a --b=c  d --e", "(run [\"--a\" \"--b=c\"] \"d --e\")"},
        {"RUN --a='b c' --\"d\"e\\ f g", "(run [\"--a=b c\" \"--de f\"] \"g\")"},
        {"RUN --a='b\\'c' d", "(run [\"--a=b'c\"] \"d\")"},
        {"RUN --a=b\\", "(run [\"--a=b\"])"},
        {"RUN --a='b", "(run [\"--a=b\"])"},
        {"RUN -- --a", "(run \"--a\")"},
        {"RUN --x -- --a b", "(run [\"--x\"] \"--a b\")"},
        {"RUN --", "(run)"},
        {"RUN - -x", "(run \"- -x\")"},
        {"RUN \u2003--a", "(run \"--a\")"}, /* the blank is the text's */
        {"RUN --x \u00a0--a \u2003", "(run [\"--x\"] \"--a\")"},
        {"RUN --a=\xC3\xA9\xC2\xA0 b", "(run [\"--a=\xC3\xA9\\u00a0\"] \"b\")"},
        {"# escape=`\nRUN --a=b` c\\ d", "(run [\"--a=b c\\\\\"] \"d\")"},
        /* words */
        {"ENV a=1 b=\"2 3\" c='4 5' d=6\\ 7",
         "(env \"a\" \"1\" \"=\" \"b\" \"\\\"2 3\\\"\" \"=\" \"c\" \"'4 5'\" \"=\" \"d\" \"6\\\\ 7\" \"=\")"},
        {"ENV a b  c ", "(env \"a\" \"b  c\" \"\")"},
        {"ENV a =b", "(env \"a\" \"=b\" \"\")"},
        {"ENV \"a=b\"=c", "(env \"\\\"a\" \"b\\\"=c\" \"=\")"},
        {"ENV a=\"b", "(env \"a\" \"\\\"b\" \"=\")"},
        {"ENV a=\"b\\", "(env \"a\" \"\\\"b\" \"=\")"},
        {"ENV a='b\\' c=d", "(env \"a\" \"'b\\\\'\" \"=\" \"c\" \"d\" \"=\")"},
        {"ENV a=\xFF", "(env \"a\" \"\xEF\xBF\xBD\" \"=\")"},
        {"ENV a=1\xC2\x85"
         "b=2",
         "(env \"a\" \"1\" \"=\" \"b\" \"2\" \"=\")"},
        {"ENV", "(env)"},
        {"ARG a b=\"c d\" ''", "(arg \"a\" \"b=\\\"c d\\\"\" \"''\")"},
        {"ARG =x", "(arg \"=x\")"},
        {"EXPOSE 1 \t 2\v3", "(expose \"1\" \"2\" \"3\")"},
        {"COPY 'a b' c", "(copy \"'a\" \"b'\" \"c\")"},
        /* JSON */
        {"RUN [\"a\", \"b\"]", "(run \"a\" \"b\")"},
        {"RUN  [ ]", "(run)"},
        {"RUN [\"a\"", "(run \"[\\\"a\\\"\")"},
        {"RUN ['a']", "(run \"['a']\")"},
        {"RUN [\"a\"] b", "(run \"[\\\"a\\\"] b\")"},
        {"RUN [\"c:\\w\"]", "(run \"[\\\"c:\\\\w\\\"]\")"},
        {"RUN [\"a\",]", "(run \"[\\\"a\\\",]\")"},
        {"RUN [1e999]", "(run \"[1e999]\")"},
        {"RUN [01]", "(run \"[01]\")"},
        {"RUN [{\"a\" 1}]", "(run \"[{\\\"a\\\" 1}]\")"},
        {"RUN [[1,]]", "(run \"[[1,]]\")"},
        {"RUN [\"\\u00e9\\ud83d\\ude00\\ud800\\n\"]", "(run \"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBD\\n\")"},
        {"RUN [\"\xFF\"]", "(run \"\xEF\xBF\xBD\")"},
        {"COPY [\"a b\", \"c\"]", "(copy \"a b\" \"c\")"},
        {"COPY [\"a b\" \"c\"]", "(copy \"[\\\"a\" \"b\\\"\" \"\\\"c\\\"]\")"},
        {"VOLUME []", "(volume)"},
        {"MAINTAINER [\"a\"]", "(maintainer \"[\\\"a\\\"]\")"},
        /* HEALTHCHECK, ONBUILD */
        {"HEALTHCHECK CMD [\"a\"]", "(healthcheck \"CMD\" \"a\")"},
        {"HEALTHCHECK none  x  y", "(healthcheck \"none\" \"x  y\")"},
        {"ONBUILD", "(onbuild)"},
        {"ONBUILD --f env  a=b", "(onbuild [\"--f\"] (env \"a\" \"b\" \"=\"))"},
        {"ONBUILD ONBUILD RUN x", "(onbuild (onbuild))"},
        {"ONBUILD foo x", "(onbuild (foo))"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT, flat = CB_BUF_INIT;
        CB_AUTO(df_file) struct df_file *f = parsed(cases[i].text, strlen(cases[i].text));
        dump(&got, f);
        for (const char *p = got.data; *p; p++)
            if (*p != '\n')
                cb_buf_addc(&flat, *p);
        if (strcmp(flat.data, cases[i].tree) != 0)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, cases[i].text, flat.data, cases[i].tree);
    }
}

static void mistakes(void **state)
{
    static const struct {
        const char *text, *message;
        int line, last_line;
    } cases[] = {
        {"", "the Dockerfile cannot be empty", 0, 0},
        {"# a\n\n", "file with no instructions", 2, 2},
        {"#escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", 1, 1},
        {"#escape= \nFROM a", "invalid escape token ' ' does not match ` or \\", 1, 1},
        {"#escape=\\\\\nFROM a", "invalid escape token '\\\\' does not match ` or \\", 1, 1},
        {"#escape=`\n#Escape=`\nFROM a", "only one escape parser directive can be used", 2, 2},
        {"#syntax=a\n#syntax=b\nFROM a", "only one syntax parser directive can be used", 2, 2},
        {"FROM a\nENV \\\nx", "ENV must have two arguments", 2, 3},
        {"LABEL x", "LABEL must have two arguments", 1, 1},
        {"ENV a=b c\\ d", "Syntax error - can't find = in \"c\\\\ d\". Must be of the form: name=value", 1, 1},
        {"ENV a= b", "Syntax error - can't find = in \"b\". Must be of the form: name=value", 1, 1},
        {"\nRUN [\"a\", 1]", "when using JSON array syntax, arrays must be comprised of strings only", 2, 2},
        {"CMD [null]", "when using JSON array syntax, arrays must be comprised of strings only", 1, 1},
        {"CMD [[[]],{\"a\":[1.5e3,true]}]", "when using JSON array syntax, arrays must be comprised of strings only", 1, 1},
        {"COPY [{}]", "when using JSON array syntax, arrays must be comprised of strings only", 1, 1},
        {"HEALTHCHECK CMD [1]", "when using JSON array syntax, arrays must be comprised of strings only", 1, 1},
        {"ONBUILD ENV x", "ENV must have two arguments", 1, 1},
        {"ONBUILD ONBUILD ONBUILD ENV x", "ENV must have two arguments", 1, 1},
        {"RUN <<E\na\nE \n", "unterminated heredoc", 1, 3},
        {"FROM a\nCOPY <<A <<B /x\nB\nA\nA\n", "unterminated heredoc", 2, 5},
        {"ONBUILD RUN <<E\n", "unterminated heredoc", 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct df_file *f = NULL;
        if (df_parse(cases[i].text, strlen(cases[i].text), &f, &err) == 0)
            fail_msg("case %zu parses: %s", i, cases[i].text);
        if (strcmp(err.msg, cases[i].message) != 0 || err.code != CB_E_DOCKERFILE)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, cases[i].text, err.msg, cases[i].message);
        if (err.at.line != cases[i].line || err.at.last_line != cases[i].last_line)
            fail_msg("case %zu:\n%s\nat %d-%d", i, cases[i].text, err.at.line, err.at.last_line);
    }
}

static void places(void **state)
{
    static const char text[] = "# c\nFROM \\\n\n a\n\nRUN <<A cat <<B\n#\nA\n\nB\nRUN x\\\n# y";
    CB_AUTO(df_file) struct df_file *f = parsed(text, sizeof(text) - 1);
    (void)state;
    static const struct cb_place want[] = {{2, 4}, {6, 10}, {11, 12}};
    assert_int_equal(f->n_nodes, CB_LEN(want));
    for (size_t i = 0; i < CB_LEN(want); i++) {
        assert_int_equal(f->nodes[i].at.line, want[i].line);
        assert_int_equal(f->nodes[i].at.last_line, want[i].last_line);
    }
    assert_int_equal(f->nodes[0].empty_continuation, 4);
    assert_int_equal(f->nodes[1].empty_continuation, 0);
    assert_string_equal(f->nodes[0].source.p, "FROM  a");
}

static void heredocs(void **state)
{
    static const struct {
        const char *text, *found; /* fd name expand chomp content; … */
    } cases[] = {
        {"RUN <<E\na\n\nE\n", "0 E 1 0 \"a\\n\\n\";"},
        {"RUN <<E\r\na\r\nE\r\n", "0 E 1 0 \"a\\r\\n\";"},
        {"RUN <<E\na\nE", "0 E 1 0 \"a\\n\";"},
        {"RUN <<-E\n\ta\n\t\tE\n", "0 E 1 1 \"\\ta\\n\";"},
        {"RUN <<E\n\tE\nE\n", "0 E 1 0 \"\\tE\\n\";"},
        {"RUN <<'E'\nE\n", "0 E 0 0 \"\";"},
        {"RUN <<\"E\"X\nEX\n", "0 EX 0 0 \"\";"},
        {"RUN <<\\E\nE\n", "0 E 1 0 \"\";"},
        {"RUN << E\nE\n", "0 E 1 0 \"\";"},
        {"RUN 12<<E\nE\n", "12 E 1 0 \"\";"},
        {"RUN <<E;\nE;\n", "0 E; 1 0 \"\";"},
        {"RUN <<$x\n$x\n", "0 $x 1 0 \"\";"},
        {"RUN <<A <<B\nB\nA\nA\nB\n", "0 A 1 0 \"B\\n\";0 B 1 0 \"A\\n\";"},
        {"RUN a \\\n <<A\nx\\\nA\n", "0 A 1 0 \"x\\\\\\n\";"},
        {"RUN <<A\n# no comment\nA\n", "0 A 1 0 \"# no comment\\n\";"},
        {"RUN --mount=x <<A\nA\n", "0 A 1 0 \"\";"},
        {"COPY <<'a b' /x\na b\n", "0 a b 0 0 \"\";"},
        {"ADD <<E /x\nE\n", "0 E 1 0 \"\";"},
        {"ONBUILD COPY <<E /x\nE\n", "0 E 1 0 \"\";"},
        {"RUN echo $((1 << 2))\n2))\n", "0 2)) 1 0 \"\";"},
        {"RUN echo 1<<2\n2\n", "1 2 1 0 \"\";"},
        /* none */
        {"RUN \"<<E\"\n", ""},
        {"RUN cat<<E\n", ""},
        {"RUN cat <<<E\n", ""},
        {"RUN <<-  E\n", ""},
        {"RUN it's <<E\n", ""},
        {"RUN ${} <<E\n", ""},
        {"RUN [\"<<E\"]\n", ""},
        {"USER <<E\n", ""},
        {"ONBUILD ONBUILD RUN <<E\n", ""},
        {"ONBUILD RUN [\"<<E\"]\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        CB_AUTO(df_file) struct df_file *f = parsed(cases[i].text, strlen(cases[i].text));
        for (size_t k = 0; k < f->nodes[0].n_heredocs; k++) {
            const struct df_heredoc *h = &f->nodes[0].heredocs[k];
            cb_buf_printf(&got, "%u %s %d %d ", h->fd, h->name.p, h->expand, h->chomp);
            cb_quote_go(&got, h->content.p, h->content.n);
            cb_buf_addc(&got, ';');
        }
        if (strcmp(got.data, cases[i].found) != 0)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, cases[i].text, got.data, cases[i].found);
    }
}

static void comments(void **state)
{
    static const struct {
        const char *text, *found; /* of the first node */
    } cases[] = {
        {"# a\n# b c \nFROM x", "a|b c|"}, {"# a\n\n# b\nFROM x", "a|b|"},
        {"# a\n#\n# b\nFROM x", "b|"},     {"#syntax=a\n# b\nFROM x", "b|"},
        {"  # a\nFROM x", "# a|"},         {"  # escape=\\\nFROM x", ""},
        {"\xEF\xBB\xBF# a\nFROM x", "a|"}, {"# b\n# escape=x\nFROM x", "b|escape=x|"},
        {"FROM \\\n# a\nx", ""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        CB_AUTO(df_file) struct df_file *f = parsed(cases[i].text, strlen(cases[i].text));
        for (size_t k = 0; k < f->nodes[0].comments.n; k++)
            cb_buf_printf(&got, "%s|", f->nodes[0].comments.items[k].p);
        if (strcmp(got.data, cases[i].found) != 0)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, cases[i].text, got.data, cases[i].found);
    }
}

static void directives(void **state)
{
    static const struct {
        const char *text, *name, *value; /* NULL: none */
        int line;
    } cases[] = {
        {"# syntax = a b\nFROM x", "syntax", "a", 1},
        {"#!x\n# check=a\r\nFROM x", "check", "a", 2},
        {" # check=a\nFROM x", "check", NULL, 0},
        {"# escape=`\n# check=a", "check", "a", 2},
        {"# foo=`\n# check=a", "check", NULL, 0},
        {"//syntax=a\n", "syntax", "a", 1},
        {"// syntax=a\n", "syntax", "a", 1},
        {"{\"syntax\": \"a b\"}", "syntax", "a b", 1},
        {"{\"syntax\": 1}", "syntax", NULL, 0},
        {"{\"syntax\": \"a\"} x", "syntax", NULL, 0},
        {"# check=  \n", "check", "", 1},
        {"", "check", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
        struct df_directive d = {0};
        bool any = strcmp(cases[i].name, "syntax") == 0;
        bool found = df_directive_find(cases[i].text, strlen(cases[i].text), cases[i].name, any, &hold, &d);
        if (found != (cases[i].value != NULL) || d.line != cases[i].line ||
            (found && !cb_str_eq(d.value, cb_str(cases[i].value))))
            fail_msg("case %zu: %s: %d '%.*s' line %d", i, cases[i].text, found, (int)d.value.n, d.value.p, d.line);
    }
}

static void triggers(void **state)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const struct cb_place at = {7, 8};
    struct df_file *f = NULL;
    (void)state;
    assert_int_equal(df_parse_trigger("RUN <<E\na\nE", 11, at, &f, &err), 0);
    assert_int_equal(f->nodes[0].at.line, 7);
    assert_int_equal(f->nodes[0].at.last_line, 8);
    assert_string_equal(f->nodes[0].heredocs[0].content.p, "a\n");
    df_file_free(f);
    assert_int_equal(df_parse_trigger("RUN a\nRUN b", 11, at, &f, &err), -1);
    assert_string_equal(err.msg, "onbuild trigger should be a single expression");
    assert_int_equal(err.at.line, 7);
    cb_error_done(&err);
    assert_int_equal(df_parse_trigger("", 0, at, &f, &err), -1);
    assert_string_equal(err.msg, "file with no instructions");
}

static void chomp(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    (void)state;
    df_chomp(CB_STR("\t\ta\tb\n \tc\n\n\td"), &b);
    assert_string_equal(b.data, "a\tb\n \tc\n\nd");
}

/* ---- size ------------------------------------------------------------------------------------- */

static void repeat(struct cb_buf *b, const char *s, size_t n)
{
    while (n--)
        cb_buf_adds(b, s);
}

/* Each of these took minutes if anything in the parser were quadratic. */
static void large(void **state)
{
    static const struct {
        const char *head, *piece;
        size_t n;
        const char *tail;
        size_t n_nodes;
    } cases[] = {
        {"RUN ", "0123456789abcdef", 655360, "\n", 1}, /* 10 MB */
        {"RUN ", "a ", 5000000, "<<E\nx\nE\n", 1},
        {"RUN x \\\n", "y \\\n", 2000000, "z\n", 1},
        {"RUN x \\\n", "# y\n", 2000000, "z\n", 1},
        {"", "# y\n", 2000000, "FROM x\n", 1},
        {"FROM x\n", "RUN <<E\nE\n", 100000, "", 100001},
        {"ONBUILD ", "ONBUILD ", 500000, "RUN x\n", 1},
        {"ONBUILD ", "ONBUILD --x ", 500000, "RUN x  \n", 1},
        {"RUN ", "--x=y ", 500000, "z\n", 1},
        {"ENV ", "a=\"b c\" ", 500000, "\n", 1},
        {"RUN [\"", "\\u00e9", 1000000, "\"]\n", 1},
        {"RUN ", "[", 1000000, "\n", 1},
        {"RUN <<E\n", "\n", 5000000, "E\n", 1},
        {"RUN x", " ", 5000000, "\\\n y\n", 1},
        {"\\\n", "\\\n", 2000000, "RUN x\n", 1},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        cb_buf_adds(&b, cases[i].head);
        repeat(&b, cases[i].piece, cases[i].n);
        cb_buf_adds(&b, cases[i].tail);
        clock_t start = clock();
        struct df_file *f = parsed(b.data, b.len);
        if (f->n_nodes != cases[i].n_nodes)
            fail_msg("case %zu: %zu nodes", i, f->n_nodes);
        df_file_free(f);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (seconds > 20)
            fail_msg("case %zu took %.1f s", i, seconds);
    }
}

static void many_heredocs_in_a_line(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    (void)state;
    cb_buf_adds(&b, "COPY ");
    repeat(&b, "<<E ", 20000);
    cb_buf_adds(&b, "/x\n");
    repeat(&b, "a\nE\n", 20000);
    CB_AUTO(df_file) struct df_file *f = parsed(b.data, b.len);
    assert_int_equal(f->nodes[0].n_heredocs, 20000);
    assert_string_equal(f->nodes[0].heredocs[19999].content.p, "a\n");
}

/* ---- corpus ----------------------------------------------------------------------------------- */

/* False: there is no corpus here. Otherwise `out` holds the file. */
static bool shared(const char *path, struct cb_buf *out)
{
    const char *root = getenv("CBUILD_SHARED");
    if (!root)
        return false;
    CB_AUTO(free) char *whole = cb_printf("%s/corpus/buildkit/parser/%s", root, path);
    if (cb_read_file(AT_FDCWD, whole, 1 << 24, out) < 0)
        fail_msg("cannot read %s", whole);
    return true;
}

static json_t *shared_json(const char *path)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (!shared(path, &b))
        return NULL;
    json_t *j = json_loadb(b.data, b.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(j);
    return j;
}

/* Calls `check` with each name in a folder of the corpus; skips the test without one. */
static void each_case(const char *folder, void (*check)(const char *path))
{
    const char *root = getenv("CBUILD_SHARED");
    size_t n = 0;
    if (!root)
        skip();
    CB_AUTO(free) char *dir = cb_printf("%s/corpus/buildkit/parser/%s", root, folder);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        CB_AUTO(free) char *path = cb_printf("%s/%s", folder, e->d_name);
        check(path);
        n++;
    }
    closedir(d);
    assert_true(n > 0);
}

static void check_positive(const char *path)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, want = CB_BUF_INIT, got = CB_BUF_INIT;
    CB_AUTO(free) char *dockerfile = cb_printf("%s/Dockerfile", path), *result = cb_printf("%s/result", path);
    shared(dockerfile, &text);
    shared(result, &want);
    while (want.len && want.data[want.len - 1] == '\n')
        cb_buf_truncate(&want, want.len - 1);
    CB_AUTO(df_file) struct df_file *f = parsed(text.data, text.len);
    dump(&got, f);
    cb_buf_truncate(&got, got.len - 1);
    if (strcmp(got.data, want.data) != 0)
        fail_msg("%s gave\n%s\nnot\n%s", path, got.data, want.data);
}

static void corpus_positive(void **state)
{
    (void)state;
    each_case("positive", check_positive);
}

static void corpus_lines(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    static const struct cb_place want[] = {{5, 5}, {11, 12}, {17, 31}};
    (void)state;
    if (!shared("lines/Dockerfile", &text))
        skip();
    CB_AUTO(df_file) struct df_file *f = parsed(text.data, text.len);
    assert_int_equal(f->n_nodes, CB_LEN(want));
    for (size_t i = 0; i < CB_LEN(want); i++) {
        assert_int_equal(f->nodes[i].at.line, want[i].line);
        assert_int_equal(f->nodes[i].at.last_line, want[i].last_line);
    }
}

static void corpus_heredocs(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(json) json_t *doc = shared_json("heredoc.expect.json");
    (void)state;
    if (!doc)
        skip();
    shared("heredoc.Dockerfile", &text);
    CB_AUTO(df_file) struct df_file *f = parsed(text.data, text.len);
    json_t *all = json_object_get(doc, "instructions"), *list, *one;
    size_t i, k;
    assert_int_equal(f->n_nodes, json_array_size(all) + 1);
    json_array_foreach (all, i, list) {
        const struct df_node *node = &f->nodes[i + 1];
        if (node->n_heredocs != json_array_size(list))
            fail_msg("instruction %zu (%s): %zu heredocs", i + 1, node->source.p, node->n_heredocs);
        json_array_foreach (list, k, one) {
            const struct df_heredoc *h = &node->heredocs[k];
            assert_string_equal(h->name.p, json_string_value(json_object_get(one, "name")));
            assert_string_equal(h->content.p, json_string_value(json_object_get(one, "content")));
            assert_int_equal(h->expand, json_is_true(json_object_get(one, "expand")));
            assert_int_equal(h->chomp, json_is_true(json_object_get(one, "chomp")));
            assert_int_equal(h->fd, json_integer_value(json_object_get(one, "fd")));
        }
    }
}

static size_t heredocs_of(const char *word)
{
    CB_AUTO(free) char *text = cb_printf("RUN %s\nEOF\n", word);
    CB_AUTO(df_file) struct df_file *f = parsed(text, strlen(text));
    if (f->nodes[0].n_heredocs)
        assert_string_equal(f->nodes[0].heredocs[0].name.p, "EOF");
    return f->nodes[0].n_heredocs;
}

static void corpus_heredoc_words(void **state)
{
    CB_AUTO(json) json_t *doc = shared_json("heredoc-words.json");
    json_t *word;
    size_t i;
    (void)state;
    if (!doc)
        skip();
    /* "<<- EOF" is one word to the pattern but two to the line. */
    json_array_foreach (json_object_get(doc, "valid_word_gives_EOF"), i, word)
        assert_int_equal(heredocs_of(json_string_value(word)), strcmp(json_string_value(word), "<<- EOF") != 0);
    /* Such a word makes the whole line one that the shell cannot read either, and then nothing is a heredoc. */
    json_array_foreach (json_object_get(doc, "invalid_word_error"), i, word)
        assert_int_equal(heredocs_of(json_string_value(word)), 0);
    json_array_foreach (json_object_get(doc, "not_heredoc"), i, word)
        if (strcmp(json_string_value(word), "<<EOF sh") != 0) /* not as a whole; its first word is one */
            assert_int_equal(heredocs_of(json_string_value(word)), 0);
}

static void corpus_words(void **state)
{
    CB_AUTO(json) json_t *doc = shared_json("words.json");
    json_t *one, *word;
    size_t i, k;
    (void)state;
    if (!doc)
        skip();
    json_array_foreach (doc, i, one) {
        CB_AUTO(free) char *text = cb_printf("ARG %s", json_string_value(json_object_get(one, "input")));
        CB_AUTO(df_file) struct df_file *f = parsed(text, strlen(text));
        assert_int_equal(f->nodes[0].args.n, json_array_size(json_object_get(one, "words")));
        json_array_foreach (json_object_get(one, "words"), k, word)
            assert_string_equal(f->nodes[0].args.items[k].p, json_string_value(word));
    }
}

static void corpus_json(void **state)
{
    CB_AUTO(json) json_t *doc = shared_json("json-arrays.json");
    json_t *one, *item;
    size_t i, k;
    (void)state;
    if (!doc)
        skip();
    json_array_foreach (json_object_get(doc, "valid"), i, one) {
        CB_AUTO(free) char *text = cb_printf("RUN %s", json_string_value(json_object_get(one, "text")));
        CB_AUTO(df_file) struct df_file *f = parsed(text, strlen(text));
        assert_true(f->nodes[0].json);
        assert_int_equal(f->nodes[0].args.n, json_array_size(json_object_get(one, "items")));
        json_array_foreach (json_object_get(one, "items"), k, item) {
            struct cb_str want = {json_string_value(item), json_string_length(item)};
            assert_true(cb_str_eq(f->nodes[0].args.items[k], want));
        }
    }
    json_array_foreach (json_object_get(doc, "not_strings_error"), i, one) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(free) char *text = cb_printf("RUN %s", json_string_value(one));
        struct df_file *f;
        assert_int_equal(df_parse(text, strlen(text), &f, &err), -1);
        assert_non_null(strstr(err.msg, "comprised of strings only"));
    }
}

static void corpus_directives(void **state)
{
    CB_AUTO(json) json_t *doc = shared_json("directives.json");
    json_t *one;
    size_t i;
    (void)state;
    if (!doc)
        skip();
    json_array_foreach (doc, i, one) {
        CB_AUTO(cb_buf) struct cb_buf hold = CB_BUF_INIT;
        json_t *text = json_object_get(one, "text"), *whole = json_object_get(one, "cmdline");
        const char *key = json_string_value(json_object_get(one, "key"));
        struct df_directive d = {0};
        bool found =
            df_directive_find(json_string_value(text), json_string_length(text), key, strcmp(key, "syntax") == 0, &hold, &d);
        if (found == json_is_false(json_object_get(one, "found")))
            fail_msg("case %zu: found %d", i, found);
        if (found)
            assert_true(cb_str_eq(d.value, cb_str(json_string_value(json_object_get(one, "value")))));
        if (whole)
            assert_true(cb_str_eq(d.whole, cb_str(json_string_value(whole))));
        if (json_object_get(one, "line"))
            assert_int_equal(d.line, json_integer_value(json_object_get(one, "line")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(places),
        cmocka_unit_test(heredocs),
        cmocka_unit_test(comments),
        cmocka_unit_test(directives),
        cmocka_unit_test(triggers),
        cmocka_unit_test(chomp),
        cmocka_unit_test(large),
        cmocka_unit_test(many_heredocs_in_a_line),
        cmocka_unit_test(corpus_positive),
        cmocka_unit_test(corpus_lines),
        cmocka_unit_test(corpus_heredocs),
        cmocka_unit_test(corpus_heredoc_words),
        cmocka_unit_test(corpus_words),
        cmocka_unit_test(corpus_json),
        cmocka_unit_test(corpus_directives),
    };
    return cmocka_run_group_tests_name("dockerfile", tests, NULL, NULL);
}
