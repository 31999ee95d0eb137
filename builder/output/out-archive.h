/* An image archive, or a layout, where the user named it. */
#ifndef BUILD_OUT_ARCHIVE_H
#define BUILD_OUT_ARCHIVE_H

#include "registry/oci/layout.h"

/* Into a file, which appears whole ("-": standard output), or into a directory: one that does not exist yet, is empty, or a
 * layout, to which it is added. Directories on the way to that are made. */
int build_out_archive(const char *dest, bool directory, const struct oci_archive *a, struct cb_error *err);

#endif
