/* Inside of planning: what a stage is while its instructions are evaluated. Calls go one way: plan.c to evaluate.c and
 * needs.c, these to evaluate-*.c, from.c and stages.c, and all to expand.c, steps.c, mistakes.c, outline.c and vars.c. */
#ifndef BUILD_PLANNER_INTERNAL_H
#define BUILD_PLANNER_INTERNAL_H

#include "builder/plan/plan.h"
#include "parser/expand.h"

/* Variables in order of first assignment. Values are owned; a declared ARG without a value has NULL. */
struct build_vars {
    struct cb_map map;
};
void build_vars_set(struct build_vars *v, const char *name, const char *value);
const char *build_vars_get(const struct build_vars *v, const char *name);
void build_vars_copy(struct build_vars *to, const struct build_vars *from);
void build_vars_done(struct build_vars *v);
CB_DEFINE_AUTO(build_vars, struct build_vars, build_vars_done)

enum build_base_kind { BUILD_BASE_SCRATCH, BUILD_BASE_STAGE, BUILD_BASE_IMAGE, BUILD_BASE_LOCAL };

struct build_stage {
    const struct df_stage *df;
    char *display;   /* name, or "stage-N" */
    char *base_text; /* FROM's image after expansion */
    enum build_base_kind base;
    struct build_stage *parent; /* BUILD_BASE_STAGE */
    struct build_named *named;  /* replaces the base */
    bool replaced;              /* a named context replaces the stage itself: its instructions are not run */
    size_t want;                /* BUILD_BASE_IMAGE: which of planner->wants */
    struct oci_platform platform;
    bool needed;
    bool triggers_taken;
    struct build_stage *cycle_start; /* where the search for cycles came from */
    bool on_path;                    /* of that search */
    struct cb_place path_at;         /* the instruction the search followed */

    /* while evaluating */
    struct build_state state;
    struct build_vars env;            /* ENV and ARG with values, as builder-expanded words and RUN see them */
    struct build_vars declared;       /* ARGs that are not in env: no UndefinedVar for them; the value for history or NULL */
    struct cb_strv args;              /* names of ARGs in order of declaration (history of RUN) */
    struct df_instruction **triggers; /* of the base image or stage */
    size_t n_triggers, cap_triggers;
    struct df_file **trigger_files;
    size_t n_trigger_files, cap_trigger_files;
    bool cmd_given, workdir_given, shell_given;
    const struct df_instruction *last_cmd, *last_entrypoint, *last_healthcheck;
    struct cb_strv on_build; /* its own ONBUILDs */
    int number, total;       /* [name number/total] */
    bool cut;                /* a mistake in ARG or ENV: what follows would be wrong because of it */
};

/* What the planners of all platforms share. */
struct build_planning {
    struct build_want *wants;
    size_t n_wants, cap_wants;
    struct oci_platform host;
    bool platform_given;
    int spare; /* a number that no step has, because it turned out to be there already; 0: none */
};

/* Plans one platform. */
struct build_planner {
    const struct build_plan_input *in;
    struct build_plan *plan;
    struct build_planning *all;
    size_t number;          /* of it among the platforms: of the plan's targets */
    struct df_errors *more; /* mistakes beside the first */
    struct build_stage *stages;
    size_t n_stages;
    struct cb_strv implicit;   /* what COPY and mounts name that is no stage, one for each use */
    struct build_vars globals; /* platform args and global ARGs */
    struct build_vars build_args;
    struct build_stage *target;
    struct df_errors errors; /* mistakes that do not hide each other */
    struct df_errors late;   /* those that BuildKit finds only in the finished plan */
};

static inline const struct oci_platform *build_platform_of(const struct build_planner *p)
{
    return &p->plan->targets[p->number].platform;
}

/* ---- mistakes.c ---------------------------------------------------------------------------------- */

/* Takes a mistake at `at` to report it with others; from here on there are no warnings, as BuildKit stops here. */
void build_note_mistake(struct build_planner *p, struct cb_place at, struct cb_error *err);
/* -1: there were some; err is the first and p->more has the others. */
int build_take_mistakes(struct build_planner *p, struct cb_error *err);
/* A mistake that counts behind all others, and only when there is something to build. */
void build_note_late_mistake(struct build_planner *p, struct cb_place at, const char *message);

/* ---- steps.c ------------------------------------------------------------------------------------- */

/* A new step of the stage on top of its snapshot. */
struct build_step *build_step_new(struct build_planner *p, struct build_stage *s, enum build_op op,
                                  const struct df_instruction *i);
/* A line of history; takes `created_by`. */
void build_history_add(struct build_stage *s, char *created_by, const struct build_step *step);
void build_step_free(struct build_step *s);
void build_state_done(struct build_state *s);

/* ---- connect.c ----------------------------------------------------------------------------------- */

