/* Logins: who we are at a registry, kept where cbuild and the user's other tools read it (oci-distribution.md §8).
 *
 * A login goes, in this order: into the file that an option or $REGISTRY_AUTH_FILE names; to the first of the credential-helpers
 * of registries.conf, unless that is the files; into $DOCKER_CONFIG/config.json; into the file that has one for this registry
 * already; into ~/.docker/config.json, which docker, podman and their relatives read, if it is there; else into podman's
 * auth.json. Where the file names a credential helper for the registry (credHelpers, credsStore), the helper gets it. Files are
 * replaced as a whole, with mode 600 and everything else that they hold. */
#ifndef REG_CREDENTIAL_KEEP_H
#define REG_CREDENTIAL_KEEP_H

#include "registry/transfer/credentials.h"

struct reg_account {
    char *domain; /* "docker.io", "localhost:5000" */
    char *path;   /* of a repository or namespace there, or "": the whole registry */
    char *name;   /* both */
};
/* Takes "https://" and "/v2/" around it for what docker's users mean by them. CB_E_USAGE: it names no registry. */
int reg_account_parse(const char *text, struct reg_account *ret, struct cb_error *err);
void reg_account_done(struct reg_account *a);
CB_DEFINE_AUTO(reg_account, struct reg_account, reg_account_done)

/* `helpers` as registries.conf has them. *ret_where: the file, or the helper; the caller's. */
int reg_login_store(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a, const char *user,
                    const char *password, char **ret_where, struct cb_error *err);
/* From everywhere, or with --authfile and $REGISTRY_AUTH_FILE from that file; `a` NULL: all that is kept there. *ret_where:
 * where it was; none: nobody was logged in. */
int reg_login_erase(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a,
                    struct cb_strv *ret_where, struct cb_error *err);

#endif
