#include "builder/cli/commands/mounts-list.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/session/jobs.h"

#include <unistd.h>

#define LEAST_HEX 4 /* digits of a key that name a mount */

void cli_mounts_done(struct cli_mounts *l)
{
    cache_mounts_list_free(l->items, l->n);
}

static void put_about(const struct cache_mount_about *a, struct cb_buf *b)
{
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    if (a->name.id)
        cache_mount_name_key(&a->name, &key);
    cb_put_bytes(b, a, sizeof(*a)); /* its name is what the key says */
    cb_put_str(b, key.data);
}

/* The answer of a job has no room for all of them. */
static int list_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    (void)io, (void)answer;
    struct build_session *s = world;
    CB_AUTO(cli_mounts) struct cli_mounts l = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (cache_mounts_list(s->store, &l.items, &l.n, err) < 0)
        return -1;
    for (size_t i = 0; i < l.n; i++)
        put_about(&l.items[i], &out);
    int r = cb_write_full(req->fds[0], out.data, out.len);
    return r < 0 ? cb_fail_sys(err, r, "write the list of cache mounts") : 0;
}

static void take_list(const struct cb_buf *b, struct cli_mounts *ret)
{
    size_t cap = 0;
    for (struct cb_unpack u = cb_unpack(b->data, b->len); u.p < u.end && !u.failed;) {
        struct cb_str about = cb_get_bytes(&u);
        CB_AUTO(free) char *key = cb_get_str(&u);
        if (about.n != sizeof(*ret->items))
            return;
        struct cache_mount_about *a = &CB_PUSH(ret->items, ret->n, cap);
        memcpy(a, about.p, sizeof(*a));
        (void)cache_mount_name_parse(key, &a->name);
    }
}

int cli_mounts_get(struct build_session *s, struct cli_mounts *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(close) int fd = cb_memory_file("mounts");
    struct rt_job_request req = {NULL, 0, &fd, 1};
    if (fd < 0)
        return cb_fail_sys(err, fd, "make a file in memory");
    if (build_ns_call(s, list_job, &req, NULL, err) < 0)
        return -1;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : cb_read_fd(fd, SIZE_MAX, &b);
    if (r < 0)
        return cb_fail_sys(err, r, "read the list of cache mounts");
    take_list(&b, ret);
    return 0;
}

bool cli_mount_is_meant(const struct cache_mount_about *a, const char *word)
{
    return (a->name.id && strcmp(a->name.id, word) == 0) ||
           (strlen(word) >= LEAST_HEX && strncmp(a->hex, word, strlen(word)) == 0);
}

int cli_mounts_find(const struct cli_mounts *l, const char *word, const struct cache_mount_about **ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf all = CB_BUF_INIT;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!cli_mount_is_meant(&l->items[i], word))
            continue;
        cb_buf_printf(&all, n++ ? ", %.12s" : "%.12s", l->items[i].hex);
        *ret = &l->items[i];
    }
    if (n < 2)
        return (int)n;
    cb_fail(err, CB_E_FAILED, "'%s' is the id of several cache mounts: %s", word, all.data);
    return cb_hint(err, "'cbuild cache mounts ls' shows how they differ; name one by its key");
}

int cli_mounts_find_one(const struct cli_mounts *l, const char *word, const struct cache_mount_about **ret, struct cb_error *err)
{
    int found = cli_mounts_find(l, word, ret, err);
    if (found)
        return found < 0 ? -1 : 0;
    cb_fail(err, CB_E_NOT_FOUND, "there is no cache mount '%s'", word);
    return cb_hint(err, "'cbuild cache mounts ls' shows which there are");
}
