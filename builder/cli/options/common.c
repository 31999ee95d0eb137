/* The options that every command has, and a command's options as one list. */
#include "builder/cli/options/command.h"
#include "builder/cli/options/options-values.h"

static const char general[] = "Every command";
static const struct cli_option common[] = {
    {.name = "root",
     .section = general,
     .value = "DIR",
     .set = cli_set_string,
     .field = offsetof(struct cli_invocation, request.root),
     .help = "the store (default: $CBUILD_ROOT, or the user's data directory)"},
    {.name = "run-root",
     .section = general,
     .value = "DIR",
     .set = cli_set_string,
     .field = offsetof(struct cli_invocation, request.run_root),
     .help = "where RUN works on its files (default: $CBUILD_RUN_ROOT, or the store)"},
    {.name = "help",
     .letter = 'h',
     .section = general,
     .set = cli_set_switch,
     .field = offsetof(struct cli_invocation, help),
     .help = "show the options"},
    /* what buildah and podman take in front of the command */
    CLI_VALUE("log-level", 0, "trace|debug|info|warn|warning|error|fatal|panic", "it is no level", NULL,
              "messages have no levels: all are shown"),
    {.name = "runroot",
     .value = "DIR",
     .set = cli_set_string,
     .field = offsetof(struct cli_invocation, request.run_root),
     .help = "as --run-root"},
    CLI_VALUE("cgroup-manager", 0, "cgroupfs|systemd", "it is no manager of control groups", NULL,
              "limits take control groups from whoever gives them"),
    CLI_VALUE("storage-driver", 0, "overlay|vfs", "layers are kept as the store's file system allows", NULL,
              "layers are kept as the store's file system allows"),
    CLI_VALUE("storage-opt", 0, NULL, "the store has no drivers with options", "--root DIR says where it is"),
};

const struct cli_option *cli_option_at(const struct cli_command *c, size_t k)
{
    for (size_t t = 0; t < CB_LEN(c->tables) && c->tables[t]; t++) {
        if (k < c->tables[t]->n)
            return &c->tables[t]->list[k];
        k -= c->tables[t]->n;
    }
    return k < CB_LEN(common) ? &common[k] : NULL;
}
