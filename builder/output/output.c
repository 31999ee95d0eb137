#include "builder/output/output.h"
#include "base/fd.h"
#include "base/pack.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/pull/materialize.h"
#include "cache/export.h"
#include "builder/output/out-file.h"
#include "cache/blob.h"
#include "registry/oci/layout.h"
#include "registry/transfer/transfer.h"
#include "builder/session/jobs.h"

#include <stdio.h>
#include <unistd.h>

void build_result_done(struct build_result *r)
{
    cb_strv_done(&r->names);
    cb_strv_done(&r->image_names);
}

static struct build_packing packing_of(const struct build_output *o)
{
    return (struct build_packing){o->codec, o->level, o->force_compression, o->docker_types};
}

/* The names this output gives the image: the tags, else its own `name=`, as buildx takes them. What is pushed by digest
 * has no tag, so only its own will do. */
static int output_names(struct build *b, const struct build_output *o, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv given = {0};
    bool own = o->name && (o->by_digest || !b->session->request->tags.n);
    if (o->name && !own)
        build_note(b->session, "-t names the image: name=%s of an output is not used", o->name);
    if (own) {
        for (const char *p = o->name; *p;) {
            size_t n = strcspn(p, ",");
            cb_strv_take(&given, cb_memdup0(p, n));
            p += n + (p[n] == ',');
        }
    } else {
        cb_strv_copy(&given, &b->session->request->tags);
    }
    for (size_t i = 0; i < given.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(given.items[i], &ref, err) < 0)
            return cb_context(err, "invalid tag \"%s\"", given.items[i]);
        cb_strv_take(ret, oci_ref_full(&ref));
    }
    return 0;
}

static void add_annotations(const struct build *b, const struct cb_strv *given, struct cb_strv *ret)
{
    for (size_t i = 0; i < given->n; i++) {
        const char *a = given->items[i], *close = *a == '[' ? strchr(a, ']') : NULL;
        CB_AUTO(free) char *text = close ? cb_memdup0(a + 1, (size_t)(close - a - 1)) : NULL;
        CB_AUTO(oci_platform) struct oci_platform p = {0};
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it was checked when it was read */
        if (!close)
            cb_strv_push(ret, a);
        else if (oci_platform_parse(text, &p, &ignored) == 0 && oci_platform_rank(&p, &b->plan.target->config.platform) == 0)
            cb_strv_push(ret, close + 1);
    }
}

/* Those that name another platform are not of this image, as in BuildKit. */
static void manifest_annotations(const struct build *b, const struct build_output *o, struct cb_strv *ret)
{
    add_annotations(b, &b->session->request->annotations, ret);
    add_annotations(b, &o->annotations, ret);
}

/* ---- the local store --------------------------------------------------------------------------------------------- */

static int store_names(struct build *b, const struct cb_strv *names, struct cache_image *image, struct build_result *ret,
                       struct cb_error *err)
{
    char id[CB_DIGEST_TEXT + 1];
    cb_digest_text(&image->config, id);
    for (size_t i = 0; i < CB_MAX(names->n, (size_t)1); i++) {
        const char *name = names->n ? names->items[i] : id;
        struct cache_image have = {0};
        int found = cache_image_load(b->session->store, name, &have, err);
        bool same = found == 1 && cb_digest_eq(&have.config, &image->config) && have.n_layers == image->n_layers;
        cache_image_done(&have);
        if (found < 0)
            return -1;
        free(image->name);
        image->name = cb_strdup(name);
        if (!same && cache_image_store(b->session->store, image, err) < 0)
            return -1;
        if (!names->n)
            continue;
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(name, &ref, err) < 0)
            return -1;
        cb_strv_take(&ret->names, oci_ref_familiar(&ref));
        cb_strv_push(&ret->image_names, name);
    }
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

struct blob_file {
    struct cache_store *store;
    struct cb_digest digest;
};

static int open_blob(void *arg, struct cb_error *err)
{
    struct blob_file *f = arg;
    return cache_blob_open(f->store, &f->digest, err);
}

static int write_fd(void *arg, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write the output") : 0;
}

/* A damaged blob would fail every output with the same words: it goes, and is made or fetched anew. */
static void drop_damaged(struct cache_store *s, const struct oci_manifest *m, struct cb_error *err)
{
    if (err->code != CB_E_CORRUPT && err->code != CB_E_FAILED)
        return;
    for (size_t i = 0; i < m->n_layers; i++)
        if (cache_blob_check(s, &m->layers[i].digest) == 0)
            cb_hint(err, "a damaged blob was removed from the store: run it again");
}

