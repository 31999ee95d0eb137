/* HTTP by libcurl, which only http.c knows and which is loaded at the first exchange. One struct reg_http may
 * be used by any number of threads at once: each exchange takes a curl handle (with its open connections) from
 * a pool and gives it back.
 *
 * reg_http_exchange is one request and its answer. reg_http_send (request.c) follows redirects and tries again
 * what is worth trying again; it is what other files call.
 *
 * Environment: the proxy variables; SSL_CERT_FILE and SSL_CERT_DIR; CBUILD_RETRY_DELAY_MS, the first delay
 * before another try (default 1000); CBUILD_STALL_MS, how long nothing may move on a connection (default 30000; twice as
 * long before an answer begins, longer after a large body). */
#ifndef REG_HTTP_H
#define REG_HTTP_H

#include "base/stream/codec.h"
#include "registry/transfer/options.h"

struct reg_http;
struct reg_http *reg_http_new(const struct reg_options *o); /* borrowed */
void reg_http_free(struct reg_http *h);
/* Where warnings go: one call at a time, from any thread. */
void reg_http_on_warning(struct reg_http *h, void (*fn)(void *arg, const char *text), void *arg);
void reg_http_warn(struct reg_http *h, const char *fmt, ...) CB_PRINTF(2, 3);
/* Gives the same text only once. */
void reg_http_warn_once(struct reg_http *h, const char *text);

struct reg_http_body {
    const void *bytes; /* or NULL: open() gives an fd with the bytes, anew for each try */
    uint64_t size;     /* to be sent */
    uint64_t offset;   /* with open: bytes to leave out at the start */
    int (*open)(void *arg, struct cb_error *err);
    void *arg;
};
/* AWS Signature Version 4. The digest of the body stands in the header x-amz-content-sha256 of the request. */
struct reg_http_signing {
    const char *region, *service;          /* "eu-central-1", "s3" */
    const char *key_id, *secret, *session; /* session: of temporary credentials, else NULL */
};
struct reg_http_request {
    const char *method;                     /* "GET" "HEAD" "POST" "PUT" "PATCH" "DELETE"; POST takes bodies of bytes only */
    const char *url;                        /* user information in it becomes Basic authentication */
    const struct cb_strv *headers;          /* "Name: value"; may be NULL */
    const char *authorization;              /* value; not sent on to other hosts. NULL: none */
    const struct reg_http_signing *signing; /* instead of it; redirects are not followed. NULL: none */
    const struct reg_http_body *body;       /* NULL: none */
    bool secret_body;                       /* redirects of it to another host are refused */
    cb_sink_fn *sink;                       /* for the body of a 2xx answer; NULL: into the answer's body */
    void *sink_arg;
    size_t max_body;                           /* of a 2xx answer without sink; 0: CB_MAX_HTTP_BODY */
    bool unverified;                           /* the server's certificate is not checked (for redirects to other hosts it is) */
    bool registry;                             /* the certificates that options name are for it */
    int tries;                                 /* reg_http_send; 0: REG_HTTP_TRIES */
    bool guess;                                /* the same: sent once where nobody answers, who may be elsewhere */
    void (*on_sent)(void *arg, uint64_t sent); /* bytes of the body so far, restarts at 0; may be NULL */
    void *on_sent_arg;
};
#define REG_HTTP_TRIES 5

enum reg_http_failure {
    REG_HTTP_FINE,
    REG_HTTP_NO_CONNECTION, /* nobody there, name unknown */
    REG_HTTP_NO_TLS,        /* connected, but no TLS with whoever answers */
    REG_HTTP_BROKEN,        /* connection lost: another try may help */
    REG_HTTP_STALLED,       /* nothing moves on it: the same, but each try takes its time */
    REG_HTTP_FATAL,         /* bad certificate, our own side, a sink's error */
};
/* Filled as it arrives: `status` and `headers` are there before the sink gets its first byte. */
struct reg_http_answer {
    int status;
    char *url;              /* where the answer is from (after redirects), with secrets: never shown */
    struct cb_strv headers; /* "name: value", names in lower case */
    struct cb_buf body;     /* of an error answer: its first 64 KiB; more is not read */
    uint64_t delivered;     /* bytes the sink got */
    enum reg_http_failure failure;
};
#define REG_HTTP_ANSWER_INIT ((struct reg_http_answer){.body = CB_BUF_INIT})
void reg_http_answer_done(struct reg_http_answer *a);
CB_DEFINE_AUTO(reg_http_answer, struct reg_http_answer, reg_http_answer_done)
/* Value of the first (or with `from`: next) header of that name, NULL: none. `from` starts at 0. */
const char *reg_http_header(const struct reg_http_answer *a, const char *name, size_t *from);

/* 0: there is an answer, whatever its status. -1: there is none, or it broke off; `failure` says how. In both
 * cases *ret (initialised by the caller) holds what came. */
int reg_http_exchange(struct reg_http *h, const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err);

/* The same with redirects (10, none from https to http) and repetition after broken connections and the
 * statuses that ask for it; once the sink has received bytes nothing is repeated. The last answer is the one given. */
int reg_http_send(struct reg_http *h, const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err);
bool reg_http_status_retryable(int status);
/* How often a request that fails this way is worth sending, `most` at most; 1: another try cannot help. Nobody at an address
 * seldom changes within seconds; on our own machine (`local`) never. Where the options have a number, that counts. */
int reg_http_tries(const struct reg_http *h, enum reg_http_failure failure, bool local, int most);
const struct reg_options *reg_http_options(const struct reg_http *h);
/* Seconds the answer asks to wait, 0 when it does not say. */
uint64_t reg_http_retry_after(const struct reg_http_answer *a);

/* Counting tries. {0} to begin with. */
struct reg_backoff {
    int tried; /* that failed */
};
/* After a failed try: waits longer each time and gives true, or gives false when another try is not worth it: `max`
 * tries are used up, or the answer (may be NULL) wants more time than we give. */
bool reg_backoff_wait(struct reg_backoff *b, struct reg_http *h, int max, const struct reg_http_answer *a, const char *what);

#endif
