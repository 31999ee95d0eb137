/* Why a step has to be executed: what is different from when it gave its nearest earlier result. */
#ifndef BUILD_CAUSE_H
#define BUILD_CAUSE_H

#include "builder/execute/keys/graph.h"
#include "builder/execute/schedule/difference.h"
#include "cache/earlier.h"

struct build_cause {
    char *text; /* "ARG VERSION changed"; NULL: there is no earlier result, or it was not asked for */
    struct build_differences differences;
    bool coarse;            /* the files are known when the step is done */
    struct cb_digest layer; /* of the earlier result */
};
void build_cause_done(struct build_cause *c);
CB_DEFINE_AUTO(build_cause, struct build_cause, build_cause_done)

/* The list for this build; never NULL. */
struct cache_earlier *build_earlier_open(const struct build *b);
/* Where the step is looked for among earlier results: by what it says, and by where it stands. `shared`: as machines that share
 * a cache name these places, wherever their contexts lie. */
#define BUILD_CAUSE_PLACES 2
void build_cause_places(const struct build *b, const struct build_step *step, bool shared,
                        struct cb_digest ret[BUILD_CAUSE_PLACES]);
/* Fills the zeroed *ret for a step whose content key is made, and is not known. */
void build_cause_find(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                      struct build_cause *ret);
/* Says a cause that lies in directories by the files of the context, as far as these are known. It reads the index of a layer: in
 * a build, call it when the step has been started. */
void build_cause_find_files(const struct build_graph *g, const struct build_step *step, struct build_cause *c);
/* As build_cause_find for a step whose result is known: why that was made, when it was. */
void build_cause_of_last(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                         struct build_cause *ret);
/* When the step is done: then the files of both results can be compared, where it takes that. Its result is what a later build is
 * compared with. */
void build_cause_finish(const struct build_graph *g, struct cache_earlier *e, const struct build_step *step,
                        struct build_cause *c);

#endif
