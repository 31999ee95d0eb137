#include "builder/cli/commands/metadata.h"
#include "builder/cli/commands/attest.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "builder/execute/network.h"
#include "builder/execute/run-root.h"
#include "builder/output/index.h"
#include "builder/output/out-file.h"
#include "cache/store/blob.h"
#include "registry/oci/document.h"
#include "registry/oci/reference.h"

static json_t *platform_json(const struct oci_platform *p)
{
    json_t *platform = json_object();
    json_object_set_new(platform, "architecture", json_string(p->arch));
    json_object_set_new(platform, "os", json_string(p->os));
    if (p->variant && *p->variant)
        json_object_set_new(platform, "variant", json_string(p->variant));
    return platform;
}

/* What a registry or layout calls the image, or all of them: as an index would list it. */
static int add_descriptor(struct cache_store *store, const struct build_images *images, const struct build_result *r, json_t *j,
                          struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    int found = cache_blob_get(store, &r->manifest, CB_MAX_MANIFEST, &bytes, err);
    if (found <= 0)
        return found < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "the image's manifest is not in the store");
    CB_AUTO(free) char *type = oci_manifest_type(bytes.data, bytes.len);
    json_t *d = json_object();
    cb_digest_text(&r->manifest, digest);
    json_object_set_new(d, "mediaType", json_string(type));
    json_object_set_new(d, "digest", json_string(digest));
    json_object_set_new(d, "size", json_integer((json_int_t)bytes.len));
    if (!images->listed && strcmp(type, OCI_TYPE_INDEX) != 0)
        json_object_set_new(d, "platform", platform_json(&images->items[0].platform));
    json_object_set_new(j, "containerimage.descriptor", d);
    return 0;
}

static json_t *name_json(const struct build_step *step)
{
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    cb_utf8_sanitize(&name, step->name, strlen(step->name));
    return json_stringn(name.data, name.len);
}

static json_t *step_json(const struct build_graph *g, const struct build_step *step)
{
    const struct build_made *made = &g->build->made[step->index];
    const struct build_step_state *st = &g->states[step->index];
    char layer[CB_DIGEST_TEXT + 1];
    cb_digest_text(&made->layer, layer);
    json_t *j = json_object();
    json_object_set_new(j, "name", name_json(step));
    json_object_set_new(j, "digest", json_string(layer));
    json_object_set_new(j, "cached", json_boolean(st->cached));
    if (st->shared)
        json_object_set_new(j, "shared", json_true());
    json_object_set_new(j, "seconds", json_real((double)st->usage.wall_us / 1e6));
    json_object_set_new(j, "cpuSeconds", json_real((double)st->usage.cpu_us / 1e6));
    json_object_set_new(j, "maxRSS", json_integer((json_int_t)st->usage.peak_memory));
    json_object_set_new(j, "readBytes", json_integer((json_int_t)st->usage.read_bytes));
    json_object_set_new(j, "writtenBytes", json_integer((json_int_t)st->usage.written_bytes));
    json_object_set_new(j, "size", json_integer((json_int_t)build_layer_bytes(g->build->session->store, &made->layer)));
    return j;
}

/* Those that were needed and have a layer of their own, and the names of the others, which stand below what was known. */
static void add_steps(const struct build_graph *g, json_t *j)
{
    json_t *list = json_array(), *skipped = json_array();
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        const struct build_step *step = g->plan->steps[i];
        if (step->op == BUILD_OP_BASE)
            continue;
        if (g->states[i].phase == BUILD_STEP_DONE)
            json_array_append_new(list, step_json(g, step));
        else
            json_array_append_new(skipped, name_json(step));
    }
    json_object_set_new(j, "cbuild.steps", list);
    json_object_set_new(j, "cbuild.skipped", skipped);
}

/* What shared caches gave and took, where there are any. */
static void add_shares(const struct build_request *q, const struct build_counts *counts, json_t *j)
{
    if (q->n_shares)
        json_object_set_new(j, "cbuild.sharedCache",
                            json_pack("{s:i, s:i, s:i}", "taken", counts->shared, "put", counts->put, "late", counts->late));
}

/* How this machine ran commands, where any was run. */
static void add_sandbox(struct build_session *s, json_t *j)
{
    if (!s->runs)
        return;
    json_t *d = json_object();
    json_object_set_new(d, "rung", json_string(s->privilege.rung->name));
    json_object_set_new(d, "files", json_string(build_run_root_driver(s)));
    if (s->connected)
        json_object_set_new(d, "network", json_string(build_network_is_missing() ? "host" : "own"));
    json_object_set_new(j, "cbuild.sandbox", d);
}

static int put_file(const char *name, const struct cb_buf *text, struct cb_error *err)
{
    return name ? build_out_put(name, text->data, text->len, err) : 0;
}

