/* Names to manifests and configs. What is asked over the network is asked in jobs, side by side; documents go
 * into the store as blobs, so the coordinator reads them verified from there. base-fetch.c gets the layers. */
#include "builder/pull/base-image.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/policy/policy.h"
#include "builder/pull/platforms.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"
#include "registry/oci/layout.h"
#include "registry/transfer/hosts.h"
#include "registry/transfer/transfer.h"

#include <sys/stat.h>

void build_base_done(struct build_base *s)
{
    free(s->name);
    free(s->layout);
    cache_image_done(&s->image);
    *s = (struct build_base){0};
}

void build_in_layout_done(struct build_in_layout *l)
{
    free(l->path);
    free(l->name);
    free(l->digest);
    *l = (struct build_in_layout){0};
}

void build_in_layout_copy(struct build_in_layout *to, const struct build_in_layout *from)
{
    *to = (struct build_in_layout){cb_strdup(from->path), cb_strdup(from->name), cb_strdup(from->digest)};
}

void build_want_done(struct build_want *w)
{
    free(w->text);
    build_in_layout_done(&w->layout);
    oci_platform_done(&w->platform);
    build_base_done(&w->base);
    oci_image_config_done(&w->config);
    *w = (struct build_want){0};
}

/* ---- from the store ---------------------------------------------------------------------------------------- */

static int load_config(struct build_session *session, const struct cb_digest *d, struct oci_image_config *ret,
                       struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    int r = cache_blob_get(session->store, d, CB_MAX_CONFIG, &bytes, err);
    return r <= 0 ? r : oci_image_config_parse(bytes.data, bytes.len, ret, err) < 0 ? -1 : 1;
}

void build_base_find_layers(struct build_session *session, struct cache_image *image)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct cache_image_layer *l = &image->layers[i];
        struct cache_layer found;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        if (cache_layer_find_diff(session->store, &l->diff_id, &found, &ignored) == 1)
            l->id = found.id;
        else
            l->id = l->diff_id;
    }
}

static bool fits(const struct oci_image_config *c, const struct oci_platform *want)
{
    return oci_platform_rank(want, &c->platform) >= 0;
}

/* 1: *w is filled. 0: the store does not have it, or only for another platform. */
static int from_store(struct build_session *session, struct build_want *w, const char *full, struct cb_error *err)
{
    int r = cache_image_load(session->store, full, &w->base.image, err);
    if (r <= 0)
        return r;
    r = build_platforms_keep(&w->base.image, &w->platform) ? load_config(session, &w->base.image.config, &w->config, err) : 0;
    if (r > 0 && !fits(&w->config, &w->platform))
        r = 0;
    if (r <= 0) {
        cache_image_done(&w->base.image);
        oci_image_config_done(&w->config);
        w->base.image = (struct cache_image){0};
        w->config = (struct oci_image_config){0};
        return r;
    }
    build_base_find_layers(session, &w->base.image);
    w->base.name = cb_strdup(w->text);
    return 1;
}

/* ---- what a job found out ------------------------------------------------------------------------------------ */

struct found {
    struct cb_digest top;      /* what the name stands for: index or manifest */
    struct cb_digest manifest; /* for the platform */
    char *manifest_type;
    bool made; /* the manifest was made of a docker archive: how its layers are packed in the end is ours to choose */
};

static void put_found(struct cb_buf *to, const struct found *f)
{
    cb_put_digest(to, &f->top);
    cb_put_digest(to, &f->manifest);
    cb_put_str(to, f->manifest_type);
    cb_put_u8(to, f->made);
}

static int get_found(const struct cb_buf *answer, struct found *ret, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    ret->top = cb_get_digest(&u);
    ret->manifest = cb_get_digest(&u);
    ret->manifest_type = cb_get_str(&u);
    ret->made = cb_get_u8(&u);
    return u.failed ? cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read") : 0;
}

/* Says where the image is that something is wrong with. */
static int name_layout(const char *path, struct cb_error *err)
{
    struct stat st;
    bool directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return cb_prefix(err, "%s '%s'", directory ? "OCI layout" : "image archive", path);
}

static int check_layers(const struct build_want *w, const struct oci_manifest *m, struct cb_error *err)
{
    const struct cb_codec *ignored;
    if (m->n_layers > CB_MAX_LAYERS)
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' has %zu layers; %d are possible", w->text, m->n_layers, CB_MAX_LAYERS);
    for (size_t i = 0; i < m->n_layers; i++)
        if (oci_layer_codec(m->layers[i].media_type, &ignored, err) < 0)
            return w->layout.path ? cb_prefix(err, "layer %zu", i + 1) : cb_prefix(err, "'%s': layer %zu", w->text, i + 1);
    return 0;
}

