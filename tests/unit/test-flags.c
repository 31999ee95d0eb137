/* The flags that people bring: testdata/peer-flags.tsv has command lines of others with what becomes of them here, and
 * docs/flags.md what the option tables say of every flag. With $FLAGS_WRITE set, the page is written instead of compared. */
#include "build-request.h"
#include "base/fd.h"
#include "base/text.h"
#include "builder/cli/choose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>

#define MAX_WORDS 12
#define MAX_FILE  (1u << 20)

static void read_file(const char *below_testdata, struct cb_buf *ret)
{
    CB_AUTO(free) char *path = cb_printf("%s/%s", getenv("CBUILD_TESTDATA"), below_testdata);
    int r = cb_read_file(AT_FDCWD, path, MAX_FILE, ret);
    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
}

/* ---- the lines of others ------------------------------------------------------------------------------------------ */

struct line {
    const char *peers, *words, *want;
};

/* Whose command line it is here; NULL: its words begin with a command of their own. */
static const struct cli_command *command_of(const struct line *l)
{
    return strcmp(l->peers, "commands") == 0 ? NULL
           : strcmp(l->peers, "kaniko") == 0 ? &cli_kaniko
           : strstr(l->peers, " run")        ? &cli_run_command
                                             : &cli_build;
}

/* The next line that says something; `rest` moves on. */
static bool next_line(char **rest, struct line *ret)
{
    for (char *text; (text = strsep(rest, "\n"));) {
        if (!*text || *text == '#')
            continue;
        ret->peers = strsep(&text, "\t");
        ret->words = strsep(&text, "\t");
        ret->want = text ? text : "";
        return true;
    }
    return false;
}

/* Splits at blanks; `argv` borrows from `text`. */
static int split(char *text, char **argv)
{
    int n = 0;
    for (char *word; (word = strsep(&text, " "));) {
        assert_true(n < MAX_WORDS);
        argv[n++] = word;
    }
    argv[n] = NULL;
    return n;
}

static const struct cli_option *option_of(const struct cli_command *c, const char *word)
{
    bool is_long = cb_starts(word, "--");
    size_t n = is_long ? strcspn(word + 2, "= ") : 1;
    const struct cli_option *o;
    for (size_t k = 0; *word == '-' && (o = cli_option_at(c, k)); k++)
        if (is_long ? strlen(o->name) == n && strncmp(o->name, word + 2, n) == 0 : o->letter == word[1])
            return o;
    return NULL;
}

/* "works", "accepted" (it asks for what is done anyway), "refused"; a message that it gives must be of its own. */
static const char *outcome(const struct cli_command *c, const char *first, int result, const struct cb_error *err)
{
    const struct cli_option *o = option_of(c, first);
    if (result < 0)
        return strstr(err->msg, "unknown option") || (err->hint && strstr(err->hint, "did you mean")) ? err->msg : "refused";
    return o && o->refusal ? "accepted" : "works";
}

static const char *try_build(int argc, char **argv, struct cb_error *err)
{
    char context[] = ".";
    struct build_request r = {0};
    argv[argc] = context;
    const char *result = outcome(&cli_build, argv[0], parse_build(argc + 1, argv, &r, err), err);
    build_request_done(&r);
    return result;
}

static const char *try_command(const struct cli_command *c, int argc, char **argv, struct cb_error *err)
{
    struct cli_invocation *v = cb_alloc(c->size);
    char nothing[] = "";
    const char *result = outcome(c, argc ? argv[0] : nothing, cli_parse(c, argc, argv, v, err), err);
    if (c->done)
        c->done(v);
    cb_strv_done(&v->args);
    build_request_done(&v->request);
    free(v);
    return result;
}

/* Words that begin with a command's name; of one that is not there, the reason is asked for. */
static const char *try_words(int argc, char **argv, struct cb_error *err)
{
    int words;
    const struct cli_command *c = cli_choose_command(argc, argv, &words);
    if (c)
        return try_command(c, argc - words, argv + words, err);
    return cli_is_no_command(argv[0], err) && !strstr(err->hint, "did you mean") ? "refused" : "a context";
}

static bool is_known(const char *result)
{
    static const char *const results[] = {"works", "accepted", "refused"};
    for (size_t i = 0; i < CB_LEN(results); i++)
        if (strcmp(results[i], result) == 0)
            return true;
    return false;
}

