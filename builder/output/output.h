/* Outputs: what `-o` asks for (dockerfile.md §17): the local store, archives, directories, registries. Each is
 * written whole or not at all. */
#ifndef BUILD_OUTPUT_H
#define BUILD_OUTPUT_H

#include "builder/output/image.h"

struct build_result {
    struct cb_strv names;       /* what was named, written or pushed, for people */
    struct cb_strv image_names; /* full references */
    struct cb_digest manifest;  /* of the last one that was made */
    bool has_manifest;
};
void build_result_done(struct build_result *r);
CB_DEFINE_AUTO(build_result, struct build_result, build_result_done)

/* What can be known of an output's destination before there is an image: it can be written. */
int build_output_check(const struct build_output *o, struct cb_error *err);
/* Names, writes and pushes an image as one output asks. */
int build_output_write(struct build_session *s, const struct build_output *o, const struct build_image *image,
                       struct build_result *ret, struct cb_error *err);

#endif
