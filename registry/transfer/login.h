/* Does a registry know us? Asked before a login is kept. */
#ifndef REG_LOGIN_H
#define REG_LOGIN_H

#include "registry/transfer/credential-keep.h"
#include "registry/transfer/transfer.h"

/* 1: it accepts who the client's options or credential files say we are. 0: it asks nobody, so that nothing is known.
 * -1: CB_E_DENIED when it refuses us. */
int reg_login_check(struct reg_client *c, const struct reg_account *a, struct cb_error *err);
/* Who the credential files and helpers say we are. 1: *ret is the caller's; 0: nobody. `o` is borrowed. */
int reg_login_find(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a, struct reg_cred *ret,
                   struct cb_error *err);
/* credential-helpers of registries.conf. Borrowed. */
const struct cb_strv *reg_login_helpers(const struct reg_client *c);

#endif
