#include "builder/cli/commands/attest.h"
#include "base/limits.h"
#include "base/path.h"
#include "builder/attest/provenance.h"
#include "builder/attest/sbom.h"
#include "builder/attest/scan.h"
#include "builder/output/output.h"
#include "cache/store/blob.h"
#include "registry/transfer/url.h"

/* ---- packages ---------------------------------------------------------------------------------------------------------- */

static void add(struct build_image *image, const char *type, const char *file, json_t *body)
{
    CB_PUSH(image->said, image->n_said, image->cap_said) = (struct build_attest_predicate){type, file, body};
}

static int add_sbom(struct build_session *s, const char *name, struct build_image *image, struct cb_error *err)
{
    CB_AUTO(build_attest_packages) struct build_attest_packages packages = BUILD_ATTEST_PACKAGES_INIT;
    CB_AUTO(free) struct cb_digest *layers = cb_alloc((image->stored.n_layers + 1) * sizeof(*layers));
    const struct build_attest_format *f = s->request->attest.format ? s->request->attest.format : build_attest_formats[0];
    if (build_image_fetch_files(s, image, err) < 0)
        return -1;
    for (size_t i = 0; i < image->stored.n_layers; i++)
        layers[i] = image->stored.layers[i].id;
    if (build_attest_scan(s, layers, image->stored.n_layers, name, &packages, err) < 0)
        return -1;
    const struct build_attest_subject about = {name, image->stored.config, image->stored.created};
    add(image, f->predicate, f->file, build_attest_sbom(f, &packages, &about));
    return 0;
}

/* ---- what went into it ------------------------------------------------------------------------------------------------- */

/* What a plan says, in the form that provenance has it. */
struct gathered {
    const struct build_graph *g;
    struct build_attest_material *materials;
    size_t n, cap;
    struct build_attest_step *steps;
    size_t n_steps, cap_steps;
    struct cb_strv secrets, ssh;
    struct cb_arena strings;
    bool complete, network;
};
static void gathered_done(struct gathered *x)
{
    for (size_t i = 0; i < x->n_steps; i++)
        free((void *)x->steps[i].from);
    free(x->materials);
    free(x->steps);
    cb_strv_done(&x->secrets);
    cb_strv_done(&x->ssh);
    cb_arena_done(&x->strings);
}
CB_DEFINE_AUTO(gathered, struct gathered, gathered_done)

static void add_material(struct gathered *x, struct build_attest_material m)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->materials[i].uri, m.uri) == 0)
            return;
    CB_PUSH(x->materials, x->n, x->cap) = m;
}

static const char *hex_of(struct gathered *x, const struct cb_digest *d)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, hex);
    return cb_arena_strdup(&x->strings, hex);
}

/* Of the image that a step stands on: what its config says. */
static char *platform_of(struct gathered *x, const struct cache_image *image)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (cache_blob_get(x->g->build->session->store, &image->config, CB_MAX_CONFIG, &bytes, &ignored) != 1 ||
        oci_image_config_parse(bytes.data, bytes.len, &config, &ignored) < 0)
        return cb_strdup("");
    return oci_platform_text(&config.platform);
}

/* One that was pulled is named by what its tag meant. One that was built here has no digest that others know. */
static void add_base(struct gathered *x, const struct build_base *base)
{
    CB_AUTO(cb_buf) struct cb_buf uri = CB_BUF_INIT;
    CB_AUTO(free) char *platform = platform_of(x, &base->image);
    const char *name = base->layout ? cb_path_base(base->layout) : base->image.name;
    bool known = !cb_digest_is_zero(&base->image.index);
    if (base->layout && strchr(name, '@'))
        name = "layout";
    build_attest_image_purl(base->layout || !base->image.pulled ? "oci" : "docker", name, platform, &uri);
    add_material(x, (struct build_attest_material){.uri = cb_arena_strdup(&x->strings, uri.data),
                                                   .algorithm = known ? "sha256" : NULL,
                                                   .hex = known ? hex_of(x, &base->image.index) : NULL});
    x->complete &= known;
}

/* A git reference or a URL, without passwords. */
static const char *shown(struct gathered *x, const char *url)
{
    CB_AUTO(free) char *clean = NULL;
    const char *fragment = strchr(url, '#');
    if (!cb_starts(url, "http://") && !cb_starts(url, "https://"))
        return cb_arena_strdup(&x->strings, url);
    clean = reg_url_redact(url);
    CB_AUTO(free) char *whole = cb_printf("%s%s", clean, fragment ? fragment : "");
    return cb_arena_strdup(&x->strings, whole);
}

static struct build_attest_material commit_material(struct gathered *x, const char *url, const char *commit)
{
    return (struct build_attest_material){
        .uri = shown(x, url), .algorithm = strlen(commit) == 64 ? "sha256" : "sha1", .hex = cb_arena_strdup(&x->strings, commit)};
}

static void add_remote(struct gathered *x, const char *url, const struct build_remote *r)
{
    if (r->git) {
        add_material(x, commit_material(x, url, r->checkout.commit));
        return;
    }
    const struct cache_node *root = cache_tree_root(r->tree);
    if (root->n_children)
        add_material(x, (struct build_attest_material){shown(x, url), "sha256", hex_of(x, &root->children[0]->e.digest)});
}

static void add_copy(struct gathered *x, const struct build_copy *c)
{
    for (size_t i = 0; i < c->n_entries; i++)
        if (c->remotes[i])
            add_remote(x, c->sources.items[i], c->remotes[i]);
    if (c->from.kind == BUILD_FILES_CONTEXT && c->from.local && !*c->from.local->checkout.commit)
        x->complete = false;
}

