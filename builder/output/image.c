#include "builder/output/image.h"
#include "base/limits.h"
#include "base/pack.h"
#include "builder/pull/base-image.h"
#include "cache/blob.h"
#include "builder/session/jobs.h"

/* ---- diff IDs and packed layers, in a job --------------------------------------------------------------------- */

struct pack_request {
    struct cache_store *store;
    const struct build_packing *packing; /* NULL: only diff IDs */
};

static int pack_one(const struct pack_request *q, const struct cache_image_layer *l, struct cb_job_io *io,
                    struct cache_packed *ret, struct cb_error *err)
{
    struct cache_store *s = q->store;
    const struct build_packing *p = q->packing;
    bool as_it_came = l->blob_size && !p->force;
    if (as_it_came && cache_blob_fits(s, &l->blob, l->blob_size)) {
        *ret = (struct cache_packed){.digest = l->blob, .size = l->blob_size};
        return 0;
    }
    int r = cache_layer_packed(s, &l->id, p->codec, p->level, false, ret, err);
    if (r < 0)
        return -1;
    return r ? 0 : cache_layer_pack(s, &l->id, p->codec, p->level, io, ret, err);
}

/* Answers for every layer: diff ID, and (packing) digest and size of its blob. */
static int pack_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    struct build_session *session = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    struct pack_request q = {.store = session->store};
    CB_AUTO(free) char *codec = cb_get_str(&u);
    struct build_packing packing = {.codec = cb_codec_find(codec)};
    packing.level = (int)cb_get_u32(&u);
    bool pack = cb_get_u8(&u);
    packing.force = cb_get_u8(&u);
    q.packing = pack ? &packing : NULL;
    uint64_t n = cb_get_u64(&u);
    for (uint64_t i = 0; i < n && !u.failed; i++) {
        struct cache_image_layer l = {0};
        struct cache_packed packed = {0};
        l.id = cb_get_digest(&u);
        l.diff_id = cb_get_digest(&u);
        l.blob = cb_get_digest(&u);
        l.blob_size = cb_get_u64(&u);
        if (pack && pack_one(&q, &l, io, &packed, err) < 0)
            return -1;
        struct cb_digest diff = l.diff_id;
        if (cache_layer_diff_id(q.store, &l.id, &diff, err) < 0)
            return -1;
        cb_put_digest(answer, &diff);
        cb_put_digest(answer, &packed.digest);
        cb_put_u64(answer, packed.size);
    }
    return 0;
}

