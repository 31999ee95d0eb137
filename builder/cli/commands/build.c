/* `cbuild build`: contexts, plan, keys, schedule, image, outputs, in this order. */
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options.h"
#include "builder/cli/commands/commands.h"
#include "base/clock.h"
#include "base/fd.h"
#include "builder/cli/commands/attest.h"
#include "builder/cli/commands/built.h"
#include "builder/cli/commands/call.h"
#include "builder/cli/commands/explain.h"
#include "builder/cli/commands/lists.h"
#include "builder/cli/commands/metadata.h"
#include "builder/cli/commands/sign.h"
#include "builder/execute/execute.h"
#include "builder/execute/keys/keys.h"
#include "builder/output/out-file.h"
#include "builder/output/output.h"
#include "builder/show/report.h"
#include "builder/execute/schedule/ceiling.h"
#include "builder/execute/schedule/schedule.h"
#include "builder/execute/schedule/settle.h"
#include "builder/session/jobs.h"
#include "builder/session/proxies.h"

#include <unistd.h>

static int fail(struct build *b, struct cb_error *err)
{
    build_emit(b->session, &(struct build_event){.kind = BUILD_EVENT_LINT,
                                                 .lint = &b->plan.lint,
                                                 .dockerfile = b->contexts.dockerfile_name,
                                                 .source = {b->contexts.dockerfile.data, b->contexts.dockerfile.len}});
    build_emit(b->session, &(struct build_event){.kind = BUILD_EVENT_BUILD_DONE});
    struct cb_str source = {b->contexts.dockerfile.data, b->contexts.dockerfile.len};
    build_report(source, b->contexts.dockerfile_name, err);
    for (size_t i = 0; i < b->more_errors.n; i++)
        build_report(source, b->contexts.dockerfile_name, &b->more_errors.items[i]);
    int status = build_exit_status(err);
    cb_error_done(err);
    return status;
}

/* ---- results ------------------------------------------------------------------------------------------------------------- */

static uint64_t sum(const struct build_layer_size *layers, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++)
        all += layers[i].size;
    return all;
}

/* The sizes of layers are read from the store, layer by layer: not for displays that show none. */
static bool shows_sizes(const struct build_request *q)
{
    return q->progress != BUILD_PROGRESS_QUIET && q->progress != BUILD_PROGRESS_NONE;
}

static void summarize(struct build *b, const struct build_images *images, const struct build_result *r,
                      const struct build_counts *counts)
{
    char id[CB_DIGEST_TEXT + 1], manifest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&images->items[0].stored.config, id);
    cb_digest_text(&r->manifest, manifest);
    CB_AUTO(free) struct build_layer_size *layers = NULL;
    size_t n_layers = shows_sizes(b->session->request) ? cli_layer_sizes(b, &layers) : 0;
    struct build_summary s = {
        .counts = *counts,
        .seconds = cb_seconds_since(&b->session->begun),
        .image_id = id,
        .manifest_digest = r->has_manifest ? manifest : NULL,
        .size = sum(layers, n_layers),
        .names = (const char *const *)r->names.items,
        .n_names = r->names.n,
        .layers = layers,
        .n_layers = n_layers,
    };
    build_emit(b->session, &(struct build_event){.kind = BUILD_EVENT_BUILD_DONE, .summary = &s});
}

enum { RESULT_FILES = 5 };

/* The files that say what a build came to. */
static void result_files(const struct build_request *q, const char *ret[RESULT_FILES])
{
    const struct build_digest_files *d = &q->digest_files;
    const char *files[RESULT_FILES] = {q->iidfile, q->metadata_file, d->digest, d->names, d->tags};
    memcpy(ret, files, sizeof(files));
}

static int check_destinations(const struct build_request *q, struct cb_error *err)
{
    for (size_t i = 0; i < q->n_outputs; i++)
        if (build_output_check(&q->outputs[i], err) < 0)
            return -1;
    const char *files[RESULT_FILES];
    result_files(q, files);
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (files[i] && build_out_check(files[i], err) < 0)
            return -1;
    return 0;
}

/* Scripts look into these files instead of at the exit status: what the last build wrote must not pass for this one's. */
static void forget_results(const struct build_request *q)
{
    const char *files[RESULT_FILES];
    result_files(q, files);
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (files[i])
            build_out_forget(files[i]);
}

/* The failure is reported first: it says what there is to look for. */
static int invoke(struct build *b, struct build_graph *graph, struct cb_error *err)
{
    int status = fail(b, err);
    if (build_execute_invoke(graph, graph->failed, err) < 0)
        (void)cli_report(err);
    return status;
}

