/* prune: removes what nothing needs, and of the cache what its options say. */
#include "base/fd.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/filters.h"
#include "builder/cli/options/options-values.h"
#include "builder/session/jobs.h"

#include <stdio.h>
#include <unistd.h>

struct prune {
    struct cli_invocation common;
    struct cli_filters filters;
    bool all, mounts, dry_run, verbose;
    bool force;                             /* no question is asked anyway */
    uint64_t reserved, max_used, keep_free; /* 0: not given */
};

static void tell(void *arg, const struct cache_item *i)
{
    cli_item_line(arg, i);
}

/* What may stay, whatever says more: one keeps at least so much, the other at most. */
static struct cache_prune what_to_do(const struct prune *v)
{
    return (struct cache_prune){.all = v->all,
                                .mounts = v->mounts,
                                .dry_run = v->dry_run,
                                .keep_bytes = CB_MAX(v->reserved, v->max_used),
                                .keep_free = v->keep_free,
                                .older_than = v->filters.unused_for,
                                .filter = v->filters.filter};
}

static int prune_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io;
    struct build_session *s = world;
    const struct prune *v = s->frozen;
    CB_AUTO(cb_buf) struct cb_buf lines = CB_BUF_INIT;
    struct cache_prune how = what_to_do(v);
    struct cache_pruned done;
    how.tell = v->dry_run || v->verbose ? tell : NULL;
    how.arg = &lines;
    if (how.tell)
        cli_item_head(&lines);
    if (cache_prune(s->store, &how, &done, err) < 0)
        return -1;
    int r = cb_write_full(req->fds[0], lines.data, lines.len);
    if (r < 0)
        return cb_fail_sys(err, r, "write what was removed");
    cb_put_u64(answer, done.bytes);
    cb_put_u64(answer, done.count);
    return 0;
}

static int print(const struct prune *v, int lines, const struct cb_buf *answer, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    char size[16];
    int r = lseek(lines, 0, SEEK_SET) < 0 ? -errno : cb_read_fd(lines, SIZE_MAX / 2, &text);
    if (r < 0)
        return cb_fail_sys(err, r, "read what was removed");
    uint64_t bytes = cb_get_u64(&u), count = cb_get_u64(&u);
    fwrite(text.data, 1, text.len, stdout);
    printf("%s %llu %s, %s\n", v->dry_run ? "would remove" : "removed", (unsigned long long)count,
           count == 1 ? "entry" : "entries", cb_human_size(bytes, size));
    return 0;
}

static int prune(void *filled, struct cb_error *err)
{
    struct prune *v = filled;
    struct build_session *s = &v->common.session;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    CB_AUTO(close) int lines = cb_memory_file("pruned");
    struct rt_job_request req = {.fds = &lines, .n_fds = 1};
    if (lines < 0)
        return cb_fail_sys(err, lines, "make a file in memory");
    if ((v->dry_run ? cli_open_to_read : cli_open)(&v->common, err) < 0)
        return -1;
    s->lease = cb_close(s->lease); /* it uses nothing */
    s->store->lease = 0;
    build_ns_freeze(s, v);
    if (build_ns_call(s, prune_job, &req, &answer, err) < 0)
        return -1;
    return print(v, lines, &answer, err);
}

static void done(void *filled)
{
    struct prune *v = filled;
    cli_filters_done(&v->filters);
}

static int set_keep(const char *value, void *to, struct cb_error *err)
{
    uint64_t *keep = to;
    if (cli_set_size(value, keep, err) < 0)
        return -1;
    return *keep ? 0 : cb_fail(err, CB_E_USAGE, "'%s' keeps nothing: leave the option out", value);
}

#define AT(member) offsetof(struct prune, member)

static const char what[] = "What to remove", how_much[] = "How much", how[] = "How";

static const struct cli_option prune_options[] = {
    {"all", 'a', what, NULL, NULL, cli_set_switch, AT(all),
     "the whole cache: steps, downloads, cache mounts; not what a named image needs"},
    {"mounts", 0, what, NULL, NULL, cli_set_switch, AT(mounts), "the contents of cache mounts too"},
    {"until", 0, what, "DURATION", NULL, cli_set_unused, AT(filters), "what has not been used for this long: 168h"},
    {"max-age", 0, what, "DURATION", NULL, cli_set_unused, AT(filters), "the same"},
    {"filter", 0, what, "KEY=VALUE", NULL, cli_set_filter, AT(filters),
     "only these: id=, inuse=true|false, type=record, until=24h; id= takes an image by its name"},
    {"keep-storage", 0, how_much, "SIZE", NULL, set_keep, AT(reserved),
     "what has been unused for longest, until this much is left: 10g"},
    {"reserved-space", 0, how_much, "SIZE", NULL, set_keep, AT(reserved), "the same"},
    {"max-used-space", 0, how_much, "SIZE", NULL, set_keep, AT(max_used), "the same; of the two the larger counts"},
    {"min-free-space", 0, how_much, "SIZE", NULL, set_keep, AT(keep_free), "the same, until the file system has this much left"},
    {"dry-run", 0, how, NULL, NULL, cli_set_switch, AT(dry_run), "say what would go, and remove nothing"},
    {"verbose", 'v', how, NULL, NULL, cli_set_switch, AT(verbose), "say what goes"},
    CLI_SWITCH("volumes", 0, "false", "there are no volumes of containers", "--mounts removes what cache mounts hold"),
    {"force", 'f', how, NULL, NULL, cli_set_switch, AT(force), "accepted as in docker: no question is asked anyway"},
};

const struct cli_command cli_prune = {
    .name = "prune",
    .arguments = "",
    .help = "remove what nothing needs",
    .tables = {CLI_TABLE(prune_options)},
    .size = sizeof(struct prune),
    .run = prune,
    .done = done,
};
