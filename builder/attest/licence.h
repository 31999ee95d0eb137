/* Licences as packages state them: expressions of SPDX, or anything else. */
#ifndef BUILD_ATTEST_LICENCE_H
#define BUILD_ATTEST_LICENCE_H

#include "base/buf.h"

/* Is it an expression of SPDX (2.3, annex D) whose licences are all known here? `ret_single` (may be NULL): it is one licence. */
bool build_attest_licence_is_spdx(const char *text, bool *ret_single);
/* "LicenseRef-…" for a text that is none. */
void build_attest_licence_ref(const char *text, struct cb_buf *out);

#endif
