/* cache verify: reads the store again, and drops what is damaged. */
#include "base/pack.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/session/jobs.h"
#include "cache/verify.h"

#include <stdio.h>

#define MAX_LINES 1000 /* of damage that is told in full */

struct verify {
    struct cli_invocation common;
    bool dry_run;
};

struct told {
    struct cb_buf text;
    size_t lines;
};

static void tell(void *arg, const char *line)
{
    struct told *t = arg;
    if (t->lines++ < MAX_LINES)
        cb_buf_printf(&t->text, "%s\n", line);
}

static int verify_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    struct build_session *s = world;
    bool dry_run;
    struct told told = {.text = CB_BUF_INIT};
    struct cache_verified sum;
    memcpy(&dry_run, req->bytes, sizeof(dry_run));
    int r = cache_verify(s->store, dry_run, io, tell, &told, &sum, err);
    cb_buf_add(answer, (const char *)&sum, sizeof(sum)); /* for a process of this program */
    cb_buf_add(answer, told.text.data, told.text.len);
    cb_buf_done(&told.text);
    return r;
}

static void print(const struct cache_verified *v, const char *lines, bool dry_run)
{
    char size[16];
    fputs(lines, stdout);
    printf("%llu layers with %llu files, %llu blobs, %llu records, %llu downloads, %llu images; %s were read\n",
           (unsigned long long)v->layers, (unsigned long long)v->files, (unsigned long long)v->blobs,
           (unsigned long long)v->records, (unsigned long long)v->downloads, (unsigned long long)v->images,
           cb_human_size(v->bytes, size));
    if (v->unseen)
        printf("%llu layers belong to ids that are not there now, and were not looked into\n", (unsigned long long)v->unseen);
    if (!v->damaged)
        printf("all of it is sound\n");
    else
        printf("%llu damaged%s\n", (unsigned long long)v->damaged,
               dry_run ? "; nothing was removed" : " and removed: builds and pulls make it anew");
}

/* As fsck does: a status that is not 0 says that there was damage. */
static int verify(void *filled, struct cb_error *err)
{
    struct verify *v = filled;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    struct rt_job_request req = {&v->dry_run, sizeof(v->dry_run), NULL, 0};
    struct cache_verified sum;
    if ((v->dry_run ? cli_open_to_read : cli_open)(&v->common, err) < 0 ||
        build_ns_call(&v->common.session, verify_job, &req, &answer, err) < 0)
        return -1;
    memcpy(&sum, answer.data, sizeof(sum));
    print(&sum, answer.data + sizeof(sum), v->dry_run);
    return sum.damaged ? 1 : 0;
}

static const struct cli_option options[] = {
    {"dry-run", 0, "How", NULL, NULL, cli_set_switch, offsetof(struct verify, dry_run), "say what is damaged and leave it there"},
};

const struct cli_command cli_cache_verify = {
    .name = "cache verify",
    .arguments = "",
    .help = "read the store again, and drop what is damaged; status 1: something was",
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct verify),
    .run = verify,
};
