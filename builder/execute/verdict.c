#include "builder/execute/verdict.h"
#include "base/text.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

char *build_command_text(const struct build_run *run)
{
    CB_AUTO(cb_buf) struct cb_buf joined = CB_BUF_INIT;
    struct cb_buf quoted = CB_BUF_INIT;
    for (size_t i = 0; i < run->argv.n; i++) {
        if (i)
            cb_buf_addc(&joined, ' ');
        cb_buf_adds(&joined, run->argv.items[i]);
    }
    cb_quote_go(&quoted, joined.data, joined.len);
    return cb_buf_detach(&quoted);
}

/* As it is given on the command line: "512m". Caller frees. */
static char *size_text(int64_t bytes)
{
    static const char units[] = "kmgt";
    size_t unit = 0;
    while (unit < strlen(units) && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    return cb_printf(unit ? "%" PRId64 "%c" : "%" PRId64, bytes, units[unit ? unit - 1 : 0]);
}

static char *cause_memory(const struct rt_limits *l, const struct rt_result *res)
{
    CB_AUTO(free) char *limit = size_text(l->memory);
    CB_AUTO(free) char *peak = cb_printf(" (peak %.1f MiB)", (double)res->usage.peak_memory / (1 << 20));
    return cb_printf("killed: it used more than --memory %s%s", limit, res->excess.memory_counted ? peak : "");
}

char *build_verdict_cause(const struct build_request *q, const struct rt_result *res)
{
    char time[16];
    if (res->not_started)
        return cb_printf("%s%s%s", res->why, *res->advice ? "; " : "", res->advice);
    if (res->timed_out)
        return cb_printf("it ran longer than --step-timeout %s and was ended",
                         cb_human_duration((double)q->step_timeout_ms / 1e3, time));
    if (!res->signal && res->exit_code == 0)
        return NULL;
    if (res->excess.oom_killed && q->limits.memory)
        return cause_memory(&q->limits, res);
    if (res->oom_killed)
        return cb_strdup("it was killed because memory ran out");
    if (res->excess.fork_refused && q->limits.pids > 0)
        return cb_printf("it wanted more than the %" PRId64 " processes that --pids-limit allows", q->limits.pids);
    return NULL;
}

static void hint(const struct rt_result *res, const char *cause, struct cb_error *err)
{
    if (res->not_started)
        cb_hint(err, "the command could not be started: %s", cause);
    else if (cause)
        cb_hint(err, "%s", cause);
    else if (res->signal)
        cb_hint(err, "it was killed by signal %d (%s)", res->signal, strsignal(res->signal));
}

int build_verdict(const struct build_request *q, const struct build_run *run, const struct rt_result *res, struct cb_error *err)
{
    if (!res->not_started && !res->timed_out && !res->signal && res->exit_code == 0)
        return 0;
    CB_AUTO(free) char *command = build_command_text(run), *cause = build_verdict_cause(q, res);
    if (res->timed_out)
        return cb_fail(err, CB_E_RUN, "process %s did not complete successfully: %s", command, cause);
    int code = res->signal ? 128 + res->signal : res->not_started ? 1 : res->exit_code;
    cb_fail(err, CB_E_RUN, "process %s did not complete successfully: exit code: %d", command, code);
    err->exit_status = code;
    hint(res, cause, err);
    return -1;
}
