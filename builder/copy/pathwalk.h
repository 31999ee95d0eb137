/* Only for source.c and upper.c: the components still to go while a path is resolved inside a tree. A link
 * met on the way puts its target in front. Bounded by CB_MAX_SYMLINKS links of at most PATH_MAX bytes, so a
 * resolution ends whatever the links of a tree say. */
#ifndef BUILD_PATHWALK_H
#define BUILD_PATHWALK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

struct build_pathwalk {
    const char *rest[CB_MAX_SYMLINKS + 1]; /* borrowed; the last one is taken first */
    size_t n;
    int links;
};

static inline void build_pathwalk_init(struct build_pathwalk *w, const char *path)
{
    w->rest[0] = path;
    w->n = 1;
    w->links = 0;
}

/* The next component without "." and empty ones; false at the end. */
bool build_pathwalk_next(struct build_pathwalk *w, struct cb_str *ret);
/* Whether the component just taken is one of `path`, with which the walk began, and not of a link's target. */
bool build_pathwalk_in(const struct build_pathwalk *w, const char *path);
/* Whether a further component follows. */
bool build_pathwalk_more(struct build_pathwalk *w);
/* Continues with `target`. -1: too many links, or one that no kernel would follow. `path` is for the message. */
int build_pathwalk_link(struct build_pathwalk *w, const char *target, const char *path, struct cb_error *err);

static inline bool build_is_dotdot(struct cb_str s)
{
    return s.n == 2 && s.p[0] == '.' && s.p[1] == '.';
}

#endif
