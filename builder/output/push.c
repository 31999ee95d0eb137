/* type=registry, and type=image with push=true. */
#include "builder/output/push.h"
#include "builder/output/output-internal.h"
#include "builder/session/jobs.h"
#include "registry/transfer/transfer.h"

struct push_job {
    struct cache_store *store;
    const struct reg_options *options;
    const struct oci_ref *ref;
    const struct build_manifest *manifest;
    const struct build_image *image;
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

/* The layers and the config, of which `files` are the store's. */
static void list_blobs(const struct push_job *j, struct reg_push_blob *blobs, struct build_output_blob *files)
{
    const struct oci_manifest *m = &j->manifest->m;
    for (size_t i = 0; i <= m->n_layers; i++) {
        const struct oci_descriptor *d = i < m->n_layers ? &m->layers[i] : &m->config;
        files[i] = (struct build_output_blob){j->store, d->digest};
        blobs[i] = (struct reg_push_blob){.d = *d, .open = build_output_open_blob, .arg = &files[i]};
        if (i < m->n_layers)
            blobs[i].mount_from = mount_source(j->ref, j->image->stored.layers[i].source);
    }
}

static int push_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)answer;
    const struct push_job *j = ctx;
    const struct oci_manifest *m = &j->manifest->m;
    CB_AUTO(reg_client) struct reg_client *c = reg_client_new(j->options, err);
    if (!c)
        return -1;
    reg_client_on_warning(c, cb_job_on_warning, io);
    size_t n = m->n_layers + 1;
    CB_AUTO(free) struct reg_push_blob *blobs = cb_alloc(n * sizeof(*blobs));
    CB_AUTO(free) struct build_output_blob *files = cb_alloc(n * sizeof(*files));
    list_blobs(j, blobs, files);
    if (reg_push_blobs(c, j->ref, blobs, n, push_progress, io, err) < 0) {
        build_output_drop_damaged(j->store, m, err);
        return -1;
    }
    return reg_push_document(c, j->ref, m->media_type, j->manifest->bytes.data, j->manifest->bytes.len, err);
}

int build_push(struct build_session *s, const struct build_image *image, const struct build_packing *p,
               const struct cb_strv *annotations, const struct oci_ref *ref, struct cb_digest *ret_manifest, struct cb_error *err)
{
    CB_AUTO(build_manifest) struct build_manifest m = BUILD_MANIFEST_INIT;
    CB_AUTO(free) char *name = oci_ref_full(ref), *shown = cb_printf("push %s", name);
    struct cb_job job;
    int r = build_manifest_as_pulled(s, image, &m, err);
    if (r < 0 || (r == 0 && build_manifest_make(s, image, p, annotations, &m, err) < 0))
        return -1;
    *ret_manifest = m.digest;
    struct push_job j = {s->store, &s->request->registry, ref, &m, image};
    if (cb_job_fork(push_job, &j, &job, err) < 0 || build_wait_job(s, &job, shown, NULL, err) < 0)
        return -1;
    return 0;
}

/* Registries have no code for it, but all say so. */
static bool is_kept(const struct build_session *s, struct cb_error *err)
{
    if (!s->request->ignores_immutable || !err->msg || !strcasestr(err->msg, "immutable"))
        return false;
    cb_error_done(err);
    return true;
}

static bool has_tag(const char *name)
{
    const char *slash = strrchr(name, '/');
    return strchr(slash ? slash : name, ':') != NULL;
}

int build_output_check_push(struct build_output *o, struct cb_error *err)
{
    if (o->by_digest && !o->push)
        return cb_fail(err, CB_E_USAGE, "push-by-digest=true goes with push=true");
    for (const char *p = o->name && o->by_digest ? o->name : ""; *p;) {
        size_t n = strcspn(p, ",");
        CB_AUTO(free) char *name = cb_memdup0(p, n);
        if (has_tag(name))
            return cb_fail(err, CB_E_USAGE, "name=%s: what is pushed by its digest has no tag", name);
        p += n + (p[n] == ',');
    }
    return 0;
}

int build_output_push_names(struct build_session *s, const struct build_output *o, const struct build_image *image,
                            struct build_result *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0}, annotations = {0};
    struct build_packing packing = build_output_packing(o);
    build_output_annotations(s, o, image, &annotations);
    if (build_output_names(s, o, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(names.items[i], &ref, err) < 0)
            return -1;
        if (o->by_digest) /* without a tag it goes under its digest */
            free(CB_TAKE(ref.tag));
        CB_AUTO(free) char *name = oci_ref_full(&ref);
        int r = build_push(s, image, &packing, &annotations, &ref, &ret->manifest, err);
        if (r < 0 && !is_kept(s, err))
            return -1;
        if (r < 0)
            build_note(s, "%s stays as it is: its registry lets nobody move the tag", name);
        ret->has_manifest = true;
        if (cb_strv_find(&ret->image_names, name) < 0)
            cb_strv_push(&ret->image_names, name);
        cb_strv_take(&ret->names, cb_printf(r < 0 ? "%s (kept by its registry)" : "%s (pushed)", name));
    }
    return 0;
}

static const struct build_output_key *const keys[] = {&build_output_key_push, &build_output_key_by_digest, OUTPUT_IMAGE_KEYS,
                                                      NULL};

/* The check of type=image with push=true, which type=registry is as far as this goes. */
static int check(struct build_output *o, struct cb_error *err)
{
    o->push = true;
    return build_output_check_push(o, err);
}

const struct build_output_ops build_output_registry = {
    .name = "registry", .keys = keys, .check = check, .write = build_output_push_names};
