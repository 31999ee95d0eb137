/* Where an image comes from: the predicate of SLSA (v1), with the fields that BuildKit gives it. Pure: all that it says is told.
 */
#ifndef BUILD_ATTEST_PROVENANCE_H
#define BUILD_ATTEST_PROVENANCE_H

#include "builder/attest/statement.h"
#include "builder/session/request.h"

/* Something from outside that went into the image. Strings are borrowed. */
struct build_attest_material {
    const char *uri;
    const char *algorithm; /* "sha256", "sha1"; NULL: its digest is not known */
    const char *hex;
};

/* A step that was done, or whose result was known. */
struct build_attest_step {
    const char *name, *instruction;
    const char *stage;       /* NULL: none */
    int line, last_line;     /* 0: none */
    const char *layer;       /* "sha256:…": content ID; NULL: it was not looked at, what stands on it was known */
    const char *const *from; /* names of the steps that it stands on or takes from; NULL ends them */
    bool cached;
    double seconds, cpu_seconds;
    uint64_t peak_memory, read_bytes, written_bytes, size;
};

struct build_attest_run {
    const struct build_request *request;
    const char *dockerfile;                      /* its name */
    struct cb_str source;                        /* its bytes */
    const struct build_attest_material *context; /* NULL: a directory of this machine */
    const struct build_attest_material *materials;
    size_t n_materials;
    bool complete; /* nothing else went into it but what RUN fetched */
    bool network;  /* a RUN could fetch something */
    const struct build_attest_step *steps;
    size_t n_steps;
    const struct cb_strv *secrets, *ssh; /* ids that RUN mounted */
    const char *platform;                /* of this machine: "linux/amd64" */
    struct timespec started, finished;
    bool has_epoch; /* those two are SOURCE_DATE_EPOCH: nothing that differs from run to run is said */
};

#define BUILD_ATTEST_PROVENANCE_TYPE "https://slsa.dev/provenance/v1"
#define BUILD_ATTEST_PROVENANCE_FILE "provenance.json"

/* The caller owns the reference. `min`: no build arguments and labels, secrets, steps and source. */
json_t *build_attest_provenance(const struct build_attest_run *run, bool min);

#endif
