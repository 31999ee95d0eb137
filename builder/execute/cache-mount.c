/* RUN --mount=type=cache: which directory it is, and what it starts with (dockerfile.md §11 "cache"). */
#include "base/fd.h"
#include "builder/execute/execute.h"
#include "cache/export.h"
#include "cache/layer/reader.h"
#include "cache/mount.h"

#include <unistd.h>

/* Namespace, id and what the directory starts as tell one cache from another. A mount that gives none of from,
 * mode, uid and gid is a directory of its own. What somebody may choose freely, line ends included, has its length in front. */
static void put_key(const struct build_run_mount *m, const char *ns, const struct build_input *in, struct cb_buf *key)
{
    const struct df_mount *d = m->m;
    cb_buf_printf(key, "%zu %s\n%zu %s\n", strlen(ns), ns, strlen(d->id), d->id);
    if (m->from.kind != BUILD_FILES_EMPTY || d->has_mode || d->has_uid || d->has_gid)
        cb_buf_printf(key, "%o:%u:%u\n", d->has_mode ? d->mode & 0777 : 0755, d->has_uid ? d->uid : 0, d->has_gid ? d->gid : 0);
    for (size_t i = 0; in && i < in->n; i++) {
        char hex[CB_DIGEST_HEX + 1];
        cb_digest_hex(&in->layers[i], hex);
        cb_buf_printf(key, "%s\n", hex);
    }
}

static const char *cache_namespace(const struct build *b)
{
    static const char name[] = "BUILDKIT_CACHE_MOUNT_NS=";
    const struct cb_strv *args = &b->session->request->build_args;
    const char *found = "";
    for (size_t i = 0; i < args->n; i++)
        if (cb_starts(args->items[i], name))
            found = args->items[i] + strlen(name);
    return found;
}

int build_flatten(struct build_work *w, int work_dir, const struct cb_digest *layers, size_t n, struct cb_error *err)
{
    CB_AUTO(free) char *name = cb_printf("seed-%zu", w->n_seeds++);
    int r = cb_remove_tree(work_dir, name); /* a command that failed there had one */
    if (r == 0)
        r = mkdirat(work_dir, name, 0755) < 0 ? -errno : 0;
    if (r < 0)
        return cb_fail_sys(err, r, "make a directory for what a mount shows");
    int fd = openat(work_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || cache_export_seed(w->b->session->store, layers, n, fd, err) < 0) {
        cb_close(fd);
        return err->code ? -1 : cb_fail_sys(err, errno, "open what a mount shows");
    }
    return fd;
}

static int open_seed(struct build_work *w, const struct build_run_mount *m, int work_dir, const struct build_input *in,
                     struct cb_error *err)
{
    if (m->from.kind == BUILD_FILES_STEP)
        return build_flatten(w, work_dir, in->layers, in->n, err);
    struct cache_layer layer;
    CB_AUTO(free) char *file = NULL;
    if (build_context_layer(w, m->from.local, "/", &layer, &file, err) < 0)
        return -1;
    CB_AUTO(cache_stack) struct cache_stack one = CACHE_STACK_INIT;
    if (cache_stack_open(w->b->session->store, &layer.id, 1, &one, err) < 0)
        return -1;
    return cb_take_fd(&one.dirs[0]);
}

int build_cache_mount(struct build_work *w, const struct build_run_mount *m, int work_dir, const struct build_input *in,
                      struct cache_mount **ret, struct cb_error *err)
{
    const struct df_mount *d = m->m;
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    CB_AUTO(close) int seed = -1;
    put_key(m, cache_namespace(w->b), in, &key);
    CB_AUTO(free)
    char *build = cb_printf("%lld.%09ld\n", (long long)w->b->session->started.tv_sec, w->b->session->started.tv_nsec);
    if (m->from.kind != BUILD_FILES_EMPTY && (seed = open_seed(w, m, work_dir, in, err)) < 0)
        return -1;
    bool whole = !*d->source || strcmp(d->source, "/") == 0; /* with a part of a source, the owners of that part count */
    /* Where nothing can be mounted the directory itself is moved to its place: nobody else can use it meanwhile. */
    bool alone = w->b->session->privilege.rung->chroots && d->sharing == DF_SHARING_SHARED;
    struct cache_mount_request req = {.key = key.data,
                                      .sharing = alone ? CACHE_PRIVATE : (enum cache_sharing)d->sharing,
                                      .fresh = m->fresh ? build : NULL,
                                      .mode = whole && d->has_mode ? d->mode & 0777 : 0755,
                                      .uid = whole && d->has_uid ? d->uid : 0,
                                      .gid = whole && d->has_gid ? d->gid : 0,
                                      .seed = seed};
    return cache_mount_acquire(w->b->session->store, &req, ret, err);
}
