#include "builder/attest/scan.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/attest/packages-internal.h"
#include "builder/session/jobs.h"
#include "cache/layer/reader.h"
#include "cache/store/tree.h"

#include <unistd.h>

#define MAX_OS_RELEASE (64u << 10)
#define MAX_LIST       (1u << 30) /* what the job gives: packages, MAX_PACKAGES at the most, with short strings */

/* ---- the job: reads the image ------------------------------------------------------------------------------------------ */

struct scan {
    struct cb_job_io *io;
    struct cache_reader *reader;
    struct build_attest_packages found;
    uint64_t done;
};

static void note_unread(struct scan *x, const char *path, struct cb_error *why)
{
    cb_strv_take(&x->found.unread, cb_printf("/%s: %s", path, why->msg));
    cb_error_done(why);
}

static int read_whole(const struct cache_node *node, struct build_attest_file *f, size_t max, struct cb_buf *bytes,
                      struct cb_error *err)
{
    int r = node->e.size > max ? -EFBIG : cb_read_fd(f->fd, max, bytes);
    if (r < 0)
        return cb_fail_sys(err, r, "read it");
    *f = (struct build_attest_file){.path = f->path, .fd = -1, .bytes = {bytes->data, bytes->len}, .size = bytes->len};
    return 0;
}

/* A file that is not as it should be does not end the scan: the list says what it lacks. */
static int read_file(struct scan *x, const struct cache_node *node, const struct build_attest_ecosystem *e, struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_reader_open(x->reader, node->origin, node->data_path, err);
    if (fd < 0)
        return cb_prefix(err, "read '/%s' of the image", cache_node_path(node));
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    struct build_attest_file f = {.path = cache_node_path(node), .fd = fd, .size = node->e.size};
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    if ((e->max && read_whole(node, &f, e->max, &bytes, &why) < 0) || e->read(&f, &x->found, &why) < 0)
        note_unread(x, cache_node_path(node), &why);
    return 0;
}

static int visit(struct scan *x, const struct cache_node *node, struct cb_error *err)
{
    const char *path = cache_node_path(node);
    if (node->e.type != CB_FILE)
        return 0;
    cb_job_progress(x->io, "looking for packages", ++x->done, 0);
    for (size_t i = 0; build_attest_ecosystems[i]; i++)
        if (build_attest_ecosystems[i]->wants(path, node->e.mode & 0111) &&
            read_file(x, node, build_attest_ecosystems[i], err) < 0)
            return -1;
    return 0;
}

static int walk(struct scan *x, struct cache_tree *t, struct cb_error *err)
{
    const struct cache_node **waiting = NULL;
    size_t n = 0, cap = 0;
    int r = 0;
    CB_PUSH(waiting, n, cap) = cache_tree_root(t);
    while (n && r == 0) {
        const struct cache_node *dir = waiting[--n];
        for (size_t i = 0; i < dir->n_children && r == 0; i++) {
            r = visit(x, dir->children[i], err);
            if (dir->children[i]->e.type == CB_DIR)
                CB_PUSH(waiting, n, cap) = dir->children[i];
        }
    }
    free(waiting);
    return r;
}

static const struct build_attest_key os_keys[] = {BUILD_ATTEST_KEY("ID=", name), BUILD_ATTEST_KEY("VERSION_ID=", version)};

static const char *unquoted(struct scan *x, struct cb_str text)
{
    if (text.n > 1 && (text.p[0] == '"' || text.p[0] == '\'') && text.p[text.n - 1] == text.p[0])
        text = (struct cb_str){text.p + 1, text.n - 2};
    return text.n && text.n < 128 ? cb_arena_memdup0(&x->found.strings, text.p, text.n) : "";
}