/* The image that manifest and config (both blobs of the store) describe. */
static int image_from_manifest(struct build_session *session, struct build_want *w, const struct found *f, const char *name,
                               const char *source, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    int r = cache_blob_get(session->store, &f->manifest, CB_MAX_MANIFEST, &bytes, err);
    if (r < 0 || (r > 0 && (oci_manifest_parse(bytes.data, bytes.len, &m, err) < 0 || check_layers(w, &m, err) < 0)))
        return -1;
    if (r > 0)
        r = load_config(session, &m.config.digest, &w->config, err);
    if (r == 0)
        return cb_fail(err, CB_E_CORRUPT, "manifest or config of '%s' vanished from the store", w->text);
    if (r < 0)
        return cb_prefix(err, "config of '%s'", w->text);
    if (m.n_layers != w->config.n_diff_ids)
        return cb_fail(err, CB_E_CORRUPT, "'%s': the manifest has %zu layers, the config %zu", w->text, m.n_layers,
                       w->config.n_diff_ids);
    struct cache_image *image = &w->base.image;
    *image = (struct cache_image){.name = cb_strdup(name), .config = m.config.digest, .pulled = !f->made};
    if (!f->made) {
        image->manifest = f->manifest;
        image->index = f->top;
        image->manifest_type = cb_strdup(f->manifest_type);
    }
    image->created = w->config.created;
    clock_gettime(CLOCK_REALTIME, &image->updated);
    for (size_t i = 0; i < m.n_layers; i++) {
        bool ours = f->made && cb_digest_eq(&m.layers[i].digest, &w->config.diff_ids[i]);
        CB_PUSH(image->layers, image->n_layers, image->cap_layers) =
            (struct cache_image_layer){.diff_id = w->config.diff_ids[i],
                                       .blob = m.layers[i].digest,
                                       .blob_size = m.layers[i].size,
                                       .media_type = ours ? NULL : cb_strdup(m.layers[i].media_type),
                                       .source = cb_strdup(source)};
    }
    build_base_find_layers(session, image);
    w->base.name = cb_strdup(w->text);
    return 0;
}

/* ---- registries ------------------------------------------------------------------------------------------------- */

struct resolve_request {
    struct build_session *session;
    const struct build_want *want;
};

static int store_document(struct cache_store *s, const struct reg_document *d, struct cb_error *err)
{
    return cache_blob_put(s, d->bytes.data, d->bytes.len, NULL, err);
}

static int fetch_by_digest(struct reg_client *c, const struct oci_ref *ref, const struct oci_descriptor *d,
                           struct reg_document *ret, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(&d->digest, text);
    struct oci_ref exact = *ref;
    exact.digest = text;
    if (reg_fetch_document(c, &exact, ret, err) < 0)
        return -1;
    if (ret->bytes.len != d->size)
        return cb_fail(err, CB_E_CORRUPT, "manifest %s has %zu bytes, its index says %llu", text, ret->bytes.len,
                       (unsigned long long)d->size);
    return 0;
}

static int blob_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

static int fetch_config(struct build_session *session, struct reg_client *c, const struct oci_ref *ref,
                        const struct oci_descriptor *d, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT;
    if (cache_blob_get(session->store, &d->digest, CB_MAX_CONFIG, &have, err) == 1)
        return 0;
    cb_error_done(err); /* it is fetched, whatever is wrong with what is there */
    if (d->size > CB_MAX_CONFIG)
        return cb_fail(err, CB_E_CORRUPT, "the image config has %llu bytes", (unsigned long long)d->size);
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    if (cache_blob_begin(session->store, &w, err) < 0 || reg_fetch_blob(c, ref, d, blob_sink, &w, err) < 0)
        return -1;
    return cache_blob_commit(&w, &d->digest, NULL, err);
}

