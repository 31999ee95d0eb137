/* Nodes to typed instructions and stages (dockerfile.md §4 flags, §8, §11-§14): phase 2 of "order of
 * errors". Words are raw: expansion is left to the caller (parser/expand.h), except for texts that BuildKit
 * never expands. Strings are NUL-terminated and live in the arena of the df_file; a NUL byte inside a word
 * is refused here. NULL: not given.
 *
 *     struct df_dockerfile df;
 *     struct df_errors errors = {0};
 *     int r = df_decode(file, &lint, &df, &errors);
 *     // r < 0: errors.items[0] is the mistake BuildKit reports, the others are further independent ones
 */
#ifndef DF_INSTRUCTION_H
#define DF_INSTRUCTION_H

#include "parser/dockerfile.h"
#include "parser/lint.h"

struct df_list {
    const char **items;
    size_t n;
};

struct df_pair {
    const char *name;
    const char *value;
    bool legacy; /* `ENV name value` */
};

struct df_arg {
    const char *name;
    const char *value; /* default, raw; NULL: none */
    const char *doc;   /* description from the comments above, or NULL */
};

/* A command: exec form as it is; shell form as one word, which goes after the SHELL. */
struct df_command {
    bool exec;
    struct df_list args; /* shell form: exactly one, possibly "" */
};

enum df_network { DF_NETWORK_DEFAULT, DF_NETWORK_NONE, DF_NETWORK_HOST, DF_NETWORK_COUNT };
extern const char *const df_network_names[DF_NETWORK_COUNT];
enum df_security { DF_SECURITY_SANDBOX, DF_SECURITY_INSECURE, DF_SECURITY_COUNT };
extern const char *const df_security_names[DF_SECURITY_COUNT];

/* Yes, no, or not said. */
enum df_tri { DF_UNSET = -1, DF_FALSE = 0, DF_TRUE = 1 };

struct df_from {
    const char *image;    /* raw */
    const char *platform; /* raw; never "" */
    const char *name;     /* lower case */
    const char *name_written;
    const char *doc; /* description of the stage from the comments above */
};

struct df_run {
    /* What to run, heredocs composed (§6): shell form text followed by the bodies, or the body alone.
     * With `script` it is the path of the script below /dev/pipes. */
    struct df_command command;
    bool heredoc_in_flag; /* and no command: an error when the stage is built */
    /* A heredoc that starts with `#!`: a file of this name, mode 0755, in a read-only mount at /dev/pipes. */
    const char *script_name;
    struct cb_str script;
    struct df_list mounts;  /* CSV texts; their CSV syntax is checked */
    struct df_list devices; /* raw */
    enum df_network network;
    bool network_given;
    enum df_security security;
};

/* A file given by a heredoc: mode 0644, copied after all path sources (§6). */
struct df_inline_file {
    const char *name;
    struct cb_str content; /* tabs already stripped if asked for */
    bool expand;
};

struct df_copy {            /* COPY and ADD */
    struct df_list sources; /* raw, without heredocs */
    const char *dest;
    struct df_inline_file *files;
    size_t n_files;
    const char *chown, *chmod; /* raw; never "" */
    bool link;
    struct df_list excludes; /* not expanded */
    /* COPY */
    const char *from; /* not expanded; never "" */
    bool parents;
    /* ADD */
    enum df_tri keep_git_dir, unpack;
    const char *checksum; /* raw; never "" */
};

struct df_healthcheck {
    bool none;
    bool exec;           /* ["CMD", …], else ["CMD-SHELL", text] */
    struct df_list args; /* without CMD and CMD-SHELL */
    /* nanoseconds; 0: unset */
    int64_t interval, timeout, start_period, start_interval;
    int32_t retries; /* 0: unset */
};

struct df_instruction {
    enum df_kind kind;
    const char *keyword; /* as written */
    struct cb_place at;
    const char *source; /* the logical line, trimmed */
    const struct df_node *node;
    const struct df_lint_skip *lint; /* rules switched by the comments above; NULL: none */
    union {
        struct df_from from;
        struct df_run run;
        struct df_copy copy; /* COPY, ADD */
        struct {
            struct df_pair *items;
            size_t n;
        } pairs; /* ENV, LABEL */
        struct {
            struct df_arg *items;
            size_t n;
        } args;                    /* ARG */
        struct df_list words;      /* EXPOSE (sorted bytewise), VOLUME (trimmed), SHELL */
        const char *text;          /* USER, WORKDIR, STOPSIGNAL (raw), MAINTAINER; ONBUILD: the text to store */
        struct df_command command; /* CMD, ENTRYPOINT */
        struct df_healthcheck healthcheck;
    };
};

struct df_stage {
    size_t index;
    struct df_instruction *from;
    struct df_instruction *items; /* without FROM */
    size_t n;
};

struct df_dockerfile {
    const struct df_file *file;
    struct df_instruction *args; /* global ARGs, in front of the first FROM */
    size_t n_args;
    struct df_stage *stages;
    size_t n_stages;
};

/* Several mistakes in one text, in order of their lines. Zero is the valid empty list. */
struct df_errors {
    struct cb_error *items;
    size_t n, cap;
};
#define DF_MAX_ERRORS 20
void df_errors_done(struct df_errors *e);
/* Moves err to the end of the list, or drops it when there are DF_MAX_ERRORS. */
void df_errors_take(struct df_errors *e, struct cb_error *err);
/* Splits a list: 0 when it is empty, else -1, with the first in *ret and the others appended to `rest`. */
int df_errors_split(struct df_errors *e, struct cb_error *ret, struct df_errors *rest);
CB_DEFINE_AUTO(df_errors, struct df_errors, df_errors_done)

/* Decodes all nodes. 0, or -1 with at least one error in `errors` (at most DF_MAX_ERRORS). *ret borrows
 * from `file`. Parse-time lint rules (P of lint-rules.md) go to `lint` (NULL: none), even on failure.
 * "dockerfile contains no stages to build" is among the errors. */
int df_decode(struct df_file *file, struct df_lint *lint, struct df_dockerfile *ret, struct df_errors *errors);

/* Decodes the one node of df_parse_trigger. *ret lives in the arena of `file`. */
int df_decode_trigger(struct df_file *file, struct df_lint *lint, struct df_instruction **ret, struct cb_error *err);

#endif
