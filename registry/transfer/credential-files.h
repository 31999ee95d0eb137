/* The files that hold credentials, of docker's and of podman's kind, and the keys of their entries (oci-distribution.md §8). */
#ifndef REG_CREDENTIAL_FILES_H
#define REG_CREDENTIAL_FILES_H

#include "base/buf.h"
#include "registry/transfer/options.h"

struct reg_auth_file {
    char *path;
    bool given;  /* by an option or $REGISTRY_AUTH_FILE */
    bool wanted; /* somebody named it, so failing to read it is an error */
    bool docker; /* config.json: Docker Hub has another key in it than in auth.json */
    bool legacy; /* it is no more than what others have under "auths" */
};
struct reg_auth_files {
    struct reg_auth_file items[5];
    size_t n;
};
/* In the order in which they are asked, whether they are there or not; `o` may be NULL. Between the given one and the others
 * stands the text in $DOCKER_AUTH_CONFIG. */
void reg_auth_files_list(const struct reg_options *o, struct reg_auth_files *ret);
void reg_auth_files_done(struct reg_auth_files *f);
CB_DEFINE_AUTO(reg_auth_files, struct reg_auth_files, reg_auth_files_done)

/* Docker Hub's key in Docker's files and helpers. */
#define REG_HUB_KEY "https://index.docker.io/v1/"
bool reg_is_hub(const char *host);
/* How well the key of a credential file fits: 0 not at all, else 1 + the length of its namespace. A key with a
 * scheme is Docker's and names only the host; others may be podman's "host/team". */
size_t reg_key_fits(const char *key, const char *domain, const char *path);

#endif
