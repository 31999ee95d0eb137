#include "builder/attest/provenance.h"
#include "base/base64.h"
#include "base/text.h"
#include "builder/attest/sbom-internal.h"

#include <strings.h>

/* A string of bytes of any kind. */
static json_t *text_json(const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s, n);
    return json_stringn(clean.data, clean.len);
}

static json_t *string(const char *s)
{
    return text_json(s, strlen(s));
}

static json_t *material_json(const struct build_attest_material *m)
{
    json_t *j = json_object();
    json_object_set_new(j, "uri", string(m->uri));
    if (m->algorithm)
        json_object_set_new(j, "digest", json_pack("{s:s}", m->algorithm, m->hex));
    return j;
}

/* ---- what was asked for ------------------------------------------------------------------------------------------------ */

/* Passwords of proxies are in no history and no key, and not in here either. */
static bool is_proxy(const char *name)
{
    size_t n = strlen(name);
    return n > 6 && strcasecmp(name + n - 6, "_proxy") == 0;
}

static void add_pairs(json_t *args, const char *prefix, const struct cb_strv *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(pairs->items[i], &value), *key = cb_printf("%s:%s", prefix, name);
        CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
        cb_utf8_sanitize(&clean, key, strlen(key));
        if (value && !is_proxy(name))
            json_object_set_new(args, clean.data, string(value));
    }
}

static json_t *ids_json(const struct cb_strv *ids)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ids->n; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "id", string(ids->items[i]));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *locals_json(const struct build_attest_run *run)
{
    json_t *list = json_array();
    if (!run->context) {
        json_array_append_new(list, json_pack("{s:s}", "name", "context"));
        json_array_append_new(list, json_pack("{s:s}", "name", "dockerfile"));
    }
    return list;
}

static json_t *request_json(const struct build_attest_run *run, bool min)
{
    const struct build_request *q = run->request;
    json_t *j = json_pack("{s:s}", "frontend", "dockerfile.v0"), *args = json_object();
    if (!min) {
        add_pairs(args, "build-arg", &q->build_args);
        add_pairs(args, "label", &q->labels);
        json_object_set_new(j, "secrets", ids_json(run->secrets));
        json_object_set_new(j, "ssh", ids_json(run->ssh));
    }
    if (q->target)
        json_object_set_new(args, "target", string(q->target));
    if (q->no_cache)
        json_object_set_new(args, "no-cache", json_string(""));
    json_object_set_new(j, "args", args);
    json_object_set_new(j, "locals", locals_json(run));
    return j;
}

static json_t *external_json(const struct build_attest_run *run, bool min)
{
    json_t *source = run->context ? material_json(run->context) : json_object();
    json_object_set_new(source, "path", string(run->dockerfile));
    return json_pack("{s:o, s:o}", "configSource", source, "request", request_json(run, min));
}

/* ---- what was done ----------------------------------------------------------------------------------------------------- */

static json_t *usage_json(const struct build_attest_step *s)
{
    return json_pack("{s:f, s:f, s:I, s:I, s:I}", "seconds", s->seconds, "cpuSeconds", s->cpu_seconds, "peakMemoryBytes",
                     (json_int_t)s->peak_memory, "readBytes", (json_int_t)s->read_bytes, "writtenBytes",
                     (json_int_t)s->written_bytes);
}

/* What differs from run to run, and what is known of a step only if it was looked at, is left out where the same sources are to
 * give the same bytes. */
static json_t *step_json(const struct build_attest_run *run, const struct build_attest_step *s, size_t number)
{
    CB_AUTO(free) char *id = cb_printf("step%zu", number);
    json_t *j = json_object(), *inputs = json_array();
    json_object_set_new(j, "id", json_string(id));
    json_object_set_new(j, "name", string(s->name));
    json_object_set_new(j, "instruction", string(s->instruction));
    if (s->stage)
        json_object_set_new(j, "stage", string(s->stage));
    for (const char *const *from = s->from; from && *from; from++)
        json_array_append_new(inputs, string(*from));
    json_object_set_new(j, "inputs", inputs);
    if (!run->has_epoch)
        json_object_set_new(j, "cached", json_boolean(s->cached || !s->layer));
    if (!run->has_epoch && s->layer) {
        json_object_set_new(j, "layer", json_string(s->layer));
        json_object_set_new(j, "size", json_integer((json_int_t)s->size));
        json_object_set_new(j, "resourceUsage", usage_json(s));
    }
    return j;
}

