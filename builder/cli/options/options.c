#include "builder/cli/options/options.h"
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/output/output.h"
#include "builder/share/claim.h"
#include "builder/share/share.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "builder/output/annotations.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

#include <stdio.h>
#include <unistd.h>

int cli_set_tag(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(v, &ref, err) < 0)
        return cb_prefix(err, "invalid tag \"%s\"", v);
    if (ref.digest)
        return cb_fail(err, CB_E_USAGE, "invalid tag \"%s\": a digest cannot be given", v);
    cb_strv_push(to, v);
    return 0;
}

int cli_set_platform(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    if (strcasecmp(v, "local") == 0) { /* buildx's word for this machine's */
        free(CB_TAKE(*(char **)to));
        return 0;
    }
    if (strchr(v, ','))
        return cb_fail(err, CB_E_USAGE, "'%s': one platform is meant here", v);
    return oci_platform_parse(v, &p, err) < 0 ? -1 : cli_put(to, v);
}

/* 1: the platform is in *ret. 0: it is this machine's. */
static int parse_platform(const char *v, struct oci_platform *ret, struct cb_error *err)
{
    if (strcasecmp(v, "local") == 0)
        return 0;
    if (oci_platform_parse(v, ret, err) == 0)
        return 1;
    return cb_hint(err, "a platform is OS/ARCH or OS/ARCH/VARIANT, as in linux/amd64,linux/arm64,linux/arm/v7");
}

static int add_platform(const char *v, bool alone, struct build_request *q, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    int r = parse_platform(v, &p, err);
    if (r < 0)
        return -1;
    if (r == 0 && alone) { /* this machine's is not asked for, it is what there is: the image follows its base */
        free(CB_TAKE(q->platform));
        return 0;
    }
    if (r == 0)
        oci_platform_host(&p);
    CB_AUTO(free) char *text = oci_platform_text(&p), *had = CB_TAKE(q->platform);
    q->platform = had && q->platform_given ? cb_printf("%s,%s", had, r ? v : text) : cb_strdup(r ? v : text);
    q->platform_given = true;
    return 0;
}

static int add_platforms(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv list = {0};
    for (const char *p = v;; p++) {
        size_t n = strcspn(p, ",");
        cb_strv_take(&list, cb_memdup0(p, n));
        p += n;
        if (!*p)
            break;
    }
    for (size_t i = 0; i < list.n; i++)
        if (add_platform(list.items[i], list.n == 1, to, err) < 0)
            return -1;
    return 0;
}

/* `K` alone takes the value of our own environment; when that has none either, nothing is passed. */
int cli_set_build_arg(const char *v, void *to, struct cb_error *err)
{
    if (!*v || strchr(v, '='))
        return cli_add_pair(v, to, err);
    const char *value = getenv(v);
    if (value)
        cb_strv_take(to, cb_printf("%s=%s", v, value));
    return 0;
}

/* `manifest[linux/amd64]:key=value`; a key may hold colons itself. */
int cli_set_annotation(const char *v, void *to, struct cb_error *err)
{
    const char *eq = strchr(v, '='), *colon = eq ? memchr(v, ':', (size_t)(eq - v)) : NULL;
    bool typed = colon && (cb_starts(v, "manifest") || cb_starts(v, "index"));
    CB_AUTO(free) char *type = typed ? cb_memdup0(v, (size_t)(colon - v)) : cb_strdup("manifest");
    return build_output_add_annotation(to, type, typed ? colon + 1 : v, v, err);
}

static int set_context(const char *v, void *to, struct cb_error *err)
{
    const char *eq = strchr(v, '=');
    if (!eq || eq == v || !eq[1])
        return cb_fail(err, CB_E_USAGE, "invalid context value: %s, expected key=value", v);
    cb_strv_push(to, v);
    return 0;
}

static int set_no_cache_filter(const char *v, void *to, struct cb_error *err)
{
    return df_csv_fields(v, CB_E_USAGE, to, err);
}

int cli_set_pull(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    int kind = BUILD_PULL_MISSING;
    if (df_parse_bool(v, &yes)) /* docker's --pull is a switch */
        kind = yes ? BUILD_PULL_ALWAYS : BUILD_PULL_MISSING;
    else if (strcmp(v, "ifnewer") == 0) /* buildah's words */
        kind = BUILD_PULL_NEWER;
    else if (strcmp(v, "ifmissing") != 0 && cli_choose("--pull", build_pull_names, BUILD_PULL_COUNT, v, &kind, err) < 0)
        return -1;
    *(enum build_pull *)to = (enum build_pull)kind;
    return 0;
}

