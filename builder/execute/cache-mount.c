/* RUN --mount=type=cache: which directory it is, and what it starts with (dockerfile.md §11 "cache"). */
#include "base/fd.h"
#include "builder/execute/execute.h"
#include "cache/export.h"
#include "cache/layer/reader.h"
#include "cache/mount.h"
#include "cache/mount-name.h"

#include <unistd.h>

/* Namespace, id and what the directory starts as tell one cache from another. A mount that gives none of from,
 * mode, uid and gid is a directory of its own. Borrows. */
static struct cache_mount_name name_of(const struct build_run_mount *m, const char *ns, const struct cb_digest *layers, size_t n)
{
    const struct df_mount *d = m->m;
    return (struct cache_mount_name){.ns = (char *)ns,
                                     .id = d->id,
                                     .owned = m->from.kind != BUILD_FILES_EMPTY || d->has_mode || d->has_uid || d->has_gid,
                                     .mode = d->has_mode ? d->mode & 0777 : 0755,
                                     .uid = d->has_uid ? d->uid : 0,
                                     .gid = d->has_gid ? d->gid : 0,
                                     .layers = (struct cb_digest *)layers,
                                     .n_layers = n};
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

void build_cache_mount_key(const struct build *b, const struct build_run_mount *m, const struct cb_digest *layers, size_t n,
                           struct cb_buf *ret)
{
    struct cache_mount_name name = name_of(m, cache_namespace(b), layers, n);
    cache_mount_name_key(&name, ret);
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
    build_cache_mount_key(w->b, m, in ? in->layers : NULL, in ? in->n : 0, &key);
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
