/* type=oci and type=docker: an archive, or with tar=false an OCI layout. */
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/output/out-file.h"
#include "builder/output/output-internal.h"
#include "builder/session/jobs.h"
#include "registry/oci/layout.h"

/* Directories on the way are made, as for type=local. */
static int write_layout(const char *dest, const struct oci_archive *a, struct cb_error *err)
{
    size_t n = strlen(dest);
    while (n > 1 && dest[n - 1] == '/')
        n--;
    CB_AUTO(free) char *path = cb_memdup0(dest, n), *parent = cb_path_dir(path);
    int e = cb_mkdirs(AT_FDCWD, parent, 0755);
    CB_AUTO(close) int dir = e < 0 ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, e < 0 ? e : errno, "open '%s'", parent);
    return oci_layout_write(a, dir, cb_path_base(path), err);
}

static int write_to(const struct build_output *o, const struct oci_archive *a, struct cb_error *err)
{
    if (o->as_directory)
        return write_layout(o->dest, a, err);
    struct build_out_file f;
    int r = build_out_open(&f, o->dest, err);
    if (r == 0)
        r = oci_archive_write(a, build_output_write_fd, &f.fd, err);
    return build_out_close(&f, r, err);
}

struct archive_job {
    struct cache_store *store;
    const struct build_output *o;
    const struct build_image *image;
    const struct build_manifest *manifest;
    const struct cb_strv *names;
};

/* Everything that the archive holds: the layers, of which `files` are the store's, the config and the manifest. */
static void list_blobs(const struct archive_job *j, struct oci_archive_blob *blobs, struct build_output_blob *files)
{
    const struct build_manifest *m = j->manifest;
    size_t n = m->m.n_layers;
    for (size_t i = 0; i < n; i++) {
        const struct oci_descriptor *d = &m->m.layers[i];
        files[i] = (struct build_output_blob){j->store, d->digest};
        blobs[i] =
            (struct oci_archive_blob){.digest = d->digest, .size = d->size, .open = build_output_open_blob, .arg = &files[i]};
    }
    blobs[n] = (struct oci_archive_blob){.digest = m->m.config.digest, .size = m->config.len, .bytes = m->config.data};
    blobs[n + 1] = (struct oci_archive_blob){.digest = m->digest, .size = m->bytes.len, .bytes = m->bytes.data};
}

static int archive_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    const struct archive_job *j = ctx;
    const struct oci_manifest *m = &j->manifest->m;
    size_t n = m->n_layers + 2;
    CB_AUTO(free) struct oci_archive_blob *blobs = cb_alloc(n * sizeof(*blobs));
    CB_AUTO(free) struct build_output_blob *files = cb_alloc(n * sizeof(*files));
    CB_AUTO(free) struct cb_digest *layers = cb_alloc(n * sizeof(*layers));
    list_blobs(j, blobs, files);
    for (size_t i = 0; i < m->n_layers; i++)
        layers[i] = m->layers[i].digest;
    struct oci_descriptor top = {.media_type = m->media_type,
                                 .digest = j->manifest->digest,
                                 .size = j->manifest->bytes.len,
                                 .has_platform = true,
                                 .platform = j->image->platform};
    char created[CB_TIME_MAX];
    cb_time_rfc3339(j->image->stored.created, created);
    struct oci_archive a = {.blobs = blobs,
                            .n_blobs = n,
                            .top = &top,
                            .names = (const char *const *)j->names->items,
                            .n_names = j->names->n,
                            .created = created,
                            .docker = j->o->ops == &build_output_docker,
                            .config = m->config.digest,
                            .layers = layers,
                            .n_layers = m->n_layers};
    int r = write_to(j->o, &a, err);
    if (r < 0)
        build_output_drop_damaged(j->store, m, err);
    return r;
}

static int write_archive(struct build_session *s, const struct build_output *o, const struct build_image *image,
                         struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0}, annotations = {0};
    CB_AUTO(build_manifest) struct build_manifest m = BUILD_MANIFEST_INIT;
    struct build_packing packing = build_output_packing(o);
    build_output_annotations(s, o, image, &annotations);
    if (build_output_names(s, o, &names, err) < 0 || build_manifest_make(s, image, &packing, &annotations, &m, err) < 0)
        return -1;
    struct archive_job j = {s->store, o, image, &m, &names};
    struct cb_job job;
    if (cb_job_fork(archive_job, &j, &job, err) < 0 || build_wait_job(s, &job, NULL, NULL, err) < 0)
        return -1;
    ret->manifest = m.digest;
    ret->has_manifest = true;
    return 0;
}

static const struct build_output_key *const oci_keys[] = {&build_output_key_dest, &build_output_key_tar, OUTPUT_IMAGE_KEYS, NULL};
static const struct build_output_key *const docker_keys[] = {&build_output_key_dest, OUTPUT_IMAGE_KEYS, NULL};

const struct build_output_ops build_output_oci = {
    .name = "oci", .keys = oci_keys, .dest = BUILD_DEST_FILE, .write = write_archive};
const struct build_output_ops build_output_docker = {
    .name = "docker", .keys = docker_keys, .dest = BUILD_DEST_FILE, .docker_types = true, .write = write_archive};