static int choose_progress(const char *what, const char *v, enum build_progress *ret, struct cb_error *err)
{
    int kind;
    if (cli_choose(what, build_progress_names, BUILD_PROGRESS_COUNT, v, &kind, err) < 0)
        return -1;
    *ret = (enum build_progress)kind;
    return 0;
}

int cli_set_progress(const char *v, void *to, struct cb_error *err)
{
    return choose_progress("--progress", v, to, err);
}

int cli_set_quiet(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    if (yes)
        *(enum build_progress *)to = BUILD_PROGRESS_QUIET;
    return 0;
}

enum { MAX_JOBS = 4096 };

static int set_jobs(const char *v, void *to, struct cb_error *err)
{
    uint64_t n;
    if (!cb_parse_u64(v, MAX_JOBS, &n))
        return cb_fail(err, CB_E_USAGE, "--jobs: expected a number up to %d, not '%s'", MAX_JOBS, v);
    *(int *)to = n ? (int)n : MAX_JOBS; /* 0: as many as there are, as buildah says it */
    return 0;
}

static int set_invoke(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    if (df_csv_fields(v, CB_E_USAGE, &fields, err) < 0)
        return -1;
    if (strcmp(fields.items[0], "on-error") != 0)
        return cb_fail(err, CB_E_USAGE, "expected on-error or on-error,PROGRAM,ARGUMENT..., not '%s'", v);
    cb_strv_done(to);
    for (size_t i = 1; i < fields.n; i++)
        cb_strv_push(to, fields.items[i]);
    if (fields.n == 1)
        cb_strv_push(to, "/bin/sh");
    return 0;
}

