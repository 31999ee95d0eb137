#include "builder/output/out-file.h"
#include "builder/output/output-internal.h"

void build_result_done(struct build_result *r)
{
    cb_strv_done(&r->names);
    cb_strv_done(&r->image_names);
}

int build_output_check(const struct build_output *o, struct cb_error *err)
{
    if (!o->dest)
        return 0;
    return o->kind == OUTPUT_LOCAL || o->as_directory ? build_out_check_directory(o->dest, err) : build_out_check(o->dest, err);
}

int build_output_write(struct build_session *s, const struct build_output *o, const struct build_image *image,
                       struct build_result *ret, struct cb_error *err)
{
    int r = 0;
    switch (o->kind) {
    case OUTPUT_IMAGE:
        return build_output_store(s, o, image, ret, err);
    case OUTPUT_CACHE:
        return 0; /* what the steps left in the store is all that is wanted */
    case OUTPUT_REGISTRY:
        return build_output_push(s, o, image, ret, err);
    case OUTPUT_OCI:
    case OUTPUT_DOCKER:
        r = build_output_archive(s, o, image, ret, err);
        break;
    case OUTPUT_TAR:
    case OUTPUT_LOCAL:
        r = build_output_rootfs(s, o, image, ret, err);
        break;
    }
    if (r == 0 && strcmp(o->dest, "-") != 0)
        cb_strv_push(&ret->names, o->dest);
    return r;
}
