/* du, prune: what the store uses, and what of it goes. */
#include "base/fd.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/options-values.h"
#include "builder/session/jobs.h"
#include "cache/gc.h"

#include <stdio.h>

/* ---- du ---------------------------------------------------------------------------------------------------------------- */

static int usage_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)req;
    struct build_session *s = world;
    struct cache_usage_row rows[CACHE_USAGE_ROWS];
    if (cache_usage(s->store, rows, err) < 0)
        return -1;
    for (size_t i = 0; i < CACHE_USAGE_ROWS; i++) {
        cb_put_str(answer, rows[i].kind);
        cb_put_u64(answer, rows[i].count);
        cb_put_u64(answer, rows[i].bytes);
        cb_put_u64(answer, rows[i].reclaimable);
    }
    return 0;
}

static void print_usage(const struct cb_buf *answer)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    char size[16], reclaimable[16];
    uint64_t total = 0;
    printf("%-14s %8s %10s %12s\n", "KIND", "COUNT", "SIZE", "RECLAIMABLE");
    for (size_t i = 0; i < CACHE_USAGE_ROWS; i++) {
        CB_AUTO(free) char *kind = cb_get_str(&u);
        uint64_t count = cb_get_u64(&u), bytes = cb_get_u64(&u);
        total += bytes;
        printf("%-14s %8llu %10s %12s\n", kind, (unsigned long long)count, cb_human_size(bytes, size),
               cb_human_size(cb_get_u64(&u), reclaimable));
    }
    printf("%-14s %8s %10s\n", "total", "", cb_human_size(total, size));
}

static int du(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct rt_job_request req = {0};
    if (cli_open_to_read(v, err) < 0 || build_ns_call(&v->session, usage_job, &req, &answer, err) < 0)
        return -1;
    print_usage(&answer);
    return 0;
}

const struct cli_command cli_du = {
    .name = "du",
    .arguments = "",
    .help = "show what the store uses",
    .size = sizeof(struct cli_invocation),
    .run = du,
};

/* ---- prune ------------------------------------------------------------------------------------------------------------- */

struct prune {
    struct cli_invocation common;
    bool all, mounts;
    bool force; /* no question is asked anyway */
    uint64_t keep;
    int64_t until;
};

static int prune_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io;
    struct build_session *s = world;
    struct cache_prune how;
    uint64_t bytes, count;
    memcpy(&how, req->bytes, sizeof(how));
    cache_work_sweep(s->store);
    if (cache_prune(s->store, &how, &bytes, &count, err) < 0)
        return -1;
    cb_put_u64(answer, bytes);
    cb_put_u64(answer, count);
    return 0;
}

static int prune(void *filled, struct cb_error *err)
{
    struct prune *v = filled;
    struct build_session *s = &v->common.session;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct cache_prune how = {.all = v->all, .mounts = v->mounts, .keep_bytes = v->keep, .older_than = v->until};
    struct rt_job_request req = {&how, sizeof(how), NULL, 0};
    if (cli_open(&v->common, err) < 0)
        return -1;
    s->gc_lock = cb_close(s->gc_lock); /* prune takes it for itself */
    if (build_ns_call(s, prune_job, &req, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    char size[16];
    uint64_t bytes = cb_get_u64(&u);
    uint64_t count = cb_get_u64(&u);
    printf("removed %llu %s, %s\n", (unsigned long long)count, count == 1 ? "entry" : "entries", cb_human_size(bytes, size));
    return 0;
}

static int set_keep(const char *value, void *to, struct cb_error *err)
{
    uint64_t *keep = to;
    if (cli_set_size(value, keep, err) < 0)
        return -1;
    return *keep ? 0 : cb_fail(err, CB_E_USAGE, "'%s' keeps nothing: leave the option out", value);
}

#define AT(member) offsetof(struct prune, member)

static const char what[] = "What to remove";

static const struct cli_option prune_options[] = {
    {"all", 'a', what, NULL, NULL, cli_set_switch, AT(all), "images and the cache of steps too"},
    {"mounts", 0, what, NULL, NULL, cli_set_switch, AT(mounts), "the contents of cache mounts too"},
    {"keep-storage", 0, what, "SIZE", NULL, set_keep, AT(keep), "what has been unused for longest, until this much is left: 10g"},
    {"until", 0, what, "DURATION", NULL, cli_set_span, AT(until), "what has not been used for this long: 168h"},
    {"force", 'f', what, NULL, NULL, cli_set_switch, AT(force), "accepted as in docker: no question is asked anyway"},
    CLI_SWITCH("dry-run", 0, "false", "what would go is not listed", "'cbuild du' shows how much it is"),
    CLI_VALUE("filter", 0, NULL, "there are no filters", "--until DURATION and --keep-storage SIZE say what goes"),
};

const struct cli_command cli_prune = {
    .name = "prune",
    .arguments = "",
    .help = "remove what nothing needs",
    .tables = {CLI_TABLE(prune_options)},
    .size = sizeof(struct prune),
    .run = prune,
};