/* Sets the order, inputs and marks of the steps of a plan, once all of them and its target are made. */
void build_connect_steps(struct build_plan *plan);

/* ---- outline.c ----------------------------------------------------------------------------------- */

/* Nothing happens in these unless there is a p->plan->outline. */
/* ARG in a stage: `value` NULL: none; `own`: from a default or --build-arg, not handed down from a global ARG. */
void build_outline_arg(struct build_planner *p, const struct df_instruction *i, const struct df_arg *a, const char *value,
                       bool own);
/* A stage that the target needs was evaluated. */
void build_outline_stage(struct build_planner *p, const struct build_stage *s);

/* ---- epoch.c ------------------------------------------------------------------------------------- */

/* Sets the plan's epoch if SOURCE_DATE_EPOCH gives one, and the variable to that number. */
int build_set_epoch(struct build_planner *p, struct cb_error *err);

/* ---- stages.c ------------------------------------------------------------------------------------ */

/* Platform args and global ARGs (dockerfile.md §9). */
int build_set_globals(struct build_planner *p, struct cb_error *err);
/* p->stages with names, bases and platforms; the error carries the FROM's place. */
int build_make_stages(struct build_planner *p, struct cb_error *err);
/* Sets p->target: the stage that --target names, else the last one. */
int build_find_target(struct build_planner *p, struct cb_error *err);
/* The stage that `from` of a COPY or mount names: 1 and *ret; 0: no stage of that name. Numbers only with
 * `index_allowed`. -1: an index out of range. */
int build_find_stage(struct build_planner *p, const char *name, bool index_allowed, struct build_stage **ret,
                     struct cb_error *err);
/* Of the first `n` stages' names, the one that `name` nearly is; borrowed; NULL: none. */
const char *build_stage_meant(const struct build_planner *p, const char *name, size_t n);
/* The named context that replaces `name`, or NULL. */
struct build_named *build_find_context(const struct build_planner *p, const char *name, const struct oci_platform *platform);
/* -1: `failed to parse stage name "X": …`. */
int build_check_reference(const char *text, struct cb_error *err);

/* ---- needs.c ------------------------------------------------------------------------------------- */

/* Checks every `from` of every stage, reachable or not, for cycles too, and the references of all images. */
int build_check_references(struct build_planner *p, struct cb_error *err);
/* Marks what the target of each planner needs and resolves the images among it. */
int build_resolve_images(struct build_planner *planners, size_t n, struct cb_error *err);

/* ---- merge.c ------------------------------------------------------------------------------------- */

/* The stage's last step is complete: if an earlier platform has the same one, that takes its place. */
void build_merge_step(struct build_planner *p, struct build_stage *s);
/* ---- from.c -------------------------------------------------------------------------------------- */

/* The index in p->wants of an image that is needed; the same image is there only once. */
size_t build_want_image(struct build_planner *p, const char *text, const struct build_in_layout *layout,
                        const struct oci_platform *platform, struct cb_place at);
/* The same for a named context that is an image or a layout. */
size_t build_want_named(struct build_planner *p, const struct build_named *n, const struct oci_platform *platform,
                        struct cb_place at);

/* What `from` of a COPY, or of the mount at `mount_target`, names: a stage, which must stand further up, a named
 * context, an image. */
int build_resolve_from(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *from,
                       const char *mount_target, struct build_files *ret, struct cb_error *err);
/* The step that stands for the image wants[want], once resolved; one for each image. */
struct build_step *build_image_step(struct build_planner *p, size_t want);

/* ---- expand.c ------------------------------------------------------------------------------------ */

/* Expands with the stage's variables; reports undefined ones. Caller frees *ret. */
int build_expand(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *word, char **ret,
                 struct cb_error *err);
/* What build_expand uses; `unmatched` collects names (NULL: nobody asks). */
struct df_expand build_expander(struct build_planner *p, struct build_stage *s, struct cb_map *unmatched);
void build_report_undefined(struct build_planner *p, struct build_stage *s, const struct df_instruction *i,
                            const struct cb_map *unmatched);
/* ARGs that can be declared and looked up, but are never variables of the environment. */
bool build_never_in_env(const char *name);

/* ---- evaluate*.c --------------------------------------------------------------------------------- */

/* Runs all instructions of a stage whose base is resolved and whose dependencies are evaluated. Mistakes are noted, each
 * instruction's first. */
void build_evaluate_stage(struct build_planner *p, struct build_stage *s);
/* One instruction of the kind each is named after; the first takes all that make no step. -1: it is a mistake. */
int build_evaluate_config(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err);
int build_evaluate_run(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err);
int build_evaluate_copy(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err);
int build_evaluate_workdir(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err);

/* The words of a command: the SHELL in front of a shell form. Appends to `ret`. */
void build_shell_command(const struct build_stage *s, const struct df_command *c, struct cb_strv *ret);

#endif
