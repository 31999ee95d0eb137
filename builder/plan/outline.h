/* `--call=outline`: what a target takes from outside. Planning tells it of ARGs while it evaluates (the only time their
 * values are known); secrets, ssh agents and cache mounts are read off the finished plan. */
#ifndef BUILD_OUTLINE_H
#define BUILD_OUTLINE_H

#include "base/map.h"
#include "builder/plan/stage.h"

struct build_outline {
    char *name, *description; /* of the target stage; name as in FROM … AS, "" when it has none */
    struct cb_map args;       /* name -> struct outline_arg; a stage's own before a global one */
    struct cb_map used;       /* names of ARGs that a stage declares or a FROM line uses */
};
void build_outline_done(struct build_outline *o);

/* For planning. Nothing happens unless b->outline is set. */
/* ARG in a stage: `value` NULL: none; `own`: from a default or --build-arg, not handed down from a global ARG. */
void build_outline_arg(struct build *b, const struct df_instruction *i, const struct df_arg *a, const char *value, bool own);
/* A stage that the target needs was evaluated. */
void build_outline_stage(struct build_planner *p, const struct build_stage *s);

/* Appends the answer. After build_plan_make. */
void build_outline_text(const struct build *b, struct cb_buf *out);
void build_outline_json(const struct build *b, struct cb_buf *out);

/* Shared with the other answers: {"ranges":[{"start":{"line":N},"end":{"line":M}}]} and [base64 of the Dockerfile]; a text
 * as a JSON string, invalid UTF-8 replaced. */
struct json_t;
struct json_t *build_json_sources(const struct build *b);
struct json_t *build_json_text(const char *s);

#endif
