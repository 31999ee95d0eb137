/* Build checks: the rules, what is switched off, what was found, and how it is shown (lint-rules.md).
 * Parse-time rules are reported by parser/instruction.h, the others by whoever evaluates them (builder).
 *
 *     CB_AUTO(df_lint) struct df_lint lint = {0};
 *     df_lint_configure(&lint, directive or build-arg text, err);
 *     df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, instruction->lint, instruction->at, …);
 *     df_lint_sort(&lint); df_lint_text(&lint, …); */
#ifndef DF_LINT_H
#define DF_LINT_H

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"

/* Beside each rule: the arguments of df_lint_warn, all `const char *`. */
enum df_rule {
    DF_LINT_STAGE_NAME_CASING, /* name */
    DF_LINT_FROM_AS_CASING,    /* as word, FROM keyword */
    DF_LINT_NO_EMPTY_CONTINUATION,
    DF_LINT_CONSISTENT_INSTRUCTION_CASING, /* keyword, "lowercase" or "uppercase" */
    DF_LINT_DUPLICATE_STAGE_NAME,          /* name */
    DF_LINT_RESERVED_STAGE_NAME,           /* name */
    DF_LINT_JSON_ARGS_RECOMMENDED,         /* keyword */
    DF_LINT_MAINTAINER_DEPRECATED,
    DF_LINT_UNDEFINED_ARG_IN_FROM,               /* variable, " (did you mean X?)" or "" */
    DF_LINT_WORKDIR_RELATIVE_PATH,               /* path */
    DF_LINT_UNDEFINED_VAR,                       /* variable, " (did you mean $X?)" or "" */
    DF_LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,    /* keyword */
    DF_LINT_LEGACY_KEY_VALUE_FORMAT,             /* keyword, keyword */
    DF_LINT_INVALID_BASE_IMAGE_PLATFORM,         /* image, actual, expected */
    DF_LINT_REDUNDANT_TARGET_PLATFORM,           /* expression */
    DF_LINT_SECRETS_USED_IN_ARG_OR_ENV,          /* "ARG" or "ENV", key */
    DF_LINT_INVALID_DEFAULT_ARG_IN_FROM,         /* image expression */
    DF_LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, /* platform */
    DF_LINT_COPY_IGNORED_FILE,                   /* "Copy" or "Add", source */
    DF_LINT_INVALID_DEFINITION_DESCRIPTION,      /* "ARG" or "FROM", name */
    DF_LINT_EXPOSE_PROTO_CASING,                 /* word */
    DF_LINT_EXPOSE_INVALID_FORMAT,               /* word */
    DF_RULE_COUNT
};

/* One bit per rule. */
typedef uint32_t df_rule_set;
_Static_assert(DF_RULE_COUNT <= 32, "df_rule_set has a bit for each rule");

struct df_rule_info {
    const char *name;        /* "StageNameCasing" */
    const char *slug;        /* last part of the URL, NULL: no page */
    const char *description; /* shown as detail */
    const char *format;      /* one conversion per argument: %s as it is, %q as a Go string */
    bool experimental;
};
extern const struct df_rule_info df_rules[DF_RULE_COUNT];
/* "https://docs.docker.com/go/dockerfile/rule/<slug>/", or "" */
void df_rule_url(enum df_rule rule, struct cb_buf *out);

/* What a comment `# check=…` above an instruction changes for that instruction. */
struct df_lint_skip {
    bool skip_all, experimental_all;
    df_rule_set skip, experimental;
};

struct df_warning {
    enum df_rule rule;
    struct cb_place at;
    char *message; /* owned */
    size_t order;  /* of reporting; decides ties in sorting */
};

/* Zero is valid: nothing skipped, nothing experimental, not an error, nothing found. */
struct df_lint {
    struct df_lint_skip config;
    bool error;  /* error=true */
    bool closed; /* after a mistake: nothing more is reported */
    struct df_warning *items;
    size_t n, cap;
};
void df_lint_done(struct df_lint *l);
CB_DEFINE_AUTO(df_lint, struct df_lint, df_lint_done)

/* The text of `# check=` or BUILDKIT_DOCKERFILE_CHECK. "" changes nothing. -1: "failed to parse check
 * options: …"; then nothing is changed. */
int df_lint_configure(struct df_lint *l, const char *options, struct cb_error *err);
/* `options` of a comment above an instruction; false (and *ret untouched) when they are malformed. */
bool df_lint_parse_skip(const char *options, size_t n, struct df_lint_skip *ret);

/* Reports unless switched off, by the whole file's options or by `skip`: those of the comment above the
 * instruction, which only the rules for the instruction itself heed. `l` and `skip` may be NULL. */
void df_lint_warn(struct df_lint *l, enum df_rule rule, const struct df_lint_skip *skip, struct cb_place at, ...);

/* By line, then by order of reporting; what has no place comes first, by name. */
void df_lint_sort(struct df_lint *l);
/* With error=true and something found: CB_E_DOCKERFILE "lint violation found for rules: A, B"
 * (by name). Else 0. */
int df_lint_check(const struct df_lint *l, struct cb_error *err);

/* "Rule: message (line N)" */
void df_warning_short(const struct df_warning *w, struct cb_buf *out);
/* --call=check: a block with URL and source excerpt for each warning, as BuildKit prints it.
 * `name` is the Dockerfile's name as shown. */
void df_lint_text(const struct df_lint *l, const char *name, struct cb_str source, struct cb_buf *out);
/* {"ranges": [{"start": {"line": N}, "end": {"line": N}}, …]}: one per line, except for
 * very long instructions; no ranges without a place. A new reference. */
struct json_t *df_json_location(struct cb_place at);
/* --call=check,format=json. `failure` (may be NULL) becomes "buildError". Ends with a newline. */
void df_lint_json(const struct df_lint *l, const char *name, struct cb_str source, const struct cb_error *failure,
                  struct cb_buf *out);
/* SARIF 2.1.0, one run. `uri` names the Dockerfile relative to the repository; `version` is cbuild's. */
void df_lint_sarif(const struct df_lint *l, const char *uri, const struct cb_error *failure, const char *version,
                   struct cb_buf *out);

#endif