struct archive_job {
    struct build *b;
    const struct build_output *o;
    const struct cache_image *image;
    const struct build_manifest *manifest;
    const struct cb_strv *names;
};

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

static int write_archive_to(const struct build_output *o, const struct oci_archive *a, struct cb_error *err)
{
    if (o->as_directory)
        return write_layout(o->dest, a, err);
    struct build_out_file f;
    int r = build_out_open(&f, o->dest, err);
    if (r == 0)
        r = oci_archive_write(a, write_fd, &f.fd, err);
    return build_out_close(&f, r, err);
}

static int archive_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    (void)answer;
    const struct archive_job *j = ctx;
    const struct oci_manifest *m = &j->manifest->m;
    size_t n = m->n_layers + 2;
    struct oci_archive_blob *blobs = cb_alloc(n * sizeof(*blobs));
    struct blob_file *files = cb_alloc(n * sizeof(*files));
    struct cb_digest *layers = cb_alloc(n * sizeof(*layers));
    for (size_t i = 0; i < m->n_layers; i++) {
        files[i] = (struct blob_file){j->b->session->store, m->layers[i].digest};
        blobs[i] = (struct oci_archive_blob){
            .digest = m->layers[i].digest, .size = m->layers[i].size, .open = open_blob, .arg = &files[i]};
        layers[i] = m->layers[i].digest;
    }
    blobs[n - 2] =
        (struct oci_archive_blob){.digest = j->image->config, .size = j->manifest->config.len, .bytes = j->manifest->config.data};
    blobs[n - 1] = (struct oci_archive_blob){
        .digest = j->manifest->digest, .size = j->manifest->bytes.len, .bytes = j->manifest->bytes.data};
    struct oci_descriptor top = {.media_type = m->media_type,
                                 .digest = j->manifest->digest,
                                 .size = j->manifest->bytes.len,
                                 .has_platform = true,
                                 .platform = j->b->plan.target->config.platform};
    char created[CB_TIME_MAX];
    cb_time_rfc3339(j->image->created, created);
    struct oci_archive a = {.blobs = blobs,
                            .n_blobs = n,
                            .top = &top,
                            .names = (const char *const *)j->names->items,
                            .n_names = j->names->n,
                            .created = created,
                            .docker = j->o->kind == OUTPUT_DOCKER,
                            .config = j->image->config,
                            .layers = layers,
                            .n_layers = m->n_layers};
    int r = write_archive_to(j->o, &a, err);
    if (r < 0)
        drop_damaged(j->b->session->store, m, err);
    free(blobs);
    free(files);
    free(layers);
    return r;
}

static int write_archive(struct build *b, const struct build_output *o, const struct cache_image *image,
                         const struct cb_strv *names, struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv annotations = {0};
    struct build_packing packing = packing_of(o);
    struct build_manifest m;
    manifest_annotations(b, o, &annotations);
    int r = build_manifest_make(b, image, &packing, &annotations, &m, err);
    struct archive_job j = {b, o, image, &m, names};
    struct cb_job job;
    if (r == 0)
        r = cb_job_fork(archive_job, &j, &job, err);
    if (r == 0)
        r = build_wait_job(b->session, &job, NULL, NULL, err);
    ret->manifest = m.digest;
    ret->has_manifest = r == 0;
    build_manifest_done(&m);
    return r;
}

/* ---- root file systems ---------------------------------------------------------------------------------------------- */

static int rootfs_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io;
    struct cache_export_left left = {0};
    struct build_session *session = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    bool tar = cb_get_u8(&u), has_epoch = cb_get_u8(&u);
    int64_t epoch = (int64_t)cb_get_u64(&u), *times = has_epoch ? &epoch : NULL;
    uint64_t n = cb_get_u64(&u);
    struct cb_digest *ids = cb_alloc((size_t)(n + 1) * sizeof(*ids));
    for (uint64_t i = 0; i < n; i++) {
        struct cb_str s = cb_get_bytes(&u);
        if (s.n == sizeof(ids[i].b))
            memcpy(ids[i].b, s.p, s.n);
    }
    int fd = req->fds[0];
    int r = tar ? cache_export_tar(session->store, ids, (size_t)n, times, write_fd, &fd, err)
                : cache_export_directory(session->store, ids, (size_t)n, times, fd, &left, err);
    free(ids);
    cb_put_u64(answer, left.devices);
    cb_put_u64(answer, left.set_ids);
    return r;
}

