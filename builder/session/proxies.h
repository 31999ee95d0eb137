/* The proxies that a RUN is told of when no --build-arg does it. They are outside of keys, history and records: a proxy decides
 * on which way something comes, and its URL may hold a password. */
#ifndef BUILD_PROXIES_H
#define BUILD_PROXIES_H

#include "base/mem.h"
#include "builder/session/request.h"

/* Finds the request's "HTTP_PROXY=…" and its relatives, unless they are not wanted: those of "proxies" in Docker's config.json,
 * then those of our environment (in either case of letters) that it does not name. */
int build_proxies_find(struct build_request *q, struct cb_error *err);
/* Appends them as programs read them: in capitals and in small letters. */
void build_proxies_spell(const struct cb_strv *v, struct cb_strv *ret);

/* Is this proxy, a URL or HOST:PORT, one of the host's own loopback addresses? */
bool build_proxy_is_local(const char *url);
/* The password in such a URL, as it stands there; n is 0 when there is none. Borrowed. */
struct cb_str build_proxy_password(const char *url);

#endif
