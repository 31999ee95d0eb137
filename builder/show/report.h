/* Errors as people see them, and the exit status they give. */
#ifndef BUILD_REPORT_H
#define BUILD_REPORT_H

#include "base/buf.h"
#include "base/error.h"

/* Prints the error on standard error: the place in the Dockerfile (`source`, called `name`; empty: none) with an excerpt, the
 * message, and the way out. */
void build_report(struct cb_str source, const char *name, const struct cb_error *err);

int build_exit_status(const struct cb_error *err); /* 2: usage; 128 + signal; else 1 */

#endif