static int choose_manifest(struct reg_client *c, const struct oci_ref *ref, const struct oci_platform *want, const char *name,
                           struct reg_document *d, struct cb_error *err)
{
    /* An index may name an index; more than that is nobody's image. */
    for (int depth = 0; depth < 3; depth++) {
        int kind = oci_document_kind(d->bytes.data, d->bytes.len, d->content_type, err);
        if (kind <= 0)
            return kind;
        CB_AUTO(oci_index) struct oci_index x = {0};
        if (oci_index_parse(d->bytes.data, d->bytes.len, &x, err) < 0)
            return -1;
        int at = oci_index_select(&x, want, name, err);
        if (at < 0)
            return -1;
        reg_document_done(d);
        *d = (struct reg_document){.bytes = CB_BUF_INIT};
        if (fetch_by_digest(c, ref, &x.manifests[at], d, err) < 0)
            return -1;
    }
    return cb_fail(err, CB_E_CORRUPT, "'%s': indexes are nested too deeply", name);
}

int build_fetch_documents(struct build_session *session, struct reg_client *c, const struct oci_ref *ref,
                          const struct oci_platform *want, const char *name, struct build_documents *ret, struct cb_error *err)
{
    struct reg_document d = {.bytes = CB_BUF_INIT};
    int e = reg_fetch_document(c, ref, &d, err);
    ret->top = d.digest;
    if (e == 0)
        e = choose_manifest(c, ref, want, name, &d, err);
    if (e == 0)
        e = oci_manifest_parse(d.bytes.data, d.bytes.len, &ret->manifest, err);
    if (e == 0)
        e = fetch_config(session, c, ref, &ret->manifest.config, err);
    if (e == 0)
        e = store_document(session->store, &d, err);
    ret->digest = d.digest;
    reg_document_done(&d);
    return e;
}

static int resolve_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    const struct resolve_request *r = ctx;
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(reg_client) struct reg_client *c = NULL;
    struct build_documents found = {0};
    if (oci_ref_parse(r->want->text, &ref, err) < 0 || !(c = reg_client_new(&r->session->request->registry, err)))
        return -1;
    reg_client_on_warning(c, cb_job_on_warning, io);
    int e = build_fetch_documents(r->session, c, &ref, &r->want->platform, r->want->text, &found, err);
    if (e == 0)
        put_found(answer, &(struct found){found.top, found.digest, found.manifest.media_type, false});
    oci_manifest_done(&found.manifest);
    return e;
}

static int take_found(struct build_session *session, struct build_want *w, const struct found *f, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (w->layout.path) {
        w->base.layout = cb_strdup(w->layout.path);
        return image_from_manifest(session, w, f, "", NULL, err) < 0 ? name_layout(w->layout.path, err) : 0;
    }
    if (oci_ref_parse(w->text, &ref, err) < 0)
        return -1;
    CB_AUTO(free) char *name = oci_ref_full(&ref);
    CB_AUTO(free) char *source = oci_ref_name(&ref);
    if (image_from_manifest(session, w, f, name, source, err) < 0)
        return -1;
    w->base.image.platform = oci_platform_text(&w->config.platform);
    return w->alone ? cache_image_store(session->store, &w->base.image, err)
                    : build_platforms_store(session->store, &w->base.image, err);
}

static int take_answer(struct build_session *session, struct build_want *w, const struct cb_buf *answer, struct cb_error *err)
{
    struct found f = {0};
    int r = get_found(answer, &f, err);
    if (r == 0)
        r = take_found(session, w, &f, err);
    free(f.manifest_type);
    return r;
}

/* ---- OCI layouts --------------------------------------------------------------------------------------------------- */

/* From what *d describes through indexes to the manifest for the platform: then *d describes that, and *ret has its bytes. */
static int layout_manifest(const struct oci_files *files, const struct build_want *w, struct oci_descriptor *d,
                           struct cb_buf *ret, struct cb_error *err)
{
    for (int depth = 0; depth < 3; depth++) {
        cb_buf_reset(ret);
        if (oci_layout_read(files, d, CB_MAX_MANIFEST, ret, err) < 0)
            return -1;
        int kind = oci_document_kind(ret->data, ret->len, d->media_type, err);
        if (kind <= 0)
            return kind;
        CB_AUTO(oci_index) struct oci_index x = {0};
        if (oci_index_parse(ret->data, ret->len, &x, err) < 0)
            return -1;
        int at = oci_index_select(&x, &w->platform, w->text, err);
        if (at < 0)
            return -1;
        oci_descriptor_done(d);
        *d = (struct oci_descriptor){0};
        oci_descriptor_copy(d, &x.manifests[at]);
    }
    return 0;
}

/* Manifest and config into the store. */
static int take_documents(struct build_session *session, const struct oci_files *files, const struct cb_buf *manifest,
                          struct oci_manifest *m, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf config = CB_BUF_INIT;
    if (oci_manifest_parse(manifest->data, manifest->len, m, err) < 0 ||
        oci_layout_read(files, &m->config, CB_MAX_CONFIG, &config, err) < 0 ||
        cache_blob_put(session->store, config.data, config.len, NULL, err) < 0)
        return -1;
    return cache_blob_put(session->store, manifest->data, manifest->len, NULL, err);
}

