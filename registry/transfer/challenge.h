/* WWW-Authenticate: what a registry wants to see (RFC 7235 §2.1, oci-distribution.md §7). Pure. */
#ifndef REG_CHALLENGE_H
#define REG_CHALLENGE_H

#include "base/buf.h"

struct reg_challenge {
    char *scheme;                          /* lower case: "bearer", "basic", … */
    char *realm, *service, *scope, *error; /* NULL: absent */
};
struct reg_challenges {
    struct reg_challenge *items;
    size_t n, cap;
};
void reg_challenges_done(struct reg_challenges *c);
CB_DEFINE_AUTO(reg_challenges, struct reg_challenges, reg_challenges_done)

/* Appends the challenges of one header value. Parameters are quoted or bare; several challenges may be joined
 * by commas. Reading stops where the text makes no sense; what was understood before that stays. */
void reg_challenges_parse(struct reg_challenges *c, const char *value);
/* The first of this scheme, or NULL. */
const struct reg_challenge *reg_challenges_find(const struct reg_challenges *c, const char *scheme);

#endif