static json_t *internal_json(const struct build_attest_run *run, bool min)
{
    json_t *j = json_pack("{s:s}", "builderPlatform", run->platform), *steps = json_array();
    for (size_t i = 0; i < run->n_steps; i++)
        json_array_append_new(steps, step_json(run, &run->steps[i], i));
    if (min)
        json_decref(steps);
    else
        json_object_set_new(j, "buildConfig", json_pack("{s:o}", "cbuildSteps", steps));
    return j;
}

/* Where in the Dockerfile the steps are, and that file, as BuildKit has both. */
static json_t *source_json(const struct build_attest_run *run)
{
    CB_AUTO(cb_buf) struct cb_buf data = CB_BUF_INIT;
    json_t *locations = json_object(), *info = json_object();
    for (size_t i = 0; i < run->n_steps; i++) {
        CB_AUTO(free) char *id = cb_printf("step%zu", i);
        if (run->steps[i].line)
            json_object_set_new(locations, id,
                                json_pack("{s:[{s:[{s:{s:i}, s:{s:i}}]}]}", "locations", "ranges", "start", "line",
                                          run->steps[i].line, "end", "line", run->steps[i].last_line));
    }
    cb_base64_encode(&data, run->source.p, run->source.n);
    json_object_set_new(info, "filename", string(run->dockerfile));
    json_object_set_new(info, "language", json_string("Dockerfile"));
    json_object_set_new(info, "data", json_stringn(data.data, data.len));
    return json_pack("{s:o, s:[o]}", "locations", locations, "infos", info);
}

/* ---- the run ----------------------------------------------------------------------------------------------------------- */

static json_t *time_json(struct timespec t)
{
    char text[CB_TIME_MAX];
    cb_time_rfc3339(t, text);
    return json_string(text);
}

/* Nothing of the arguments is left out if there are none, as with BuildKit. */
static bool is_request_complete(const struct build_attest_run *run, bool min)
{
    return !min || (!run->request->build_args.n && !run->request->labels.n);
}

static json_t *metadata_json(const struct build_attest_run *run, bool min)
{
    json_t *own = json_object();
    if (!min)
        json_object_set_new(own, "source", source_json(run));
    return json_pack("{s:s, s:o, s:o, s:{s:b, s:b}, s:b, s:b, s:o}", "invocationID", "", "startedOn", time_json(run->started),
                     "finishedOn", time_json(run->finished), "buildkit_completeness", "request", is_request_complete(run, min),
                     "resolvedDependencies", run->complete, "buildkit_hermetic", run->complete && !run->network,
                     "buildkit_reproducible", run->request->attest.reproducible, "buildkit_metadata", own);
}

json_t *build_attest_provenance(const struct build_attest_run *run, bool min)
{
    const char *id = run->request->attest.builder_id;
    json_t *dependencies = json_array(), *metadata = metadata_json(run, min);
    for (size_t i = 0; i < run->n_materials; i++)
        json_array_append_new(dependencies, material_json(&run->materials[i]));
    json_t *j =
        json_pack("{s:{s:s, s:o, s:o, s:o}, s:{s:{s:s, s:{s:s}}, s:o}}", "buildDefinition", "buildType",
                  "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md", "externalParameters",
                  external_json(run, min), "internalParameters", internal_json(run, min), "resolvedDependencies", dependencies,
                  "runDetails", "builder", "id", id ? id : "", "version", "cbuild", CBUILD_VERSION, "metadata", metadata);
    char uuid[BUILD_ATTEST_UUID_MAX];
    build_attest_uuid(j, uuid);
    json_object_set_new(metadata, "invocationID", json_string(uuid));
    return j;
}
