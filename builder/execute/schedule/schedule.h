/* The schedule: what the target needs is looked up, and what is not known is executed, independent steps
 * side by side. One coordinator without threads owns graph, records and progress; it polls the sockets
 * of jobs and the log pipes of RUN and never blocks elsewhere. */
#ifndef BUILD_SCHEDULE_H
#define BUILD_SCHEDULE_H

#include "builder/execute/keys/graph.h"
#include "builder/session/events.h"

/* Afterwards every step that the target stands on is done. On failure all other work is stopped first:
 * children are killed and reaped, nothing half-made is visible. CB_E_CANCELED: a signal came; its number is
 * in err->exit_status. */
int build_schedule_run(struct build_graph *g, struct build_counts *ret, struct cb_error *err);

#endif
