/* Layers out of working trees, with random changes. After each round the tree of the indexes, the layer's directory and a tree
 * made anew from the layers must show what the tree showed; and a command that does the same in an overlay must give the same
 * layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cache/layer/reader.h"
#include "cache/layer/worktree.h"
#include "upper-trees.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define ROUNDS  5

static char top[64]; /* the test's own directory */

struct made {
    struct cache_store *store;
    int place; /* where trees wait */
    struct cb_digest layers[ROUNDS];
    size_t n;
};

static int make_dir(int at, const char *name)
{
    MUST(mkdirat(at, name, 0700) == 0, "%s", name);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(fd >= 0, "%s", name);
    return fd;
}

static void show_tree(const struct cache_worktree *w, struct cb_buf *out)
{
    show_dir(cache_worktree_root(w), "", out);
}

/* As a step does; `shown`: what it left. */
static void one_step(struct made *m, uint32_t *s, bool many_ids, bool plain, struct cb_buf *shown, struct cache_layer *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_worktree) struct cache_worktree *w = NULL;
    CB_AUTO(free) char *name = cb_printf("step-%zu", m->n);
    CB_AUTO(close) int dir = make_dir(m->place, name);
    OK(cache_worktree_take(m->store, m->place, dir, m->layers, m->n, true, &w, &err));
    for (uint32_t n = rnd(s, 25); n > 0; n--)
        change(cache_worktree_root(w), s, many_ids, plain);
    show_tree(w, shown);
    OK(cache_worktree_commit(w, NULL, ret, &err));
    CB_AUTO(cb_buf) struct cb_buf now = CB_BUF_INIT;
    show_tree(w, &now);
    compare("the tree after its commit", 0, 0, shown, &now);
    m->layers[m->n++] = ret->id;
    if (rnd(s, 3))
        cache_worktree_leave(w); /* else the next step makes one of its own */
}

static void compare_anew(struct made *m, unsigned seed, const struct cb_buf *shown)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf now = CB_BUF_INIT;
    CB_AUTO(cache_worktree) struct cache_worktree *w = NULL;
    CB_AUTO(free) char *name = cb_printf("anew-%zu", m->n);
    CB_AUTO(close) int dir = make_dir(m->place, name), empty = make_dir(dir, "empty");
    OK(cache_worktree_take(m->store, empty, dir, m->layers, m->n, true, &w, &err));
    show_tree(w, &now);
    compare("a tree made anew", seed, (int)m->n, shown, &now);
}

static void made_begin(struct made *m, const char *path)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    MUST(cb_remove_tree(AT_FDCWD, path) == 0, "%s", path);
    OK(cache_store_open(path, &m->store, &err));
    m->place = openat(m->store->root, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->place < 0)
        m->place = make_dir(m->store->root, "work");
    m->n = 0;
}

static void made_end(struct made *m)
{
    close(m->place);
    cache_store_free(m->store);
}

static void random_trees(const char *path, unsigned seed, bool many_ids)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = cache_tree_new();
    struct made m;
    uint32_t s = seed * 48271;
    made_begin(&m, path);
    while (m.n < ROUNDS) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT, by_index = CB_BUF_INIT;
        CB_AUTO(cache_index) struct cache_index x = {0};
        struct cache_layer l;
        one_step(&m, &s, many_ids, false, &shown, &l);
        exact(m.store, &l.id);
        OK(cache_layer_index(m.store, &l.id, &x, &err));
        cache_tree_apply(tree, &x, (int)m.n);
        show_node(cache_tree_root(tree), &by_index);
        compare("the indexes", seed, (int)m.n, &shown, &by_index);
        compare_anew(&m, seed, &shown);
    }
    made_end(&m);
}

/* ---- beside an overlay --------------------------------------------------------------------------------- */

