#include "builder/cli/options/arguments.h"
#include "base/text.h"

struct parser {
    const struct cli_command *command;
    int argc, i;
    char **argv;
    struct cli_invocation *ret;
};

/* By a name of n bytes, or by a letter. */
static const struct cli_option *find(const struct cli_command *c, const char *name, size_t n, char letter)
{
    const struct cli_option *o;
    for (size_t k = 0; (o = cli_option_at(c, k)); k++)
        if (letter ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

/* Only options that --help shows are suggested: nobody is led to one that is refused. A short word is near to many: then
 * the first letter has to be right. */
static int unknown(const struct cli_command *c, const char *name, size_t n, struct cb_error *err)
{
    const char **names = NULL;
    const struct cli_option *o;
    size_t n_names = 0, cap = 0;
    for (size_t k = 0; (o = cli_option_at(c, k)); k++)
        if (o->section)
            CB_PUSH(names, n_names, cap) = o->name;
    CB_AUTO(free) char *word = cb_memdup0(name, n);
    const char *near = cb_did_you_mean(word, names, n_names, false);
    free(names);
    if (near && n < 5 && near[0] != word[0])
        near = NULL;
    cb_fail(err, CB_E_USAGE, "unknown option '--%s'", word);
    return near ? cb_hint(err, "did you mean --%s? 'cbuild %s --help' lists all options", near, c->name)
                : cb_hint(err, "'cbuild %s --help' lists all options", c->name);
}

static int refuse(const struct parser *p, const struct cli_option *o, const char *value, struct cb_error *err)
{
    if (cli_refuse(o, value, err) < 0)
        return -1;
    if (o->refusal->note)
        cb_strv_take(&p->ret->request.notes, cb_printf("--%s: %s", o->name, o->refusal->note));
    return 0;
}

/* Whatever is wrong with a value, the message names the option. */
static int set(const struct parser *p, const struct cli_option *o, const char *value, struct cb_error *err)
{
    if (o->refusal)
        return refuse(p, o, value, err);
    if (o->set(value, (char *)p->ret + o->field, err) == 0)
        return 0;
    CB_AUTO(free) char *name = cb_printf("--%s", o->name);
    return strstr(err->msg, name) ? -1 : cb_prefix(err, "%s", name);
}

/* The value of an option that may not stand without one is the next word. */
static int set_from_next(struct parser *p, const struct cli_option *o, const char *shown, struct cb_error *err)
{
    if (p->i + 1 < p->argc)
        return set(p, o, p->argv[++p->i], err);
    cb_fail(err, CB_E_USAGE, "option '%s' needs a value", shown);
    return cb_hint(err, "as in: %s %s", shown, o->value);
}

static const char *bare_value(const struct cli_option *o)
{
    return o->value ? o->bare : "true";
}

static int parse_long(struct parser *p, struct cb_error *err)
{
    const char *word = p->argv[p->i], *name = word + 2;
    size_t n = strcspn(name, "=");
    const struct cli_option *o = find(p->command, name, n, 0);
    if (!o)
        return unknown(p->command, name, n, err);
    if (name[n])
        return set(p, o, name + n + 1, err);
    return bare_value(o) ? set(p, o, bare_value(o), err) : set_from_next(p, o, word, err);
}

static int parse_short(struct parser *p, struct cb_error *err)
{
    for (const char *c = p->argv[p->i] + 1; *c; c++) {
        const struct cli_option *o = find(p->command, NULL, 0, *c);
        CB_AUTO(free) char *shown = cb_printf("-%c", *c);
        if (!o) {
            cb_fail(err, CB_E_USAGE, "unknown option '%s'", shown);
            return cb_hint(err, "'cbuild %s --help' lists all options", p->command->name);
        }
        const char *bare = bare_value(o);
        if (c[1] == '=')
            return set(p, o, c + 2, err);
        if (!bare)
            return c[1] ? set(p, o, c + 1, err) : set_from_next(p, o, shown, err);
        if (set(p, o, bare, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_words(struct parser *p, struct cb_error *err)
{
    bool no_more = false;
    for (; p->i < p->argc; p->i++) {
        const char *word = p->argv[p->i];
        int r = 0;
        if (!no_more && strcmp(word, "--") == 0)
            no_more = true;
        else if (!no_more && cb_starts(word, "--"))
            r = parse_long(p, err);
        else if (!no_more && word[0] == '-' && word[1])
            r = parse_short(p, err);
        else
            cb_strv_push(&p->ret->args, word);
        no_more |= p->command->command_line && p->ret->args.n > 0;
        if (r < 0)
            return -1;
    }
    return 0;
}

static int count(const struct cli_command *c, const struct cb_strv *args, struct cb_error *err)
{
    if (args->n >= c->min && args->n <= c->max)
        return 0;
    if (args->n < c->min)
        cb_fail(err, CB_E_USAGE, "an argument is missing: cbuild %s %s", c->name, c->arguments);
    else
        cb_fail(err, CB_E_USAGE, "too many arguments: '%s'", args->items[c->max]);
    return cb_hint(err, "'cbuild %s --help' says what it takes", c->name);
}

int cli_parse(const struct cli_command *c, int argc, char **argv, struct cli_invocation *ret, struct cb_error *err)
{
    struct parser p = {.command = c, .argc = argc, .argv = argv, .ret = ret};
    if (parse_words(&p, err) == 0 && (ret->help || count(c, &ret->args, err) == 0))
        return 0;
    err->code = CB_E_USAGE; /* whatever is wrong with it, another command line helps */
    return -1;
}

int cli_leading_options(int argc, char **argv)
{
    static const struct cli_command any = {.name = ""};
    int n = 0;
    while (n < argc && cb_starts(argv[n], "--")) {
        const char *name = argv[n] + 2;
        size_t len = strcspn(name, "=");
        const struct cli_option *o = find(&any, name, len, 0);
        if (!o)
            break;
        n += o->value && !o->bare && !name[len] ? 2 : 1;
    }
    return CB_MIN(n, argc);
}