/* Fills diff IDs (and, with packing, blobs) of the image's layers into `packed`. */
static int pack_layers(struct build *b, struct cache_image *image, const struct build_packing *p, struct cache_packed *packed,
                       struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT, answer = CB_BUF_INIT;
    cb_put_str(&req, p ? p->codec->name : "");
    cb_put_u32(&req, p ? (uint32_t)p->level : 0);
    cb_put_u8(&req, p != NULL);
    cb_put_u8(&req, p && p->force);
    cb_put_u64(&req, image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++) {
        cb_put_digest(&req, &image->layers[i].id);
        cb_put_digest(&req, &image->layers[i].diff_id);
        cb_put_digest(&req, &image->layers[i].blob);
        cb_put_u64(&req, image->layers[i].blob_size);
    }
    struct rt_job_request r = {req.data, req.len, NULL, 0};
    struct cb_job job;
    if (build_ns_job(b->session, RT_HELPER_FILES, pack_job, &r, &job, err) < 0 ||
        build_wait_job(b->session, &job, NULL, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    for (size_t i = 0; i < image->n_layers; i++) {
        struct cb_digest blob;
        image->layers[i].diff_id = cb_get_digest(&u);
        blob = cb_get_digest(&u);
        uint64_t size = cb_get_u64(&u);
        if (packed)
            packed[i] = (struct cache_packed){.digest = blob, .size = size};
    }
    return u.failed ? cb_fail(err, CB_E_FAILED, "a worker process gave an answer that cannot be read") : 0;
}

/* ---- the image ------------------------------------------------------------------------------------------------- */

static void add_step_layer(struct build *b, struct cache_image *image, const struct build_step *s, bool *missing)
{
    struct cache_layer l;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    bool known = cache_layer_find(b->session->store, &s->layer, &l, &ignored) == 1 && l.has_diff_id;
    CB_PUSH(image->layers, image->n_layers, image->cap_layers) =
        (struct cache_image_layer){.id = s->layer, .diff_id = known ? l.diff_id : (struct cb_digest){{0}}};
    *missing |= !known;
}

static void add_base_layers(struct cache_image *image, const struct cache_image *base)
{
    for (size_t i = 0; i < base->n_layers; i++) {
        struct cache_image_layer *l = &CB_PUSH(image->layers, image->n_layers, image->cap_layers);
        *l = base->layers[i];
        l->media_type = cb_strdup(l->media_type);
        l->source = cb_strdup(l->source);
    }
}

static void add_layers(struct build *b, struct cache_image *image, const struct build_step *s, bool *missing)
{
    size_t n = 0;
    for (const struct build_step *p = s; p; p = p->parent)
        n++;
    const struct build_step **chain = cb_alloc((n + 1) * sizeof(*chain));
    for (const struct build_step *p = s; p; p = p->parent)
        chain[--n] = p;
    for (size_t i = 0; chain[i]; i++) {
        if (chain[i]->op == OP_BASE)
            add_base_layers(image, &chain[i]->base.image);
        else
            add_step_layer(b, image, chain[i], missing);
    }
    free(chain);
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* Entries without a layer take the time of the first new layer, or of the one before them (dockerfile.md §17); an image
 * without any new layer takes the base's time, so that building it again gives the same image. */
static void add_history(const struct build *b, struct oci_image_config *c)
{
    const struct build_state *t = b->plan.target;
    struct timespec now = {0};
    bool known = false;
    for (size_t i = 0; i < t->n_history && !known; i++)
        if ((known = t->history[i].step != NULL))
            now = t->history[i].step->created;
    if (!known && c->n_history && c->history[c->n_history - 1].has_created) {
        now = c->history[c->n_history - 1].created;
        known = true;
    }
    if (b->plan.has_epoch) {
        now = (struct timespec){b->plan.epoch, 0};
        known = true;
    }
    for (size_t i = 0; i < t->n_history; i++) {
        const struct build_history *h = &t->history[i];
        if (h->step && !b->plan.has_epoch && later(h->step->created, now))
            now = h->step->created;
        CB_PUSH(c->history, c->n_history, c->cap_history) = (struct oci_history){.has_created = known,
                                                                                 .created = now,
                                                                                 .created_by = cb_strdup(h->created_by),
                                                                                 .comment = cb_strdup("buildkit.dockerfile.v0"),
                                                                                 .empty_layer = !h->step};
    }
    c->has_created = known;
    c->created = now;
}

int build_image_make(struct build *b, struct cache_image *ret, struct cb_error *err)
{
    bool missing = false;
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    add_layers(b, ret, b->plan.target->snapshot, &missing);
    if (ret->n_layers > CB_MAX_LAYERS)
        return cb_fail(err, CB_E_UNSUPPORTED, "the image would have %zu layers; %d are possible", ret->n_layers, CB_MAX_LAYERS);
    if (missing && pack_layers(b, ret, NULL, NULL, err) < 0)
        return -1;
    oci_image_config_copy(&c, &b->plan.target->config);
    c.n_diff_ids = 0;
    for (size_t i = 0; i < ret->n_layers; i++)
        CB_PUSH(c.diff_ids, c.n_diff_ids, c.cap_diff_ids) = ret->layers[i].diff_id;
    add_history(b, &c);
    oci_image_config_write(&c, &bytes);
    if (cache_blob_put(b->session->store, bytes.data, bytes.len, &ret->config, err) < 0)
        return -1;
    ret->created = c.created;
    clock_gettime(CLOCK_REALTIME, &ret->updated);
    return 0;
}

static uint64_t layer_size(struct cache_store *s, const struct cb_digest *id)
{
    struct cache_layer l;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return cache_layer_find(s, id, &l, &ignored) == 1 ? l.size : 0;
}

uint64_t build_image_size(struct cache_store *s, const struct cache_image *image)
{
    uint64_t n = 0;
    for (size_t i = 0; i < image->n_layers; i++)
        n += layer_size(s, &image->layers[i].id);
    return n;
}

size_t build_image_layer_sizes(struct build *b, struct build_layer_size **ret)
{
    size_t n = 0;
    for (const struct build_step *p = b->plan.target->snapshot; p; p = p->parent)
        n++;
    *ret = cb_alloc((n + 1) * sizeof(**ret));
    size_t at = n;
    for (const struct build_step *p = b->plan.target->snapshot; p; p = p->parent)
        (*ret)[--at] = (struct build_layer_size){p->name, p->op == OP_BASE ? build_image_size(b->session->store, &p->base.image)
                                                                           : layer_size(b->session->store, &p->layer)};
    return n;
}

/* ---- manifests ----------------------------------------------------------------------------------------------------- */

/* Fetches what an output needs of this base. A layer whose files are known can be packed here when its registry
 * cannot be reached: another blob with the same files is better than none. */
static int fetch_base(struct build *b, const struct build_base *base, enum build_base_form form, const char *shown,
                      struct cb_error *err)
{
    struct cb_job job;
    if (build_base_complete(b->session, &base->image, form))
        return 0;
    if (build_base_start(b->session, base, form, &job, err) < 0)
        return -1;
    if (build_wait_job(b->session, &job, shown, NULL, err) == 0)
        return 0;
    if (err->code != CB_E_NETWORK || !build_base_complete(b->session, &base->image, BASE_INDEXED))
        return -1;
    build_note(b->session, "%s; its layers are packed anew, with other digests than there", err->msg);
    cb_error_done(err);
    return 0;
}

static int fetch_missing(struct build *b, const struct cache_image *image, enum build_base_form form, struct cb_error *err)
{
    for (size_t i = 0; i < b->plan.n_steps; i++) { /* a base whose layers no step needed so far */
        const struct build_step *s = b->plan.steps[i];
        if (s->op == OP_BASE && s->in_target && fetch_base(b, &s->base, form, s->name, err) < 0)
            return -1;
    }
    if (b->plan.n_steps)
        return 0;
    struct build_base stored = {.name = image->name, .image = *image}; /* an image of the store: there is no plan */
    return fetch_base(b, &stored, form, 0, err);
}

static void add_layer(struct oci_manifest *m, const struct cache_image_layer *l, const struct cache_packed *packed,
                      const struct build_packing *p)
{
    bool as_it_came = l->blob_size && cb_digest_eq(&l->blob, &packed->digest);
    char *type = !as_it_came || !l->media_type ? oci_layer_type(p->codec, p->docker_types)
                 : p->docker_types             ? oci_type_to_docker(l->media_type)
                                               : oci_type_from_docker(l->media_type);
    CB_PUSH(m->layers, m->n_layers, m->cap_layers) =
        (struct oci_descriptor){.media_type = type, .digest = packed->digest, .size = packed->size};
}

int build_manifest_make(struct build *b, const struct cache_image *image, const struct build_packing *p,
                        const struct cb_strv *annotations, struct build_manifest *ret, struct cb_error *err)
{
    *ret = (struct build_manifest){.bytes = CB_BUF_INIT, .config = CB_BUF_INIT};
    if (p->docker_types && !p->codec->docker_reads)
        return cb_fail(err, CB_E_USAGE, "compression=%s needs OCI media types: leave oci-mediatypes=false out", p->codec->name);
    struct cache_image copy = *image;
    copy.layers = cb_alloc((image->n_layers + 1) * sizeof(*copy.layers));
    memcpy(copy.layers, image->layers, image->n_layers * sizeof(*copy.layers));
    struct cache_packed *packed = cb_alloc((image->n_layers + 1) * sizeof(*packed));
    int r = fetch_missing(b, image, p->force ? BASE_INDEXED : BASE_PACKED, err);
    if (r == 0 && image->n_layers)
        r = pack_layers(b, &copy, p, packed, err);
    if (r == 0 && cache_blob_get(b->session->store, &image->config, CB_MAX_CONFIG, &ret->config, err) != 1)
        r = err->code ? -1 : cb_fail(err, CB_E_CORRUPT, "the image's config is not in the store");
    if (r == 0) {
        ret->m.media_type = cb_strdup(p->docker_types ? DOCKER_TYPE_MANIFEST : OCI_TYPE_MANIFEST);
        ret->m.config = (struct oci_descriptor){.media_type = cb_strdup(p->docker_types ? DOCKER_TYPE_CONFIG : OCI_TYPE_CONFIG),
                                                .digest = image->config,
                                                .size = ret->config.len};
        for (size_t i = 0; i < image->n_layers; i++)
            add_layer(&ret->m, &image->layers[i], &packed[i], p);
        if (annotations)
            cb_strv_copy(&ret->m.annotations, annotations);
        oci_manifest_write(&ret->m, &ret->bytes);
        r = cache_blob_put(b->session->store, ret->bytes.data, ret->bytes.len, &ret->digest, err);
    }
    free(copy.layers);
    free(packed);
    return r;
}

int build_manifest_as_pulled(struct build *b, const struct cache_image *image, struct build_manifest *ret, struct cb_error *err)
{
    *ret = (struct build_manifest){.bytes = CB_BUF_INIT, .config = CB_BUF_INIT, .digest = image->manifest};
    int r = image->pulled ? cache_blob_get(b->session->store, &image->manifest, CB_MAX_MANIFEST, &ret->bytes, err) : 0;
    if (r > 0 && oci_manifest_parse(ret->bytes.data, ret->bytes.len, &ret->m, err) < 0)
        r = -1;
    if (r > 0)
        r = cache_blob_get(b->session->store, &image->config, CB_MAX_CONFIG, &ret->config, err);
    if (r > 0) { /* a registry compares what it is told with what the bytes say */
        free(ret->m.media_type);
        ret->m.media_type = oci_manifest_type(ret->bytes.data, ret->bytes.len);
    }
    struct build_base stored = {.name = image->name, .image = *image};
    struct cb_job job;
    if (r > 0 && !build_base_complete(b->session, image, BASE_PACKED) &&
        (build_base_start(b->session, &stored, BASE_PACKED, &job, err) < 0 ||
         build_wait_job(b->session, &job, NULL, NULL, err) < 0))
        r = -1;
    if (r <= 0)
        build_manifest_done(ret);
    return r;
}

void build_manifest_done(struct build_manifest *m)
{
    oci_manifest_done(&m->m);
    cb_buf_done(&m->bytes);
    cb_buf_done(&m->config);
}
