/* Lists of images (commands/manifest.c), for what builds into one. */
#ifndef CLI_LISTS_H
#define CLI_LISTS_H

#include "builder/output/image.h"

/* Adds images to the list of that name, which is made if the store does not have it; one for the same platform gives way. */
int cli_add_to_list(struct build_session *s, const char *name, const struct build_images *images, struct cb_error *err);

#endif
