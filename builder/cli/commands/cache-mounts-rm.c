/* cache mounts rm */
#include "base/pack.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/mounts-list.h"
#include "builder/cli/options/options-values.h"
#include "builder/session/jobs.h"

#include <stdio.h>
#include <time.h>

struct rm {
    struct cli_invocation common;
    bool all;
    int64_t older;
};

static int remove_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io;
    struct build_session *s = world;
    int removed = cache_mounts_remove(s->store, req->bytes, err);
    cb_put_u8(answer, removed > 0);
    return removed < 0 ? -1 : 0;
}

/* 1, 0: it is in use, -1. */
static int remove_one(struct build_session *s, const struct cache_mount_about *a, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct rt_job_request req = {a->hex, sizeof(a->hex), NULL, 0};
    if (build_ns_call(s, remove_job, &req, &answer, err) < 0)
        return -1;
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    return cb_get_u8(&u);
}

/* One that was named and is in use is an error; of those that were not, it is only said. */
static int remove_chosen(struct rm *v, const struct cli_mounts *l, const bool *chosen, struct cb_error *err)
{
    uint64_t bytes = 0, n = 0;
    char size[16];
    for (size_t i = 0; i < l->n; i++) {
        int removed = chosen[i] ? remove_one(&v->common.session, &l->items[i], err) : 0;
        if (removed < 0)
            return -1;
        n += removed > 0;
        bytes += removed > 0 ? l->items[i].bytes : 0;
        if (chosen[i] && !removed && v->common.args.n)
            return cb_fail(err, CB_E_FAILED, "the cache mount '%s' is in use",
                           l->items[i].name.id ? l->items[i].name.id : l->items[i].hex);
        if (chosen[i] && !removed)
            build_note(&v->common.session, "the cache mount %.12s is in use: it stays", l->items[i].hex);
    }
    printf("removed %llu cache mount%s, %s\n", (unsigned long long)n, n == 1 ? "" : "s", cb_human_size(bytes, size));
    return 0;
}

/* An id stands for all that have it. */
static int choose(const struct rm *v, const struct cli_mounts *l, bool *chosen, struct cb_error *err)
{
    for (size_t k = 0; k < v->common.args.n; k++) {
        const char *word = v->common.args.items[k];
        bool any = false;
        for (size_t i = 0; i < l->n; i++)
            if (cli_mount_is_meant(&l->items[i], word))
                any = chosen[i] = true;
        if (!any) {
            cb_fail(err, CB_E_NOT_FOUND, "there is no cache mount '%s'", word);
            return cb_hint(err, "'cbuild cache mounts ls' shows which there are");
        }
    }
    for (size_t i = 0; i < l->n; i++)
        chosen[i] = chosen[i] || v->all || (v->older && l->items[i].used < time(NULL) - v->older);
    return 0;
}

static int rm(void *filled, struct cb_error *err)
{
    struct rm *v = filled;
    CB_AUTO(cli_mounts) struct cli_mounts l = {0};
    if ((v->common.args.n > 0) + v->all + (v->older != 0) != 1) {
        cb_fail(err, CB_E_USAGE, "expected the ids of cache mounts, or --all, or --older-than");
        return cb_hint(err, "'cbuild cache mounts ls' shows which there are");
    }
    if (cli_open(&v->common, err) < 0 || cli_mounts_get(&v->common.session, &l, err) < 0)
        return -1;
    CB_AUTO(free) bool *chosen = cb_alloc(l.n + 1);
    return choose(v, &l, chosen, err) < 0 ? -1 : remove_chosen(v, &l, chosen, err);
}

static const struct cli_option rm_options[] = {
    {"all", 'a', "What to remove", NULL, NULL, cli_set_switch, offsetof(struct rm, all), "all of them"},
    {"older-than", 0, "What to remove", "DURATION", NULL, cli_set_span, offsetof(struct rm, older),
     "those that no RUN has used for this long: 168h"},
};

const struct cli_command cli_mounts_rm = {
    .name = "cache mounts rm",
    .arguments = "[ID...]",
    .help = "remove cache mounts, by id or key; one that a build uses stays",
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(rm_options)},
    .size = sizeof(struct rm),
    .run = rm,
};
