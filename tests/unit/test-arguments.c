/* The parser of command lines, over a table of its own; what the options of a build mean is in test-options.c. */
#include "builder/cli/options/arguments.h"
#include "builder/cli/choose.h"
#include "builder/cli/options/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAX_WORDS 12

struct fields {
    struct cli_invocation common;
    bool all, force;
    char *name, *file, *policy;
    uint64_t size;
    int64_t span;
    struct cb_strv pairs;
};

#define AT(member) offsetof(struct fields, member)

static const struct cli_option options[] = {
    {"all", 'a', "First", NULL, NULL, cli_set_switch, AT(all), "a switch"},
    {"force", 'f', "First", NULL, NULL, cli_set_switch, AT(force), "another"},
    {"name", 'n', "First", "NAME", NULL, cli_set_string, AT(name), "a text"},
    {"file", 0, "Second", "FILE", NULL, cli_set_file, AT(file), "a file"},
    {"policy", 'p', "Second", "POLICY", "always", cli_set_string, AT(policy), "may stand alone"},
    {"size", 0, "Second", "SIZE", NULL, cli_set_size, AT(size), "bytes"},
    {"span", 0, "Second", "DURATION", NULL, cli_set_span, AT(span), "seconds"},
    {"pair", 0, "Second", "NAME=VALUE-OF-SOME-LENGTH-THAT-FILLS", NULL, cli_add_pair, AT(pairs), "a list"},
};
static const struct cli_option refused[] = {
    {.name = "names", .value = "X", .refusal = &(const struct cli_refusal){"no", "it is not there", "use --name"}},
    {.name = "watch", .letter = 'w', .refusal = &(const struct cli_refusal){"false", "nothing to look at", NULL}},
    {.name = "any", .value = "X", .refusal = &(const struct cli_refusal){"*", NULL, NULL}},
    {.name = "with", .value = "X", .refusal = &(const struct cli_refusal){"off=true", "no", NULL}},
};
static const struct cli_command command = {
    .name = "try",
    .arguments = "A [B]",
    .help = "be tried",
    .min = 1,
    .max = 2,
    .tables = {CLI_TABLE(options), CLI_TABLE(refused)},
    .size = sizeof(struct fields),
};

static void fields_done(struct fields *f)
{
    free(f->name);
    free(f->file);
    free(f->policy);
    cb_strv_done(&f->pairs);
    cb_strv_done(&f->common.args);
    build_request_done(&f->common.request);
}

/* Words are separated by single blanks. */
static int parse(const char *line, struct fields *f, struct cb_error *err)
{
    CB_AUTO(free) char *text = cb_strdup(line);
    char *argv[MAX_WORDS + 1] = {NULL};
    int n = 0;
    for (char *rest = *text ? text : NULL, *word; (word = strsep(&rest, " "));) {
        assert_true(n < MAX_WORDS);
        argv[n++] = word;
    }
    *f = (struct fields){0};
    return cli_parse(&command, n, argv, &f->common, err);
}

