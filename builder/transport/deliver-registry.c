/* A parcel to a registry. */
#include "base/fd.h"
#include "builder/transport/deliver.h"
#include "builder/transport/transport-internal.h"
#include "cache/store/blob.h"
#include "registry/transfer/transfer.h"
#include <unistd.h>

struct sending {
    const struct build_delivery *d;
    struct oci_ref ref;
    char *mount; /* the repository of the same registry that the image comes from; NULL: none */
    struct reg_client *client;
};
static void sending_done(struct sending *x)
{
    reg_client_free(x->client);
    oci_ref_done(&x->ref);
    free(x->mount);
}
CB_DEFINE_AUTO(sending, struct sending, sending_done)

/* ---- blobs -------------------------------------------------------------------------------------------------------- */

struct coming {
    const struct build_delivery *d;
    const struct oci_descriptor *blob;
};

static int blob_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

/* The registry has it from nowhere else: it comes here, into a file without a name, and is verified before it goes on. */
static int open_blob(void *arg, struct cb_error *err)
{
    const struct coming *c = arg;
    const struct build_parcel_source *s = &c->d->parcel->source;
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    struct cb_digest is;
    if (cache_blob_begin(c->d->session->store, &w, err) < 0 || s->blob(s->arg, c->blob, blob_sink, &w, err) < 0)
        return -1;
    cb_sha256_end(&w.sha, &is);
    if (w.size != c->blob->size || !cb_digest_eq(&is, &c->blob->digest)) {
        char text[CB_DIGEST_TEXT + 1];
        cb_digest_text(&c->blob->digest, text);
        return cb_fail(err, CB_E_CORRUPT, "blob %s: the bytes do not have this digest", text);
    }
    int fd = fcntl(w.fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? cb_fail_sys(err, errno, "read a blob") : fd;
}

static void push_progress(void *arg, const struct reg_push_progress *p)
{
    cb_job_progress(arg, "pushing", p->done, p->total);
}

static int push_blobs(struct sending *x, struct cb_error *err)
{
    const struct build_parcel *p = x->d->parcel;
    CB_AUTO(free) struct reg_push_blob *blobs = cb_alloc((p->n_blobs + 1) * sizeof(*blobs));
    CB_AUTO(free) struct coming *coming = cb_alloc((p->n_blobs + 1) * sizeof(*coming));
    for (size_t i = 0; i < p->n_blobs; i++) {
        coming[i] = (struct coming){x->d, &p->blobs[i]};
        blobs[i] = (struct reg_push_blob){.d = p->blobs[i], .mount_from = x->mount, .open = open_blob, .arg = &coming[i]};
    }
    return reg_push_blobs(x->client, &x->ref, blobs, p->n_blobs, push_progress, x->d->io, err);
}

/* ---- documents ---------------------------------------------------------------------------------------------------- */

/* What has no name of its own goes under its digest. */
static int push_documents(struct sending *x, struct cb_error *err)
{
    const struct build_parcel *p = x->d->parcel;
    for (size_t i = 0; i < p->n_documents; i++) {
        const struct build_parcel_document *doc = &p->documents[i];
        struct oci_ref ref = x->ref;
        if (!cb_digest_eq(&doc->d.digest, &p->images[0].top.digest))
            ref.tag = ref.digest = NULL;
        CB_AUTO(free) char *manifest = oci_manifest_type(doc->bytes.data, doc->bytes.len);
        const char *type = *doc->d.media_type ? doc->d.media_type : manifest;
        if (reg_push_document(x->client, &ref, type, doc->bytes.data, doc->bytes.len, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static void find_mount(struct sending *x)
{
    const char *from = x->d->parcel->source.repository;
    size_t n = strlen(x->ref.domain);
    if (from && strncmp(from, x->ref.domain, n) == 0 && from[n] == '/' && strcmp(from + n + 1, x->ref.path) != 0)
        x->mount = cb_strdup(from + n + 1);
}

int build_deliver_registry(const struct build_delivery *d, struct cb_error *err)
{
    CB_AUTO(sending) struct sending x = {.d = d};
    if (oci_ref_parse(d->to->place, &x.ref, err) < 0)
        return -1;
    if (x.ref.digest)
        return cb_fail(err, CB_E_USAGE, "'%s': an image cannot be given a digest, only a tag", d->to->place);
    find_mount(&x);
    x.client = reg_client_new(d->registry, err);
    if (!x.client)
        return -1;
    reg_client_on_warning(x.client, cb_job_on_warning, d->io);
    return push_blobs(&x, err) < 0 ? -1 : push_documents(&x, err);
}
