#include "builder/cli/commands/replayed.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/arguments.h"
#include "builder/cli/options/options.h"
#include "builder/show/standard-error.h"

/* ---- the build's options ------------------------------------------------------------------------------------------------------
 */

/* A replay sees to these itself, or they would come from every build. */
static int check_options(const struct build_request *q, bool shows, struct cb_error *err)
{
    const struct build_digest_files *d = &q->digest_files;
    bool files = q->iidfile || q->metadata_file || q->logfile || d->digest || d->names || d->tags;
    const struct {
        bool given;
        const char *option, *why;
    } refused[] = {
        {q->tags.n, "--tag", "its images are thrown away"},
        {q->n_outputs, "--output", "its images are thrown away"},
        {files, "a file for results", "every build would write it"},
        {q->dry_run || q->call != BUILD_CALL_BUILD, "an option that builds nothing", "builds are what is measured"},
        {q->invoke.n, "--invoke", "nobody works in it"},
        {q->root, "--root behind '--'", "it stands before, and says where the replay's store is"},
        {q->dockerfile && strcmp(q->dockerfile, "-") == 0, "--file -", "standard input is read once"},
        {q->run_root, "--run-root behind '--'", "it stands before"},
        {shows, "--progress", "it reads what the builds show"},
    };
    for (size_t i = 0; i < CB_LEN(refused); i++)
        if (refused[i].given)
            return cb_fail(err, CB_E_USAGE, "%s has no place in a replay: %s", refused[i].option, refused[i].why);
    return 0;
}

/* The history has the context and what lies in it. */
static int check_context(const struct cb_strv *args, struct cb_error *err)
{
    const char *context = args->n ? args->items[0] : NULL;
    if (args->n != 1) {
        cb_fail(err, CB_E_USAGE, args->n ? "one build context is expected" : "no build context is given");
        return cb_hint(err, "the build that is replayed stands behind '--', as in: -- -f Dockerfile .");
    }
    if (*context != '/' && strcmp(context, "-") != 0 && !strstr(context, "://") && !strchr(context, '@'))
        return 0;
    cb_fail(err, CB_E_USAGE, "the context '%s' is not a directory of the history", context);
    return cb_hint(err, "give it as a path from the current directory: .");
}

static int parse(struct cli_replayed *v, struct cb_error *err)
{
    struct cb_strv *args = &v->common.args;
    struct cli_invocation *b = v->build = CB_NEW(struct cli_invocation);
    if (cli_build.environment(&b->request, err) < 0)
        return -1;
    enum build_progress before = b->request.progress;
    if (cli_parse(&cli_build, (int)args->n, args->items, b, err) < 0 || check_context(&b->args, err) < 0 ||
        check_options(&b->request, b->request.progress != before || b->request.quiet, err) < 0)
        return -1;
    return cli_complete(b, err);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Neither the context nor the Dockerfile may be reached around the checkout. */
static int check_inside(const struct cli_replayed *v, struct cb_error *err)
{
    const struct build_request *q = &v->build->request;
    CB_AUTO(free) char *context = cb_path_join(v->replay.history.prefix, q->context);
    if (strcmp(context, "..") != 0 && !cb_starts(context, "../"))
        return 0;
    return cb_fail(err, CB_E_USAGE, "the context '%s' lies outside of the repository", q->context);
}

static void show_build(const struct measure_report *r, void *arg)
{
    const struct cli_replayed *v = arg;
    const struct measure_build *b = &r->builds[r->n_builds - 1];
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char time[16];
    cb_buf_printf(&out, "[%zu/%zu] %.10s %s, %zu missed: ", r->n_builds, v->replay.history.n, b->commit,
                  b->error ? "failed" : cb_human_duration(b->seconds, time), measure_count(b, MEASURE_MISS));
    cb_escape_terminal(&out, b->subject, strnlen(b->subject, 200), false);
    cb_buf_addc(&out, '\n');
    build_show(&out);
}

int cli_replay_open(struct cli_replayed *v, struct cb_error *err)
{
    v->replay = MEASURE_REPLAY_INIT;
    if (!v->range) {
        cb_fail(err, CB_E_USAGE, "no history is given");
        return cb_hint(err, "--git RANGE says which commits, as git log takes them: --git HEAD~20..HEAD");
    }
    if (parse(v, err) < 0 ||
        measure_replay_open(&v->replay, v->common.request.root, v->use_store, v->range, CB_MAX(v->every, 1), err) < 0)
        return -1;
    v->replay.options = &v->common.args;
    v->replay.request = &v->build->request;
    v->replay.run_root = v->common.request.run_root;
    v->replay.done = show_build;
    v->replay.arg = v;
    return check_inside(v, err);
}

void cli_replay_close(void *filled)
{
    struct cli_replayed *v = filled;
    measure_replay_close(&v->replay);
    free(v->range);
    if (!v->build)
        return;
    cb_strv_done(&v->build->args);
    build_request_done(&v->build->request);
    free(v->build);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int set_every(const char *value, void *to, struct cb_error *err)
{
    uint64_t *every = to;
    if (!cb_parse_u64(value, 1000000, every) || !*every)
        return cb_fail(err, CB_E_USAGE, "expected a number from 1 on, not '%s'", value);
    return 0;
}

#define AT(member) offsetof(struct cli_replayed, member)

static const char what[] = "What to replay";

static const struct cli_option options[] = {
    {"git", 0, what, "RANGE", NULL, cli_set_string, AT(range), "commits, as git log takes them: v1.0..v1.1, HEAD~20..HEAD"},
    {"every", 0, what, "N", NULL, set_every, AT(every), "only each N-th commit, counted from the newest"},
};

const struct cli_table cli_replay_options = {options, CB_LEN(options)};