static int set_allow(const char *v, void *to, struct cb_error *err)
{
    struct build_request *r = to;
    if (strcmp(v, "network.host") == 0)
        r->allow_host_network = true;
    else if (strcmp(v, "security.insecure") == 0)
        r->allow_insecure = true;
    else
        return cb_fail(err, CB_E_USAGE, "--allow: '%s' is not one of network.host, security.insecure", v);
    return 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static void output_choices(struct cb_buf *out)
{
    cb_buf_adds(out, "type=");
    build_output_types(out, "|");
    cb_buf_adds(out, ",dest=F,compression=");
    cb_codec_names(out, "|");
}

static void share_choices(struct cb_buf *out)
{
    cb_buf_adds(out, "type=");
    build_share_types(out, "|");
    cb_buf_adds(out, ",ref=R|src=DIR");
}

static void share_target(struct cb_buf *out)
{
    cb_buf_adds(out, "type=...[,mode=min|max,compression=");
    cb_codec_names(out, "|");
    cb_buf_adds(out, ",cache-mounts=all|ID]");
}

#define AT(member) offsetof(struct build_request, member) /* setters without one take the whole request */

static const char input[] = "What to build", cache[] = "Cache and base images", result[] = "Result", steps[] = "RUN steps",
                  display[] = "Display";

static const struct cli_option options[] = {
    {"file", 'f', input, "FILE", NULL, cli_set_string, AT(dockerfile),
     "Dockerfile (default: Dockerfile in the context; '-': standard input)"},
    {"target", 0, input, "STAGE", NULL, cli_set_string, AT(target), "stage to build (default: the last one)"},
    {"build-arg", 0, input, "NAME[=VALUE]", NULL, cli_set_build_arg, AT(build_args),
     "value of an ARG (without VALUE: from the environment)"},
    {"build-context", 0, input, "NAME=VALUE", NULL, set_context, AT(contexts),
     "named context: DIR, git or http(s) URL, docker-image://REF, oci-layout://DIR, TRANSPORT:..."},
    {"platform", 0, input, "OS/ARCH", NULL, add_platforms, offsetof(struct cli_invocation, request),
     "platform of the image (default, and 'local': this machine's); several: an image for each"},
    {"call", 0, input, "KIND", NULL, cli_set_call, 0,
     "build (default), or only answer: check, outline, targets[,format=json|sarif]"},
    {"check", 0, input, NULL, NULL, cli_set_check, 0, "the same as --call=check: look for mistakes, build nothing"},
    {"label", 0, input, "KEY=VALUE", NULL, cli_add_pair, AT(labels), "label of the image"},
    {"annotation", 0, input, "KEY=VALUE", NULL, cli_set_annotation, AT(annotations),
     "annotation of manifests; manifest[PLATFORM]:, index:, index-descriptor: may be before it"},
    {"no-cache", 0, cache, NULL, NULL, cli_set_switch, AT(no_cache), "execute every step"},
    {"store-limit", 0, cache, "SIZE", NULL, cli_set_size, AT(store_limit),
     "what the store may take in all at the end of a build: 20g"},
    {"no-cache-filter", 0, cache, "STAGE,...", NULL, set_no_cache_filter, AT(no_cache_filter),
     "execute every step of these stages"},
    {"cache-from", 0, cache, "SPEC", NULL, cli_set_cache_from, 0,
     "take results of steps from a shared cache: ", .choices = share_choices},
    {"cache-to", 0, cache, "SPEC", NULL, cli_set_cache_to, 0, "and put them: ", .choices = share_target},
    {"cache-ignore", 0, cache, "WHAT", NULL, cli_set_cache_ignore, 0,
     "mode: files of contexts count, and are copied, as 644 or 755"},
    {"cache-wait", 0, cache, "DURATION", "10m", cli_set_span, AT(cache_wait),
     "wait that long for a step that another machine executes already"},
    {"dry-run", 0, cache, NULL, NULL, cli_set_switch, AT(dry_run), "say which steps would run, and why; execute nothing"},
    {"pull", 0, cache, "POLICY", "true", cli_set_pull, AT(pull), "base images: missing (default), always, newer, never"},
    {"tag", 't', result, "NAME[:TAG]", NULL, cli_set_tag, AT(tags), "name of the image"},
    {"output", 'o', result, "SPEC", NULL, cli_set_output, 0, "", .choices = output_choices},
    {"squash", 0, result, NULL, NULL, cli_set_switch, AT(squashes), "one layer for all that the build made"},
    {"push", 0, result, NULL, NULL, cli_set_push, 0, "store and push the image under its names"},
    {"load", 0, result, NULL, NULL, cli_set_load, 0, "put the image into the local store (the default)"},
    {"iidfile", 0, result, "FILE", NULL, cli_set_file, AT(iidfile), "write the image ID to a file"},
    {"metadata-file", 0, result, "FILE", NULL, cli_set_file, AT(metadata_file), "write digests and names to a JSON file"},
    {"jobs", 'j', steps, "N", NULL, set_jobs, AT(jobs), "steps at once (default: number of processors; 0: all)"},
    {"invoke", 0, steps, "on-error[,PROGRAM]", NULL, set_invoke, AT(invoke),
     "when a RUN fails, start a shell (or PROGRAM) in its sandbox, as it was left"},
    {"allow", 0, steps, "ENTITLEMENT", NULL, set_allow, 0, "allow network.host or security.insecure in RUN"},
    {"secret", 0, steps, "id=ID[,src=FILE|env=VAR][,keyed]", NULL, cli_set_secret, 0,
     "secret for RUN --mount=type=secret; keyed: its value counts in the cache"},
    {"ssh", 0, steps, "default|ID[=SOCKET]", NULL, cli_set_ssh, 0, "ssh agent for RUN --mount=type=ssh"},
    {"progress", 0, display, "KIND", NULL, cli_set_progress, AT(progress),
     "auto (default: $BUILDKIT_PROGRESS, else by terminal), tty, plain, quiet, rawjson, none"},
    {"quiet", 'q', display, NULL, NULL, cli_set_switch, AT(quiet), "print only the image ID"},
};

const struct cli_table cli_build_options = {options, CB_LEN(options)};

/* ---- all of it together -------------------------------------------------------------------------------------------- */

/* Later ones count: those of files come first. */
static void join_build_args(struct build_request *r)
{
    struct cb_strv given = r->build_args;
    r->build_args = r->file_args;
    r->file_args = (struct cb_strv){0};
    cb_strv_copy(&r->build_args, &given);
    cb_strv_done(&given);
}

/* buildx forwards it too. */
void cli_default_epoch(struct build_request *r)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    bool given = false;
    for (size_t i = 0; i < r->build_args.n; i++)
        given |= cb_starts(r->build_args.items[i], "SOURCE_DATE_EPOCH=");
    if (epoch && *epoch && !given)
        cb_strv_take(&r->build_args, cb_printf("SOURCE_DATE_EPOCH=%s", epoch));
}