/* What it has made stays for the next one, but not beyond the store's limit. */
static int steps_failed(struct build *b, struct build_graph *graph, const struct build_counts *counts, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    int status = graph->failed && b->session->request->invoke.n ? invoke(b, graph, err) : -1;
    if (counts->run > 0 && !b->session->canceled)
        (void)build_ceiling_keep(b->session, &ignored);
    return status;
}

/* From the plan to the outputs. As build. */
static int carry_out(struct build *b, struct cb_error *err)
{
    const struct build_request *q = b->session->request;
    struct build_counts counts = {0};
    CB_AUTO(build_graph) struct build_graph graph;
    build_graph_init(&graph, b);
    if (build_keys_define(&graph, err) < 0)
        return -1;
    build_contexts_settle(&b->contexts); /* before it is inherited by all that is forked */
    if (q->dry_run)
        return cli_explain(&graph, err);
    if (build_schedule_run(&graph, &counts, err) < 0)
        return steps_failed(b, &graph, &counts, err);
    CB_AUTO(build_images) struct build_images images = {0};
    CB_AUTO(build_result) struct build_result result = {0};
    if (cli_images_of(&graph, &images, err) < 0 || cli_attest(&graph, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < q->n_outputs; i++)
        if (build_output_write(b->session, &q->outputs[i], &images, &result, err) < 0 ||
            cli_sign(b->session, &q->outputs[i], &result, err) < 0)
            return -1;
    if (q->list && cli_add_to_list(b->session, q->list, &images, err) < 0)
        return -1;
    if (cli_write_metadata(&graph, &counts, &images, &result, err) < 0)
        return -1;
    if (counts.run > 0 && build_ceiling_keep(b->session, err) < 0)
        return -1;
    summarize(b, &images, &result, &counts);
    build_settle(b);
    return 0;
}

/* A layer was said to be elsewhere, and is not, or is another one there. Once that is known, nothing is believed to be there that
 * is not here: what cannot be had is made. */
static int begin_again(struct build *b, struct cb_error *err)
{
    build_warning(b->session, "%s; steps whose layers are only elsewhere are executed again", err->msg);
    cb_error_done(err);
    b->session->store->only_here = true;
    build_jobs_end(b->session);
    free(CB_TAKE(b->made));
    return carry_out(b, err);
}

/* The exit status when that is not 0 and the reason has been reported; 0; or -1. */
static int build(struct build *b, struct cb_error *err)
{
    const struct build_request *q = b->session->request;
    if (!q->dry_run && (check_destinations(q, err) < 0 || cli_sign_check(q, err) < 0))
        return -1;
    if (build_contexts_open(b->session, &b->contexts, err) < 0 || build_plan(b, err) < 0)
        return -1;
    build_emit(b->session, &(struct build_event){.kind = BUILD_EVENT_LINT,
                                                 .lint = &b->plan.lint,
                                                 .dockerfile = b->contexts.dockerfile_name,
                                                 .source = {b->contexts.dockerfile.data, b->contexts.dockerfile.len}});
    if (df_lint_check(&b->plan.lint, err) < 0)
        return -1;
    int r = carry_out(b, err);
    return r < 0 && err->code == CB_E_LOST ? begin_again(b, err) : r;
}

/* From here on everything that is shown goes to a file. */
static int open_log(const char *name, struct cb_error *err)
{
    CB_AUTO(close) int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        return cb_fail_sys(err, errno, "--logfile: open '%s'", name);
    return 0;
}

static int run(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    const struct build_request *request = &v->request;
    if (cli_complete(v, err) < 0 || build_proxies_find(&v->request, err) < 0 ||
        (request->logfile && open_log(request->logfile, err) < 0))
        return -1;
    struct build b = BUILD_INIT(&v->session);
    if (!request->dry_run)
        forget_results(request);
    v->opened = true;
    int status = build_session_open(&v->session, request, cli_renderer(v), err);
    for (size_t i = 0; i < request->notes.n && status == 0; i++)
        build_note(&v->session, "%s", request->notes.items[i]);
    if (status == 0)
        status = request->call == BUILD_CALL_BUILD ? build(&b, err) : cli_call(&b, err);
    if (status < 0)
        status = fail(&b, err);
    build_done(&b);
    return status;
}

const struct cli_command cli_build = {
    .name = "build",
    .arguments = "CONTEXT",
    .help = "build an image (the word 'build' may be left out)",
    .max = SIZE_MAX, /* counted by cli_complete, which says what is missing */
    .tables = {CLI_BUILD_TABLES},
    .size = sizeof(struct cli_invocation),
    .environment = cli_build_environment,
    .run = run,
};
