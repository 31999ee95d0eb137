/* Authentication against registries (oci-distribution.md §7): what a 401 asks for, tokens from token servers,
 * their cache. Thread-safe: one thread at a time gets a token, the others wait and then find it.
 *
 *     reg_auth_header(…, &header)      what to send with the first try; NULL when nothing is known yet
 *     401: reg_auth_answer(…, &header) what to send with the second
 */
#ifndef REG_AUTH_H
#define REG_AUTH_H

#include "registry/transfer/credentials.h"
#include "registry/transfer/http.h"

struct reg_auth;
struct reg_auth *reg_auth_new(struct reg_http *http, struct reg_credentials *creds); /* `creds` is taken over */
void reg_auth_free(struct reg_auth *a);

struct reg_auth_for {
    const char *domain, *path;    /* who is asked for credentials: "docker.io", "library/busybox" */
    const char *base;             /* "https://registry-1.docker.io": who gets the header */
    bool insecure;                /* the user said that this registry may be talked to without verified TLS */
    const struct cb_strv *scopes; /* "repository:library/busybox:pull" */
};
/* *ret is an Authorization value (caller frees), or NULL: nothing is known yet. */
void reg_auth_header(struct reg_auth *a, const struct reg_auth_for *w, char **ret);
/* After a 401 to a request that carried `used` (may be NULL). 0: *ret is another value to try, or NULL: there is
 * nothing else to try. -1: the token server failed, or sending credentials there would not be safe. */
int reg_auth_answer(struct reg_auth *a, const struct reg_auth_for *w, const struct reg_http_answer *answer, const char *used,
                    char **ret, struct cb_error *err);

#endif
