/* The commands of cbuild, each defined in the file that does its work, and what all of them share. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "builder/cli/options/command.h"

extern const struct cli_command cli_build, cli_images, cli_inspect, cli_tag, cli_rmi, cli_push, cli_pull, cli_load, cli_save,
    cli_copy, cli_du, cli_prune, cli_doctor, cli_login, cli_logout, cli_run_command, cli_explain_command, cli_kaniko, cli_cache,
    cli_cache_reset, cli_cache_verify;
extern const struct cli_command cli_cache_mounts, cli_mounts_rm, cli_mounts_export, cli_mounts_import;
extern const struct cli_command cli_history, cli_diff, cli_import, cli_export;
extern const struct cli_command cli_cache_bench, cli_cache_advise;
extern const struct cli_command cli_sbom;
extern const struct cli_command cli_manifest, cli_manifest_push, cli_manifest_rm;

/* Opens the store for a command that is not a build, to write or only to look. cli_run closes it. */
int cli_open(struct cli_invocation *v, struct cb_error *err);
int cli_open_to_read(struct cli_invocation *v, struct cb_error *err);

/* What shows a command's work, as its options say; it heeds the signals of its session. For build_session_open. */
struct build_renderer *cli_renderer(struct cli_invocation *v);

/* Runs a command with what stands behind its name: parses, answers --help, reports what is wrong. Gives the exit status. */
int cli_run(const struct cli_command *c, int argc, char **argv);
/* What a group of commands does when none of its commands was named: its help, or what is wrong with the word. */
int cli_run_group(const struct cli_command *group, struct cli_invocation *v, struct cb_error *err);
/* Prints the error and its hint, frees it, gives the exit status. */
int cli_report(struct cb_error *err);

#endif
