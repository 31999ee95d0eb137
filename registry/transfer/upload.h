/* One blob to one repository: an upload session, its repetition and resumption (oci-distribution.md §5). */
#ifndef REG_UPLOAD_H
#define REG_UPLOAD_H

#include "registry/transfer/client-internal.h"

struct reg_upload {
    struct reg_client *c;
    const struct reg_endpoint *ep;
    const struct cb_strv *scopes;
    const char *name; /* of the repository, for messages */
    const struct reg_push_blob *blob;
    char text[CB_DIGEST_TEXT + 1];
    char *session;                                 /* URL of the upload, or NULL; freed by reg_upload_done */
    uint64_t least;                                /* that a part may have, as the registry says */
    uint64_t offset;                               /* where the current request began */
    uint64_t part;                                 /* it does not take more in one request; 0: as much as there is */
    void (*on_progress)(void *arg, uint64_t sent); /* bytes of the blob that are there; may go back */
    void *arg;
};
/* Sends it; an upload session that u->session names already is used. */
int reg_upload(struct reg_upload *u, struct cb_error *err);
void reg_upload_done(struct reg_upload *u);

/* A request without a body. */
int reg_upload_call(const struct reg_upload *u, const char *method, const char *url, struct reg_http_answer *a,
                    struct cb_error *err);
/* Keeps the Location of an answer, which replaces the previous one. */
int reg_upload_take_session(struct reg_upload *u, const struct reg_http_answer *a, struct cb_error *err);
/* For blobs and documents alike: the specification says 201; some registries use others. */
bool reg_upload_accepted(const struct reg_http_answer *a);
/* A registry that says what it stored must have stored ours. */
int reg_upload_check_stored(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, const char *digest,
                            struct cb_error *err);

#endif
