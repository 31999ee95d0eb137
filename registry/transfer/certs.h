/* Certificates for one registry: certs.d/<host[:port]> below /etc/containers, ~/.config/containers and
 * /etc/docker (oci-distribution.md §8). *.crt: further authorities; X.cert with X.key: our own identity. */
#ifndef REG_CERTS_H
#define REG_CERTS_H

#include "base/buf.h"
#include "base/error.h"
#include "registry/transfer/options.h"

struct reg_certs {
    struct cb_buf authorities; /* PEM: the system's and the registry's; empty: only the system's are wanted */
    char *cert, *key;          /* paths; NULL: none */
};
#define REG_CERTS_INIT ((struct reg_certs){.authorities = CB_BUF_INIT})
void reg_certs_done(struct reg_certs *c);
CB_DEFINE_AUTO(reg_certs, struct reg_certs, reg_certs_done)

/* Looks under "host" (when the port is 443) and "host:port", and before that where `o` says (NULL: it is no registry). -1: a file
 * that is there cannot be used. */
int reg_certs_find(const struct reg_options *o, const char *host, unsigned port, struct reg_certs *ret, struct cb_error *err);
/* The system's bundle: $SSL_CERT_FILE, or where distributions keep it; NULL: none found. Borrowed. */
const char *reg_certs_bundle(void);

#endif