static void tell_what_is_left_out(struct build *b, const char *dest, const struct cb_buf *answer)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    unsigned long long devices = cb_get_u64(&u), set_ids = cb_get_u64(&u);
    if (devices || set_ids)
        build_warning(
            b->session,
            "'%s' is without %llu device node%s and the set-user-ID and set-group-ID bits of %llu file%s; type=tar keeps them",
            dest, devices, devices == 1 ? "" : "s", set_ids, set_ids == 1 ? "" : "s");
}

static int export_rootfs(struct build *b, const struct build_output *o, const struct cache_image *image, int fd,
                         struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    struct cb_job job;
    cb_put_u8(&req, o->kind == OUTPUT_TAR);
    cb_put_u8(&req, b->plan.has_epoch);
    cb_put_u64(&req, (uint64_t)b->plan.epoch);
    cb_put_u64(&req, image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++)
        cb_put_bytes(&req, image->layers[i].id.b, sizeof(image->layers[i].id.b));
    struct rt_job_request r = {req.data, req.len, &fd, 1};
    if (build_ns_job(b->session, RT_HELPER_FILES, rootfs_job, &r, &job, err) < 0 ||
        build_wait_job(b->session, &job, NULL, &answer, err) < 0)
        return -1;
    tell_what_is_left_out(b, o->dest, &answer);
    return 0;
}

/* The files of all layers must be there, whatever the steps needed. */
static int ensure_files(struct build *b, const struct cache_image *image, struct cb_error *err)
{
    for (size_t i = 0; i < b->plan.n_steps; i++) {
        const struct build_step *s = b->plan.steps[i];
        struct cb_job job;
        if (s->op == OP_BASE && s->in_target && !build_base_complete(b->session, &s->base.image, BASE_FILES) &&
            (build_base_start(b->session, &s->base, BASE_FILES, &job, err) < 0 ||
             build_wait_job(b->session, &job, s->name, NULL, err) < 0))
            return -1;
    }
    for (size_t i = 0; i < image->n_layers; i++) {
        struct cache_layer l;
        struct cb_job job;
        if (cache_layer_find(b->session->store, &image->layers[i].id, &l, err) < 0)
            return -1;
        if (!l.has_files && (build_materialize_start(b->session, &image->layers[i].id, &job, err) < 0 ||
                             build_wait_job(b->session, &job, NULL, NULL, err) < 0))
            return -1;
    }
    return 0;
}

static int write_rootfs(struct build *b, const struct build_output *o, const struct cache_image *image, struct cb_error *err)
{
    if (ensure_files(b, image, err) < 0)
        return -1;
    if (o->kind == OUTPUT_TAR) {
        struct build_out_file f;
        int r = build_out_open(&f, o->dest, err);
        if (r == 0)
            r = export_rootfs(b, o, image, f.fd, err);
        return build_out_close(&f, r, err);
    }
    int e = cb_mkdirs(AT_FDCWD, o->dest, 0755);
    CB_AUTO(close) int dir = e < 0 ? -1 : open(o->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, e < 0 ? e : errno, "open output directory '%s'", o->dest);
    return export_rootfs(b, o, image, dir, err);
}

/* ---- registries -------------------------------------------------------------------------------------------------------- */

struct push_job {
    struct build *b;
    const struct oci_ref *ref;
    const struct build_manifest *manifest;
    const struct cache_image *image;
};

static void push_progress(void *arg, uint64_t done, uint64_t total)
{
    cb_job_progress(arg, "pushing", done, total);
}

/* "registry.example/repo": the repository, when it is on the host we push to. */
static const char *mount_source(const struct oci_ref *ref, const char *source)
{
    size_t n = strlen(ref->domain);
    if (!source || strncmp(source, ref->domain, n) != 0 || source[n] != '/' || strcmp(source + n + 1, ref->path) == 0)
        return NULL;
    return source + n + 1;
}

