/* What a command line says about registries, on top of what files and the environment say (hosts.h, credentials.h, certs.h).
 * All zero: nothing. Strings are owned; a client borrows the whole as long as it lives. */
#ifndef REG_OPTIONS_H
#define REG_OPTIONS_H

#include "base/buf.h"

struct reg_options {
    char *auth_file;       /* instead of $REGISTRY_AUTH_FILE */
    char *conf_file;       /* instead of $CONTAINERS_REGISTRIES_CONF */
    char *cert_dir;        /* *.crt, X.cert with X.key for every registry, as certs.d has them for one */
    char *user, *password; /* for every registry that asks; NULL: those of files */
    bool insecure_pull, insecure_push;
    struct cb_strv insecure;    /* domains: both */
    struct cb_strv blocked;     /* "domain=FILE": nobody may talk to it, says the file */
    struct cb_strv mirrors;     /* "docker.io=mirror.example/path", in the order in which they are asked */
    struct cb_strv aliases;     /* "short=registry.example/long" */
    bool mirrors_only;          /* where there are mirrors, the place itself is not asked */
    struct cb_strv authorities; /* "domain=FILE": a certificate that its registry's may be signed by */
    struct cb_strv clients;     /* "domain=CERT,KEY": who we are */
    int tries;                  /* of a request; 0: as many as seem worth it */
    int64_t delay_ms;           /* before the second; 0: the usual */
};
void reg_options_done(struct reg_options *o);

#endif
