/* What is said of the rung that a command ran on: where it cannot give what others do, in general and for this command. */
#ifndef BUILD_TELL_H
#define BUILD_TELL_H

#include "base/job.h"
#include "runtime/sandbox/sandbox.h"

/* In the job, as warnings of it; what holds for many commands is shown once. */
void build_tell_rung(struct cb_job_io *io, const struct rt_privilege *p, const struct rt_result *res);
/* That the name which a build argument asks for is not that of the sandbox: RUN is as BuildKit has it, but for that. */
void build_tell_hostname(struct cb_job_io *io, const char *name);

#endif
