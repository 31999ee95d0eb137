#include "registry/transfer/http.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/lazy.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "registry/transfer/certificate.h"
#include "registry/transfer/certs.h"
#include "registry/transfer/header.h"
#include "registry/transfer/sockets.h"
#include "registry/transfer/url.h"
#include <ctype.h>
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
/* Macros of curl.h that count arguments would also see our table's members. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(curl_easy_init) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_setopt) X(curl_easy_perform) \
    X(curl_easy_getinfo) X(curl_easy_strerror) X(curl_slist_append) X(curl_slist_free_all) X(curl_global_init)
/* clang-format on */
CB_LAZY_TABLE(lib, CURL_FUNCTIONS)

#define CONNECT_SECONDS 30
#define LOOK_SECONDS    10 /* for a look at a certificate */
#define STALL_MS        30000
#define STALL_BYTES     1024 /* less than this in the time above counts as nothing */
/* How many times longer silence is allowed: until an answer begins (a mirror may have to fetch first), and while a registry
 * checks a large blob that it was sent. */
#define ANSWER_TIMES      2
#define ANSWER_TIMES_MOST 10
#define CHECKED_AT_ONCE   (128u << 20) /* bytes for which one more such time is allowed */
#define MAX_ERROR_BODY    (64u << 10)

struct handle {
    CURL *curl;
    struct reg_sockets sockets; /* of its connections */
};

struct reg_http {
    pthread_mutex_t lock; /* guards all of it */
    struct handle **idle;
    size_t n_idle, cap_idle;
    void (*warn)(void *arg, const char *text);
    void *warn_arg;
    struct cb_map said;
    uint64_t stall_ms;
    const struct reg_options *options;
};

struct exchange {
    const struct reg_http_request *req;
    struct reg_http_answer *answer;
    struct cb_error *err;
    bool failed;          /* err is set by one of the callbacks */
    bool cut;             /* an error answer has said enough: the rest is not read */
    bool has_certificate; /* we show one of ours, if we are asked for it */
    bool closed;          /* by the other side while the body was being sent */
    struct handle *handle;
    size_t header_bytes;
    int body_fd;
    uint64_t sent;
    struct timespec window_start; /* the transfer moved STALL_BYTES since the last time this was set, or … */
    uint64_t window_bytes;        /* … stood at so many bytes */
    uint64_t stall_ms;
    bool stalled;
};

/* ---- the object ------------------------------------------------------------------------------ */
struct reg_http *reg_http_new(const struct reg_options *o)
{
    struct reg_http *h = CB_NEW(struct reg_http);
    h->options = o;
    const char *stall = getenv("CBUILD_STALL_MS");
    pthread_mutex_init(&h->lock, NULL);
    if (!stall || !cb_parse_u64(stall, 3600000, &h->stall_ms) || h->stall_ms == 0)
        h->stall_ms = STALL_MS;
    return h;
}

const struct reg_options *reg_http_options(const struct reg_http *h)
{
    return h->options;
}

void reg_http_free(struct reg_http *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n_idle; i++) {
        lib.curl_easy_cleanup(h->idle[i]->curl);
        free(h->idle[i]);
    }
    free(h->idle);
    cb_map_done(&h->said);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void reg_http_on_warning(struct reg_http *h, void (*fn)(void *arg, const char *text), void *arg)
{
    pthread_mutex_lock(&h->lock);
    h->warn = fn;
    h->warn_arg = arg;
    pthread_mutex_unlock(&h->lock);
}

void reg_http_warn(struct reg_http *h, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    CB_AUTO(free) char *text = cb_vprintf(fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&h->lock);
    if (h->warn)
        h->warn(h->warn_arg, text);
    pthread_mutex_unlock(&h->lock);
}

void reg_http_warn_once(struct reg_http *h, const char *text)
{
    enum { MOST = 100 }; /* distinct texts from outside that are remembered and shown */
    pthread_mutex_lock(&h->lock);
    if (h->said.n < MOST && !cb_map_has(&h->said, text)) {
        cb_map_set(&h->said, text, NULL);
        if (h->warn)
            h->warn(h->warn_arg, text);
    }
    pthread_mutex_unlock(&h->lock);
}

void reg_http_answer_done(struct reg_http_answer *a)
{
    free(a->url);
    cb_strv_done(&a->headers);
    cb_buf_done(&a->body);
    *a = REG_HTTP_ANSWER_INIT;
}

