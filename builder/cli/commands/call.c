#include "builder/cli/commands/call.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/build.h"
#include "builder/cli/commands/outline.h"
#include "builder/show/table.h"

#include <stdio.h>

/* ---- check --------------------------------------------------------------------------------------------------------- */

/* Where the Dockerfile is, seen from where we were called: code scanning services show results beside the file. */
static char *dockerfile_uri(const struct build *b)
{
    const struct build_request *q = b->session->request;
    const char *name = b->contexts.dockerfile_name ? b->contexts.dockerfile_name : "Dockerfile";
    bool in_context = !q->dockerfile && q->context[0] != '/' && b->contexts.main.dir >= 0 && !b->contexts.main.remote;
    if (q->dockerfile && q->dockerfile[0] != '/' && strcmp(q->dockerfile, "-") != 0)
        return cb_path_clean(q->dockerfile);
    return in_context ? cb_path_join(q->context, name) : cb_strdup(name);
}

static void print_check_text(const struct build *b, const char *name, struct cb_str source, bool failed, struct cb_buf *out)
{
    if (b->plan.lint.n == 1)
        cb_buf_adds(out, "Check complete, 1 warning has been found!\n");
    else if (b->plan.lint.n)
        cb_buf_printf(out, "Check complete, %zu warnings have been found!\n", b->plan.lint.n);
    else if (!failed)
        cb_buf_adds(out, "Check complete, no warnings found.\n");
    df_lint_text(&b->plan.lint, name, source, out);
}

/* BuildKit answers a check with the status 1 as soon as there is a warning, and buildx ends with that status: a check
 * in CI has to fail without `# check=error=true`. `ignorestatus=true` gives 0. */
static int check(struct build *b, struct cb_buf *out, struct cb_error *err)
{
    const struct build_request *q = b->session->request;
    int r = build_plan(b, err);
    if (r == 0)
        r = df_lint_check(&b->plan.lint, err);
    const char *name = b->contexts.dockerfile_name;
    struct cb_str source = {b->contexts.dockerfile.data, b->contexts.dockerfile.len};
    const struct cb_error *failure = r < 0 ? err : NULL;
    bool json = q->call_format && strcmp(q->call_format, "json") == 0;
    if (!json) /* for programs they stay in the order in which they were found, as with BuildKit */
        df_lint_sort(&b->plan.lint);
    if (json) {
        df_lint_json(&b->plan.lint, name, source, failure, out);
    } else if (q->call_format && strcmp(q->call_format, "sarif") == 0) {
        CB_AUTO(free) char *uri = dockerfile_uri(b);
        df_lint_sarif(&b->plan.lint, uri, failure, CBUILD_VERSION, out);
    } else {
        print_check_text(b, name, source, r < 0, out);
    }
    int status = b->plan.lint.n && !q->call_ignore_status;
    df_lint_done(&b->plan.lint); /* shown: not again beside the error */
    return r < 0 ? -1 : status;
}

/* ---- targets ------------------------------------------------------------------------------------------------------- */

static void targets_text(const struct df_dockerfile *d, struct cb_buf *out)
{
    struct build_table t = {.columns = 2, .gap = 1};
    build_table_row(&t, (const char *const[]){"TARGET", "DESCRIPTION"});
    for (size_t i = 0; i < d->n_stages; i++) {
        const struct df_from *f = &d->stages[i].from->from;
        const char *mark = i + 1 < d->n_stages ? "" : f->name ? " (default)" : "(default)";
        CB_AUTO(free) char *name = cb_printf("%s%s", f->name ? f->name : "", mark);
        build_table_row(&t, (const char *const[]){name, f->doc});
    }
    build_table_print(&t, out);
}

static void targets_json(const struct build *b, const struct df_dockerfile *d, struct cb_buf *out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_stages; i++) {
        const struct df_instruction *from = d->stages[i].from;
        json_t *j = json_object();
        if (from->from.name)
            json_object_set_new(j, "name", cli_json_text(from->from.name));
        if (i + 1 == d->n_stages)
            json_object_set_new(j, "default", json_true());
        if (from->from.doc && *from->from.doc)
            json_object_set_new(j, "description", cli_json_text(from->from.doc));
        json_object_set_new(j, "base", cli_json_text(from->from.image));
        if (from->from.platform)
            json_object_set_new(j, "platform", cli_json_text(from->from.platform));
        json_object_set_new(j, "location", df_json_location(from->at));
        json_array_append_new(list, j);
    }
    CB_AUTO(json) json_t *doc = json_pack("{s:o,s:o}", "targets", list, "sources", cli_json_sources(b));
    cb_json_dump(doc, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

/* Needs the text only: no ARG is given a value, no image asked for, as in BuildKit. */
static int targets(struct build *b, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(df_errors) struct df_errors errors = {0};
    struct build_plan *plan = &b->plan; /* owns the file, and shows the place of an error */
    if (df_parse(b->contexts.dockerfile.data, b->contexts.dockerfile.len, &plan->file, err) < 0)
        return -1;
    if (df_decode(plan->file, NULL, &plan->dockerfile, &errors) < 0) {
        cb_error_move(err, &errors.items[0]);
        return -1;
    }
    if (b->session->request->call_format && strcmp(b->session->request->call_format, "json") == 0)
        targets_json(b, &plan->dockerfile, out);
    else
        targets_text(&plan->dockerfile, out);
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static int outline(struct build *b, struct cb_buf *out, struct cb_error *err)
{
    int r = build_plan(b, err);
    if (r == 0 && b->session->request->call_format && strcmp(b->session->request->call_format, "json") == 0)
        cli_outline_json(b, out);
    else if (r == 0)
        cli_outline_text(b, out);
    df_lint_done(&b->plan.lint); /* nobody asked for checks */
    return r;
}

int cli_call(struct build *b, struct cb_error *err)
{
    static int (*const calls[BUILD_CALL_COUNT])(struct build * b, struct cb_buf * out, struct cb_error * err) = {
        [BUILD_CALL_CHECK] = check, [BUILD_CALL_OUTLINE] = outline, [BUILD_CALL_TARGETS] = targets};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (build_contexts_open(b->session, &b->contexts, err) < 0)
        return -1;
    int status = calls[b->session->request->call](b, &out, err);
    fwrite(out.data, 1, out.len, stdout);
    if (fflush(stdout) != 0 && status >= 0)
        return cb_fail_sys(err, errno, "write to standard output");
    return status;
}
