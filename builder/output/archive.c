/* type=oci and type=docker: an archive, or with tar=false an OCI layout. */
#include "base/text.h"
#include "builder/output/out-archive.h"
#include "builder/output/output-internal.h"
#include "builder/session/jobs.h"

struct archive_job {
    struct cache_store *store;
    const struct build_output *o;
    const struct build_index *index;
    const struct cb_strv *names;
    const struct timespec *created;
};

/* What the archive holds. */
struct archive_blobs {
    struct oci_archive_blob *items;
    struct build_output_blob *files; /* those of the store */
    size_t n;
};
static void archive_blobs_done(struct archive_blobs *b)
{
    free(b->items);
    free(b->files);
}
CB_DEFINE_AUTO(archive_blobs, struct archive_blobs, archive_blobs_done)

static size_t count_blobs(const struct build_index *x)
{
    size_t n = 1;
    for (size_t i = 0; i < x->n; i++)
        n += x->items[i].manifest.m.n_layers + 2;
    return n;
}

static void add_bytes(struct archive_blobs *b, const struct cb_digest *digest, const struct cb_buf *bytes)
{
    b->items[b->n++] = (struct oci_archive_blob){.digest = *digest, .size = bytes->len, .bytes = bytes->data};
}

/* The layers, of which `files` are the store's, the config and the manifest. */
static void add_blobs(const struct archive_job *j, const struct build_manifest *m, struct archive_blobs *b)
{
    for (size_t i = 0; i < m->m.n_layers; i++) {
        const struct oci_descriptor *d = &m->m.layers[i];
        b->files[b->n] = (struct build_output_blob){j->store, d->digest};
        b->items[b->n] = (struct oci_archive_blob){
            .digest = d->digest, .size = d->size, .open = build_output_open_blob, .arg = &b->files[b->n]};
        b->n++;
    }
    add_bytes(b, &m->m.config.digest, &m->config);
    add_bytes(b, &m->digest, &m->bytes);
}

static void list_blobs(const struct archive_job *j, struct archive_blobs *b)
{
    const struct build_index *x = j->index;
    size_t n = count_blobs(x);
    b->items = cb_alloc(n * sizeof(*b->items));
    b->files = cb_alloc(n * sizeof(*b->files));
    for (size_t i = 0; i < x->n; i++)
        add_blobs(j, &x->items[i].manifest, b);
    if (x->media_type)
        add_bytes(b, &x->digest, &x->bytes);
}

static int archive_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    const struct archive_job *j = ctx;
    const struct oci_manifest *m = &j->index->items[0].manifest.m; /* the docker form has no other */
    CB_AUTO(archive_blobs) struct archive_blobs blobs = {0};
    CB_AUTO(free) struct cb_digest *layers = cb_alloc((m->n_layers + 1) * sizeof(*layers));
    CB_AUTO(oci_descriptor) struct oci_descriptor top = {0};
    list_blobs(j, &blobs);
    for (size_t i = 0; i < m->n_layers; i++)
        layers[i] = m->layers[i].digest;
    build_index_top(j->index, &top);
    char created[CB_TIME_MAX];
    cb_time_rfc3339(*j->created, created);
    struct oci_archive a = {.blobs = blobs.items,
                            .n_blobs = blobs.n,
                            .top = &top,
                            .names = (const char *const *)j->names->items,
                            .n_names = j->names->n,
                            .created = created,
                            .docker = j->o->ops == &build_output_docker,
                            .config = m->config.digest,
                            .layers = layers,
                            .n_layers = m->n_layers};
    int r = build_out_archive(j->o->dest, j->o->as_directory, &a, err);
    if (r < 0)
        build_output_drop_damaged(j->store, j->index, err);
    return r;
}

static int write_archive(struct build_session *s, const struct build_output *o, const struct build_images *images,
                         struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0}, annotations = {0};
    CB_AUTO(build_index) struct build_index x = BUILD_INDEX_INIT;
    struct build_packing packing = build_output_packing(o);
    build_output_annotations(s, o, &annotations);
    if (build_output_names(s, o, &names, err) < 0 || build_index_make(s, images, &packing, &annotations, false, &x, err) < 0)
        return -1;
    struct archive_job j = {s->store, o, &x, &names, &images->items[0].stored.created};
    struct cb_job job;
    if (cb_job_fork(archive_job, &j, &job, err) < 0 || build_wait_job(s, &job, NULL, NULL, err) < 0)
        return -1;
    ret->manifest = x.digest;
    ret->has_manifest = true;
    return 0;
}

static const struct build_output_key *const oci_keys[] = {&build_output_key_dest, &build_output_key_tar, OUTPUT_IMAGE_KEYS, NULL};
static const struct build_output_key *const docker_keys[] = {&build_output_key_dest, OUTPUT_IMAGE_KEYS, NULL};

const struct build_output_ops build_output_oci = {
    .name = "oci", .keys = oci_keys, .dest = BUILD_DEST_FILE, .attests = true, .write = write_archive};
const struct build_output_ops build_output_docker = {.name = "docker",
                                                     .keys = docker_keys,
                                                     .dest = BUILD_DEST_FILE,
                                                     .docker_types = true,
                                                     .one_platform = true,
                                                     .write = write_archive};