const char *reg_http_header(const struct reg_http_answer *a, const char *name, size_t *from)
{
    size_t n = strlen(name);
    for (size_t i = from ? *from : 0; i < a->headers.n; i++) {
        const char *h = a->headers.items[i];
        if (strncmp(h, name, n) != 0 || h[n] != ':')
            continue;
        if (from)
            *from = i + 1;
        return h + n + 2;
    }
    return NULL;
}

/* ---- curl handles ----------------------------------------------------------------------------- */
static int load_library(struct cb_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool ready;
    int r = 0;
    pthread_mutex_lock(&lock);
    if (!ready) {
        CB_AUTO(cb_error) struct cb_error first = CB_ERROR_INIT, second = CB_ERROR_INIT;
        /* the GnuTLS build has the same interface; when both are missing, the first is named */
        if (CB_LAZY_LOAD(lib, CURL_FUNCTIONS, "libcurl.so.4", "libcurl4", &first) < 0 &&
            CB_LAZY_LOAD(lib, CURL_FUNCTIONS, "libcurl-gnutls.so.4", "libcurl3-gnutls", &second) < 0) {
            cb_error_move(err, &first);
            r = -1;
        }
        if (r == 0 && lib.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            r = cb_fail(err, CB_E_UNSUPPORTED, "libcurl cannot be initialised");
        ready = r == 0;
    }
    pthread_mutex_unlock(&lock);
    return r;
}

static struct handle *take_handle(struct reg_http *h, struct cb_error *err)
{
    struct handle *handle = NULL;
    if (load_library(err) < 0)
        return NULL;
    pthread_mutex_lock(&h->lock);
    if (h->n_idle)
        handle = h->idle[--h->n_idle];
    pthread_mutex_unlock(&h->lock);
    if (handle)
        return handle;
    CURL *c = lib.curl_easy_init();
    if (!c) {
        cb_fail(err, CB_E_UNSUPPORTED, "libcurl gives no handle");
        return NULL;
    }
    handle = CB_NEW(struct handle);
    handle->curl = c;
    return handle;
}

static void give_handle(struct reg_http *h, struct handle *handle)
{
    lib.curl_easy_reset(handle->curl); /* keeps connections, DNS cache and TLS sessions */
    pthread_mutex_lock(&h->lock);
    CB_PUSH(h->idle, h->n_idle, h->cap_idle) = handle;
    pthread_mutex_unlock(&h->lock);
}

/* ---- callbacks -------------------------------------------------------------------------------- */
/* For a callback that has set err: what curl takes for the end of the transfer. */
static size_t refuse(struct exchange *x)
{
    x->failed = true;
    return 0;
}

static int blame_server(struct cb_error *err)
{
    return cb_hint(err, "the server, or a proxy in front of it, is at fault: ask whoever runs it, or use a mirror");
}

static int fail_long_header(struct cb_error *err)
{
    cb_fail(err, CB_E_CORRUPT, "the header of the answer is longer than %u bytes", CB_MAX_HTTP_HEADER);
    return blame_server(err);
}

/* A status line begins an answer; interim ones (1xx) have their own. */
static void begin_answer(struct reg_http_answer *a, const char *p, size_t n)
{
    const char *blank = memchr(p, ' ', n);
    a->status = 0;
    for (const char *c = blank ? blank + 1 : p; c < p + n && isdigit((unsigned char)*c) && a->status < 1000; c++)
        a->status = a->status * 10 + (*c - '0');
    cb_strv_done(&a->headers);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct reg_http_answer *a = x->answer;
    (void)size;
    x->header_bytes += n;
    if (x->header_bytes > CB_MAX_HTTP_HEADER) {
        fail_long_header(x->err);
        return refuse(x);
    }
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
        begin_answer(a, p, n);
        if (a->status >= 200) /* an answer that was waited for counts as movement, however short */
            x->window_start = cb_clock_now();
        return n;
    }
    CB_AUTO(free) char *line = reg_header_line(p, n);
    if (line && reg_header_check_length(line, reg_http_header(a, "content-length", NULL), x->err) < 0) {
        blame_server(x->err);
        return refuse(x);
    }
    if (line && reg_header_clean(line))
        cb_strv_take(&a->headers, CB_TAKE(line));
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct reg_http_answer *a = x->answer;
    bool good = a->status >= 200 && a->status < 300;
    (void)size;
    if (good && x->req->sink) {
        if (x->req->sink(x->req->sink_arg, p, n, x->err) < 0)
            return refuse(x);
        a->delivered += n;
        return n;
    }
    size_t max = !good ? MAX_ERROR_BODY : x->req->max_body ? x->req->max_body : CB_MAX_HTTP_BODY;
    if (good && n > max - a->body.len) {
        cb_fail(x->err, CB_E_CORRUPT, "the answer is longer than %zu bytes", max);
        return refuse(x);
    }
    x->cut = n > max - a->body.len;
    cb_buf_add(&a->body, p, CB_MIN(n, max - a->body.len));
    return x->cut ? 0 : n;
}

