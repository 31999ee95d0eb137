/* cache bench: a project's history is built commit by commit, to see what the cache does for it. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/replayed.h"
#include "builder/measure/peer.h"
#include "builder/measure/report.h"
#include "builder/output/out-file.h"

#include <stdio.h>

struct bench {
    struct cli_replayed common;
    const struct measure_peer *peer;
    char *json, *html;
};

typedef void form_fn(const struct measure_report *r, struct cb_buf *out);

static int put_file(const char *name, form_fn *form, const struct measure_report *r, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (!name)
        return 0;
    form(r, &out);
    return build_out_put(name, out.data, out.len, err);
}

static int check_files(const struct bench *v, struct cb_error *err)
{
    const char *files[] = {v->json, v->html};
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (files[i] && build_out_check(files[i], err) < 0)
            return -1;
    return 0;
}

static bool is_output(const char *name)
{
    return name && strcmp(name, "-") == 0;
}

static int put_all(const struct bench *v, const struct measure_report *r, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    measure_report_table(r, &out);
    if (!is_output(v->json) && !is_output(v->html))
        fwrite(out.data, 1, out.len, stdout);
    if (put_file(v->json, measure_report_json, r, err) < 0)
        return -1;
    return put_file(v->html, measure_report_html, r, err);
}

/* Only when no commit could be built is there nothing to report. */
static int check_any(const struct measure_report *r, struct cb_error *err)
{
    if (measure_whole(r).failed < r->n_builds)
        return 0;
    return cb_fail(err, CB_E_FAILED, "no commit could be built; the last said: %s", r->builds[r->n_builds - 1].error);
}

static int bench(void *filled, struct cb_error *err)
{
    struct bench *v = filled;
    CB_AUTO(measure_report) struct measure_report r = {.every = CB_MAX(v->common.every, 1)};
    if (check_files(v, err) < 0 || cli_replay_open(&v->common, err) < 0)
        return -1;
    r.range = cb_strdup(v->common.range);
    v->common.replay.peer = v->peer;
    if ((v->peer && measure_peer_check(&v->common.replay, err) < 0) || measure_replay_run(&v->common.replay, &r, err) < 0 ||
        check_any(&r, err) < 0)
        return -1;
    return put_all(v, &r, err);
}

static void done(void *filled)
{
    struct bench *v = filled;
    cli_replay_close(&v->common);
    free(v->json);
    free(v->html);
}

static int set_peer(const char *value, void *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    const struct measure_peer **peer = to;
    *peer = measure_peer_find(value);
    measure_peer_names(&names);
    return *peer ? 0 : cb_fail(err, CB_E_USAGE, "'%s' is not one of %s", value, names.data);
}

#define AT(member) offsetof(struct bench, member)

static const char what[] = "Where", output[] = "What comes of it";

static const struct cli_option options[] = {
    {"use-store", 0, what, NULL, NULL, cli_set_switch, AT(common.use_store),
     "build in the store itself, as it stands (default: an empty one beside it for the while)"},
    {"against", 0, output, "BUILDER", NULL, set_peer, AT(peer),
     "build everything with this one too: ", .choices = measure_peer_names},
    {"json", 0, output, "FILE", NULL, cli_set_file, AT(json), "write all figures to a file"},
    {"html", 0, output, "FILE", NULL, cli_set_file, AT(html), "write a page with plots, which needs no network"},
};

const struct cli_command cli_cache_bench = {
    .name = "cache bench",
    .arguments = "-- BUILD OPTIONS",
    .help = "replay a project's history, and say what the cache is worth",
    .max = SIZE_MAX,
    .tables = {&cli_replay_options, CLI_TABLE(options)},
    .size = sizeof(struct bench),
    .environment = NULL,
    .run = bench,
    .done = done,
};
