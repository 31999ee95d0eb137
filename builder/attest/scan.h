/* Looking through an image for packages. */
#ifndef BUILD_ATTEST_SCAN_H
#define BUILD_ATTEST_SCAN_H

#include "builder/attest/packages.h"
#include "builder/session/session.h"

/* What is installed in the layers (bottom first), which have their files in the store: what a layer removes or replaces is gone.
 * The image's files are read in a job. `what` is named in warnings, of which there is one for each file that could not be read.
 */
int build_attest_scan(struct build_session *s, const struct cb_digest *layers, size_t n, const char *what,
                      struct build_attest_packages *ret, struct cb_error *err);

#endif
