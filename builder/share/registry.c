/* type=registry: a repository. A document is a manifest whose tag is made of its key, so that writers, however many, never write
 * over each other, and a lookup is one small request; blobs are blobs of the repository. */
#include "base/limits.h"
#include "builder/pull/place.h"
#include "builder/share/share-internal.h"
#include "registry/oci/document.h"
#include "registry/transfer/transfer.h"

#include <stdatomic.h>

struct build_share_link {
    struct cb_job_io *io;
    struct reg_options options; /* members are borrowed */
    struct reg_client *client;
    struct oci_ref ref;
    atomic_int damaged;   /* documents that were no documents */
    struct oci_ref other; /* a repository of the same registry that may have the same blobs; all zero: none is known */
};

static const struct build_share_key key_ref = {.name = "ref", .from = true, .to = true, .set = build_share_set_place};
static const struct build_share_key *const keys[] = {&key_ref, NULL};

/* Each document has a tag of its own. One that is given, as BuildKit's caches have it, may be that of an image that says what its
 * steps gave (inline.c). */
static int check(struct build_share *o, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (!o->place)
        return cb_fail(err, CB_E_USAGE, "ref= is missing");
    if (oci_ref_parse(o->place, &ref, err) < 0)
        return -1;
    if (ref.digest)
        return cb_fail(err, CB_E_USAGE, "ref=%s: a digest names one document, and a cache has many", o->place);
    if (ref.tag_given)
        cb_strv_take(&o->settings, cb_printf("image=%s", o->place));
    free(o->place);
    o->place = oci_ref_name(&ref);
    return 0;
}

/* The first of the build's caches that blobs could be mounted from. */
static void find_other(const struct build_session *s, const struct build_share *o, struct build_share_link *l)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it was checked */
    for (size_t i = 0; i < s->request->n_shares && !l->other.path; i++) {
        const struct build_share *each = &s->request->shares[i];
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (each->ops != o->ops || strcmp(each->place, o->place) == 0 || oci_ref_parse(each->place, &ref, &ignored) < 0 ||
            strcmp(ref.domain, l->ref.domain) != 0)
            continue;
        l->other = ref;
        ref = (struct oci_ref){0};
    }
}

static void close_link(struct build_share_link *l)
{
    reg_client_free(l->client);
    oci_ref_done(&l->ref);
    oci_ref_done(&l->other);
    free(l);
}

static int open_link(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                     struct cb_error *err)
{
    struct build_share_link *l = CB_NEW(struct build_share_link);
    l->io = io;
    l->options = build_share_options(s);
    if (oci_ref_parse(o->place, &l->ref, err) < 0 || !(l->client = reg_client_new(&l->options, err))) {
        close_link(l);
        return -1;
    }
    find_other(s, o, l);
    *ret = l;
    return 0;
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

/* The repository with the tag of a key; it is only borrowed from both. */
static struct oci_ref tagged(const struct build_share_link *l, const struct cb_digest *key, char tag[BUILD_SHARE_TAG_MAX])
{
    struct oci_ref ref = l->ref;
    build_share_tag(key, tag);
    ref.tag = tag;
    return ref;
}

/* One document that is damaged is one of many. A registry that sends rubbish does so for all that it is asked for. */
static bool pass_over(struct build_share_link *l, const struct cb_error *why)
{
    enum { MOST = 2 };
    if (atomic_fetch_add(&l->damaged, 1) >= MOST)
        return false;
    if (l->io)
        cb_job_warn(l->io, why->msg);
    return true;
}

static int get_document(struct build_share_link *l, const struct cb_digest *key, struct cb_buf *ret, struct cb_error *err)
{
    char tag[BUILD_SHARE_TAG_MAX];
    const struct oci_ref ref = tagged(l, key, tag);
    struct reg_document d = {.bytes = CB_BUF_INIT};
    CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
    if (reg_fetch_document(l->client, &ref, &d, &e) == 0) {
        cb_buf_add(ret, d.bytes.data, d.bytes.len);
        reg_document_done(&d);
        return 1;
    }
    if (e.code == CB_E_NOT_FOUND || (e.code == CB_E_CORRUPT && pass_over(l, &e)))
        return 0;
    cb_error_move(err, &e);
    return -1;
}

static int get_documents(struct build_share_link *l, const struct cb_digest *digests, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err)
{
    return build_share_get_each(l, digests, n, get_document, fn, arg, err);
}

/* Two that look at the same time both put theirs, and the last stays: both say what the step gives. */
static int put_document(struct build_share_link *l, const struct cb_digest *key, const void *bytes, size_t n, bool replace,
                        struct cb_error *err)
{
    char tag[BUILD_SHARE_TAG_MAX];
    const struct oci_ref ref = tagged(l, key, tag);
    struct cb_digest there;
    CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
    if (!replace && reg_resolve(l->client, &ref, &there, &e) == 0)
        return 0;
    if (!replace && e.code != CB_E_NOT_FOUND && e.code != CB_E_CORRUPT) {
        cb_error_move(err, &e);
        return -1;
    }
    return reg_push_document(l->client, &ref, OCI_TYPE_MANIFEST, bytes, n, err) < 0 ? -1 : 1;
}

/* ---- blobs ------------------------------------------------------------------------------------------------------- */

static struct oci_descriptor descriptor(const struct build_share_blob *b)
{
    return (struct oci_descriptor){.media_type = (char *)b->media_type, .digest = b->digest, .size = b->size};
}

struct tail {
    cb_sink_fn *sink;
    void *arg;
    uint64_t skip;
};

static int skip_and_pass(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct tail *t = arg;
    size_t old = (size_t)CB_MIN(t->skip, (uint64_t)n);
    t->skip -= old;
    return old == n ? 0 : t->sink(t->arg, (const char *)p + old, n - old, err);
}

/* A broken transfer goes on where it was, below this; so whoever asks for the end of a blob has lost its beginning itself. */
static int get_blob(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err)
{
    const struct oci_descriptor d = descriptor(b);
    struct tail t = {sink, arg, offset};
    return reg_fetch_blob(l->client, &l->ref, &d, skip_and_pass, &t, err);
}

static int has_blob(struct build_share_link *l, const struct build_share_blob *b, struct cb_error *err)
{
    const struct oci_descriptor d = descriptor(b);
    return reg_has_blob(l->client, &l->ref, &d, err);
}

static int put_blob(struct build_share_link *l, const struct build_share_blob *b, build_share_open_fn *open_bytes, void *arg,
                    struct cb_error *err)
{
    struct reg_push_blob blob = {.d = descriptor(b), .mount_from = l->other.path, .open = open_bytes, .arg = arg};
    return reg_push_blobs(l->client, &l->ref, &blob, 1, NULL, NULL, err);
}

const struct build_share_ops build_share_registry = {
    .name = "registry",
    .keys = keys,
    .bare = true,
    .from = BUILD_PLACE_REGISTRY,
    .replaces = true,
    .at_once = true,
    .check = check,
    .open = open_link,
    .close = close_link,
    .get_documents = get_documents,
    .put_document = put_document,
    .get_blob = get_blob,
    .has_blob = has_blob,
    .put_blob = put_blob,
};