static ssize_t read_body(struct exchange *x, char *p, size_t n)
{
    const struct reg_http_body *b = x->req->body;
    if (b->bytes) {
        memcpy(p, (const char *)b->bytes + x->sent, n);
        return (ssize_t)n;
    }
    ssize_t r = cb_read(x->body_fd, p, n);
    if (r < 0)
        cb_fail_sys(x->err, (int)r, "read what is to be uploaded");
    else if (r == 0)
        cb_fail(x->err, CB_E_CORRUPT, "what is to be uploaded is shorter than it should be");
    return r;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    uint64_t left = x->req->body ? x->req->body->size - x->sent : 0;
    n = (size_t)CB_MIN((uint64_t)(size * n), left);
    if (n == 0)
        return 0;
    ssize_t r = read_body(x, p, n);
    if (r <= 0) {
        x->failed = true;
        return CURL_READFUNC_ABORT;
    }
    x->sent += (uint64_t)r;
    if (x->req->on_sent)
        x->req->on_sent(x->req->on_sent_arg, x->sent);
    return (size_t)r;
}

/* curl rewinds a body when a kept connection turns out to be dead. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct exchange *x = arg;
    const struct reg_http_body *b = x->req->body;
    if (!b || origin != SEEK_SET || offset < 0 || (uint64_t)offset > b->size)
        return CURL_SEEKFUNC_CANTSEEK;
    if (!b->bytes && lseek(x->body_fd, (off_t)(b->offset + (uint64_t)offset), SEEK_SET) < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_open(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)purpose;
    reg_sockets_add(arg, fd);
    return CURL_SOCKOPT_OK;
}

static int on_close(void *arg, curl_socket_t fd)
{
    reg_sockets_remove(arg, fd);
    return close(fd);
}

/* The socket that carries the transfer; -1: not known. libcurl itself tells only for finished transfers. */
static int socket_of(const struct exchange *x)
{
    long local = 0, peer = 0;
    lib.curl_easy_getinfo(x->handle->curl, CURLINFO_LOCAL_PORT, &local);
    lib.curl_easy_getinfo(x->handle->curl, CURLINFO_PRIMARY_PORT, &peer);
    return local ? reg_sockets_find(&x->handle->sockets, (uint16_t)local, (uint16_t)peer) : -1;
}

/* How long nothing may move. */
static uint64_t patience(const struct exchange *x, bool waiting)
{
    uint64_t size = x->req->body ? x->req->body->size : 0;
    return x->stall_ms * (waiting ? CB_MIN(ANSWER_TIMES + size / CHECKED_AT_ONCE, (uint64_t)ANSWER_TIMES_MOST) : 1);
}

/* Ends a transfer that does not move, or whose other side has gone: while it sends, libcurl takes no notice of a connection that
 * is closed only at the other end. What the kernel still holds has not moved. Called by curl at least once a second. */
static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    struct exchange *x = arg;
    int fd = x->req->body ? socket_of(x) : -1;
    uint64_t sent = (uint64_t)ulnow, held = fd >= 0 ? CB_MIN(reg_socket_unsent(fd), sent) : 0;
    bool all = !x->req->body || sent >= x->req->body->size;
    uint64_t moved = (uint64_t)dlnow + sent - held + x->header_bytes;
    (void)dltotal, (void)ultotal;
    x->closed = !all && fd >= 0 && x->answer->status < 300 && reg_socket_ended(fd);
    if (x->closed)
        return 1;
    if (moved >= x->window_bytes + STALL_BYTES || moved < x->window_bytes) {
        x->window_bytes = moved;
        x->window_start = cb_clock_now();
        return 0;
    }
    uint64_t still = (uint64_t)(cb_seconds_since(&x->window_start) * 1000);
    x->stalled = still >= patience(x, all && held == 0 && x->answer->status < 200);
    return x->stalled;
}

