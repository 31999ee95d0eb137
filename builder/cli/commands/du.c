/* du: what the store uses, and what a prune would free. The job of the helper, which can look everywhere, writes it down. */
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/filters.h"
#include "builder/session/jobs.h"
#include "cache/usage.h"

#include <stdio.h>
#include <unistd.h>

struct du {
    struct cli_invocation common;
    struct cli_filters filters;
    bool verbose, json;
};

static const char *const plural[CACHE_KINDS] = {"images",    "layers",       "blobs",    "records",
                                                "downloads", "cache mounts", "contexts", "work"};

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

static void print_row(struct cb_buf *out, const char *kind, const char *count, uint64_t bytes, uint64_t prune, uint64_t all)
{
    char size[16], frees[16], frees_all[16];
    cb_buf_printf(out, "%-14s %8s %10s %12s %14s\n", kind, count, cb_human_size(bytes, size), cb_human_size(prune, frees),
                  cb_human_size(all, frees_all));
}

static void print_sums(const struct cache_usage *u, struct cb_buf *out)
{
    uint64_t bytes = 0, prune = 0, all = 0;
    cb_buf_printf(out, "%-14s %8s %10s %12s %14s\n", "KIND", "COUNT", "SIZE", "PRUNE FREES", "PRUNE -A FREES");
    for (size_t k = 0; k < CACHE_KINDS; k++) {
        CB_AUTO(free) char *count = cb_printf("%llu", (unsigned long long)u->sums[k].count);
        print_row(out, plural[k], count, u->sums[k].bytes, u->sums[k].prune, u->sums[k].all);
        bytes += u->sums[k].bytes;
        prune += u->sums[k].prune;
        all += u->sums[k].all;
    }
    print_row(out, "total", "", bytes, prune, all);
}

static void print_items(const struct cache_usage *u, struct cb_buf *out)
{
    cli_item_head(out);
    for (size_t i = 0; i < u->n; i++)
        cli_item_line(out, &u->items[i]);
}

static json_t *item_json(const struct cache_item *i)
{
    return json_pack("{s:s, s:s, s:s*, s:I, s:I, s:I, s:b}", "kind", cache_kind_names[i->kind], "id", i->id, "text", i->text,
                     "bytes", (json_int_t)i->bytes, "shared", (json_int_t)i->shared, "lastUsed", (json_int_t)i->used, "inUse",
                     i->in_use);
}

static void print_json(const struct cache_usage *u, struct cb_buf *out)
{
    json_t *kinds = json_array(), *items = json_array();
    for (size_t k = 0; k < CACHE_KINDS; k++)
        json_array_append_new(kinds, json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", cache_kind_names[k], "count",
                                               (json_int_t)u->sums[k].count, "bytes", (json_int_t)u->sums[k].bytes, "prune",
                                               (json_int_t)u->sums[k].prune, "pruneAll", (json_int_t)u->sums[k].all));
    for (size_t i = 0; i < u->n; i++)
        json_array_append_new(items, item_json(&u->items[i]));
    CB_AUTO(json) json_t *all = json_pack("{s:o, s:o}", "kinds", kinds, "items", items);
    cb_json_dump(all, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static void leave_out_recent(struct cache_usage *u, int64_t unused_for, int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++)
        if (unused_for <= 0 || (u->items[i].used && now - u->items[i].used >= unused_for))
            u->items[n++] = u->items[i];
    u->n = n;
}

/* The text can be longer than an answer. */
static int usage_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)answer;
    struct build_session *s = world;
    const struct du *v = s->frozen;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cache_usage) struct cache_usage u;
    if (cache_usage(s->store, &v->filters.filter, &u, err) < 0)
        return -1;
    leave_out_recent(&u, v->filters.unused_for, s->started.tv_sec);
    if (v->json)
        print_json(&u, &out);
    else if (v->verbose || cache_filter_is_set(&v->filters.filter) || v->filters.unused_for)
        print_items(&u, &out);
    if (!v->json)
        print_sums(&u, &out);
    int r = cb_write_full(req->fds[0], out.data, out.len);
    return r < 0 ? cb_fail_sys(err, r, "write what the store uses") : 0;
}

static int du(void *filled, struct cb_error *err)
{
    struct du *v = filled;
    CB_AUTO(close) int fd = cb_memory_file("usage");
    struct rt_job_request req = {.fds = &fd, .n_fds = 1};
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (fd < 0)
        return cb_fail_sys(err, fd, "make a file in memory");
    if (cli_open_to_read(&v->common, err) < 0)
        return -1;
    build_ns_freeze(&v->common.session, v);
    if (build_ns_call(&v->common.session, usage_job, &req, NULL, err) < 0)
        return -1;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : cb_read_fd(fd, SIZE_MAX / 2, &text);
    if (r < 0)
        return cb_fail_sys(err, r, "read what the store uses");
    fwrite(text.data, 1, text.len, stdout);
    return 0;
}

static void done(void *filled)
{
    struct du *v = filled;
    cli_filters_done(&v->filters);
}

static int set_format(const char *value, void *to, struct cb_error *err)
{
    static const char *const names[] = {"table", "json"};
    int which;
    if (cli_choose("the form", names, CB_LEN(names), value, &which, err) < 0)
        return -1;
    *(bool *)to = which == 1;
    return 0;
}

#define AT(member) offsetof(struct du, member)

static const char what[] = "What to show";

static const struct cli_option options[] = {
    {"verbose", 'v', what, NULL, NULL, cli_set_switch, AT(verbose), "each image, layer, record, download and cache mount"},
    {"filter", 0, what, "KEY=VALUE", NULL, cli_set_filter, AT(filters),
     "only these: id=, inuse=true|false, type=record, until=24h"},
    {"format", 0, what, "FORM", NULL, set_format, AT(json), "table (default) or json, which always has each of them"},
};

const struct cli_command cli_du = {
    .name = "du",
    .arguments = "",
    .help = "show what the store uses, and what a prune would free",
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct du),
    .run = du,
    .done = done,
};