/* Of a layer that occurs again (often the empty one) only the topmost place matters. */
static void overlay_step(struct made *m, uint32_t *s, bool many_ids, struct cache_layer *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_stack) struct cache_stack lowers = CACHE_STACK_INIT;
    CB_AUTO(free) char *upper = cb_printf("%s/upper", top), *work = cb_printf("%s/ovl", top), *at = cb_printf("%s/merged", top);
    CB_AUTO(cb_buf) struct cb_buf o = CB_BUF_INIT;
    CB_AUTO(close) int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(cb_remove_tree(AT_FDCWD, work) == 0 && cb_remove_tree(AT_FDCWD, upper) == 0, "%s", work);
    MUST(mkdir(work, 0755) == 0 && mkdir(upper, 0755) == 0, "%s", work);
    OK(cache_stack_open(m->store, m->layers, m->n, &lowers, &err));
    cb_buf_adds(&o, "lowerdir=");
    for (size_t i = 0; i < lowers.n; i++)
        cb_buf_printf(&o, "/proc/self/fd/%d:", lowers.dirs[i]);
    cb_buf_printf(&o, "%s/void,upperdir=%s,workdir=%s,userxattr,volatile", top, upper, work);
    if (mount("overlay", at, "overlay", 0, o.data) < 0) {
        fprintf(stderr, "no overlay here: %s\n", strerror(errno));
        _exit(SKIPPED);
    }
    int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t n = rnd(s, 25); n > 0; n--)
        change(fd, s, many_ids, true);
    close(fd);
    MUST(umount(at) == 0, "%s", at);
    OK(cache_layer_commit_upper(m->store, dir, "upper", lowers.dirs, lowers.n, NULL, ret, &err));
    m->layers[m->n++] = ret->id;
}

static void layer_text(struct cache_store *store, const struct cb_digest *id, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    OK(cache_layer_index(store, id, &x, &err));
    for (size_t i = 0; i < x.n; i++) {
        const struct cache_entry *e = &x.entries[i];
        cb_buf_printf(out, "%d %s %o %u:%u %llu @%lld caps=%zu\n", e->type, e->path, e->mode, e->uid, e->gid,
                      (unsigned long long)e->size, (long long)(e->mtime < 2000 ? e->mtime : 0), e->n_xattrs);
    }
}

static void beside_overlay(const char *path, unsigned seed, bool many_ids)
{
    CB_AUTO(free) char *other = cb_printf("%s-overlay", path);
    struct made tree, overlay;
    uint32_t s = seed * 69621, again = s;
    made_begin(&tree, path);
    made_begin(&overlay, other);
    while (tree.n < ROUNDS) {
        CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
        struct cache_layer a, b;
        one_step(&tree, &s, many_ids, true, &shown, &a);
        overlay_step(&overlay, &again, many_ids, &b);
        again = s; /* whether a tree is left takes a number too */
        if (cb_digest_eq(&a.id, &b.id))
            continue;
        CB_AUTO(cb_buf) struct cb_buf by_tree = CB_BUF_INIT, by_overlay = CB_BUF_INIT;
        layer_text(tree.store, &a.id, &by_tree);
        layer_text(overlay.store, &b.id, &by_overlay);
        compare("a layer of an overlay", seed, (int)tree.n, &by_overlay, &by_tree);
        MUST(false, "seed %u, round %zu: contents differ", seed, tree.n);
    }
    made_end(&tree);
    made_end(&overlay);
}

/* ---- the namespace -------------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void child(bool many_ids)
{
    CB_AUTO(free) char *path = cb_printf("%s/store", top);
    static const char *const dirs[] = {"merged", "void"};
    umask(022);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        _exit(SKIPPED);
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        CB_AUTO(free) char *sub = cb_printf("%s/%s", top, dirs[i]);
        MUST(mkdir(sub, 0755) == 0, "%s", sub);
    }
    for (unsigned seed = 1; seed <= 12; seed++) {
        random_trees(path, seed, many_ids);
        beside_overlay(path, seed, many_ids);
    }
    fflush(NULL);
    _exit(0); /* what is still allocated is nobody's loss */
}

static void test_random(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    snprintf(top, sizeof(top), "/tmp/cbuild-worktree-XXXXXX");
    assert_non_null(mkdtemp(top));
    pid_t pid = fork();
    if (pid == 0)
        child(true);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(cb_remove_tree(AT_FDCWD, top), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