/* ---- setting up ------------------------------------------------------------------------------- */
#define SET(option, value) lib.curl_easy_setopt(c, option, value)

static void set_trust(CURL *c, const struct reg_http_request *req, struct reg_certs *certs)
{
    const char *dir = getenv("SSL_CERT_DIR"), *bundle = reg_certs_bundle();
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, req->unverified ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, req->unverified ? 0L : 2L);
    if (dir && *dir)
        SET(CURLOPT_CAPATH, dir);
    if (certs->authorities.len) {
        struct curl_blob blob = {certs->authorities.data, certs->authorities.len, CURL_BLOB_COPY};
        SET(CURLOPT_CAINFO_BLOB, &blob);
    } else if (bundle) {
        SET(CURLOPT_CAINFO, bundle);
    }
    if (certs->cert) {
        SET(CURLOPT_SSLCERT, certs->cert);
        SET(CURLOPT_SSLKEY, certs->key);
    }
}

/* curl reads http_proxy only in lower case; Go's programs, and therefore people's settings, use both. And no proxy
 * reaches our own loopback. */
static void set_proxy(CURL *c, const struct reg_url *u)
{
    const char *upper = getenv("HTTP_PROXY"), *lower = getenv("http_proxy");
    if (reg_host_is_local(u->host))
        SET(CURLOPT_NOPROXY, "*");
    else if (!u->tls && !lower && upper && *upper)
        SET(CURLOPT_PROXY, upper);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_method(CURL *c, const struct reg_http_request *req, struct exchange *x)
{
    const struct reg_http_body *b = req->body;
    if (strcmp(req->method, "GET") == 0)
        return;
    if (strcmp(req->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
        return;
    }
    if (strcmp(req->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(b ? b->size : 0));
        SET(CURLOPT_POSTFIELDS, b ? b->bytes : "");
        x->sent = b ? b->size : 0;
        return;
    }
    if (b || strcmp(req->method, "PUT") == 0) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)(b ? b->size : 0));
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, x);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, x);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    }
    SET(CURLOPT_CUSTOMREQUEST, req->method);
}

static void set_callbacks(CURL *c, struct exchange *x, char *reason)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_USERAGENT, "cbuild/" CBUILD_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(CURLOPT_BUFFERSIZE, 256L * 1024);
    SET(CURLOPT_ERRORBUFFER, reason);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, x);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_SOCKOPTFUNCTION, on_open);
    SET(CURLOPT_SOCKOPTDATA, &x->handle->sockets);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, &x->handle->sockets);
}

/* libcurl takes the secret as a password, and signs the headers that we give it. */
static int set_signing(CURL *c, const struct reg_http_signing *s, struct cb_error *err)
{
    if (!s)
        return 0;
    CB_AUTO(free) char *provider = cb_printf("aws:amz:%s:%s", s->region, s->service);
    if (SET(CURLOPT_AWS_SIGV4, provider) != CURLE_OK)
        return cb_fail(err, CB_E_UNSUPPORTED, "this libcurl does not sign requests (AWS_SIGV4)");
    SET(CURLOPT_USERNAME, s->key_id);
    SET(CURLOPT_PASSWORD, s->secret);
    return 0;
}

static struct curl_slist *make_headers(const struct reg_http_request *req)
{
    struct curl_slist *list = NULL;
    const char *session = req->signing ? req->signing->session : NULL;
    CB_AUTO(free) char *token = session ? cb_printf("x-amz-security-token: %s", session) : NULL;
    if (token)
        list = lib.curl_slist_append(list, token);
    CB_AUTO(free) char *auth = req->authorization ? cb_printf("Authorization: %s", req->authorization) : NULL;
    if (auth)
        list = lib.curl_slist_append(list, auth);
    if (!req->signing)                                 /* libcurl would sign it, although it is not sent */
        list = lib.curl_slist_append(list, "Expect:"); /* servers that do not know it would cost a second of waiting */
    for (size_t i = 0; req->headers && i < req->headers->n; i++)
        list = lib.curl_slist_append(list, req->headers->items[i]);
    return list;
}

