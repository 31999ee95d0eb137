/* A parcel to where its images are to be. For jobs. */
#ifndef BUILD_DELIVER_H
#define BUILD_DELIVER_H

#include "base/job.h"
#include "builder/transport/parcel.h"
#include "builder/transport/transport.h"
#include "registry/transfer/options.h"

struct build_delivery {
    struct build_session *session;
    struct cb_job_io *io;
    const struct build_parcel *parcel;
    const struct build_location *to;
    const struct reg_options *registry; /* how registries are spoken with */
};

/* Every blob is verified on its way, and nothing has a name before all of it is there. A registry, a name of the destination's
 * own and a program take one image; without such a name images keep theirs. */
int build_deliver(const struct build_delivery *d, struct cb_error *err);

#endif
