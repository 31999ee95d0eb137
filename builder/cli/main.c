/* cbuild: the commands. */
#include "base/signals.h"
#include "base/text.h"
#include "builder/cli/commands.h"
#include "builder/cli/help.h"
#include "builder/cli/version.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* The first is what cbuild does when no command is named. */
static const struct cli_command *const commands[] = {
    &cli_build, &cli_images, &cli_inspect, &cli_tag, &cli_rmi, &cli_push, &cli_pull, &cli_du, &cli_prune, NULL,
};

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* The command whose name `word` nearly is, or NULL. A word this short is near to everything. */
static const char *near_command(const char *word)
{
    const char *names[CB_LEN(commands)];
    size_t n = 0;
    for (; commands[n]; n++)
        names[n] = commands[n]->name;
    return strlen(word) > 2 ? cb_did_you_mean(word, names, n, false) : NULL;
}

static int help_program(void)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_program(commands, &out);
    fputs(out.data, stdout);
    return 0;
}

static int no_command(const char *word, const char *what)
{
    struct cb_error err = CB_ERROR_INIT;
    const char *near = near_command(word);
    cb_fail(&err, CB_E_USAGE, "%s '%s'", what, word);
    cb_hint(&err, near ? "did you mean 'cbuild %s'?" : "'cbuild --help' shows the commands", near);
    return cli_report(&err);
}

static int help(int argc, char **argv)
{
    if (!argc)
        return help_program();
    const struct cli_command *c = find(argv[0]);
    char option[] = "--help", *words[] = {option, NULL};
    return c ? cli_run(c, 1, words) : no_command(argv[0], "there is no command");
}

/* Is it a misspelt command rather than a context? A context that exists, or that is not on this machine, is no mistake. */
static bool is_misspelt(const char *word)
{
    return word[0] != '-' && !strpbrk(word, "/:") && access(word, F_OK) < 0 && near_command(word);
}

/* A stream that was closed is filled, so that no file of ours takes its number and gets output written into it. It is
 * opened the wrong way round: using it fails as it would closed. */
static bool fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* The word right behind `cbuild` decides: a command, or the start of build's own arguments. A directory that is
 * named like a command is built with `cbuild build NAME` or `cbuild ./NAME`. */
static int run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    const struct cli_command *c = find(word);
    if (argc < 2)
        return help_program(), 2;
    if (c)
        return cli_run(c, argc - 2, argv + 2);
    if (strcmp(word, "help") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help_program();
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        return cli_print_version(word[0] != '-'), 0;
    return is_misspelt(word) ? no_command(word, "there is no command and no directory")
                             : cli_run(commands[0], argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    if (!fill_streams())
        return 1;
    cb_signals_note();
    signal(SIGXFSZ, SIG_IGN); /* a file beyond `ulimit -f` is an error that names it, not the end of a process */
    int status = run(argc, argv);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != 0)
        return status;
    struct cb_error err = CB_ERROR_INIT;
    cb_fail_sys(&err, errno, "write to standard output");
    return cli_report(&err);
}
