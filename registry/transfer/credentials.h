/* Who we are for a registry (oci-distribution.md §8). Sources; the first that knows the registry wins:
 *   1. $REGISTRY_AUTH_FILE
 *   2. $DOCKER_AUTH_CONFIG (the text itself)
 *   3. $DOCKER_CONFIG/config.json, else ~/.docker/config.json
 *   4. $XDG_RUNTIME_DIR/containers/auth.json, else /run/containers/$UID/auth.json
 *   5. $XDG_CONFIG_HOME/containers/auth.json, else ~/.config/containers/auth.json
 *   6. ~/.dockercfg
 * Within a source: credHelpers, credsStore, auths. Where registries.conf has credential-helpers, those are asked instead, in
 * order; the files have their turn in the place of "containers-auth.json" (containers-registries.conf(5)). Read once, then
 * immutable: any number of threads may ask. */
#ifndef REG_CREDENTIALS_H
#define REG_CREDENTIALS_H

#include "base/buf.h"
#include "base/error.h"
#include "registry/transfer/options.h"

struct reg_credentials;

struct reg_cred {
    char *user, *password;
    char *identity_token; /* for the token server only */
    char *registry_token; /* a ready Bearer token */
};
void reg_cred_done(struct reg_cred *c);
CB_DEFINE_AUTO(reg_cred, struct reg_cred, reg_cred_done)

/* NULL: a file that is there is damaged, or one that an option or a variable names cannot be read. `o` is borrowed: who it says
 * we are counts everywhere, and its file takes the place of $REGISTRY_AUTH_FILE. */
struct reg_credentials *reg_credentials_load(const struct reg_options *o, struct cb_error *err);
struct reg_credentials *reg_credentials_new(void); /* knows nobody yet */
/* Adds a source after the others; `name` is for messages. `legacy`: the text is what others have under "auths". */
int reg_credentials_add(struct reg_credentials *c, const char *text, size_t n, const char *name, bool legacy,
                        struct cb_error *err);
void reg_credentials_free(struct reg_credentials *c);
CB_DEFINE_AUTO_PTR(reg_credentials, struct reg_credentials, reg_credentials_free)

/* `helpers` as registries.conf has them; none: the sources alone. */
void reg_credentials_set_helpers(struct reg_credentials *c, const struct cb_strv *helpers);

/* For a repository on a registry ("docker.io", "library/busybox"). 1: *ret is the caller's; 0: nobody, go
 * anonymously; -1: the matching entry is damaged. May run a credential helper; one that fails counts as not
 * knowing the registry, and why is appended to `note`. */
int reg_credentials_find(const struct reg_credentials *c, const char *domain, const char *path, struct reg_cred *ret,
                         struct cb_buf *note, struct cb_error *err);

#endif