/* The manifest's digest, alone and behind every name. */
static int write_digests(const struct build_request *q, const char *digest, struct cb_error *err)
{
    const struct build_digest_files *files = &q->digest_files;
    CB_AUTO(cb_buf) struct cb_buf alone = CB_BUF_INIT, names = CB_BUF_INIT, tags = CB_BUF_INIT;
    cb_buf_adds(&alone, digest);
    for (size_t i = 0; i < q->tags.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(q->tags.items[i], &ref, err) < 0)
            return -1;
        CB_AUTO(free) char *name = oci_ref_name(&ref), *full = oci_ref_full(&ref);
        cb_buf_printf(&names, "%s@%s\n", name, digest);
        cb_buf_printf(&tags, "%s@%s\n", full, digest);
    }
    if (put_file(files->digest, &alone, err) < 0 || put_file(files->names, &names, err) < 0)
        return -1;
    return put_file(files->tags, &tags, err);
}

static bool wants_digest(const struct build_request *q, const struct build_images *images)
{
    const struct build_digest_files *files = &q->digest_files;
    return files->digest || files->names || files->tags || (images->listed && (q->iidfile || q->metadata_file));
}

/* Where no output made a manifest or an index, it is made as a push of the first would have it. */
static int make_digest(struct build_session *s, const struct build_images *images, struct build_result *r, struct cb_error *err)
{
    const struct build_request *q = s->request;
    const struct build_output *o = &q->outputs[0]; /* there always is one */
    const struct build_packing packing = {
        .codec = o->codec, .level = o->level, .docker_types = o->docker_types, .rewrites = o->rewrites_times, .lazy = true};
    CB_AUTO(build_index) struct build_index x = BUILD_INDEX_INIT;
    if (r->has_manifest || !wants_digest(q, images))
        return 0;
    if (build_index_make(s, images, &packing, &q->annotations, false, &x, err) < 0)
        return -1;
    r->manifest = x.digest;
    return 0;
}

/* The image's ID; several have none together, so they go by the digest of their index. */
static void name_result(const struct build_images *images, const struct build_result *r, char ret[CB_DIGEST_TEXT + 1])
{
    cb_digest_text(images->listed ? &r->manifest : &images->items[0].stored.config, ret);
}

static int add_image(struct build_session *s, const struct build_images *images, const struct build_result *r, json_t *j,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    char id[CB_DIGEST_TEXT + 1], manifest[CB_DIGEST_TEXT + 1];
    bool known = r->has_manifest || images->listed;
    cb_digest_text(&images->items[0].stored.config, id);
    cb_digest_text(&r->manifest, manifest);
    if (!images->listed)
        json_object_set_new(j, "containerimage.config.digest", json_string(id));
    json_object_set_new(j, "containerimage.digest", json_string(known ? manifest : id));
    if (known && add_descriptor(s->store, images, r, j, err) < 0)
        return -1;
    for (size_t i = 0; i < r->image_names.n; i++)
        cb_buf_printf(&names, i ? ",%s" : "%s", r->image_names.items[i]);
    if (names.len)
        json_object_set_new(j, "image.name", json_string(names.data));
    return 0;
}

static int write_id(const struct build_request *q, const struct build_images *images, const struct build_result *r,
                    struct cb_error *err)
{
    char id[CB_DIGEST_TEXT + 1];
    name_result(images, r, id);
    return q->iidfile ? build_out_put(q->iidfile, id, strlen(id), err) : 0;
}

/* buildx's key; each of several platforms has its own. */
static void add_provenance(const struct build_graph *g, const struct build_images *images, json_t *j)
{
    for (size_t i = 0; i < images->n; i++) {
        CB_AUTO(free) char *platform = oci_platform_text(&images->items[i].platform);
        CB_AUTO(free)
        char *key = cb_printf("buildx.build.provenance%s%s", images->n > 1 ? "/" : "", images->n > 1 ? platform : "");
        json_object_set_new(j, key, cli_provenance(g, &images->items[i]));
    }
}

int cli_write_metadata(const struct build_graph *g, const struct build_counts *counts, const struct build_images *images,
                       struct build_result *r, struct cb_error *err)
{
    struct build_session *s = g->build->session;
    const struct build_request *q = s->request;
    char digest[CB_DIGEST_TEXT + 1];
    if (make_digest(s, images, r, err) < 0 || write_id(q, images, r, err) < 0)
        return -1;
    cb_digest_text(&r->manifest, digest);
    if (write_digests(q, digest, err) < 0)
        return -1;
    if (!q->metadata_file)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(json) json_t *j = json_object();
    if (add_image(s, images, r, j, err) < 0)
        return -1;
    add_provenance(g, images, j);
    add_steps(g, j);
    add_sandbox(s, j);
    add_shares(q, counts, j);
    cb_json_dump(j, CB_JSON_INDENT, &out);
    cb_buf_addc(&out, '\n');
    return build_out_put(q->metadata_file, out.data, out.len, err);
}