/* What was set, in one text. */
static char *shown(const struct fields *f)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    const char *texts[][2] = {{"name", f->name}, {"file", f->file}, {"policy", f->policy}, {"root", f->common.request.root}};
    cb_buf_printf(&out, "%s%s%s", f->all ? " all" : "", f->force ? " force" : "", f->common.help ? " help" : "");
    for (size_t i = 0; i < CB_LEN(texts); i++)
        if (texts[i][1])
            cb_buf_printf(&out, " %s=%s", texts[i][0], texts[i][1]);
    if (f->size || f->span)
        cb_buf_printf(&out, " %llu %lld", (unsigned long long)f->size, (long long)f->span);
    for (size_t i = 0; i < f->pairs.n; i++)
        cb_buf_printf(&out, " +%s", f->pairs.items[i]);
    for (size_t i = 0; i < f->common.args.n; i++)
        cb_buf_printf(&out, " '%s'", f->common.args.items[i]);
    return cb_buf_detach(&out);
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"x", " 'x'"},
        {"x y", " 'x' 'y'"},
        {"--all x", " all 'x'"},
        {"x --all", " all 'x'"},
        {"--all=true x", " all 'x'"},
        {"--all --all=0 x", " 'x'"},
        {"-a x", " all 'x'"},
        {"-af x", " all force 'x'"},
        {"-a=false -f x", " force 'x'"},
        {"-fa=false x", " force 'x'"},
        {"--name n x", " name=n 'x'"},
        {"--name=n x", " name=n 'x'"},
        {"--name= x", " name= 'x'"},
        {"--name a=b x", " name=a=b 'x'"},
        {"--name --all x", " name=--all 'x'"},
        {"--name a --name b x", " name=b 'x'"},
        {"-n n x", " name=n 'x'"},
        {"-nn x", " name=n 'x'"},
        {"-n=n x", " name=n 'x'"},
        {"-afn n x", " all force name=n 'x'"},
        {"-afnn x", " all force name=n 'x'"},
        {"-n - x", " name=- 'x'"},
        {"-n -a x", " name=-a 'x'"},
        {"--policy x", " policy=always 'x'"},
        {"--policy=never x", " policy=never 'x'"},
        {"-p x", " policy=always 'x'"},
        {"-pa x", " all policy=always 'x'"},
        {"- x", " '-' 'x'"},
        {"-- -a --all", " '-a' '--all'"},
        {"x -- --", " 'x' '--'"},
        {"--size 10k --span 2h x", " 10240 7200 'x'"},
        {"--pair a=b --pair c x", " +a=b +c 'x'"},
        {"--root /r x", " root=/r 'x'"},
        {"--help", " help"},
        {"-h a b c", " help 'a' 'b' 'c'"},
        {"-ah", " all help"},
        {"-n --help x", " name=--help 'x'"},
        {"-- --help", " '--help'"},
        {"--help=false x", " 'x'"},
        {"--names no --any y --watch=f -w=false --with a,off=true x", " 'x'"},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct fields f;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (parse(cases[i].line, &f, &err) < 0)
            fail_msg("'%s': %s", cases[i].line, err.msg);
        CB_AUTO(free) char *got = shown(&f);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("'%s': [%s], expected [%s]", cases[i].line, got, cases[i].want);
        fields_done(&f);
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"", "an argument is missing: cbuild try A [B]", "'cbuild try --help'"},
        {"--", "an argument is missing", "'cbuild try --help'"},
        {"a b c", "too many arguments: 'c'", "'cbuild try --help'"},
        {"--nothing x", "unknown option '--nothing'", "'cbuild try --help' lists all options"},
        {"--foce=1 x", "unknown option '--foce'", "did you mean --force?"},
        {"--namse x", "unknown option '--namse'", "did you mean --name?"}, /* not --names, which is refused */
        {"--al x", "unknown option '--al'", "did you mean --all?"},
        {"--rot x", "unknown option '--rot'", "did you mean --root?"},
        {"--=x x", "unknown option '--'", NULL},
        {"-x x", "unknown option '-x'", "lists all options"},
        {"-ax x", "unknown option '-x'", "lists all options"},
        {"x --name", "option '--name' needs a value", "as in: --name NAME"},
        {"x -n", "option '-n' needs a value", "as in: -n NAME"},
        {"x -an", "option '-n' needs a value", "as in: -n NAME"},
        {"--all=maybe x", "--all: expected true or false, not 'maybe'", NULL},
        {"-a= x", "--all: expected true or false, not ''", NULL},
        {"--file= x", "--file: the name of a file is missing", NULL},
        {"--size much x", "--size: 'much' is not a size", NULL},
        {"--size -1 x", "--size: '-1' is not a size", NULL},
        {"--span 5 x", "--span: '5' is not a time span", NULL},
        {"--span=-1h x", "--span: '-1h' is not a time span", NULL},
        {"--pair =v x", "--pair: '=v': expected NAME=VALUE", NULL},
        {"--names=a x", "option '--names a' cannot be honoured: it is not there", "use --name"},
        {"--watch x", "option '--watch=true' cannot be honoured: nothing to look at", NULL},
        {"-aw x", "option '--watch=true' cannot be honoured", NULL},
        {"--with a,off=false x", "option '--with a,off=false' cannot be honoured", NULL},
    };
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct fields f;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (parse(cases[i].line, &f, &err) == 0)
            fail_msg("'%s' is accepted", cases[i].line);
        if (!strstr(err.msg, cases[i].message) || err.code != CB_E_USAGE)
            fail_msg("'%s': \"%s\" is not in \"%s\"", cases[i].line, cases[i].message, err.msg);
        if (cases[i].hint && !strstr(err.hint ? err.hint : "", cases[i].hint))
            fail_msg("'%s': \"%s\" is not in \"%s\"", cases[i].line, cases[i].hint, err.hint);
        fields_done(&f);
    }
}

/* What is no misspelling is no reason to guess. */
static void test_no_guess(void **state)
{
    (void)state;
    static const char *const lines[] = {"--nil x", "--wall x", "--dame x", "--something x"};
    for (size_t i = 0; i < CB_LEN(lines); i++) {
        struct fields f;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (parse(lines[i], &f, &err) == 0 || strstr(err.hint, "did you mean"))
            fail_msg("'%s': %s", lines[i], err.msg ? err.hint : "accepted");
        fields_done(&f);
    }
}

static void test_help(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_command(&command, &out);
    const char *want = "Usage: cbuild try [OPTIONS] A [B]\n\nBe tried.\n\n"
                       "First:\n"
                       "  -a, --all                           a switch\n"
                       "  -f, --force                         another\n"
                       "  -n, --name NAME                     a text\n\n"
                       "Second:\n"
                       "      --file FILE                     a file\n"
                       "  -p, --policy[=POLICY]               may stand alone\n"
                       "      --size SIZE                     bytes\n"
                       "      --span DURATION                 seconds\n"
                       "      --pair NAME=VALUE-OF-SOME-LENGTH-THAT-FILLS\n"
                       "                                      a list\n\n"
                       "Every command:\n";
    assert_true(strlen(out.data) > strlen(want));
    CB_AUTO(free) char *start = cb_memdup0(out.data, strlen(want));
    assert_string_equal(start, want);
    assert_null(strstr(out.data, "watch"));
}

/* Of one command, no option hides another: neither its name nor its letter, but for the -h of --help. */
static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_option *o, *other;
        for (size_t k = 0; (o = cli_option_at(cli_commands[i], k)); k++) {
            if (!o->refusal && (!o->set || !o->help))
                fail_msg("%s --%s: something is missing", cli_commands[i]->name, o->name);
            for (size_t m = 0; m < k && (other = cli_option_at(cli_commands[i], m)); m++)
                if (strcmp(o->name, other->name) == 0 ||
                    (o->letter && o->letter == other->letter && strcmp(o->name, "help") != 0))
                    fail_msg("%s: --%s and --%s", cli_commands[i]->name, o->name, other->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_no_guess),
        cmocka_unit_test(test_help),   cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
