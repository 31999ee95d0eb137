/* What tables of options are made of besides option.h: values that have fields or set several of them (options-values.c), and
 * entries that refuse. */
#ifndef CLI_OPTIONS_VALUES_H
#define CLI_OPTIONS_VALUES_H

#include "builder/cli/options/option.h"
#include "builder/session/request.h"

cli_set_fn cli_set_platform;                                   /* char * */
cli_set_fn cli_set_build_arg, cli_set_tag, cli_set_annotation; /* struct cb_strv */
cli_set_fn cli_set_pull;                                       /* enum build_pull */
cli_set_fn cli_set_format;                                     /* bool: Docker's */
cli_set_fn cli_set_creds, cli_set_tls_verify;                  /* struct reg_options (options-registry.c) */
cli_set_fn cli_set_retry;                                      /* int: its `tries` */
cli_set_fn cli_add_policy;                                     /* struct build_policy *: a file */
/* These set fields of the whole request. */
cli_set_fn cli_set_cache_ttl, cli_set_cache_from, cli_set_cache_to, cli_set_cache_ignore; /* options-cache.c */
cli_set_fn cli_set_secret, cli_set_ssh, cli_set_output, cli_set_push, cli_set_load, cli_set_call, cli_set_check;

cli_set_fn cli_add_mount, cli_add_tmpfs;                                                 /* --mount and --tmpfs of a container */
int cli_volume_source(const char *source, struct build_volume *v, struct cb_error *err); /* a path of the host */
/* Calls fn for each key=value of one CSV record; a field without '=' has value NULL. Messages name the option. */
typedef int cli_field_fn(void *arg, const char *key, const char *value, struct cb_error *err);
int cli_each_field(const char *option, const char *text, cli_field_fn *fn, void *arg, struct cb_error *err);
/* Sets each of a list with commas. */
int cli_set_each(const char *list, cli_set_fn *set, void *to, struct cb_error *err);
/* Calls set for each line of a file that the user named, but for empty ones and those that begin with '#'. */
int cli_set_lines(const char *file, cli_set_fn *set, void *to, struct cb_error *err);

/* Entries of tables for what is not done: name, letter, the value that is fine, why others are not, the way out, what is
 * done anyway. */
#define CLI_REFUSED(name_, letter_, value_, ...)                                                                                 \
    {                                                                                                                            \
        .name = (name_), .letter = (letter_), .value = (value_), .refusal = &(const struct cli_refusal)                          \
        {                                                                                                                        \
            __VA_ARGS__                                                                                                          \
        }                                                                                                                        \
    }
#define CLI_VALUE(name, letter, ...)  CLI_REFUSED(name, letter, "VALUE", __VA_ARGS__)
#define CLI_SWITCH(name, letter, ...) CLI_REFUSED(name, letter, NULL, __VA_ARGS__)

#endif
