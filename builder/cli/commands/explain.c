/* What would run, and why; of what is known, why it was made the last time. */
#include "builder/cli/commands/explain.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options.h"
#include "builder/execute/schedule/foresee.h"
#include "builder/show/progress-text.h"

#include <stdio.h>

static const struct {
    const char *label, *word; /* for people, for programs */
} kinds[] = {
    [BUILD_FATE_UNNEEDED] = {"NOT NEEDED", "unneeded"},
    [BUILD_FATE_KNOWN] = {"CACHED", "cached"},
    [BUILD_FATE_RUNS] = {"RUNS", "runs"},
    [BUILD_FATE_OPEN] = {"MAY RUN", "open"},
};

/* Caller frees; NULL: there is nothing to say. */
static char *reason(const struct build_fate *f)
{
    switch (f->kind) {
    case BUILD_FATE_RUNS:
        return cb_strdup(f->cause.text ? f->cause.text : f->why);
    case BUILD_FATE_KNOWN:
        return f->cause.text ? cb_printf("last made because %s", f->cause.text) : cb_strdup(f->why);
    case BUILD_FATE_OPEN:
        return cb_printf(f->on->op == BUILD_OP_BASE ? "the files of %s are not here yet" : "it depends on the result of %s",
                         f->on->name);
    case BUILD_FATE_UNNEEDED:
        break;
    }
    return NULL;
}

/* ---- text -------------------------------------------------------------------------------------------------------------- */

static void put_line(struct cb_buf *out, const char *text)
{
    cb_buf_adds(out, "            ");
    build_progress_text(out, text);
}

static void put_text(struct cb_buf *out, const struct build_step *step, const struct build_fate *f)
{
    const struct build_differences *d = &f->cause.differences;
    CB_AUTO(free) char *why = reason(f);
    cb_buf_printf(out, "%-11s ", kinds[f->kind].label);
    build_progress_text(out, step->name);
    if (why && (f->kind != BUILD_FATE_RUNS || !d->n))
        put_line(out, why);
    for (size_t i = 0; f->kind == BUILD_FATE_RUNS && i < d->n; i++) {
        CB_AUTO(free) char *line = build_difference_line(&d->items[i]);
        put_line(out, line);
    }
    if (f->kind == BUILD_FATE_RUNS && d->more)
        cb_buf_printf(out, "            and %zu more\n", d->more);
}

static void put_sum(struct cb_buf *out, const size_t counts[])
{
    cb_buf_printf(out, "\n%zu %s would run", counts[BUILD_FATE_RUNS], counts[BUILD_FATE_RUNS] == 1 ? "step" : "steps");
    if (counts[BUILD_FATE_OPEN])
        cb_buf_printf(out, ", %zu may", counts[BUILD_FATE_OPEN]);
    cb_buf_printf(out, ", %zu cached\n", counts[BUILD_FATE_KNOWN]);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

static json_t *text(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s, strlen(s));
    return json_stringn(clean.data, clean.len);
}

static json_t *differences_json(const struct build_differences *d)
{
    static const char *const words[] = {[BUILD_CHANGED] = "changed", [BUILD_ADDED] = "added", [BUILD_REMOVED] = "removed"};
    json_t *list = json_array();
    for (size_t i = 0; i < d->n; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "input", text(d->items[i].what));
        json_object_set_new(j, "change", json_string(words[d->items[i].how]));
        if (*d->items[i].was)
            json_object_set_new(j, "was", json_string(d->items[i].was));
        if (*d->items[i].is)
            json_object_set_new(j, "is", json_string(d->items[i].is));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *step_json(const struct build_step *step, const struct build_fate *f)
{
    json_t *j = json_object();
    CB_AUTO(free) char *why = reason(f);
    json_object_set_new(j, "name", text(step->name));
    json_object_set_new(j, "fate", json_string(kinds[f->kind].word));
    if (why)
        json_object_set_new(j, "why", text(why));
    if (f->cause.text) {
        json_object_set_new(j, "differences", differences_json(&f->cause.differences));
        json_object_set_new(j, "more", json_integer((json_int_t)f->cause.differences.more));
        json_object_set_new(j, "below", json_boolean(f->cause.differences.below));
    }
    return j;
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static void put_all(const struct build_graph *g, const struct build_fate *fates, bool json, struct cb_buf *out)
{
    CB_AUTO(json) json_t *list = json_array();
    size_t counts[CB_LEN(kinds)] = {0};
    for (size_t i = 0; i < g->plan->n_steps; i++) {
        const struct build_step *step = g->plan->steps[i];
        if (step->op == BUILD_OP_BASE)
            continue;
        counts[fates[i].kind]++;
        if (json)
            json_array_append_new(list, step_json(step, &fates[i]));
        else if (fates[i].kind != BUILD_FATE_UNNEEDED)
            put_text(out, step, &fates[i]);
    }
    if (!json) {
        put_sum(out, counts);
        return;
    }
    cb_json_dump(list, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

int cli_explain(struct build_graph *g, struct cb_error *err)
{
    struct build_fate *fates = NULL;
    int r = build_foresee(g, &fates, err);
    if (r == 0) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        put_all(g, fates, g->build->session->request->dry_run_json, &out);
        fwrite(out.data, 1, out.len, stdout);
    }
    build_fates_free(fates, g->plan->n_steps);
    return r;
}

static int run(void *filled, struct cb_error *err)
{
    ((struct cli_invocation *)filled)->request.dry_run = true;
    return cli_build.run(filled, err);
}

static const struct cli_option options[] = {
    {"json", 0, "Output", NULL, NULL, cli_set_switch, offsetof(struct cli_invocation, request.dry_run_json), "for programs"},
};

const struct cli_command cli_explain_command = {
    .name = "explain",
    .arguments = "CONTEXT",
    .help = "say which steps a build would run, and why",
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(options), CLI_BUILD_TABLES},
    .size = sizeof(struct cli_invocation),
    .environment = cli_build_environment,
    .run = run,
};
