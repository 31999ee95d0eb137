/* One file from an http(s) URL: ADD and build contexts (dockerfile.md §12.5, §16). It goes into the store as a blob; what a
 * server said of it (ETag, Last-Modified) is remembered, so that next time it is only asked whether something has changed. */
#ifndef BUILD_DOWNLOAD_H
#define BUILD_DOWNLOAD_H

#include "base/digest.h"
#include "base/error.h"

struct build_session;

struct build_download {
    struct cb_digest digest; /* of the blob */
    uint64_t size;
    int64_t mtime; /* Last-Modified; 0: the server did not say */
};
/* Waits; Ctrl-C ends it. `checksum` ("sha256:…", or NULL): if the URL gave a file with this digest before, that is taken without
 * asking the server; the caller checks whether what came has it. Credentials for the host are taken from the secrets
 * HTTP_AUTH_TOKEN_<host> and HTTP_AUTH_HEADER_<host>. Errors name the URL without credentials. */
int build_download(struct build_session *session, const char *url, const char *checksum, struct build_download *ret,
                   struct cb_error *err);

bool build_is_url(const char *text); /* http:// or https:// */

#endif