static int find_in_layout(const struct resolve_request *r, const struct oci_files *files, struct cb_buf *answer,
                          struct cb_error *err)
{
    CB_AUTO(oci_descriptor) struct oci_descriptor d = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    const struct build_in_layout *l = &r->want->layout;
    if (oci_layout_find(files, l->name, l->digest, &d, err) < 0)
        return -1;
    struct cb_digest top = d.digest;
    if (layout_manifest(files, r->want, &d, &bytes, err) < 0 || take_documents(r->session, files, &bytes, &m, err) < 0)
        return -1;
    put_found(answer, &(struct found){top, d.digest, m.media_type, files->made});
    return 0;
}

static int layout_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    (void)io;
    const struct resolve_request *r = ctx;
    CB_AUTO(oci_files) struct oci_files files;
    if (oci_files_open(r->want->layout.path, &files, err) < 0)
        return -1;
    return find_in_layout(r, &files, answer, err) < 0 ? name_layout(r->want->layout.path, err) : 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------ */

/* What the store has of that name, which does not fit; caller frees. NULL: nothing. */
static char *other_platforms(struct build_session *session, const char *full)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (cache_image_load(session->store, full, &image, &ignored) <= 0)
        return NULL;
    if (image.platform)
        return build_platforms_text(&image);
    return load_config(session, &image.config, &config, &ignored) > 0 ? oci_platform_text(&config.platform) : NULL;
}

static int fail_not_there(struct build_session *session, const struct build_want *w, const char *full, struct cb_error *err)
{
    CB_AUTO(free) char *other = other_platforms(session, full), *wanted = oci_platform_text(&w->platform);
    if (!other) {
        cb_fail(err, CB_E_NOT_FOUND, "image '%s' is not in the store, and --pull=never forbids asking a registry", w->text);
        return cb_hint(err, "pull it first: cbuild pull %s", w->text);
    }
    cb_fail(err, CB_E_NOT_FOUND, "image '%s' is in the store for %s, not for %s, and --pull=never forbids asking a registry",
            w->text, other, wanted);
    return cb_hint(err, "--pull=missing asks for the other");
}

/* The image cannot be had. Where a stage may be meant, no other hint helps. */
static int fail_unresolved(const struct build_want *w, struct cb_error *err)
{
    if (w->meant) {
        free(CB_TAKE(err->hint));
        cb_hint(err, "no stage before it is called '%s': did you mean '%s'?", w->text, w->meant);
    }
    return -1;
}

/* 1: an alias gives the name another meaning, which stands in its place now. */
static int follow_alias(struct build_session *session, struct build_want *w, struct cb_error *err)
{
    char *full = NULL;
    int r = reg_alias_find(&session->request->registry, w->text, &full, err);
    if (r > 0) {
        free(w->text);
        w->text = full;
    }
    return r;
}

enum { FILLED, ASKED };

static int ask(struct build_session *session, const struct build_want *w, struct cb_job *job, struct cb_error *err)
{
    struct resolve_request r = {session, w};
    return cb_job_fork(w->layout.path ? layout_job : resolve_job, &r, job, err) < 0 ? -1 : ASKED;
}

/* FILLED from the store; ASKED: *job was started; -1: err. */
static int begin(struct build_session *session, struct build_want *w, enum build_pull pull, struct cb_job *job,
                 struct cb_error *err)
{
    if (w->layout.path)
        return ask(session, w, job, err);
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(w->text, &ref, err) < 0)
        return -1;
    CB_AUTO(free) char *full = oci_ref_full(&ref);
    if (pull == BUILD_PULL_MISSING || pull == BUILD_PULL_NEVER) {
        int r = from_store(session, w, full, err);
        if (r != 0)
            return r < 0 ? -1 : FILLED;
    }
    int alias = follow_alias(session, w, err);
    if (alias != 0)
        return alias < 0 ? -1 : begin(session, w, pull, job, err);
    if (pull == BUILD_PULL_NEVER) {
        fail_not_there(session, w, full, err);
        return fail_unresolved(w, err);
    }
    return ask(session, w, job, err);
}

