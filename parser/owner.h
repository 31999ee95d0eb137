/* --chown and --chmod (dockerfile.md §12.4). Pure text; /etc/passwd and /etc/group come as bytes. */
#ifndef CB_PARSER_OWNER_H
#define CB_PARSER_OWNER_H

#include "base/buf.h"
#include "base/error.h"

struct df_chown {
    char *user;      /* owned; may be "" */
    char *group;     /* owned; "" when not given */
    bool has_group;  /* there was a ':' */
    bool user_is_id; /* user is a number of 32 bits: uid */
    bool group_is_id;
    uint32_t uid, gid;
};
/* Splits `text` (after expansion, not empty) at the first ':'. Numbers are those up to 2147483647, as in BuildKit;
 * "root" is the number 0. Anything else is a name. */
void df_chown_parse(const char *text, struct df_chown *ret);
void df_chown_done(struct df_chown *c);
CB_DEFINE_AUTO(df_chown, struct df_chown, df_chown_done)
/* Whether resolving needs /etc/passwd (or /etc/group): a name other than root. */
bool df_chown_needs_passwd(const struct df_chown *c);
bool df_chown_needs_group(const struct df_chown *c);

/* The owner `text` means in a root with these files; NULL bytes: the file is missing. Never fails: unknown
 * names follow the quirks of §12.4. Also right for the owner of a WORKDIR (§13, text = USER). */
void df_chown_resolve(const char *text, const struct cb_str *passwd, const struct cb_str *group, uint32_t *ret_uid,
                      uint32_t *ret_gid);

/* A compiled --chmod value. */
struct df_chmod_op {
    char cmd;   /* '+' '-' 'X', or 'u' 'g' 'o': copy these bits */
    uint8_t to; /* of a copy: classes and what happens there; known to owner.c */
    uint32_t bits;
};
struct df_chmod {
    bool octal;
    uint32_t mode; /* octal: 0..07777 */
    struct df_chmod_op *ops;
    size_t n, cap;
};
/* Octal when it starts with a digit, else symbolic as BSD setmode takes it with umask 0. Errors
 * (CB_E_DOCKERFILE): `invalid chmod parameter: …`, `invalid syntax`. */
int df_chmod_parse(const char *text, struct df_chmod *ret, struct cb_error *err);
void df_chmod_done(struct df_chmod *c);
CB_DEFINE_AUTO(df_chmod, struct df_chmod, df_chmod_done)
/* The new mode (07777) of an entry that had `mode`. */
uint32_t df_chmod_apply(const struct df_chmod *c, bool is_dir, uint32_t mode);

#endif
