/* What the files behind parser/instruction.h share. */
#ifndef DF_INSTRUCTION_INTERNAL_H
#define DF_INSTRUCTION_INTERNAL_H

#include "parser/instruction.h"

struct df_decoder {
    struct df_file *file;
    struct df_lint *lint; /* NULL: nobody wants warnings */
    struct cb_error *err;
};

/* One node. -1 with the error as BuildKit words it, without a place or line prefix. */
int df_decode_node(struct df_decoder *d, const struct df_node *node, struct df_instruction *ret);
/* RUN (instruction-run.c); COPY and ADD (instruction-copy.c). Common members of `i` are filled. */
int df_decode_run(struct df_decoder *d, const struct df_node *node, struct df_instruction *i);
int df_decode_copy(struct df_decoder *d, const struct df_node *node, struct df_instruction *i);
int df_decode_healthcheck(struct df_decoder *d, const struct df_node *node, struct df_instruction *i);

/* Whether an instruction of this kind may follow ONBUILD. */
int df_check_trigger(enum df_kind kind, struct cb_error *err);

struct df_list df_list_of(struct df_decoder *d, const struct cb_str *items, size_t n);
/* Shell or exec form, from the arguments starting at `from`. */
struct df_command df_command_of(struct df_decoder *d, const struct df_node *node, size_t from);

/* ---- flags (dockerfile.md §4) ---- */

enum df_flag_type { DF_FLAG_TEXT, DF_FLAG_BOOL, DF_FLAG_LIST };
struct df_flag {
    const char *name; /* without dashes */
    enum df_flag_type type;
    /* result */
    bool used;
    bool on;          /* BOOL */
    const char *text; /* TEXT; NULL: not used */
    struct df_list list;
};
/* Reads the flags of `node`; `flags` names those it may have. */
int df_flags_read(struct df_decoder *d, const struct df_node *node, struct df_flag *flags, size_t n);
/* A TEXT flag's value, NULL also for "--name=". */
static inline const char *df_flag_text(const struct df_flag *f)
{
    return f->text && *f->text ? f->text : NULL;
}

#endif
