/* cache reset: removes the store. */
#include "builder/cli/commands/commands.h"
#include "builder/session/jobs.h"
#include "cache/reset.h"

#include <stdio.h>
#include <unistd.h>

struct reset {
    struct cli_invocation common;
    bool force;
};

static int reset_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)req, (void)answer;
    struct build_session *s = world;
    return cache_reset(s->store, err);
}

/* 1: yes. 0: no. -1: there is nobody to ask. */
static int ask(const char *path, struct cb_error *err)
{
    char answer[16];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cb_fail(err, CB_E_USAGE, "this would remove the store '%s' with all that is in it", path);
        return cb_hint(err, "nobody is there to be asked: if it is meant, add --force");
    }
    fprintf(stderr, "Remove the store '%s': images, cached steps, cache mounts, all of it? [y/N] ", path);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int remove_store(struct reset *v, struct cb_error *err)
{
    struct rt_job_request req = {0};
    v->common.request.resets = true;
    if (cli_open_to_read(&v->common, err) < 0 || build_ns_call(&v->common.session, reset_job, &req, NULL, err) < 0)
        return -1;
    printf("removed the store '%s'\n", v->common.session.store->path);
    return 0;
}

static int reset(void *filled, struct cb_error *err)
{
    struct reset *v = filled;
    CB_AUTO(free) char *path = cache_store_default_path(v->common.request.root, err);
    int yes = !path ? -1 : v->force ? 1 : ask(path, err);
    if (yes < 0)
        return -1;
    if (yes == 0)
        return cb_fail(err, CB_E_FAILED, "nothing was removed");
    if (remove_store(v, err) == 0)
        return 0;
    if (err->code != CB_E_NOT_FOUND)
        return -1;
    printf("%s\n", err->msg); /* as it was to be */
    cb_error_done(err);
    return 0;
}

static const struct cli_option options[] = {
    {"force", 'f', "How", NULL, NULL, cli_set_switch, offsetof(struct reset, force), "ask no question"},
};

const struct cli_command cli_cache_reset = {
    .name = "cache reset",
    .arguments = "",
    .help = "remove the store with all that is in it, files of other owners too",
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct reset),
    .run = reset,
};
