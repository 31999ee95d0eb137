/* What the request's source policy makes of files and repositories: the one place where they are asked for. */
#ifndef BUILD_FOLLOW_H
#define BUILD_FOLLOW_H

#include "builder/policy/policy.h"
#include "parser/gitref.h"

struct build_session;

/* *ret has the URL and the checksum that count. -1: denied, or converted into what no URL is. */
int build_follow_url(struct build_session *session, const char *url, const char *checksum, struct build_policy_source *ret,
                     struct cb_error *err);
/* The same for a git reference: *ret has its branch, tag or commit, instead of an identifier. */
int build_follow_git(struct build_session *session, const struct df_gitref *ref, const char *checksum,
                     struct build_policy_source *ret, struct cb_error *err);

#endif
