#include "builder/context/follow.h"
#include "builder/context/download.h"
#include "builder/session/session.h"
#include "registry/transfer/url.h"

static int refuse(const char *from, const char *to, const char *why, struct cb_error *err)
{
    return cb_fail(err, CB_E_UNSUPPORTED, "the source policy converts '%s' to '%s': %s", from, to, why);
}

int build_follow_url(struct build_session *session, const char *url, const char *checksum, struct build_policy_source *ret,
                     struct cb_error *err)
{
    *ret = (struct build_policy_source){cb_strdup(url), cb_strdup(checksum)};
    int r = build_policy_apply(session->request->policy, ret, err);
    if (r <= 0)
        return r;
    CB_AUTO(free) char *from = reg_url_redact(url), *to = reg_url_redact(ret->identifier);
    if (!build_is_url(ret->identifier))
        return refuse(from, to, "that is no URL", err);
    build_note(session, "the source policy has '%s' taken from '%s'%s", from, to,
               ret->checksum ? ", and its digest checked" : "");
    return 0;
}

/* git://HOST/PATH without user and scheme, in whatever form the reference was given. */
static void add_repository(const char *remote, struct cb_buf *out)
{
    const char *scheme = strstr(remote, "://"), *rest = scheme ? scheme + 3 : remote;
    const char *slash = strchr(rest, '/'), *user = strchr(rest, '@');
    if (user && (!slash || user < slash))
        rest = user + 1;
    size_t host = strcspn(rest, scheme ? "/" : ":/");
    cb_buf_printf(out, "git://%.*s/%s", (int)host, rest, rest[host] ? rest + host + 1 : "");
}

int build_follow_git(struct build_session *session, const struct df_gitref *ref, const char *checksum,
                     struct build_policy_source *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf repository = CB_BUF_INIT, whole = CB_BUF_INIT;
    add_repository(ref->remote, &repository);
    cb_buf_adds(&whole, repository.data);
    if (*ref->ref || *ref->subdir)
        cb_buf_printf(&whole, "#%s%s%s", ref->ref, *ref->subdir ? ":" : "", ref->subdir);
    *ret = (struct build_policy_source){cb_strdup(whole.data), cb_strdup(checksum)};
    if (build_policy_apply(session->request->policy, ret, err) < 0)
        return -1;
    const char *to = ret->identifier, *tail = cb_starts(to, repository.data) ? to + repository.len : "?";
    if (*tail && *tail != '#')
        return refuse(whole.data, to, "only the branch, tag or commit can be another", err);
    if (strcmp(to, whole.data) != 0)
        build_note(session, "the source policy has '%s' taken from '%s'", whole.data, to);
    tail += *tail == '#';
    char *name = cb_memdup0(tail, strcspn(tail, ":"));
    free(ret->identifier);
    ret->identifier = name;
    return 0;
}
