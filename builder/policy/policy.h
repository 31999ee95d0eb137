/* Source policies: what a build may take from outside, in BuildKit's form (JSON): rules that allow, deny or convert what they
 * select. Images are docker-image://REF and oci-layout://…, git references git://HOST/PATH#REF, files their URLs. */
#ifndef BUILD_POLICY_H
#define BUILD_POLICY_H

#include "base/buf.h"
#include "base/error.h"

struct build_policy;

/* Reads one policy; *p (NULL: none yet) gets its rules behind those it has, as one more policy. */
int build_policy_read(struct build_policy **p, const char *text, size_t n, const char *file, struct cb_error *err);
void build_policy_free(struct build_policy *p); /* NULL is fine */
CB_DEFINE_AUTO_PTR(build_policy, struct build_policy, build_policy_free)

/* A source, as rules see it. Both strings are owned; conversion replaces them. */
struct build_policy_source {
    char *identifier;
    char *checksum; /* attribute http.checksum or git.checksum; NULL: none */
};
void build_policy_source_done(struct build_policy_source *s);
CB_DEFINE_AUTO(build_policy_source, struct build_policy_source, build_policy_source_done)

/* 0: the source may be used as it is, or there is no policy (NULL). 1: it was converted. -1: it is denied, which the error says
 * with the rule, or a rule cannot be followed. */
int build_policy_apply(const struct build_policy *p, struct build_policy_source *s, struct cb_error *err);

#endif
