/* Only for place.c and extract.c. */
#ifndef BUILD_PLACE_INTERNAL_H
#define BUILD_PLACE_INTERNAL_H

#include "builder/copy/upper.h"

struct build_place {
    struct build_upper upper;
    struct build_place_params params;
    char *path;              /* absolute and cleaned */
    bool marked;             /* it is written as a directory: "x/", "x/.", "." */
    struct cache_entry made; /* metadata of directories that are missing */
    size_t left_out;         /* members with names that no layer can hold */
};

/* --chown, when it is given. */
void build_place_owner(const struct build_place *p, struct cache_entry *e);
/* Resolves `path` in the root and makes what is missing of it. */
int build_place_mkdirs(struct build_place *p, const char *path, const struct cache_entry *meta, struct build_upnode **ret,
                       struct cb_error *err);

#endif
