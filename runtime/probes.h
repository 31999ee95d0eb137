/* What this machine has that sandboxes use, as values: one probe a row of a table (probes.c). None is a second way to find
 * something out: each asks the function that a build asks. */
#ifndef RT_PROBES_H
#define RT_PROBES_H

#include "runtime/rung/privilege.h"

struct rt_finding {
    bool good;
    char *value;  /* owned: what there is, or what is in the way */
    char *advice; /* owned; what to install or set to have it; NULL: nothing helps, or nothing is needed */
};
struct rt_probe {
    const char *name;
    /* Fills `ret`, which is all zero. `p` is as rt_privilege_probe found it. */
    void (*look)(const struct rt_privilege *p, struct rt_finding *ret);
};
extern const struct rt_probe rt_probes[];
extern const size_t rt_n_probes;

void rt_finding_done(struct rt_finding *f);
CB_DEFINE_AUTO(rt_finding, struct rt_finding, rt_finding_done)

#endif