static bool headers_clean(const struct reg_http_request *req)
{
    for (size_t i = 0; req->headers && i < req->headers->n; i++)
        if (!reg_header_clean(req->headers->items[i]))
            return false;
    const char *session = req->signing ? req->signing->session : NULL;
    return (!session || reg_header_clean(session)) && (!req->authorization || reg_header_clean(req->authorization));
}

static int open_body(struct exchange *x, struct cb_error *err)
{
    const struct reg_http_body *b = x->req->body;
    if (!b || b->bytes || !b->open)
        return 0;
    x->body_fd = b->open(b->arg, err);
    if (x->body_fd < 0)
        return -1;
    if (b->offset && lseek(x->body_fd, (off_t)b->offset, SEEK_SET) < 0)
        return cb_fail_sys(err, errno, "seek in what is to be uploaded");
    return 0;
}

/* ---- running ---------------------------------------------------------------------------------- */
/* A write to a connection that the other side closed must give an error, not end the process; the TLS library
 * does not guard against this by itself. */
static CURLcode perform(CURL *c)
{
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    CURLcode code = lib.curl_easy_perform(c);
    if (!was_pending)
        while (sigtimedwait(&pipe_only, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

static enum reg_http_failure classify(CURLcode code)
{
    /* the rest of this long enum is our own side */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wswitch-enum"
    switch (code) {
    case CURLE_OK:
        return REG_HTTP_FINE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return REG_HTTP_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
        return REG_HTTP_NO_TLS;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN:
        return REG_HTTP_BROKEN;
    default:
        return REG_HTTP_FATAL;
    }
#pragma GCC diagnostic pop
}

/* libcurl has limits of its own, for a line and for what follows a body in chunks, and older versions report what exceeds them as
 * a lack of memory. */
static bool header_too_long(CURLcode code, const char *reason)
{
    enum { TOO_LARGE = 100 }; /* since libcurl 8.6 */
    return (int)code == CURLE_OUT_OF_MEMORY || (int)code == TOO_LARGE || cb_starts(reason, "Out of memory");
}

/* What the server shows, in words: by a connection of its own that believes it and asks for nothing. */
static void look_at_certificate(const struct reg_url *u, struct cb_buf *out)
{
    CURL *c = lib.curl_easy_init();
    CB_AUTO(free) char *url = reg_url_text(u);
    struct curl_certinfo *shown = NULL;
    struct reg_certificate found = {0};
    if (!c)
        return;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 0L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
    SET(CURLOPT_CERTINFO, 1L);
    SET(CURLOPT_TIMEOUT, (long)LOOK_SECONDS);
    set_proxy(c, u);
    if (perform(c) == CURLE_OK && lib.curl_easy_getinfo(c, CURLINFO_CERTINFO, &shown) == CURLE_OK && shown &&
        shown->num_of_certs > 0)
        for (const struct curl_slist *line = shown->certinfo[0]; line; line = line->next)
            reg_certificate_add(&found, line->data);
    reg_certificate_text(&found, out);
    lib.curl_easy_cleanup(c);
}

static int distrust(const struct exchange *x, const char *reason, const struct reg_url *u, struct cb_error *err)
{
    CB_AUTO(free) char *shown = reg_url_redact(x->req->url);
    CB_AUTO(cb_buf) struct cb_buf certificate = CB_BUF_INIT;
    look_at_certificate(u, &certificate);
    cb_fail(err, CB_E_FAILED, "%s '%s': %s%s%s", x->req->method, shown, reason,
            certificate.len ? "; its certificate is that " : "", certificate.data);
    return cb_hint(
        err,
        "if its authority is to be trusted, put that certificate into /etc/containers/certs.d/%s:%u/ca.crt or name its "
        "directory with --cert-dir; --tls-verify=false believes whoever answers",
        u->host, u->port);
}

/* A server that wants to see who we are says so by an alert. With TLS 1.3 that comes behind the handshake, and is lost when the
 * server hangs up at once. */
static bool wants_client(const char *reason)
{
    return strstr(reason, "certificate required") != NULL;
}
static bool may_want_client(const struct exchange *x, const struct reg_url *u)
{
    return u->tls && !x->has_certificate && !x->header_bytes;
}

#define CLIENT_CERTIFICATE "NAME.cert with NAME.key in /etc/containers/certs.d/%s:%u, or in a directory that --cert-dir names"

static int stalled(struct exchange *x, const char *shown, const struct reg_url *u, struct cb_error *err)
{
    double seconds = cb_seconds_since(&x->window_start);
    x->answer->failure = REG_HTTP_STALLED;
    cb_fail(err, CB_E_NETWORK, "%s '%s': the connection stalled", x->req->method, shown);
    if (may_want_client(x, u))
        return cb_hint(err, "nothing moved for %.1f s; try again; or it wants a certificate of ours: " CLIENT_CERTIFICATE,
                       seconds, u->host, u->port);
    return cb_hint(err, "nothing moved for %.1f s; try again, or set CBUILD_STALL_MS to more milliseconds", seconds);
}

static int describe(struct exchange *x, CURLcode code, const char *reason, const struct reg_url *u, struct cb_error *err)
{
    CB_AUTO(free) char *shown = reg_url_redact(x->req->url);
    if (!x->failed && header_too_long(code, reason)) {
        fail_long_header(err);
        x->failed = true;
    }
    if (x->failed) {
        x->answer->failure = REG_HTTP_FATAL;
        return cb_prefix(err, "%s '%s'", x->req->method, shown);
    }
    if (x->closed) {
        x->answer->failure = REG_HTTP_BROKEN;
        return cb_fail(err, CB_E_NETWORK, "%s '%s': the other side closed the connection before it had everything",
                       x->req->method, shown);
    }
    if (x->stalled)
        return stalled(x, shown, u, err);
    x->answer->failure = wants_client(reason) ? REG_HTTP_FATAL : classify(code);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return distrust(x, *reason ? reason : lib.curl_easy_strerror(code), u, err);
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL) {
        cb_fail(err, CB_E_CORRUPT, "%s '%s': %s", x->req->method, shown, *reason ? reason : lib.curl_easy_strerror(code));
        return blame_server(err);
    }
    cb_fail(err, x->answer->failure == REG_HTTP_FATAL ? CB_E_FAILED : CB_E_NETWORK, "%s '%s': %s", x->req->method, shown,
            *reason ? reason : lib.curl_easy_strerror(code));
    if (wants_client(reason) || (x->answer->failure == REG_HTTP_BROKEN && may_want_client(x, u)))
        cb_hint(err, "it may want a certificate of ours: " CLIENT_CERTIFICATE, u->host, u->port);
    return -1;
}

int reg_http_exchange(struct reg_http *h, const struct reg_http_request *req, struct reg_http_answer *ret, struct cb_error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct exchange x = {.req = req, .answer = ret, .err = err, .body_fd = -1, .stall_ms = h->stall_ms};
    CB_AUTO(reg_certs) struct reg_certs certs = REG_CERTS_INIT;
    CB_AUTO(reg_url) struct reg_url u = {0};
    reg_http_answer_done(ret);
    ret->failure = REG_HTTP_FATAL;
    if (!reg_url_parse(req->url, &u)) {
        CB_AUTO(free) char *shown = reg_url_redact(req->url);
        return cb_fail(err, CB_E_FAILED, "'%s' is not a valid http or https URL", shown);
    }
    if (!headers_clean(req))
        return cb_fail(err, CB_E_FAILED, "a header of the request for host '%s' holds control bytes", u.host);
    if ((u.tls && reg_certs_find(req->registry ? h->options : NULL, u.host, u.port, &certs, err) < 0) || open_body(&x, err) < 0 ||
        !(x.handle = take_handle(h, err))) {
        cb_close(x.body_fd);
        return -1;
    }
    ret->url = cb_strdup(req->url);
    CB_AUTO(free) char *url = reg_url_text(&u);
    struct curl_slist *headers = make_headers(req);
    x.has_certificate = certs.cert != NULL;
    CURL *c = x.handle->curl;
    set_callbacks(c, &x, reason);
    set_trust(c, req, &certs);
    set_proxy(c, &u);
    set_method(c, req, &x);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HTTPHEADER, headers);
    int result = set_signing(c, req->signing, err);
    if (result == 0) {
        x.window_start = cb_clock_now();
        CURLcode code = perform(c);
        ret->failure = REG_HTTP_FINE;
        result = code == CURLE_OK || x.cut ? 0 : describe(&x, code, reason, &u, err);
    }
    lib.curl_slist_free_all(headers);
    give_handle(h, x.handle);
    cb_close(x.body_fd);
    return result;
}
