/* What this machine does not allow is noted once, at the first step. Where a command fails in a way that is typical of it, the
 * step's error says it again: the end of what the command printed is kept, and looked at once it has failed. */
#ifndef BUILD_SYMPTOM_H
#define BUILD_SYMPTOM_H

#include "base/buf.h"
#include "base/error.h"
#include "runtime/network/network.h"
#include "runtime/rung/privilege.h"

struct build_tail { /* CB_BUF_INIT is an empty one; each line ends with a NUL */
    struct cb_buf lines;
};
void build_tail_add(struct build_tail *t, const char *line);
void build_tail_done(struct build_tail *t);

/* Gives the error of a command that printed this a hint, unless it has one or nothing points to such a cause. */
void build_symptom_hint(const struct build_tail *t, const struct rt_privilege *p, const struct rt_network *n,
                        struct cb_error *err);

#endif