/* Which system it is: part of the names of its packages (os-release(5)). */
static int read_system(struct scan *x, struct cache_tree *t, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    struct build_attest_facts facts;
    struct cache_node *node = NULL;
    if (cache_tree_resolve(t, "etc/os-release", true, &node, &ignored) != 1 &&
        cache_tree_resolve(t, "usr/lib/os-release", true, &node, &ignored) != 1)
        return 0;
    if (node->e.type != CB_FILE || node->e.size > MAX_OS_RELEASE)
        return 0;
    CB_AUTO(close) int fd = cache_reader_open(x->reader, node->origin, node->data_path, err);
    if (fd < 0)
        return -1;
    int r = cb_read_fd(fd, MAX_OS_RELEASE, &bytes);
    if (r < 0)
        return cb_fail_sys(err, r, "read '/%s' of the image", cache_node_path(node));
    for (struct cb_str rest = {bytes.data, bytes.len}; build_attest_stanza(&rest, os_keys, CB_LEN(os_keys), &facts);) {
        if (!*x->found.system)
            x->found.system = unquoted(x, facts.name);
        if (!*x->found.system_version)
            x->found.system_version = unquoted(x, facts.version);
    }
    return 0;
}

static int scan(struct scan *x, struct cache_store *s, const struct cb_digest *layers, size_t n, struct cb_error *err)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = cache_tree_new();
    for (size_t i = 0; i < n; i++) {
        CB_AUTO(cache_index) struct cache_index index = {0};
        if (cache_layer_index(s, &layers[i], &index, err) < 0)
            return -1;
        cache_tree_apply(tree, &index, (int)i);
    }
    if (read_system(x, tree, err) < 0 || walk(x, tree, err) < 0)
        return -1;
    build_attest_packages_sort(&x->found);
    return 0;
}

static int scan_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                    struct cb_error *err)
{
    struct build_session *session = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    size_t n = (size_t)cb_get_u64(&u);
    CB_AUTO(free) struct cb_digest *layers = cb_alloc((n + 1) * sizeof(*layers));
    for (size_t i = 0; i < n; i++)
        layers[i] = cb_get_digest(&u);
    CB_AUTO(cache_reader) struct cache_reader *reader = cache_reader_new(session->store, layers, n);
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    struct scan x = {.io = io, .reader = reader, .found = BUILD_ATTEST_PACKAGES_INIT};
    int r = scan(&x, session->store, layers, n, err);
    if (r == 0)
        build_attest_packages_put(&x.found, &list);
    build_attest_packages_done(&x.found);
    if (r == 0 && list.len > MAX_LIST)
        return cb_fail(err, CB_E_UNSUPPORTED, "the list of packages has more than %u bytes", MAX_LIST);
    if (r == 0 && (r = cb_write_full(req->fds[0], list.data, list.len)) < 0)
        return cb_fail_sys(err, r, "write the list of packages");
    (void)answer;
    return r;
}

/* ---- the caller -------------------------------------------------------------------------------------------------------- */

static void warn_of_unread(struct build_session *s, const char *what, const struct build_attest_packages *p)
{
    for (size_t i = 0; i < p->unread.n && i < 10; i++)
        build_warning(s, "the SBOM of '%s' is incomplete: %s", what, p->unread.items[i]);
    if (p->unread.n > 10)
        build_warning(s, "the SBOM of '%s' is incomplete: %zu files more; it names all of them", what, p->unread.n - 10);
}

int build_attest_scan(struct build_session *s, const struct cb_digest *layers, size_t n, const char *what,
                      struct build_attest_packages *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf request = CB_BUF_INIT, list = CB_BUF_INIT;
    CB_AUTO(close) int fd = cb_memory_file("packages");
    if (fd < 0)
        return cb_fail_sys(err, fd, "make a file in memory");
    cb_put_u64(&request, n);
    for (size_t i = 0; i < n; i++)
        cb_put_digest(&request, &layers[i]);
    struct rt_job_request r = {request.data, request.len, &fd, 1};
    if (build_ns_call(s, scan_job, &r, NULL, err) < 0)
        return cb_prefix(err, "look for packages in '%s'", what);
    int e = lseek(fd, 0, SEEK_SET) < 0 ? -errno : cb_read_fd(fd, MAX_LIST, &list);
    if (e < 0)
        return cb_fail_sys(err, e, "read the list of packages");
    if (build_attest_packages_get(list.data, list.len, ret, err) < 0)
        return -1;
    warn_of_unread(s, what, ret);
    return 0;
}
