/* What the transports share: each is a row of a table. Nobody else includes this. */
#ifndef BUILD_TRANSPORT_INTERNAL_H
#define BUILD_TRANSPORT_INTERNAL_H

#include "builder/session/session.h"
#include "builder/transport/deliver.h"
#include "builder/transport/transport.h"

struct build_transport_ops {
    const char *name; /* before the colon */
    const char *form; /* of the rest, for messages */
    /* Takes the rest apart: place, image, digest. */
    int (*parse)(const char *rest, struct build_location *ret, struct cb_error *err);
    /* NULL: it is a registry. */
    int (*bring)(struct build_session *s, const struct build_location *l, struct build_brought *ret, struct cb_error *err);
    /* Takes a parcel there (deliver.h). */
    int (*deliver)(const struct build_delivery *d, struct cb_error *err);
    bool docker;         /* what is delivered has to be what docker load reads */
    const char *program; /* of a store that another program keeps: docker, podman; NULL: none */
};

/* All of them. A further one is a file that defines build_transport_NAME, and its name here. */
#define TRANSPORTS(X)                                                                                                            \
    X(docker)                                                                                                                    \
    X(docker_archive)                                                                                                            \
    X(oci_archive)                                                                                                               \
    X(oci)                                                                                                                       \
    X(dir)                                                                                                                       \
    X(docker_daemon)                                                                                                             \
    X(containers_storage)
#define TRANSPORT_DECLARE(name) extern const struct build_transport_ops build_transport_##name;
TRANSPORTS(TRANSPORT_DECLARE)

/* ---- what is read goes through here (spool.c) ------------------------------------------------------------------- */

/* Writes what the descriptor gives, an archive that may be compressed, as a plain tar into the work directory of *ret, and sets
 * its path. `shown` names it to people. */
int build_spool(struct build_session *s, int fd, const char *shown, struct build_brought *ret, struct cb_error *err);

/* ---- where parcels go (deliver*.c) ------------------------------------------------------------------------------ */

int build_deliver_oci(const struct build_delivery *d, struct cb_error *err);
int build_deliver_oci_archive(const struct build_delivery *d, struct cb_error *err);
int build_deliver_docker_archive(const struct build_delivery *d, struct cb_error *err);
int build_deliver_program(const struct build_delivery *d, struct cb_error *err);
int build_deliver_registry(const struct build_delivery *d, struct cb_error *err);

#endif
