/* What is different between a step and an earlier result of it, and how that is said. Pure. */
#ifndef BUILD_DIFFERENCE_H
#define BUILD_DIFFERENCE_H

#include "builder/execute/keys/notes.h"
#include "cache/record.h"

#define BUILD_DIFFERENCES_LISTED 20

enum build_change { BUILD_CHANGED, BUILD_ADDED, BUILD_REMOVED };

struct build_difference {
    enum build_change how;
    char *what;           /* "src/main.c", "ARG VERSION" */
    char was[17], is[17]; /* short digests; "": there is none */
};
struct build_differences {
    struct build_difference *items; /* the first BUILD_DIFFERENCES_LISTED */
    size_t n, cap;
    size_t more; /* that are not listed */
    bool below;  /* what the step stands on is different too */
};
void build_differences_done(struct build_differences *d);
CB_DEFINE_AUTO(build_differences, struct build_differences, build_differences_done)

/* By the named parts of their keys (builder/execute/keys/notes.h). *ret_coarse: only files are different, some of which are noted
 * by their directory. */
void build_differences_of_notes(const struct build_notes *now, const struct cache_record *before, struct build_differences *ret,
                                bool *ret_coarse);

/* By all files, times apart (difference-files.c). Of two layers: */
void build_differences_of_layers(const struct cache_index *before, const struct cache_index *now, struct build_differences *ret);
/* Of what a COPY takes from a context, with digests, and the layer that it once gave. False: that cannot be said, because nothing
 * of it is found in the layer. */
struct build_copy;
bool build_differences_of_selection(const struct build_copy *copy, const struct build_selection *now,
                                    const struct cache_index *before, struct build_differences *ret);

/* The same for a listed directory that is all that is copied; `before`: twice the entries of that layer. */
bool build_differences_of_list(const struct build_copy *copy, const struct build_item *now, struct cache_index_cursor before[2],
                               struct build_differences *ret);

/* For whoever finds one; the digests may be NULL. */
void build_differences_add(struct build_differences *d, enum build_change how, const char *what, const char *was, const char *is);

/* In one line: "src/main.c changed (+2 more)". `below`: the step whose new result lies below (NULL: it is not known). Caller
 * frees; NULL: nothing is different. */
char *build_differences_text(const struct build_differences *d, const char *below);
/* The k-th in a line of its own, with digests; caller frees. */
char *build_difference_line(const struct build_difference *d);

#endif
