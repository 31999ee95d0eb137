/* cbuild: the commands. */
#include "builder/cli/manage.h"
#include "builder/cli/options.h"
#include "builder/cli/command.h"
#include "base/json.h"
#include "base/signals.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int command_build(int argc, char **argv)
{
    struct build_request r = {0};
    struct cb_error err = CB_ERROR_INIT;
    int status;
    if (build_options_parse(argc, argv, &r, &err) < 0)
        status = manage_report(&err);
    else
        status = build_main(&r);
    build_request_done(&r);
    return status;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *help;
} commands[] = {
    {"build", command_build, "[OPTIONS] CONTEXT", "build an image (the word 'build' may be left out)"},
    {"images", manage_images, "[-q] [NAME]", "list the images of the store (-q: their IDs)"},
    {"inspect", manage_inspect, "NAME", "show an image's config, layers and digests as JSON"},
    {"tag", manage_tag, "NAME NEW-NAME", "give an image another name"},
    {"rmi", manage_rmi, "[--force] NAME...", "remove names of images (--force: an ID with all its names)"},
    {"push", manage_push, "NAME [DEST]", "push an image to a registry"},
    {"pull", manage_pull, "NAME...", "pull images into the store"},
    {"du", manage_du, "", "what the store uses"},
    {"prune", manage_prune, "[--all] [--mounts] [--keep-storage SIZE] [--until DURATION]",
     "remove what nothing needs (--all: records and images too)"},
};

static void help(void)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_buf_adds(&out, "Usage: cbuild [build] [OPTIONS] CONTEXT\n       cbuild COMMAND [--root DIR] ...\n\n"
                      "Turns a Dockerfile into an OCI image: no daemon, no root.\n\nCommands:\n");
    for (size_t i = 0; i < CB_LEN(commands); i++) {
        CB_AUTO(free) char *usage = cb_printf("%s %s", commands[i].name, commands[i].arguments);
        cb_buf_printf(&out, strlen(usage) > 34 ? "  %s\n%38s%s\n" : "  %-35s %s%s\n", usage, "", commands[i].help);
    }
    build_options_help(&out);
    cb_buf_adds(&out, "\n  --help, --version (the word 'version' names all libraries)\n\n"
                      "Exit status: 0 done, 1 the build failed, 2 wrong usage, 128+N ended by signal N.\n");
    fputs(out.data, stdout);
}

static void version(void)
{
    printf("cbuild %s\n", CBUILD_VERSION);
    printf("jansson %s", jansson_version_str());
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        if ((*c)->library)
            printf(", %s %s", (*c)->library, (*c)->version());
    putchar('\n');
}

/* To ask a library that is loaded on demand for its version, it has to be loaded: --version alone does not. */
static void library_versions(void)
{
    CB_AUTO(cb_buf) struct cb_buf lazy = CB_BUF_INIT;
    manage_library_versions(&lazy);
    fputs(lazy.data, stdout);
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
 * called like a command is built with `cbuild build NAME` or `cbuild ./NAME`. */
static int run(int argc, char **argv)
{
    if (argc < 2) {
        help();
        return 2;
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help();
            return 0;
        }
    if (strcmp(argv[1], "help") == 0) {
        help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        version();
        if (argv[1][0] != '-')
            library_versions();
        return 0;
    }
    for (size_t i = 0; i < CB_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    return command_build(argc - 1, argv + 1);
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
    return manage_report(&err);
}
