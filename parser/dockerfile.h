/* Dockerfile text to nodes: directives, logical lines, flags, argument forms, heredocs (dockerfile.md
 * §1-§6). This is phase 1 of "order of errors": nothing here knows what an instruction means;
 * parser/instruction.h decodes the nodes. No file, clock or network is touched; time and memory are
 * linear in the text.
 *
 *     struct df_file *file;
 *     if (df_parse(text, n, &file, err) < 0) return -1;
 *     … df_decode(file, …) …
 *     df_file_free(file);
 *
 * Everything a df_file holds lives in its arena until df_file_free. Every cb_str here has a NUL after
 * its last byte; it may hold NULs inside. */
#ifndef DF_DOCKERFILE_H
#define DF_DOCKERFILE_H

#include "base/buf.h"
#include "base/error.h"

enum df_kind {
    DF_ADD,
    DF_ARG,
    DF_CMD,
    DF_COPY,
    DF_ENTRYPOINT,
    DF_ENV,
    DF_EXPOSE,
    DF_FROM,
    DF_HEALTHCHECK,
    DF_LABEL,
    DF_MAINTAINER,
    DF_ONBUILD,
    DF_RUN,
    DF_SHELL,
    DF_STOPSIGNAL,
    DF_USER,
    DF_VOLUME,
    DF_WORKDIR,
    DF_KIND_COUNT,
    DF_UNKNOWN = DF_KIND_COUNT
};
const char *df_kind_name(enum df_kind kind); /* "ADD" …; not of DF_UNKNOWN */

/* Borrowed strings; items == NULL when n is 0. */
struct df_strs {
    struct cb_str *items;
    size_t n;
};

struct df_heredoc {
    struct cb_str name;
    struct cb_str content; /* the body as it stands, terminator left out, tabs not stripped */
    bool expand;           /* no part of the word was quoted */
    bool chomp;            /* <<- */
    unsigned fd;           /* number in front of <<; 0 if none */
};

/* `# name=value` at the top (§2). */
struct df_directive {
    struct cb_str value; /* up to its first blank: what counts */
    struct cb_str whole;
    int line; /* 0: there is none */
};

struct df_node {
    enum df_kind kind;
    struct cb_str keyword;  /* as written */
    struct cb_place at;     /* first to last line, heredocs included */
    int empty_continuation; /* line that NoEmptyContinuation is reported at, 0: none */
    struct cb_str source;   /* the logical line: continuations joined, comments dropped, no heredocs */
    struct df_strs flags;   /* words `--name[=value]`, quotes and escapes removed */
    struct cb_str text;     /* the argument text after the flags, trimmed */
    bool json;              /* args came from a JSON array */
    /* The arguments, in the form of the kind (§5). ENV and LABEL: names and values in turn (`legacy` marks
     * the form without `=`). HEALTHCHECK: type, then the command. ONBUILD: none, see `trigger`. */
    struct df_strs args;
    bool legacy;
    const struct df_node *trigger; /* of ONBUILD, one level deep; its heredocs are the outer node's. NULL: no text */
    struct df_heredoc *heredocs;
    size_t n_heredocs;
    struct df_strs comments; /* doc comments above it, without `#`, trimmed (§1) */
};

struct df_file {
    struct cb_str text;                /* copy of the whole text */
    char escape;                       /* '\\' or '`' */
    struct df_directive syntax, check; /* as df_directive_find finds them */
    struct df_node *nodes;
    size_t n_nodes;
    struct cb_arena arena;
};

/* Errors are CB_E_DOCKERFILE with the place; "the Dockerfile cannot be empty" and "file with no
 * instructions" are among them. The caller frees *ret. */
int df_parse(const char *text, size_t n, struct df_file **ret, struct cb_error *err);
/* One trigger of an image's or stage's ONBUILD list (§14): the escape character is `\` and there must be
 * exactly one instruction. `at` is the FROM line that every place in the result and errors shows. */
int df_parse_trigger(const char *text, size_t n, struct cb_place at, struct df_file **ret, struct cb_error *err);
void df_file_free(struct df_file *f);
CB_DEFINE_AUTO_PTR(df_file, struct df_file, df_file_free)

/* The directive `name` ("syntax", "check", "escape") as BuildKit's detection finds it: a `#!` line in front is
 * skipped; with `any_format`, `// name=value` lines and a JSON document count too (§2). True when there
 * is one. *ret borrows from `text`, but a value from JSON is appended to `hold` and borrows from that. */
bool df_directive_find(const char *text, size_t n, const char *name, bool any_format, struct cb_buf *hold,
                       struct df_directive *ret);

/* Appends `content` as `<<-` wants it: the leading tabs of every line removed. */
void df_chomp(struct cb_str content, struct cb_buf *out);

#endif
