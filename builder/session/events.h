/* The one stream of what happens in a build. Everything that shows a build (terminal, plain
 * text, JSON, the summary) reads it; nothing else knows about terminals. The builder fills an event on the
 * stack and hands it to build_emit; strings are borrowed until that returns. */
#ifndef BUILD_EVENTS_H
#define BUILD_EVENTS_H

#include "base/error.h"
#include "base/usage.h"
#include "parser/lint.h"
#include <stdbool.h>
#include <stdint.h>

enum build_event_kind {
    BUILD_EVENT_BUILD_STARTED, /* n_steps: steps that can show */
    BUILD_EVENT_STEP_STARTED,  /* step, name, why: "src/main.c changed", "--no-cache", "not in the cache"; NULL: not a step of the
                                  plan */
    BUILD_EVENT_STEP_CACHED,   /* step, name, why: "same definition", "same inputs", "made meanwhile" */
    BUILD_EVENT_STEP_LOG,      /* step, text (one line without its newline, or a partial one), stream 1 or 2 */
    BUILD_EVENT_STEP_PROGRESS, /* step, what, done, total; part: which of several things that are on their way at once (a layer),
                                  or NULL: all of them */
    BUILD_EVENT_STEP_DONE,   /* step, seconds, usage (NULL: not known), why: what has changed since its nearest earlier result, or
                                NULL */
    BUILD_EVENT_STEP_FAILED, /* step, error */
    BUILD_EVENT_STEP_CANCELED, /* step */
    BUILD_EVENT_CONTINUED,     /* cbuild was stopped for a while: others may have written to the terminal */
    BUILD_EVENT_WAITING,       /* all of this moment has been told: lines of logs, which a renderer may gather, are shown now */
    BUILD_EVENT_NOTE,          /* text: something the user should know, once */
    BUILD_EVENT_WARNING,       /* text */
    BUILD_EVENT_LINT,          /* lint warnings of this build: lint, dockerfile name, source */
    BUILD_EVENT_BUILD_DONE,    /* summary */
};

/* A layer of the image, or all layers of its base together. */
struct build_layer_size {
    const char *name; /* of the step, or of the base */
    uint64_t size;    /* bytes of its files */
};

/* What became of steps, and what shared caches had to do with it. */
struct build_counts {
    int run, cached;
    int shared; /* of those that were cached: what a shared cache gave */
    int put;    /* went there */
    int late;   /* were executed here, but somebody else's result was there first */
};

struct build_summary {
    struct build_counts counts;
    double seconds;
    const char *image_id;        /* "sha256:…" or NULL */
    const char *manifest_digest; /* when one was made */
    uint64_t size;               /* bytes of the image's files */
    const char *const *names;    /* what was named, pushed or written */
    size_t n_names;
    const struct build_layer_size *layers; /* bottom first */
    size_t n_layers;
};

struct build_event {
    enum build_event_kind kind;
    int step;         /* number of the step, from 1; also the key under which a renderer keeps it */
    const char *name; /* "[build 2/5] RUN make" */
    const char *text, *what, *part, *why;
    int stream;
    uint64_t done, total;
    double seconds;
    const struct cb_usage *usage;
    int n_steps;
    bool extra; /* the step is not one of n_steps: fetching a base image, pushing */
    const struct cb_error *error;
    const struct df_lint *lint;
    const char *dockerfile;
    struct cb_str source;
    const struct build_summary *summary;
};

/* A renderer. `tick` is called a few times a second while steps run (NULL: not needed). */
struct build_renderer {
    void (*event)(struct build_renderer *r, const struct build_event *e);
    void (*tick)(struct build_renderer *r);
    void (*free)(struct build_renderer *r);
};

#endif