static int push_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)answer;
    const struct push_job *j = ctx;
    const struct oci_manifest *m = &j->manifest->m;
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(err);
    if (!c)
        return -1;
    reg_client_on_warning(c, cb_job_on_warning, io);
    size_t n = m->n_layers + 1;
    struct reg_push_blob *blobs = cb_alloc(n * sizeof(*blobs));
    struct blob_file *files = cb_alloc(n * sizeof(*files));
    for (size_t i = 0; i < n; i++) {
        const struct oci_descriptor *d = i < m->n_layers ? &m->layers[i] : &m->config;
        files[i] = (struct blob_file){j->b->session->store, d->digest};
        blobs[i] = (struct reg_push_blob){.d = *d, .open = open_blob, .arg = &files[i]};
        if (i < m->n_layers)
            blobs[i].mount_from = mount_source(j->ref, j->image->layers[i].source);
    }
    int r = reg_push_blobs(c, j->ref, blobs, n, push_progress, io, err);
    if (r < 0)
        drop_damaged(j->b->session->store, m, err);
    if (r == 0)
        r = reg_push_document(c, j->ref, m->media_type, j->manifest->bytes.data, j->manifest->bytes.len, err);
    free(blobs);
    free(files);
    return r;
}

int build_push(struct build *b, const struct cache_image *image, const struct build_packing *p, const struct cb_strv *annotations,
               const struct oci_ref *ref, struct cb_digest *ret_manifest, struct cb_error *err)
{
    struct build_manifest m;
    struct cb_job job;
    int r = build_manifest_as_pulled(b, image, &m, err);
    if (r == 0)
        r = build_manifest_make(b, image, p, annotations, &m, err);
    else if (r > 0)
        r = 0;
    struct push_job j = {b, ref, &m, image};
    CB_AUTO(free) char *name = oci_ref_full(ref);
    CB_AUTO(free) char *shown = cb_printf("push %s", name);
    if (r == 0)
        r = cb_job_fork(push_job, &j, &job, err);
    if (r == 0)
        r = build_wait_job(b->session, &job, shown, NULL, err);
    *ret_manifest = m.digest;
    build_manifest_done(&m);
    return r;
}

static int push_names(struct build *b, const struct build_output *o, const struct cache_image *image, const struct cb_strv *names,
                      struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv annotations = {0};
    struct build_packing packing = packing_of(o);
    manifest_annotations(b, o, &annotations);
    for (size_t i = 0; i < names->n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(names->items[i], &ref, err) < 0)
            return -1;
        if (o->by_digest) { /* without a tag it goes under its digest */
            free(ref.tag);
            ref.tag = NULL;
        }
        CB_AUTO(free) char *name = oci_ref_full(&ref);
        if (build_push(b, image, &packing, &annotations, &ref, &ret->manifest, err) < 0)
            return -1;
        ret->has_manifest = true;
        if (cb_strv_find(&ret->image_names, name) < 0)
            cb_strv_push(&ret->image_names, name);
        cb_strv_take(&ret->names, cb_printf("%s (pushed)", name));
    }
    return 0;
}

/* ---- dispatch ------------------------------------------------------------------------------------------------------------ */

int build_output_check(const struct build_output *o, struct cb_error *err)
{
    if (!o->dest)
        return 0;
    return o->kind == OUTPUT_LOCAL || o->as_directory ? build_out_check_directory(o->dest, err) : build_out_check(o->dest, err);
}

int build_output_write(struct build *b, const struct build_output *o, struct cache_image *image, struct build_result *ret,
                       struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (output_names(b, o, &names, err) < 0)
        return -1;
    int r = 0;
    switch (o->kind) {
    case OUTPUT_IMAGE:
        r = store_names(b, &names, image, ret, err);
        if (r == 0 && o->push)
            r = push_names(b, o, image, &names, ret, err);
        return r;
    case OUTPUT_CACHE:
        return 0; /* what the steps left in the store is all that is wanted */
    case OUTPUT_REGISTRY:
        return push_names(b, o, image, &names, ret, err);
    case OUTPUT_OCI:
    case OUTPUT_DOCKER:
        r = write_archive(b, o, image, &names, ret, err);
        break;
    case OUTPUT_TAR:
    case OUTPUT_LOCAL:
        r = write_rootfs(b, o, image, err);
        break;
    }
    if (r == 0 && strcmp(o->dest, "-") != 0)
        cb_strv_push(&ret->names, o->dest);
    return r;
}
