/* tag: another name for an image. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"

#include <time.h>

static int tag(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (cli_parse_name(v->args.items[1], false, &ref, err) < 0 || cli_open(v, err) < 0 ||
        cli_find_image(v->session.store, v->args.items[0], &image, NULL, err) < 0)
        return -1;
    free(image.name);
    image.name = oci_ref_full(&ref);
    clock_gettime(CLOCK_REALTIME, &image.updated);
    return cache_image_store(v->session.store, &image, err);
}

const struct cli_command cli_tag = {
    .name = "tag",
    .arguments = "NAME NEW-NAME",
    .help = "give an image another name",
    .min = 2,
    .max = 2,
    .size = sizeof(struct cli_invocation),
    .run = tag,
};
