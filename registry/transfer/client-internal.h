/* For client.c, fetch.c, push.c and get.c only: one request to a registry, with scheme and authentication. */
#ifndef REG_CLIENT_INTERNAL_H
#define REG_CLIENT_INTERNAL_H

#include "base/map.h"
#include "registry/transfer/auth.h"
#include "registry/transfer/hosts.h"
#include "registry/transfer/http.h"
#include "registry/transfer/transfer.h"
#include <pthread.h>

struct reg_client {
    struct reg_http *http;
    struct reg_hosts *hosts;
    struct reg_auth *auth;
    pthread_mutex_t lock; /* guards bases */
    struct cb_map bases;  /* host and kind → "http://localhost:5000", owned */
};

/* The URL of something in the endpoint's repository: "<base>/v2/<path>/" and the rest. The first call for a host
 * that may speak plain http asks it. NULL with err. Caller frees. */
char *reg_client_url(struct reg_client *c, const struct reg_endpoint *ep, struct cb_error *err, const char *fmt, ...)
    CB_PRINTF(4, 5);

/* "https://registry.example/v2/", by which a registry says that it is one, and whom it wants to see. As reg_client_url. */
char *reg_client_root(struct reg_client *c, const struct reg_endpoint *ep, struct cb_error *err);

/* Sends `req` (its authorization and unverified are set here); a 401 is answered at most twice. As reg_http_send: 0 with any
 * status, -1 without an answer. */
int reg_client_call(struct reg_client *c, const struct reg_endpoint *ep, const struct cb_strv *scopes,
                    const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err);

/* "repository:<path>:<actions>" */
void reg_add_scope(struct cb_strv *scopes, const char *path, const char *actions);

/* Turns an answer that is not what was hoped for into an error: "<what>: 404 MANIFEST_UNKNOWN: …", code and hint by
 * status. -1. */
int reg_answer_error(const struct reg_endpoint *ep, const struct reg_http_answer *a, const char *what, struct cb_error *err);
/* Whether the body names this error code of the distribution specification. */
bool reg_answer_has_code(const struct reg_http_answer *a, const char *code);

#endif
