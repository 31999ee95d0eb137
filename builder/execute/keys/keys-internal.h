/* The parts of a key: keys-operation.c has what a step does, keys-secret.c with what, keys-files.c what it takes, keys.c puts
 * them together. */
#ifndef BUILD_KEYS_INTERNAL_H
#define BUILD_KEYS_INTERNAL_H

#include "base/pack.h"
#include "builder/execute/keys/keys.h"

/* What is hashed, and the names of its parts. */
struct build_key_text {
    struct cb_buf bytes;
    struct build_notes *notes; /* NULL: nobody asks */
};

/* Names the bytes from `at` on. */
void build_key_name(struct build_key_text *k, size_t at, const char *kind, const char *name);
void build_key_put_strv(struct cb_buf *k, const struct cb_strv *v);

void build_key_put_operation(struct build_key_text *k, const struct build_graph *g, const struct build_step *s);
/* The digests of its keyed secrets. The text of its operation, which salts them, starts at `operation`. */
int build_key_put_secrets(struct build_key_text *t, size_t operation, const struct build_graph *g, const struct build_step *s,
                          struct cb_error *err);
/* Selects and digests what the step takes from local contexts, and what was fetched for it. */
int build_key_put_local(struct build_key_text *t, struct build_graph *g, const struct build_step *s, struct cb_error *err);
/* The same for what it takes from other steps, which are done. */
int build_key_put_inputs(struct build_key_text *t, const struct build_graph *g, const struct build_step *s, struct cb_error *err);

#endif