static void fill_defaults(struct build_request *r)
{
    join_build_args(r);
    cli_default_epoch(r);
    if (!r->jobs) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        r->jobs = n > 0 ? (int)n : 1;
    }
    if (!r->network)
        r->network = "default";
    if (!r->n_outputs)
        build_output_begin(&CB_PUSH(r->outputs, r->n_outputs, r->cap_outputs), build_outputs[0]);
}

static int check_push(const struct build_request *r, const struct build_output *o, struct cb_error *err)
{
    if (r->call != BUILD_CALL_BUILD || !o->push)
        return 0;
    if (!o->name && !r->tags.n) {
        cb_fail(err, CB_E_USAGE, "nothing to push: the image has no name");
        return cb_hint(err, "name it with -t registry.example/name:tag");
    }
    if (o->by_digest && !o->name) {
        cb_fail(err, CB_E_USAGE, "--output: push-by-digest=true needs a repository of its own to push to");
        return cb_hint(err, "give it a name without a tag: -o type=registry,name=registry.example/name,push-by-digest=true");
    }
    return 0;
}

/* The second would be written over the first, or behind it. */
static int check_dest(const struct build_request *r, size_t i, struct cb_error *err)
{
    const char *dest = r->outputs[i].dest;
    for (size_t k = 0; dest && k < i; k++) {
        if (!r->outputs[k].dest || strcmp(r->outputs[k].dest, dest) != 0)
            continue;
        if (strcmp(dest, "-") == 0)
            cb_fail(err, CB_E_USAGE, "--output: two outputs go to standard output");
        else
            cb_fail(err, CB_E_USAGE, "--output: two outputs go to '%s'", dest);
        return cb_hint(err, "give each a dest= of its own");
    }
    return 0;
}

static const struct cli_option progress_options[] = {
    {"progress", 0, "Display", "KIND", NULL, cli_set_progress, offsetof(struct cli_invocation, request.progress),
     "auto (default: $BUILDKIT_PROGRESS, else by terminal), tty, plain, quiet, rawjson, none"},
    {"quiet", 'q', "Display", NULL, NULL, cli_set_quiet, offsetof(struct cli_invocation, request.progress),
     "the same as --progress=quiet"},
};
const struct cli_table cli_progress_options = {progress_options, CB_LEN(progress_options)};

int cli_default_progress(struct build_request *r, struct cb_error *err)
{
    const char *v = getenv("BUILDKIT_PROGRESS");
    return r->progress != BUILD_PROGRESS_AUTO || !v || !*v ? 0 : choose_progress("BUILDKIT_PROGRESS", v, &r->progress, err);
}

/* --format is for every output that has layers. */
static int apply_format(struct build_request *r, struct cb_error *err)
{
    for (size_t i = 0; r->changes.docker_types && i < r->n_outputs; i++) {
        struct build_output *o = &r->outputs[i];
        o->docker_types = true;
        if (build_output_end(o, err) < 0)
            return cb_prefix(err, "--format docker: --output type=%s", o->ops->name);
    }
    return 0;
}

/* Who waits has to say so there, and to find the result there. */
static int check_wait(const struct build_request *r, struct cb_error *err)
{
    bool can = !r->cache_wait;
    for (size_t i = 0; i < r->n_shares; i++)
        can |= build_share_can_wait(r, i);
    if (can)
        return 0;
    cb_fail(err, CB_E_USAGE, "--cache-wait: no shared cache can tell who executes what");
    return cb_hint(
        err, "name one both in --cache-from and in --cache-to; entries of type=gha cannot be replaced, so it cannot be one");
}

/* Attestations stand in an index beside the image. */
static int check_attestations(const struct build_request *r, struct cb_error *err)
{
    bool can = !(r->attest.sbom || r->attest.provenance) || r->call != BUILD_CALL_BUILD;
    for (size_t i = 0; i < r->n_outputs; i++)
        can |= build_output_attests(&r->outputs[i]);
    if (can)
        return 0;
    cb_fail(err, CB_E_USAGE, "--%s: no output can hold it", r->attest.sbom ? "sbom" : "provenance");
    return cb_hint(err,
                   "--push and -o type=oci can, with OCI's media types; 'cbuild sbom NAME' lists the packages of an image in "
                   "the store, --metadata-file has the provenance");
}

