/* Something whose size is known, from a server that may break off: it is asked for the rest then. */
#ifndef REG_DOWNLOAD_H
#define REG_DOWNLOAD_H

#include "registry/transfer/http.h"

struct reg_download {
    const char *what; /* for messages: "object 'x' of bucket 'y'" */
    uint64_t size;    /* of the whole */
    uint64_t offset;  /* of the first byte that is wanted */
    /* Sets address, headers (without Range) and who we are, anew for each try; what it sets lives until the next call.
     * `refused`: with what it set last, the answer was 401 or 403. -1 with err: that cannot be mended. */
    int (*prepare)(void *arg, bool refused, struct reg_http_request *req, struct cb_error *err);
    /* Turns an answer that is not what was hoped for into an error; -1. */
    int (*failed)(void *arg, const struct reg_http_answer *a, const char *what, struct cb_error *err);
    void *arg;
};

/* All bytes from the offset on, each once, whatever they are: a digest is the caller's to verify. -1 with CB_E_NOT_FOUND: the
 * server does not have it. */
int reg_download(struct reg_http *h, const struct reg_download *d, cb_sink_fn *sink, void *arg, struct cb_error *err);

#endif
