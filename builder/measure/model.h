/* What a replay of a project's history measured: builds in the order of their commits, and what became of each step in each
 * of them. Pure. */
#ifndef MEASURE_MODEL_H
#define MEASURE_MODEL_H

#include "base/buf.h"

enum measure_fate {
    MEASURE_ABSENT,  /* the Dockerfile did not have it, or the build failed before */
    MEASURE_HIT,     /* its result was known */
    MEASURE_SKIPPED, /* nobody had to look: what stands on it was known */
    MEASURE_MISS,    /* it was executed */
    MEASURE_FAILED,
    MEASURE_FATES
};
extern const char *const measure_fate_names[MEASURE_FATES]; /* "hit" */

/* Why a step was executed. */
enum measure_cause {
    MEASURE_NO_CAUSE,    /* it was not */
    MEASURE_NEW,         /* no earlier result to compare with */
    MEASURE_FILES,       /* files that it copies or mounts */
    MEASURE_ARGUMENT,    /* an ARG */
    MEASURE_ENVIRONMENT, /* an ENV */
    MEASURE_INSTRUCTION, /* what the instruction says: the command, an option, WORKDIR, USER … */
    MEASURE_BELOW,       /* a step or base that it stands on gave another result */
    MEASURE_FORCED,      /* --no-cache */
    MEASURE_CAUSES
};
extern const char *const measure_cause_names[MEASURE_CAUSES]; /* "files" */
/* What the reason means that a build's events give for a step ("src/main.c changed (+2 more)"). NULL: there is none. */
enum measure_cause measure_cause_of(const char *why);

/* A step in one build. */
struct measure_mark {
    size_t step; /* in the report's list */
    enum measure_fate fate;
    enum measure_cause cause;
    char *why;            /* owned, NULL: not said */
    double begun, lasted; /* seconds since the build's start, and how long it was worked on */
    double cost;          /* seconds: spent (miss), or what making the result had cost (hit, skipped) */
    uint64_t bytes;       /* of its layer's files */
};
struct measure_build {
    char *commit, *subject; /* owned */
    int64_t time;           /* of the commit */
    double seconds;         /* of the whole build */
    double peer_seconds;    /* of the same with another builder */
    char *peer_error;       /* owned: why that failed; NULL: it did not */
    char *error;            /* owned; NULL: it went well */
    char *image;            /* owned: its ID, or NULL */
    struct measure_mark *marks;
    size_t n, cap;
};
/* A step through all builds: what says the same in the same stage, or has taken its place there. */
struct measure_step {
    char *stage, *text; /* owned; "" and "RUN make", as it said last */
    size_t position;    /* in its stage, from 1 */
    double cost;        /* when it was last executed */
    uint64_t bytes;
};
struct measure_report {
    char *range;      /* owned, as it was given */
    uint64_t every;   /* this many commits are one build; 1: all */
    const char *peer; /* static; NULL: none */
    struct measure_step *steps;
    size_t n_steps, cap_steps;
    struct measure_build *builds;
    size_t n_builds, cap_builds;
};
void measure_report_done(struct measure_report *r);
CB_DEFINE_AUTO(measure_report, struct measure_report, measure_report_done)

/* A step as a build names and describes it, before the report knows which of its steps it is. */
struct measure_seen {
    char *name; /* owned: "[build 2/5] RUN make" */
    struct measure_mark mark;
};
struct measure_seen_list {
    struct measure_seen *items;
    size_t n, cap;
};
struct measure_seen *measure_seen_get(struct measure_seen_list *l, const char *name); /* added when it is not there */
void measure_seen_done(struct measure_seen_list *l);
CB_DEFINE_AUTO(measure_seen, struct measure_seen_list, measure_seen_done)

/* Appends a build. Takes over what *b and the list own; names that are not those of steps are left out. */
void measure_report_add(struct measure_report *r, struct measure_build *b, struct measure_seen_list *seen);

/* Sums. `step` SIZE_MAX: of all steps. The first build, which fills the cache, is apart. */
struct measure_sums {
    size_t hits, misses; /* skipped ones are hits, failed ones neither */
    size_t causes[MEASURE_CAUSES];
    double spent, saved; /* seconds */
    uint64_t bytes;      /* of layers that were made */
};
struct measure_sums measure_sum(const struct measure_report *r, size_t step);
double measure_hit_rate(const struct measure_sums *s);                    /* of 0 to 1; 0 when there is nothing */
size_t measure_count(const struct measure_build *b, enum measure_fate f); /* marks with it */

struct measure_whole {
    size_t failed;
    double first, wall; /* seconds: of the first build, of all others */
    size_t both;        /* of these, how many went well with either builder, and how long they took with each */
    double ours, peers;
};
struct measure_whole measure_whole(const struct measure_report *r);

#endif
