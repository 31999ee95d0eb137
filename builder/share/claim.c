#include "builder/share/claim.h"
#include "base/clock.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/share/share-internal.h"
#include "registry/oci/document.h"

#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define TYPE  "application/vnd.cbuild.claim.v1"
#define OWNER "dev.cbuild.claim.owner"
#define TIME  "dev.cbuild.claim.time"
#define LOOK  1 /* seconds between two looks at somebody's claim */

bool build_share_can_wait(const struct build_request *q, size_t share)
{
    const struct build_share *to = &q->shares[share];
    bool read = false;
    for (size_t i = 0; i < q->n_shares; i++) {
        const struct build_share *from = &q->shares[i];
        read |= !from->writes && from->ops == to->ops && from->place && to->place && strcmp(from->place, to->place) == 0;
    }
    return to->writes && to->ops->replaces && read;
}

static sigset_t end_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    return set;
}

void build_claim_init(struct build_claim *c, struct build_shares *shares, size_t share, const struct cb_digest *content)
{
    CB_AUTO(cb_buf) struct cb_buf k = CB_BUF_INIT;
    uint64_t random[2] = {(uint64_t)getpid(), (uint64_t)shares->session->started.tv_nsec};
    *c = (struct build_claim){.shares = shares, .share = share, .content = *content};
    if (getrandom(random, sizeof(random), GRND_NONBLOCK) < 0)
        random[1] ^= (uint64_t)shares->session->started.tv_sec << 32;
    snprintf(c->owner, sizeof(c->owner), "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
    const sigset_t end = end_signal();
    (void)sigprocmask(SIG_BLOCK, &end, NULL);
    cb_put_str(&k, "claim");
    cb_put_digest(&k, content);
    cb_sha256(k.data, k.len, &c->key);
}

/* ---- what is there ---------------------------------------------------------------------------------------------------- */

struct seen {
    bool done;    /* the result is there */
    bool claimed; /* by somebody whose claim can be read */
    char owner[33];
    char time[CB_TIME_MAX];
};

/* A claim that is none is as not there. */
static void read_claim(const void *bytes, size_t n, struct seen *ret)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (oci_manifest_parse(bytes, n, &m, &ignored) < 0 || !m.artifact_type || strcmp(m.artifact_type, TYPE) != 0)
        return;
    const char *owner = oci_annotation_get(&m.annotations, OWNER), *time = oci_annotation_get(&m.annotations, TIME);
    if (!owner || !time || strlen(owner) >= sizeof(ret->owner) || strlen(time) >= sizeof(ret->time))
        return;
    ret->claimed = true;
    memcpy(ret->owner, owner, strlen(owner) + 1);
    memcpy(ret->time, time, strlen(time) + 1);
}

static int note(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    (void)err; /* whatever is there is taken for what it is */
    struct seen *seen = arg;
    if (number == 0)
        seen->done = true;
    else
        read_claim(bytes, n, seen);
    return 0;
}

static const struct build_share_ops *ops_of(const struct build_claim *c)
{
    return c->shares->session->request->shares[c->share].ops;
}

/* False: the cache does not answer, and was closed. */
static bool look(struct build_claim *c, struct seen *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const struct cb_digest keys[] = {c->content, c->key};
    struct build_share_link *link = c->shares->links[c->share];
    struct timespec before = cb_clock_now();
    *ret = (struct seen){0};
    if (!link)
        return false;
    int r = ops_of(c)->get_documents(link, keys, CB_LEN(keys), note, ret, &err);
    c->round = cb_seconds_since(&before);
    if (r < 0)
        build_shares_drop(c->shares, c->share, &err);
    return r == 0;
}

/* ---- our own ------------------------------------------------------------------------------------------------------------ */

static const char nothing[] = "{}"; /* the blob that artifacts without any have, as OCI says */

static int open_nothing(void *arg, struct cb_error *err)
{
    (void)arg;
    int fd = cb_memory_file("claim");
    if (fd < 0 || cb_write_full(fd, nothing, strlen(nothing)) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        cb_close(fd);
        return cb_fail(err, CB_E_FAILED, "a document cannot be made");
    }
    return fd;
}

