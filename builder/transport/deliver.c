/* Into archives, layouts, and the programs that load archives. */
#include "builder/transport/deliver.h"
#include "base/fd.h"
#include "builder/output/out-archive.h"
#include "builder/transport/program.h"
#include "builder/transport/transport-internal.h"
#include "registry/oci/layout.h"

#include <signal.h>
#include <unistd.h>

int build_deliver(const struct build_delivery *d, struct cb_error *err)
{
    return d->to->ops->deliver(d, err);
}

/* ---- a parcel as an archive ------------------------------------------------------------------------------------- */

struct coming {
    const struct build_delivery *delivery;
    const struct oci_descriptor *d;
};

/* An archive that is to be written, with all that lives as long. */
struct packing {
    const struct build_delivery *d;
    struct oci_archive *images; /* a chain, whose first has the blobs */
    struct oci_archive_blob *blobs;
    struct coming *coming;
    struct cb_digest **layers; /* of each image */
    size_t n;
    char *name; /* what the destination calls the image; NULL: what the source does */
};
static void packing_done(struct packing *x)
{
    for (size_t i = 0; i < x->n; i++)
        free(x->layers[i]);
    free(x->layers);
    free(x->images);
    free(x->blobs);
    free(x->coming);
    free(x->name);
}
CB_DEFINE_AUTO(packing, struct packing, packing_done)

static int get_blob(void *arg, cb_sink_fn *sink, void *sink_arg, struct cb_error *err)
{
    const struct coming *c = arg;
    const struct build_parcel_source *s = &c->delivery->parcel->source;
    return s->blob(s->arg, c->d, sink, sink_arg, err);
}

static void list_blobs(struct packing *x)
{
    const struct build_parcel *p = x->d->parcel;
    size_t n = p->n_blobs;
    x->blobs = cb_alloc((n + p->n_documents + 1) * sizeof(*x->blobs));
    x->coming = cb_alloc((n + 1) * sizeof(*x->coming));
    for (size_t i = 0; i < n; i++) {
        x->coming[i] = (struct coming){x->d, &p->blobs[i]};
        x->blobs[i] = (struct oci_archive_blob){
            .digest = p->blobs[i].digest, .size = p->blobs[i].size, .get = get_blob, .arg = &x->coming[i]};
    }
    for (size_t i = 0; i < p->n_documents; i++)
        x->blobs[n + i] = (struct oci_archive_blob){
            .digest = p->documents[i].d.digest, .size = p->documents[i].d.size, .bytes = p->documents[i].bytes.data};
}

static void fill_image(struct packing *x, size_t i)
{
    const struct build_parcel_image *image = &x->d->parcel->images[i];
    const struct oci_manifest *m = &image->manifest;
    struct oci_archive *a = &x->images[i];
    x->layers[i] = cb_alloc((m->n_layers + 1) * sizeof(struct cb_digest));
    for (size_t k = 0; k < m->n_layers; k++)
        x->layers[i][k] = m->layers[k].digest;
    *a = (struct oci_archive){.top = &image->top,
                              .names = x->name ? (const char *const *)&x->name : (const char *const *)image->names.items,
                              .n_names = x->name ? 1 : image->names.n,
                              .config = m->config.digest,
                              .layers = x->layers[i],
                              .n_layers = m->n_layers};
}

static void fill(struct packing *x, bool docker)
{
    const struct build_parcel *p = x->d->parcel;
    x->images = cb_alloc((p->n_images + 1) * sizeof(*x->images));
    x->layers = cb_alloc((p->n_images + 1) * sizeof(*x->layers));
    list_blobs(x);
    for (; x->n < p->n_images; x->n++) {
        fill_image(x, x->n);
        if (x->n)
            x->images[x->n - 1].next = &x->images[x->n];
    }
    x->images[0].docker = docker;
    x->images[0].blobs = x->blobs;
    x->images[0].n_blobs = p->n_blobs + p->n_documents;
}

/* ---- layouts ---------------------------------------------------------------------------------------------------- */

/* A name alone, without ':' and '/', is a tag: it is written as it stands, and is no image's name. */
static int name_in_layout(struct packing *x, struct cb_error *err)
{
    const char *given = x->d->to->image;
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (!given)
        return 0;
    if (strpbrk(given, ":/")) {
        if (oci_ref_parse(given, &ref, err) < 0)
            return -1;
        x->name = oci_ref_full(&ref);
    }
    return 0;
}

static int deliver_layout(const struct build_delivery *d, bool directory, struct cb_error *err)
{
    CB_AUTO(packing) struct packing x = {.d = d};
    if (name_in_layout(&x, err) < 0)
        return -1;
    fill(&x, false);
    x.images[0].ref_name = d->to->image;
    if (d->to->image && !x.name)
        x.images[0].n_names = 0;
    return build_out_archive(d->to->place, directory, x.images, err);
}

int build_deliver_oci(const struct build_delivery *d, struct cb_error *err)
{
    return deliver_layout(d, true, err);
}

int build_deliver_oci_archive(const struct build_delivery *d, struct cb_error *err)
{
    return deliver_layout(d, false, err);
}

/* ---- what docker load reads ------------------------------------------------------------------------------------- */

/* It has one image under a name, whose layers docker can decompress. */
static int check_docker(const struct build_parcel *p, struct cb_error *err)
{
    if (p->n_documents > p->n_images)
        return cb_fail(err, CB_E_UNSUPPORTED,
                       "a docker archive has images of one platform: leave --all out, or take oci-archive:");
    for (size_t i = 0; i < p->n_blobs; i++) {
        const struct cb_codec *codec;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* a config */
        if (oci_layer_codec(p->blobs[i].media_type, &codec, &ignored) == 0 && !codec->docker_reads)
            return cb_fail(err, CB_E_UNSUPPORTED,
                           "docker's archives have no layers compressed by %s: take oci-archive:", codec->name);
    }
    return 0;
}

static int fill_docker(struct packing *x, const char *name, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (check_docker(x->d->parcel, err) < 0 || (name && oci_ref_parse(name, &ref, err) < 0))
        return -1;
    x->name = name ? oci_ref_full(&ref) : NULL;
    fill(x, true);
    return 0;
}

int build_deliver_docker_archive(const struct build_delivery *d, struct cb_error *err)
{
    CB_AUTO(packing) struct packing x = {.d = d};
    return fill_docker(&x, d->to->image, err) < 0 ? -1 : build_out_archive(d->to->place, false, x.images, err);
}

/* ---- the programs that keep images ------------------------------------------------------------------------------- */

static int pipe_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write to it") : 0;
}

int build_deliver_program(const struct build_delivery *d, struct cb_error *err)
{
    CB_AUTO(packing) struct packing x = {.d = d};
    struct build_program program = BUILD_PROGRAM_INIT;
    const char *const argv[] = {d->to->ops->program, "load", "--quiet", NULL};
    int to = -1;
    if (fill_docker(&x, d->to->place, err) < 0 || build_program_start(argv, false, &program, &to, err) < 0)
        return -1;
    (void)signal(SIGPIPE, SIG_IGN); /* in this job: a program that ends early says why */
    int r = oci_archive_write(x.images, pipe_sink, &to, err);
    cb_close(to);
    return build_program_end(&program, r, err);
}
