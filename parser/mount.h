/* The value of RUN --mount (dockerfile.md §11). Phase 3 of §1 checks CSV syntax and `from` of all stages with
 * df_mount_check; a stage that is built decodes the rest with df_mount_parse. */
#ifndef CB_PARSER_MOUNT_H
#define CB_PARSER_MOUNT_H

#include "parser/expand.h"

enum df_mount_type { DF_MOUNT_BIND, DF_MOUNT_CACHE, DF_MOUNT_TMPFS, DF_MOUNT_SECRET, DF_MOUNT_SSH, DF_MOUNT_COUNT };
extern const char *const df_mount_type_names[DF_MOUNT_COUNT];
enum df_sharing { DF_SHARING_SHARED, DF_SHARING_PRIVATE, DF_SHARING_LOCKED, DF_SHARING_COUNT };
extern const char *const df_sharing_names[DF_SHARING_COUNT];

/* Strings are owned, never NULL after success, "" when not given. Defaults that need the stage (target below
 * WORKDIR, id of a cache, context as source of a bind) are left to the builder. */
struct df_mount {
    enum df_mount_type type;
    char *target, *source, *from, *id, *env;
    bool readonly; /* the type's default is filled in */
    bool required;
    bool has_sharing, has_size, has_mode, has_uid, has_gid, has_env;
    enum df_sharing sharing; /* shared unless has_sharing */
    uint64_t size;           /* bytes */
    uint32_t mode, uid, gid; /* mode as given, not masked */
};
void df_mount_done(struct df_mount *m);
CB_DEFINE_AUTO(df_mount, struct df_mount, df_mount_done)

/* Only CSV syntax and a `from` without variables; *ret_from (may be NULL; caller frees) is the last `from`,
 * "" when there is none. */
int df_mount_check(const char *value, char **ret_from, struct cb_error *err);
/* The whole value; values of all keys are expanded with `x`. */
int df_mount_parse(const char *value, const struct df_expand *x, struct df_mount *ret, struct cb_error *err);

#endif
