/* Outputs: what `-o` asks for (dockerfile.md §17): the local store, archives, directories, registries. Each kind is an entry of
 * one table, which option parsing and --help read too. Each is written whole or not at all. */
#ifndef BUILD_OUTPUT_H
#define BUILD_OUTPUT_H

#include "builder/output/image.h"

struct build_result {
    struct cb_strv names;       /* what was named, written or pushed, for people */
    struct cb_strv image_names; /* full references */
    struct cb_digest manifest;  /* of the last one, or the last index, that was made */
    bool has_manifest;
};
void build_result_done(struct build_result *r);
CB_DEFINE_AUTO(build_result, struct build_result, build_result_done)

/* A key of `-o type=…,key=value`. */
struct build_output_key {
    const char *name;
    bool prefix; /* all keys that begin like this */
    /* Checks the value and puts it into the output. */
    int (*set)(struct build_output *o, const char *key, const char *value, struct cb_error *err);
    const char *fine; /* true or false: the value that outputs which do not take the key let pass; NULL: none */
};

enum build_dest { BUILD_DEST_NONE, BUILD_DEST_FILE, BUILD_DEST_DIRECTORY };
struct build_output_ops {
    const char *name;                           /* type=… */
    const struct build_output_key *const *keys; /* those it takes besides type; a NULL ends them; NULL: none */
    enum build_dest dest;                       /* what it writes: none is given, one file ("-": standard output), files */
    bool takes_files;                           /* it writes the files of the layers, not the layers */
    bool docker_types;                          /* media types are Docker's where oci-mediatypes= does not say */
    bool attests;                               /* attestations go with the image, where its media types allow that */
    bool one_platform;                          /* it cannot hold images of several */
    int (*check)(struct build_output *o, struct cb_error *err); /* when all keys are read: do they go together? NULL: always */
    int (*write)(struct build_session *s, const struct build_output *o, const struct build_images *images,
                 struct build_result *ret, struct cb_error *err);
};
/* The first is what a build makes when it is not asked for anything; a NULL ends the table. */
extern const struct build_output_ops *const build_outputs[];
const struct build_output_ops *build_output_find(const char *type); /* NULL: there is none of that name */
/* All names, with `between` between them. */
void build_output_types(struct cb_buf *out, const char *between);

/* Reading what was asked for: begin (`o` is zero or raw), each key, end. Messages do not name the output. */
void build_output_begin(struct build_output *o, const struct build_output_ops *ops);
int build_output_set(struct build_output *o, const char *key, const char *value, struct cb_error *err);
int build_output_end(struct build_output *o, struct cb_error *err);
/* Checks an annotation, TYPE[PLATFORM]:KEY=VALUE with optional type and platform, and adds it to `list` as a request holds it.
 * `shown`: as given, for messages. */
int build_output_add_annotation(struct cb_strv *list, const char *type, const char *pair, const char *shown,
                                struct cb_error *err);

/* Full references that the outputs of a request give. */
int build_output_all_names(const struct build_request *q, struct cb_strv *ret, struct cb_error *err);
/* Whether attestations go with what it writes. */
bool build_output_attests(const struct build_output *o);

/* Checks what can be known of an output's destination before there is an image: whether it can be written. */
int build_output_check(const struct build_output *o, struct cb_error *err);
/* Names, writes and pushes images as one output asks. */
int build_output_write(struct build_session *s, const struct build_output *o, const struct build_images *images,
                       struct build_result *ret, struct cb_error *err);

#endif
