/* cbuild: the commands. */
#include "base/path.h"
#include "base/signals.h"
#include "builder/cli/options/arguments.h"
#include "builder/cli/choose.h"
#include "builder/cli/options/help.h"
#include "builder/cli/commands/version.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int help_program(void)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_program(cli_commands, &out);
    fputs(out.data, stdout);
    return 0;
}

static int help(int argc, char **argv)
{
    int words;
    if (!argc)
        return help_program();
    const struct cli_command *c = cli_choose_command(argc, argv, &words);
    char option[] = "--help", *rest[] = {option, NULL};
    if (c)
        return cli_run(c, 1, rest);
    struct cb_error err = CB_ERROR_INIT;
    cli_no_command(argv[0], "there is no command", &err);
    return cli_report(&err);
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

/* Options that every command has may stand in front of its name; they go behind it. */
static int run_command(const struct cli_command *c, int leading, int words, int argc, char **argv)
{
    memmove(argv + words, argv, (size_t)leading * sizeof(*argv));
    return cli_run(c, argc - words, argv + words);
}

/* The first word that is no option of every command decides: a command, or the start of build's own arguments. A directory
 * that is named like a command is built with `cbuild build NAME` or `cbuild ./NAME`. */
static int run(int argc, char **argv)
{
    struct cb_error err = CB_ERROR_INIT;
    int leading = cli_leading_options(argc, argv), words;
    const char *first = argc ? argv[0] : "", *word = leading < argc ? argv[leading] : "";
    const struct cli_command *c = cli_choose_command(argc - leading, argv + leading, &words);
    if (!argc)
        return help_program(), 2;
    if (c)
        return run_command(c, leading, words, argc, argv);
    if (strcmp(word, "help") == 0)
        return help(argc - leading - 1, argv + leading + 1);
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return help_program();
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        return cli_print_version(word[0] != '-'), 0;
    return cli_is_no_command(word, &err) ? cli_report(&err) : cli_run(cli_commands[0], argc, argv);
}

static int run_executor(int argc, char **argv)
{
    return cli_run(&cli_kaniko, argc, argv);
}

int main(int argc, char **argv)
{
    if (!fill_streams())
        return 1;
    (void)umask(umask(0) &
                077); /* what we make is ours to use, whatever the user's forbids others; commands have one of their own */
    cb_signals_note();
    signal(SIGXFSZ, SIG_IGN); /* a file beyond `ulimit -f` is an error that names it, not the end of a process */
    bool executor = argc > 0 && strcmp(cb_path_base(argv[0]), "executor") == 0; /* as kaniko's program is called */
    argc = CB_MAX(argc - 1, 0);
    int status = (executor ? run_executor : run)(argc, argv + 1);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != 0)
        return status;
    struct cb_error err = CB_ERROR_INIT;
    cb_fail_sys(&err, errno, "write to standard output");
    return cli_report(&err);
}
