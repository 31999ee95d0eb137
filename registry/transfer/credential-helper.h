/* Programs that keep credentials for docker: docker-credential-NAME with get, store or erase (oci-distribution.md §8). */
#ifndef REG_CREDENTIAL_HELPER_H
#define REG_CREDENTIAL_HELPER_H

#include "registry/transfer/credentials.h"

/* What a helper calls a registry. Borrowed. */
const char *reg_helper_server(const char *domain);
/* 1: found, *ret is the caller's; 0: the helper does not know the registry; -1: it does not work. */
int reg_helper_get(const char *name, const char *server, struct reg_cred *ret, struct cb_error *err);
int reg_helper_store(const char *name, const char *server, const char *user, const char *password, struct cb_error *err);
/* 1: it is gone; 0: the helper did not know it. */
int reg_helper_erase(const char *name, const char *server, struct cb_error *err);

#endif
