/* cache advise: what would have made the builds of a project's history faster. */
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/replayed.h"
#include "builder/measure/advise.h"
#include "builder/measure/report.h"
#include "builder/output/out-file.h"
#include "builder/show/standard-error.h"

#include <stdio.h>

struct advise {
    struct cli_replayed common;
    char *from, *write, *json;
};

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void put_text(struct cb_buf *out, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    cb_shorten_message(&shown, text, strlen(text));
    cb_escape_terminal(out, shown.data, shown.len, false);
    cb_buf_addc(out, '\n');
}

static void put_advice(const struct measure_advice *a, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf said = CB_BUF_INIT;
    measure_advice_say(a, &said);
    put_text(out, said.data);
}

static void put_proved(const struct measure_advised *r, struct cb_buf *out)
{
    char time[16], all[16];
    size_t n = 0;
    bool lacks = false;
    for (size_t i = 0; i < r->advices.n; i++) {
        const struct measure_advice *a = &r->advices.items[i];
        if (a->outcome != MEASURE_PROVED)
            continue;
        cb_buf_printf(out, "\n%zu. ", ++n);
        put_advice(a, out);
        if (a->saved > 0)
            cb_buf_printf(out, "   would have saved %s of %s (%.0f %%)\n", cb_human_duration(a->saved, time),
                          cb_human_duration(r->spent, all), a->saved / r->spent * 100);
        lacks |= measure_advice_patterns(a) && a->why;
        if (a->why) {
            cb_buf_adds(out, "   ");
            put_text(out, a->why);
        }
    }
    if (n)
        cb_buf_printf(out, "\nChecked: with it all %zu builds give the same files in the end%s.\n", r->n_builds,
                      lacks ? ", but for those named above" : "");
    else
        cb_buf_adds(out, "\nNothing that was tried would have helped.\n");
    if (n && r->n_unstable)
        cb_buf_printf(out, "Not compared: %zu %s different whenever it is made.\n", r->n_unstable,
                      r->n_unstable == 1 ? "file that is" : "files, each of which is");
}

static void put_dropped(const struct measure_advised *r, struct cb_buf *out)
{
    for (size_t i = 0; i < r->advices.n; i++) {
        const struct measure_advice *a = &r->advices.items[i];
        if (a->outcome != MEASURE_DROPPED)
            continue;
        cb_buf_adds(out, "\nDropped: ");
        put_advice(a, out);
        cb_buf_adds(out, "   ");
        put_text(out, a->why);
    }
}

static void put_all(const struct measure_advised *r, struct cb_buf *out)
{
    char time[16];
    cb_buf_printf(out, "%zu builds: %s spent on steps that missed, the first build apart.\n", r->n_builds,
                  cb_human_duration(r->spent, time));
    put_proved(r, out);
    put_dropped(r, out);
    if (r->diff.len) {
        cb_buf_addc(out, '\n');
        cb_escape_terminal(out, r->diff.data, r->diff.len, true);
    }
    if (r->ignore.len) {
        cb_buf_adds(out, "\n.dockerignore:\n");
        cb_escape_terminal(out, r->ignore.data, r->ignore.len, true);
    }
}

/* ---- for programs ------------------------------------------------------------------------------------------------ */

static json_t *text(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s, strlen(s));
    return json_stringn(clean.data, clean.len);
}

static json_t *advice_json(const struct measure_advice *a)
{
    static const char *const outcomes[] = {[MEASURE_UNTRIED] = "untried",
                                           [MEASURE_PROVED] = "proved",
                                           [MEASURE_HARMLESS] = "dropped",
                                           [MEASURE_DROPPED] = "dropped"};
    CB_AUTO(cb_buf) struct cb_buf said = CB_BUF_INIT;
    json_t *j = json_object(), *files = json_array();
    measure_advice_say(a, &said);
    json_object_set_new(j, "kind", json_string(measure_advice_kind(a)));
    json_object_set_new(j, "text", text(said.data));
    json_object_set_new(j, "outcome", json_string(outcomes[a->outcome]));
    json_object_set_new(j, "saved", json_real(a->saved));
    json_object_set_new(j, "estimate", json_real(a->estimate));
    for (size_t i = 0; i < a->files.n; i++)
        json_array_append_new(files, text(a->files.items[i]));
    json_object_set_new(j, "files", files);
    if (a->why)
        json_object_set_new(j, "why", text(a->why));
    return j;
}