static void test_lines(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    struct line l;
    size_t n = 0, wrong = 0;
    unsetenv("SSH_AUTH_SOCK");
    unsetenv("SOURCE_DATE_EPOCH");
    unsetenv("BUILDKIT_PROGRESS");
    read_file("peer-flags.tsv", &text);
    for (char *rest = text.data; next_line(&rest, &l); n++) {
        CB_AUTO(free) char *words = cb_strdup(l.words);
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        char *argv[MAX_WORDS + 2];
        int argc = split(words, argv);
        const struct cli_command *c = command_of(&l);
        char image[] = "image";
        if (c == &cli_run_command)
            argv[argc++] = image;
        const char *got = c == &cli_build ? try_build(argc, argv, &err)
                          : c             ? try_command(c, argc, argv, &err)
                                          : try_words(argc, argv, &err);
        bool fine = strcmp(l.want, "known") == 0 ? is_known(got) : strcmp(got, l.want) == 0;
        if (!fine && ++wrong)
            print_error("%s\t%s\t%s, expected %s (%s)\n", l.peers, l.words, got, l.want, err.msg ? err.msg : "");
    }
    assert_true(n > 300);
    assert_int_equal(wrong, 0);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

#define PAGE   "../docs/flags.md"
#define MARKER "<!-- from here on made by tests/unit/test-flags.c: FLAGS_WRITE=1 build/check/tests/unit/test-flags -->\n"

/* Whose flag it is, of those whose lines name it. */
static void add_peers(const struct cli_command *c, const struct cli_option *o, char *lines, struct cb_buf *out)
{
    static const char *const peers[] = {"docker", "buildx", "buildah", "podman"};
    bool found[CB_LEN(peers)] = {false};
    CB_AUTO(free) char *text = cb_strdup(lines);
    const char *between = "";
    struct line l;
    for (char *rest = text; next_line(&rest, &l);)
        for (size_t i = 0; i < CB_LEN(peers); i++)
            found[i] |= command_of(&l) == c && strstr(l.peers, peers[i]) && option_of(c, l.words) == o;
    for (size_t i = 0; i < CB_LEN(peers); i++)
        if (found[i]) {
            cb_buf_printf(out, "%s%s", between, peers[i]);
            between = ", ";
        }
}

/* A cell of a table: what would end it is escaped. */
static void add_text(struct cb_buf *out, const char *text)
{
    for (; *text; text++)
        cb_buf_printf(out, strchr("|<", *text) ? "\\%c" : "%c", *text);
}

static void add_flag(struct cb_buf *out, const struct cli_option *o)
{
    cb_buf_adds(out, "| `");
    if (o->letter)
        cb_buf_printf(out, "-%c`, `", o->letter);
    cb_buf_printf(out, "--%s", o->name);
    cb_buf_adds(out, "` | ");
}

/* "a|b": the values that are accepted. */
static void add_fine(struct cb_buf *out, const char *fine)
{
    CB_AUTO(free) char *text = cb_strdup(fine);
    cb_buf_adds(out, "accepted as ");
    for (char *rest = text, *value; (value = strsep(&rest, "|"));)
        cb_buf_printf(out, "%s%s%s%s", *value ? "`" : "", *value ? value : "an empty value", *value ? "`" : "", rest ? ", " : "");
    cb_buf_adds(out, ", else refused | ");
}

static void add_refusal(struct cb_buf *out, const struct cli_refusal *r)
{
    if (r->why && r->fine)
        add_fine(out, r->fine);
    else
        cb_buf_adds(out, r->why ? "refused | " : "accepted | ");
    add_text(out, r->why ? r->why : r->done);
    if (r->why && r->hint) {
        cb_buf_adds(out, "; ");
        add_text(out, r->hint);
    }
}

static void add_help(struct cb_buf *out, const struct cli_option *o)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_buf_adds(&text, o->help);
    if (o->choices)
        o->choices(&text);
    cb_buf_adds(out, "works | ");
    add_text(out, text.data);
}

static int by_name(const void *a, const void *b)
{
    const struct cli_option *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool is_of_build(const struct cli_option *o)
{
    const struct cli_option *other;
    for (size_t k = 0; (other = cli_option_at(&cli_build, k)); k++)
        if (other == o)
            return true;
    return false;
}

/* A command that takes all options of a build. */
static bool takes_a_build(const struct cli_command *c)
{
    return c != &cli_build && c->tables[1] == cli_build.tables[0];
}

/* A table of a command's options; with `lines`, whose they are too. Those that every command has stand in that of build. */
static void add_table(const struct cli_command *c, char *lines, struct cb_buf *out)
{
    const struct cli_option **list = NULL, *o;
    size_t n = 0, cap = 0;
    static const struct cli_command any = {.name = ""};
    for (size_t k = 0; (o = cli_option_at(c, k)) && (c == &cli_build || o != cli_option_at(&any, 0)); k++)
        if (!takes_a_build(c) || !is_of_build(o))
            CB_PUSH(list, n, cap) = o;
    if (!n)
        return;
    qsort(list, n, sizeof(*list), by_name);
    cb_buf_printf(out, "\n## `cbuild %s`\n\n| flag | %shere | |\n|---|---|---|%s\n", c->name, lines ? "of | " : "",
                  lines ? "---|" : "");
    for (size_t i = 0; i < n; i++) {
        add_flag(out, list[i]);
        if (lines) {
            add_peers(c, list[i], lines, out);
            cb_buf_adds(out, " | ");
        }
        if (list[i]->refusal)
            add_refusal(out, list[i]->refusal);
        else
            add_help(out, list[i]);
        cb_buf_adds(out, " |\n");
    }
    if (takes_a_build(c))
        cb_buf_adds(out, "\nand those of `cbuild build`.\n");
    free(list);
}

static void add_commands(const struct cli_command *const *list, char *lines, struct cb_buf *out)
{
    for (size_t i = 0; list[i]; i++) {
        add_table(list[i], list[i] == &cli_build || list[i] == &cli_run_command ? lines : NULL, out);
        if (list[i]->group)
            add_commands(list[i]->group, lines, out);
    }
}

static void make_page(const char *page, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf lines = CB_BUF_INIT;
    const char *marker = strstr(page, MARKER);
    if (!marker)
        fail_msg("docs/flags.md: the line that ends what is written by hand is missing: %s", MARKER);
    read_file("peer-flags.tsv", &lines);
    cb_buf_add(out, page, (size_t)(marker - page) + strlen(MARKER));
    add_commands(cli_commands, lines.data, out);
}

static void test_page(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf page = CB_BUF_INIT, made = CB_BUF_INIT;
    CB_AUTO(free) char *path = cb_printf("%s/" PAGE, getenv("CBUILD_TESTDATA"));
    read_file(PAGE, &page);
    make_page(page.data, &made);
    if (getenv("FLAGS_WRITE"))
        assert_int_equal(cb_publish_file(AT_FDCWD, path, made.data, made.len, 0644), 0);
    else if (strcmp(page.data, made.data) != 0)
        fail_msg("docs/flags.md is not what the option tables say: FLAGS_WRITE=1 build/check/tests/unit/test-flags");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
