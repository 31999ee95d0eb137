/* type=cacheonly: what the steps left in the store is all that is wanted. */
#include "builder/output/output-internal.h"

static int write_nothing(struct build_session *s, const struct build_output *o, const struct build_images *images,
                         struct build_result *ret, struct cb_error *err)
{
    (void)s;
    (void)o;
    (void)images;
    (void)ret;
    (void)err;
    return 0;
}

const struct build_output_ops build_output_cacheonly = {.name = "cacheonly", .write = write_nothing};