static int check_index_annotations(const struct build_request *r, struct cb_error *err)
{
    bool asked = build_annotations_need_index(&r->annotations);
    for (size_t i = 0; i < r->n_outputs; i++)
        asked = asked || build_annotations_need_index(&r->outputs[i].annotations);
    if (!asked || r->attest.sbom || r->attest.provenance)
        return 0;
    cb_fail(err, CB_E_USAGE, "an annotation of the index is given, and an image of one platform has no index");
    return cb_hint(err, "name several with --platform, or have an index made with --build-arg BUILDKIT_MULTI_PLATFORM=1");
}

/* What takes an image takes several, where its form has room for them. */
static int check_platforms(const struct build_request *r, struct cb_error *err)
{
    struct oci_platform *list = NULL;
    size_t n = 0;
    if (oci_platforms_parse(r->platform, &list, &n, err) < 0)
        return -1;
    oci_platforms_free(list, n);
    if (n == 1 && !build_arg_says_yes(r, "BUILDKIT_MULTI_PLATFORM"))
        return check_index_annotations(r, err);
    for (size_t i = 0; i < r->n_outputs && n > 1; i++) {
        const struct build_output_ops *ops = r->outputs[i].ops;
        if (!ops->one_platform)
            continue;
        cb_fail(err, CB_E_USAGE, "--output type=%s: such an archive has one image, and there are %zu platforms", ops->name, n);
        return cb_hint(err,
                       "type=oci holds all of them (docker load reads it where docker stores images in containerd); or name one "
                       "platform");
    }
    return 0;
}

/* Each option may be right by itself, and all of them together wrong. */
static int check_together(struct build_request *r, struct cb_error *err)
{
    if (check_wait(r, err) < 0 || check_platforms(r, err) < 0)
        return -1;
    if (r->quiet && r->progress != BUILD_PROGRESS_AUTO && r->progress != BUILD_PROGRESS_QUIET)
        return cb_fail(err, CB_E_USAGE, "--quiet and --progress=%s contradict each other", build_progress_names[r->progress]);
    if (r->quiet)
        r->progress = BUILD_PROGRESS_QUIET;
    if (cli_default_progress(r, err) < 0 || apply_format(r, err) < 0 || check_attestations(r, err) < 0)
        return -1;
    for (size_t i = 0; i < r->n_outputs; i++) {
        const char *dest = r->outputs[i].dest;
        if (r->progress == BUILD_PROGRESS_QUIET && dest && strcmp(dest, "-") == 0)
            r->progress = BUILD_PROGRESS_NONE; /* an image ID behind an archive would be part of it */
        if (check_push(r, &r->outputs[i], err) < 0 || check_dest(r, i, err) < 0)
            return -1;
        if (r->outputs[i].docker_types && r->annotations.n) {
            cb_fail(err, CB_E_USAGE, "--annotation: manifests with Docker's media types have no annotations");
            return cb_hint(err, "add oci-mediatypes=true to the output");
        }
    }
    return 0;
}

/* Who works in a failed step types on standard input. */
static int check_input(const struct build_request *r, struct cb_error *err)
{
    bool taken = strcmp(r->context, "-") == 0 || (r->dockerfile && strcmp(r->dockerfile, "-") == 0);
    return r->invoke.n && taken ? cb_fail(err, CB_E_USAGE, "--invoke needs standard input, from which the build is read") : 0;
}

static int take_context(struct cli_invocation *v, struct cb_error *err)
{
    if (v->args.n > 1)
        return cb_fail(err, CB_E_USAGE, "one build context is expected, not '%s' and '%s'", v->args.items[0], v->args.items[1]);
    if (!v->args.n) {
        cb_fail(err, CB_E_USAGE, "no build context is given");
        return cb_hint(err, "give a directory, as in: cbuild -t app:1 .");
    }
    cli_put(&v->request.context, v->args.items[0]);
    return 0;
}

int cli_complete(struct cli_invocation *v, struct cb_error *err)
{
    struct build_request *r = &v->request;
    if (take_context(v, err) < 0)
        return -1;
    if (r->call != BUILD_CALL_BUILD && (r->iidfile || r->metadata_file))
        return cb_fail(err, CB_E_USAGE, "%s goes with a build: --call makes no image",
                       r->iidfile ? "--iidfile" : "--metadata-file");
    fill_defaults(r);
    if (check_input(r, err) == 0 && check_together(r, err) == 0 && rt_limits_check(&r->limits, err) == 0 &&
        rt_confinement_check(&r->confinement, err) == 0)
        return 0;
    err->code = CB_E_USAGE;
    return -1;
}