static void hint_unresolved(struct build_session *session, const struct build_want *w, enum build_pull pull, const char *full,
                            struct cb_error *err)
{
    bool asks = err->code == CB_E_NETWORK || err->code == CB_E_NOT_FOUND;
    CB_AUTO(free) char *other = asks && pull == BUILD_PULL_MISSING ? other_platforms(session, full) : NULL;
    if (other)
        cb_hint(err, "the store has it for %s", other);
    else if (err->code == CB_E_NETWORK && pull == BUILD_PULL_ALWAYS)
        cb_hint(err, "a build with --pull=newer takes what is in the store while the registry cannot be asked");
    else if (err->code == CB_E_NETWORK)
        cb_hint(err, "what is in the store builds without a network ('cbuild load' puts archives there); registries.conf can "
                     "name a mirror");
}

static int finish(struct build_session *session, struct build_want *w, enum build_pull pull, struct cb_job *job,
                  struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(free) char *shown = cb_printf("resolve %s", w->text);
    if (build_wait_job(session, job, w->layout.path ? NULL : shown, &answer, err) == 0)
        return take_answer(session, w, &answer, err);
    if (err->code == CB_E_CANCELED || w->layout.path)
        return -1;
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    struct cb_error other = CB_ERROR_INIT;
    CB_AUTO(free) char *full = oci_ref_parse(w->text, &ref, &other) == 0 ? oci_ref_full(&ref) : cb_strdup("");
    hint_unresolved(session, w, pull, full, err);
    cb_prefix(err, "%s: failed to resolve source metadata", w->text);
    if (pull != BUILD_PULL_NEWER || (err->code != CB_E_NETWORK && err->code != CB_E_NOT_FOUND))
        return fail_unresolved(w, err);
    int r = from_store(session, w, full, &other);
    cb_error_done(&other);
    if (r != 1)
        return fail_unresolved(w, err);
    build_note(session, "%s; the image in the store is used", err->msg);
    cb_error_done(err);
    return 0;
}

/* What the source policy makes of the name. Layouts are allowed or denied. */
static int follow_policy(struct build_session *session, struct build_want *w, struct cb_error *err)
{
    const char *layout = w->layout.path, *scheme = layout ? "oci-layout://" : "docker-image://";
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (!session->request->policy)
        return 0;
    if (!layout && oci_ref_parse(w->text, &ref, err) < 0)
        return -1;
    CB_AUTO(free) char *name = layout ? cb_strdup(layout) : oci_ref_full(&ref);
    CB_AUTO(build_policy_source) struct build_policy_source s = {.identifier = cb_printf("%s%s", scheme, name)};
    int r = build_policy_apply(session->request->policy, &s, err);
    if (r <= 0)
        return r;
    if (layout || !cb_starts(s.identifier, scheme))
        return cb_fail(err, CB_E_UNSUPPORTED, "the source policy converts '%s%s' to '%s': only an image can become another image",
                       scheme, name, s.identifier);
    free(w->text);
    w->text = cb_strdup(s.identifier + strlen(scheme));
    build_note(session, "the source policy has '%s' taken from '%s'", name, w->text);
    return 0;
}

int build_bases_resolve(struct build_session *session, struct build_want *wants, size_t n, enum build_pull pull,
                        struct cb_error *err)
{
    struct cb_job *jobs = cb_alloc((n + 1) * sizeof(*jobs));
    int r = 0;
    for (size_t i = 0; i < n; i++)
        jobs[i] = (struct cb_job){-1, -1};
    for (size_t i = 0; i < n && r >= 0; i++) {
        r = follow_policy(session, &wants[i], err) < 0 ? -1 : begin(session, &wants[i], pull, &jobs[i], err);
        if (r < 0)
            cb_at(err, wants[i].at.line, wants[i].at.last_line);
    }
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].sock < 0)
            continue;
        if (r < 0) {
            cb_job_kill(&jobs[i]);
            continue;
        }
        r = finish(session, &wants[i], pull, &jobs[i], err);
        if (r < 0)
            cb_at(err, wants[i].at.line, wants[i].at.last_line);
    }
    free(jobs);
    return r < 0 ? -1 : 0;
}

bool build_base_complete(struct build_session *session, const struct cache_image *image, enum build_base_form form)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        const struct cache_image_layer *l = &image->layers[i];
        struct cache_layer have;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        if (cache_layer_find(session->store, &l->id, &have, &ignored) != 1 || (form == BUILD_BASE_FILES && !have.has_files) ||
            (form == BUILD_BASE_PACKED && l->blob_size && !cache_blob_fits(session->store, &l->blob, l->blob_size)))
            return false;
    }
    return true;
}
