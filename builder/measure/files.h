/* The final files of an image, to be compared: what the layers of it come to, times apart. */
#ifndef MEASURE_FILES_H
#define MEASURE_FILES_H

#include "base/digest.h"
#include "base/error.h"

struct measure_file {
    char *path;            /* owned */
    struct cb_digest what; /* of its kind, owner, mode, attributes and content */
};
struct measure_files {
    struct measure_file *items; /* sorted */
    size_t n, cap;
};
void measure_files_done(struct measure_files *f);
CB_DEFINE_AUTO(measure_files, struct measure_files, measure_files_done)

/* Those of the image with this ID ("sha256:…") in the store at `store`. A layer whose index is not there (of a base that nothing
 * needed) is an entry of its own. */
int measure_files_load(const char *store, const char *image, struct measure_files *ret, struct cb_error *err);

/* Appends the paths that are in one alone, or are not the same, to `ret`. *ret_gone (NULL: not wanted): those that are in `a`
 * alone go there instead. */
void measure_files_compare(const struct measure_files *a, const struct measure_files *b, struct cb_strv *ret,
                           struct cb_strv *ret_gone);

#endif