static void put_json(const struct measure_advised *r, struct cb_buf *out)
{
    CB_AUTO(json) json_t *j = json_object();
    json_t *list = json_array();
    json_object_set_new(j, "version", json_integer(1));
    json_object_set_new(j, "builds", json_integer((json_int_t)r->n_builds));
    json_object_set_new(j, "spent", json_real(r->spent));
    for (size_t i = 0; i < r->advices.n; i++)
        json_array_append_new(list, advice_json(&r->advices.items[i]));
    json_object_set_new(j, "advice", list);
    json_object_set_new(j, "dockerfile", text(r->after.data));
    json_object_set_new(j, "ignore", text(r->ignore.data));
    cb_json_dump(j, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void tell(const struct measure_advice *a, size_t i, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_buf_printf(&out, "trying %zu of %zu: ", i, n);
    put_advice(a, &out);
    build_show(&out);
}

/* What is measured already; the history is that of the report. */
static int read_report(struct advise *v, struct measure_report *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (!v->from)
        return 0;
    if (v->common.range || v->common.every)
        return cb_fail(err, CB_E_USAGE, "--from says what was replayed: --git and --every do not go with it");
    int e = cb_read_file(AT_FDCWD, v->from, CB_MAX_STORE_JSON, &bytes);
    if (e < 0)
        return cb_fail_sys(err, e, "read '%s'", v->from);
    if (measure_report_read(bytes.data, bytes.len, ret, err) < 0)
        return cb_prefix(err, "'%s'", v->from);
    if (!ret->n_builds)
        return cb_fail(err, CB_E_USAGE, "'%s': there are no builds in the report", v->from);
    v->common.range = cb_strdup(ret->range);
    v->common.every = ret->every;
    return 0;
}

/* Under this name a build finds its ignore file, too. */
static int write_result(const char *name, const struct measure_advised *r, struct cb_error *err)
{
    if (!name)
        return 0;
    const struct cb_buf *text = r->after.len ? &r->after : &r->before;
    if (build_out_put(name, text->data, text->len, err) < 0 || !r->ignore.len)
        return r->ignore.len ? -1 : 0;
    CB_AUTO(free) char *ignore = cb_printf("%s.dockerignore", name);
    return build_out_put(ignore, r->ignore.data, r->ignore.len, err);
}

static int put_results(const struct advise *v, const struct measure_advised *r, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT, json = CB_BUF_INIT;
    put_all(r, &out);
    put_json(r, &json);
    if (!v->json || strcmp(v->json, "-") != 0)
        fwrite(out.data, 1, out.len, stdout);
    if (v->json && build_out_put(v->json, json.data, json.len, err) < 0)
        return -1;
    return write_result(v->write, r, err);
}

static int advise(void *filled, struct cb_error *err)
{
    struct advise *v = filled;
    CB_AUTO(measure_report) struct measure_report report = {0};
    CB_AUTO(measure_advised) struct measure_advised result = MEASURE_ADVISED_INIT;
    if ((v->json && build_out_check(v->json, err) < 0) || (v->write && build_out_check(v->write, err) < 0) ||
        read_report(v, &report, err) < 0 || cli_replay_open(&v->common, err) < 0)
        return -1;
    if (measure_advise(&v->common.replay, &report, tell, &result, err) < 0)
        return -1;
    return put_results(v, &result, err);
}

static void done(void *filled)
{
    struct advise *v = filled;
    cli_replay_close(&v->common);
    char *strings[] = {v->from, v->write, v->json};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
}

#define AT(member) offsetof(struct advise, member)

static const char output[] = "What comes of it";

static const struct cli_option options[] = {
    {"from", 0, output, "FILE", NULL, cli_set_file, AT(from),
     "the figures of a report that cache bench --json wrote, instead of --git"},
    {"write", 0, output, "FILE", NULL, cli_set_file, AT(write),
     "write the better Dockerfile to FILE (and the ignore file to FILE.dockerignore)"},
    {"json", 0, output, "FILE", NULL, cli_set_file, AT(json), "write what was found to a file, for programs"},
};

const struct cli_command cli_cache_advise = {
    .name = "cache advise",
    .arguments = "-- BUILD OPTIONS",
    .help = "say what would have made a project's builds faster, and check it",
    .max = SIZE_MAX,
    .tables = {&cli_replay_options, CLI_TABLE(options)},
    .size = sizeof(struct advise),
    .run = advise,
    .done = done,
};
