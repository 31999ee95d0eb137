#include "builder/cli/options/help.h"

#include <ctype.h>

#define COLUMN 38 /* where texts begin */

static void line(struct cb_buf *out, const char *left, const char *text)
{
    if (strlen(left) < COLUMN)
        cb_buf_printf(out, "%-*s%s\n", COLUMN, left, text);
    else
        cb_buf_printf(out, "%s\n%*s%s\n", left, COLUMN, "", text);
}

static void option_line(const struct cli_option *o, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf left = CB_BUF_INIT;
    if (o->letter)
        cb_buf_printf(&left, "  -%c, --%s", o->letter, o->name);
    else
        cb_buf_printf(&left, "      --%s", o->name);
    if (o->value)
        cb_buf_printf(&left, o->bare ? "[=%s]" : " %s", o->value);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_buf_adds(&text, o->help);
    if (o->choices)
        o->choices(&text);
    line(out, left.data, text.data);
}

static void options(const struct cli_command *c, struct cb_buf *out)
{
    const char *section = "";
    const struct cli_option *o;
    for (size_t k = 0; (o = cli_option_at(c, k)); k++) {
        if (!o->section)
            continue;
        if (strcmp(section, o->section) != 0)
            cb_buf_printf(out, "\n%s:\n", o->section);
        section = o->section;
        option_line(o, out);
    }
}

static void commands_lines(const struct cli_command *const *commands, struct cb_buf *out)
{
    cb_buf_adds(out, "\nCommands:\n");
    for (const struct cli_command *const *c = commands; *c; c++) {
        CB_AUTO(free) char *left = cb_printf("  %s %s", (*c)->name, (*c)->arguments);
        line(out, left, (*c)->help);
    }
}

void cli_help_command(const struct cli_command *c, struct cb_buf *out)
{
    cb_buf_printf(out, "Usage: cbuild %s [OPTIONS]%s%s\n\n%c%s.\n", c->name, *c->arguments ? " " : "", c->arguments,
                  toupper((unsigned char)c->help[0]), c->help + 1);
    if (c->group)
        commands_lines(c->group, out);
    options(c, out);
}

void cli_help_program(const struct cli_command *const *commands, struct cb_buf *out)
{
    cb_buf_printf(out,
                  "Usage: cbuild [%s] [OPTIONS] %s\n       cbuild COMMAND [OPTIONS] ...\n\n"
                  "Turns a Dockerfile into an OCI image: no daemon, no root.\n",
                  commands[0]->name, commands[0]->arguments);
    commands_lines(commands, out);
    line(out, "  help [COMMAND]", "show this, or the options of one command, as COMMAND --help does");
    line(out, "  version", "show the versions of cbuild and of all its libraries (--version: of those that are loaded)");
    options(commands[0], out);
    cb_buf_adds(out, "\nExit status: 0 done, 1 the build failed, 2 wrong usage, 128+N ended by signal N.\n");
}