static void add_once(struct cb_strv *list, const char *id)
{
    if (cb_strv_find(list, id) < 0)
        cb_strv_push(list, id);
}

static void add_run(struct gathered *x, const struct build_run *r)
{
    x->network |= strcmp(r->network->name, "none") != 0;
    for (const struct build_run_mount *m = r->mounts; m; m = m->next) {
        if (m->m->type == DF_MOUNT_SECRET)
            add_once(&x->secrets, m->m->id);
        if (m->m->type == DF_MOUNT_SSH)
            add_once(&x->ssh, m->m->id);
        if (m->from.kind == BUILD_FILES_CONTEXT && m->from.local && !*m->from.local->checkout.commit)
            x->complete = false;
    }
}

static void gather_materials(struct gathered *x)
{
    for (size_t i = 0; i < x->g->plan->n_steps; i++) {
        const struct build_step *s = x->g->plan->steps[i];
        if (s->op == BUILD_OP_BASE)
            add_base(x, &s->base);
        else if (s->op == BUILD_OP_COPY)
            add_copy(x, &s->copy);
        else if (s->op == BUILD_OP_RUN)
            add_run(x, &s->run);
    }
}

/* ---- what was done ----------------------------------------------------------------------------------------------------- */

static const char **names_below(const struct build_step *s)
{
    const char **names = cb_alloc((s->n_inputs + 2) * sizeof(*names));
    size_t n = 0;
    if (s->parent)
        names[n++] = s->parent->name;
    for (size_t i = 0; i < s->n_inputs; i++)
        names[n++] = s->inputs[i]->name;
    return names;
}

static struct build_attest_step step_of(struct gathered *x, const struct build_step *s)
{
    const struct build_step_state *st = &x->g->states[s->index];
    const struct cb_digest *layer = &x->g->build->made[s->index].layer;
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(layer, text);
    bool known = s->op != BUILD_OP_BASE && st->phase == BUILD_STEP_DONE;
    return (struct build_attest_step){.name = s->name,
                                      .instruction = s->source ? s->source : s->name,
                                      .stage = s->stage,
                                      .line = s->at.line,
                                      .last_line = s->at.last_line,
                                      .layer = known ? cb_arena_strdup(&x->strings, text) : NULL,
                                      .from = names_below(s),
                                      .cached = st->cached,
                                      .seconds = (double)st->usage.wall_us / 1e6,
                                      .cpu_seconds = (double)st->usage.cpu_us / 1e6,
                                      .peak_memory = st->usage.peak_memory,
                                      .read_bytes = st->usage.read_bytes,
                                      .written_bytes = st->usage.written_bytes,
                                      .size = known ? build_layer_bytes(x->g->build->session->store, layer) : 0};
}

/* The build's own context, if it is not of this machine. */
static struct build_attest_material context_of(struct gathered *x)
{
    const struct build *b = x->g->build;
    const char *context = b->session->request->context, *commit = b->contexts.main.checkout.commit;
    if (!b->contexts.main.remote || strcmp(context, "-") == 0)
        return (struct build_attest_material){0};
    return *commit ? commit_material(x, context, commit) : (struct build_attest_material){.uri = shown(x, context)};
}

static void gather(struct gathered *x, struct build_attest_material *context)
{
    const struct build_plan *p = x->g->plan;
    gather_materials(x);
    *context = context_of(x);
    if (context->algorithm)
        add_material(x, *context);
    for (size_t i = 0; i < p->n_steps; i++)
        CB_PUSH(x->steps, x->n_steps, x->cap_steps) = step_of(x, p->steps[i]);
}

json_t *cli_provenance(const struct build_graph *g, const struct build_image *image)
{
    const struct build *b = g->build;
    const struct build_request *q = b->session->request;
    CB_AUTO(gathered) struct gathered x = {.g = g, .complete = true};
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    struct build_attest_material context;
    gather(&x, &context);
    oci_platform_host(&host);
    CB_AUTO(free) char *platform = oci_platform_text(&host);
    struct build_attest_run run = {.request = q,
                                   .dockerfile = b->contexts.dockerfile_name,
                                   .source = {b->contexts.dockerfile.data, b->contexts.dockerfile.len},
                                   .context = context.uri ? &context : NULL,
                                   .materials = x.materials,
                                   .n_materials = x.n,
                                   .complete = x.complete,
                                   .network = x.network,
                                   .steps = x.steps,
                                   .n_steps = x.n_steps,
                                   .secrets = &x.secrets,
                                   .ssh = &x.ssh,
                                   .platform = platform,
                                   .started = b->session->started,
                                   .has_epoch = image->has_epoch};
    clock_gettime(CLOCK_REALTIME, &run.finished);
    if (run.has_epoch)
        run.started = run.finished = (struct timespec){image->epoch, 0};
    return build_attest_provenance(&run, q->attest.min || !q->attest.provenance);
}

int cli_attest(const struct build_graph *g, struct build_images *images, struct cb_error *err)
{
    struct build_session *s = g->build->session;
    const struct build_attest_wish *wish = &s->request->attest;
    if (!wish->sbom && !wish->provenance)
        return 0;
    if (build_output_all_names(s->request, &images->names, err) < 0)
        return -1;
    const char *name = images->names.n ? images->names.items[0] : "image";
    for (size_t i = 0; i < images->n; i++) {
        if (wish->sbom && add_sbom(s, name, &images->items[i], err) < 0)
            return -1;
        if (wish->provenance)
            add(&images->items[i], BUILD_ATTEST_PROVENANCE_TYPE, BUILD_ATTEST_PROVENANCE_FILE,
                cli_provenance(g, &images->items[i]));
    }
    return 0;
}