static void write_claim(const struct build_claim *c, const struct cb_digest *empty, struct cb_buf *out)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {.artifact_type = cb_strdup(TYPE)};
    const struct oci_descriptor d = {.media_type = (char *)OCI_TYPE_EMPTY, .digest = *empty, .size = strlen(nothing)};
    struct timespec now = {0};
    char time[CB_TIME_MAX];
    if (!c->released) /* else it has been stale for long */
        clock_gettime(CLOCK_REALTIME, &now);
    cb_time_rfc3339(now, time);
    oci_descriptor_copy(&m.config, &d);
    oci_descriptor_copy(&CB_PUSH(m.layers, m.n_layers, m.cap_layers), &d);
    cb_strv_take(&m.annotations, cb_printf("%s=%s", OWNER, c->owner));
    cb_strv_take(&m.annotations, cb_printf("%s=%s", TIME, time));
    oci_manifest_write(&m, out);
}

/* 1: put. 0: somebody was first. -1: the cache was closed. */
static int put(struct build_claim *c, bool replace)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf document = CB_BUF_INIT;
    struct build_share_blob blob = {.size = strlen(nothing), .media_type = OCI_TYPE_EMPTY};
    struct build_share_link *link = c->shares->links[c->share];
    const struct build_share_ops *ops = ops_of(c);
    cb_sha256(nothing, strlen(nothing), &blob.digest);
    write_claim(c, &blob.digest, &document);
    int there = link ? ops->has_blob(link, &blob, &err) : -1;
    int r = there < 0 || (there == 0 && ops->put_blob(link, &blob, open_nothing, NULL, &err) < 0)
                ? -1
                : ops->put_document(link, &c->key, document.data, document.len, replace, &err);
    if (r < 0 && link)
        build_shares_drop(c->shares, c->share, &err);
    return r;
}

/* ---- whose turn is it? -------------------------------------------------------------------------------------------------- */

/* By its date, as far as the clocks agree, or because it has not changed while we looked. */
static bool is_stale(const struct seen *now, const struct seen *first, const struct timespec *since)
{
    struct timespec at, today;
    clock_gettime(CLOCK_REALTIME, &today);
    bool old = !cb_time_parse_rfc3339(now->time, &at) || today.tv_sec - at.tv_sec > BUILD_CLAIM_STALE;
    bool same = strcmp(now->owner, first->owner) == 0 && strcmp(now->time, first->time) == 0;
    return old || (same && cb_seconds_since(since) > BUILD_CLAIM_STALE);
}

/* Where two put their claims at the same time, the later one's is there when both have looked again. */
static bool try_to_lay(struct build_claim *c, bool replace, struct seen *ret)
{
    double pause = c->round * 2 + 0.02;
    if (put(c, replace) <= 0)
        return false;
    usleep((useconds_t)(CB_MIN(pause, 5.0) * 1e6));
    return look(c, ret) && !ret->done && ret->claimed && strcmp(ret->owner, c->owner) == 0;
}

enum build_claimed build_claim_lay(struct build_claim *c, int64_t patience, void (*waits)(void *arg), void *arg)
{
    struct timespec begun = cb_clock_now(), since = begun;
    struct seen seen, first = {0};
    while (look(c, &seen) && cb_seconds_since(&begun) < (double)patience) {
        if (seen.done)
            return BUILD_CLAIM_DONE;
        if (strcmp(seen.owner, first.owner) != 0 || strcmp(seen.time, first.time) != 0) {
            since = cb_clock_now();
            first = seen;
        }
        if (!seen.claimed || is_stale(&seen, &first, &since)) {
            if (try_to_lay(c, seen.claimed, &seen))
                return BUILD_CLAIM_OURS;
            if (seen.done)
                return BUILD_CLAIM_DONE;
            continue;
        }
        waits(arg);
        sleep(LOOK);
    }
    return BUILD_CLAIM_VAIN;
}

/* Unless somebody has found it stale meanwhile. */
static void release(struct build_claim *c)
{
    struct seen seen;
    c->released = true;
    if (look(c, &seen) && seen.claimed && strcmp(seen.owner, c->owner) == 0)
        (void)put(c, true);
}

void build_claim_keep(struct build_claim *c)
{
    const sigset_t end = end_signal();
    const struct timespec beat = {BUILD_CLAIM_BEAT, 0};
    while (sigtimedwait(&end, NULL, &beat) < 0)
        if (c->shares->links[c->share])
            (void)put(c, true);
    release(c);
}
