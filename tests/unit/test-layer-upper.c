/* Layers out of upper directories: real overlays with random changes. After each round three things must show what the
 * overlay showed before: the tree of the indexes, the layers' directories mounted again, and the same with the new layer
 * unpacked from its own tar. Skipped where no user namespace or overlay can be had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/map.h"
#include "cache/layer/reader.h"
#include "upper-trees.h"
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED 77

static char top[64]; /* the test's own directory */

/* ---- overlays ---------------------------------------------------------------------------------------------- */

struct stack {
    struct cb_digest layers[8]; /* bottom first */
    int n;
};

/* Overlay takes no directory twice. Of a layer that occurs again (often the empty one) only the topmost place matters. */
static char *lower_paths(const char *store, const struct stack *st)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;

    for (int i = st->n; i-- > 0;) {
        char hex[CB_DIGEST_HEX + 1];
        bool again = false;

        for (int k = i + 1; k < st->n && !again; k++)
            again = cb_digest_eq(&st->layers[k], &st->layers[i]);
        if (again)
            continue;
        cb_digest_hex(&st->layers[i], hex);
        cb_buf_printf(&b, "%s%s/layers/%s/fs", b.len ? ":" : "", store, hex);
    }
    return cb_buf_detach(&b);
}

static int mount_overlay(const char *at, const char *lower, const char *upper)
{
    CB_AUTO(free)
    char *o = upper ? cb_printf("lowerdir=%s:%s/void,upperdir=%s,workdir=%s/ovl,userxattr,volatile", lower, top, upper, top)
                    : cb_printf("lowerdir=%s:%s/void,userxattr", lower, top);

    return mount("overlay", at, "overlay", 0, o) < 0 ? -errno : 0;
}

static void show_mounted(const char *lower, const struct cb_strv *linked, struct cb_buf *out)
{
    CB_AUTO(free) char *at = cb_printf("%s/merged", top);
    int fd;

    MUST(mount_overlay(at, lower, NULL) == 0, "%s", lower);
    fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    show_dir(fd, "", out);
    still_linked(linked, fd);
    close(fd);
    MUST(umount(at) == 0, "%s", at);
}

static int to_buf(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

struct from_buf {
    const char *p;
    size_t n;
};

static ssize_t read_buf(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct from_buf *f = arg;

    (void)err;
    n = CB_MIN(n, f->n);
    memcpy(p, f->p, n);
    f->p += n;
    f->n -= n;
    return (ssize_t)n;
}

static void run_once(const struct stack *st, const char *lower, uint32_t *s, bool many_ids, struct cb_buf *shown,
                     struct cb_strv *linked)
{
    CB_AUTO(cb_map) struct cb_map first = {0};
    CB_AUTO(free) char *at = cb_printf("%s/merged", top), *upper = cb_printf("%s/upper", top), *work = cb_printf("%s/ovl", top);
    int fd, r;

    (void)st;
    /* The last upper is still there when it made a layer that the store had. */
    MUST(cb_remove_tree(AT_FDCWD, work) == 0 && cb_remove_tree(AT_FDCWD, upper) == 0, "%s", work);
    MUST(mkdir(work, 0755) == 0 && mkdir(upper, 0755) == 0, "%s", work);
    r = mount_overlay(at, lower, upper);
    if (r < 0) {
        fprintf(stderr, "no overlay here: %s\n", strerror(-r));
        _exit(SKIPPED);
    }
    fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (uint32_t n = rnd(s, 25); n > 0; n--)
        change(fd, s, many_ids, false);
    show_dir(fd, "", shown);
    note_links(fd, "", &first, linked);
    close(fd);
    MUST(umount(at) == 0, "%s", at);
}

static void commit_only(struct cache_store *store, struct stack *st, struct cache_layer *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_stack) struct cache_stack lowers = CACHE_STACK_INIT;
    int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    OK(cache_stack_open(store, st->layers, (size_t)st->n, &lowers, &err));
    OK(cache_layer_commit_upper(store, dir, "upper", lowers.dirs, lowers.n, NULL, ret, &err));
    close(dir);
    st->layers[st->n++] = ret->id;
}

static void commit(struct cache_store *store, struct stack *st, struct cache_layer *ret)
{
    commit_only(store, st, ret);
    exact(store, &ret->id);
}

/* What a later boot does with a layer whose state does not say that it may be trusted. */
static void sound(struct cache_store *store, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    char hex[CB_DIGEST_HEX + 1];
    struct cache_layer found;

    cb_digest_hex(id, hex);
    CB_AUTO(free) char *state = cb_printf("%s/layers/%s/state", store->path, hex);
    MUST(unlink(state) == 0, "%s", state);
    MUST(cache_layer_find(store, id, &found, &err) == 1, "%s is not as its index says", hex);
}

/* The layer's tar, unpacked as if it came from outside, must be the same layer. */
static void unpack_again(struct cache_store *store, const struct cache_layer *l, struct cb_digest *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index a = {0}, b = {0};
    struct cb_digest diff, ia, ib;
    struct cache_layer made;

    OK(cache_layer_tar(store, &l->id, to_buf, &tar, &diff, &err));
    struct from_buf from = {tar.data, tar.len};
    OK(cache_layer_unpack(store, read_buf, &from, &diff, true, NULL, &made, &err));
    OK(cache_layer_index(store, &l->id, &a, &err));
    OK(cache_layer_index(store, &made.id, &b, &err));
    cache_index_content_id(&a, &ia);
    cache_index_content_id(&b, &ib);
    MUST(cb_digest_eq(&ia, &ib) && cb_digest_eq(&ia, &l->id), "the unpacked layer is another one");
    sound(store, &l->id);
    sound(store, &made.id);
    *ret = made.id;
}

static void one_seed(struct cache_store *store, unsigned seed, bool many_ids)
{
    CB_AUTO(cache_tree) struct cache_tree *tree = cache_tree_new();
    CB_AUTO(free) char *empty = cb_printf("%s/empty", top);
    struct stack st = {.n = 0};
    uint32_t s = seed * 48271;

    for (int round = 0; round < 5; round++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT, by_tree = CB_BUF_INIT, by_fs = CB_BUF_INIT, by_tar = CB_BUF_INIT;
        CB_AUTO(cache_index) struct cache_index x = {0};
        CB_AUTO(free) char *before = st.n ? lower_paths(store->path, &st) : cb_strdup(empty);
        CB_AUTO(cb_strv) struct cb_strv linked = {0};
        struct cache_layer l;
        struct stack other;
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        run_once(&st, before, &s, many_ids, &shown, &linked);
        commit(store, &st, &l);
        if (l.created.tv_sec < now.tv_sec || (l.created.tv_sec == now.tv_sec && l.created.tv_nsec < now.tv_nsec))
            return; /* equal to an earlier layer in all but times, so it is that layer, with its times */
        OK(cache_layer_index(store, &l.id, &x, &err));
        cache_tree_apply(tree, &x, round);
        show_node(cache_tree_root(tree), &by_tree);
        compare("the indexes", seed, round, &shown, &by_tree);
        CB_AUTO(free) char *after = lower_paths(store->path, &st);
        show_mounted(after, &linked, &by_fs);
        compare("the directories", seed, round, &shown, &by_fs);
        other = st;
        unpack_again(store, &l, &other.layers[other.n - 1]);
        CB_AUTO(free) char *unpacked = lower_paths(store->path, &other);
        show_mounted(unpacked, &linked, &by_tar);
        compare("the unpacked tar", seed, round, &shown, &by_tar);
    }
}

/* ---- rules that random changes meet too rarely --------------------------------------------------------------- */

static void layer_text(struct cache_store *store, const struct cb_digest *id, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};

    OK(cache_layer_index(store, id, &x, &err));
    for (size_t i = 0; i < x.n; i++)
        cb_buf_printf(out, "%d %s%s%s\n", x.entries[i].type, x.entries[i].path, x.entries[i].link ? " -> " : "",
                      x.entries[i].link ? x.entries[i].link : "");
}

static void put(const char *base, const char *path, const char *text, int64_t mtime)
{
    CB_AUTO(free) char *full = cb_printf("%s/%s/%s", top, base, path);
    struct timespec t[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
    FILE *f = fopen(full, "w");

    MUST(f && fputs(text, f) >= 0 && fclose(f) == 0 && utimensat(AT_FDCWD, full, t, 0) == 0, "%s", full);
}

static void in_dir(const char *base, const char *path)
{
    CB_AUTO(free) char *full = cb_printf("%s/%s/%s", top, base, path);

    MUST(mkdir(full, 0755) == 0, "%s", full);
}

/* For one user, so that it is more than the mode says. */
static void set_access_list(const char *path)
{
    static const char list[] = "\2\0\0\0\1\0\6\0\377\377\377\377\2\0\7\0\0\0\0\0\4\0\4\0\377\377\377\377"
                               "\x10\0\4\0\377\377\377\377\x20\0\4\0\377\377\377\377";

    MUST(setxattr(path, "system.posix_acl_access", list, sizeof(list) - 1, 0) == 0 || errno == EOPNOTSUPP, "%s", path);
}

static void rules(struct cache_store *store)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    CB_AUTO(free) char *lower_path = cb_printf("%s/low", top), *upper = cb_printf("%s/upper", top);
    CB_AUTO(free) char *new_link = cb_printf("%s/upper/d/second", top), *old_name = cb_printf("%s/upper/d/linked", top);
    CB_AUTO(free) char *gone = cb_printf("%s/upper/d/gone", top), *nothing = cb_printf("%s/upper/nothing", top);
    CB_AUTO(free) char *opaque = cb_printf("%s/upper/o", top), *pipe = cb_printf("%s/upper/o/pipe", top);
    static const char *const old[] = {"upper/d", "upper/o", "upper/o/sub", "upper"};
    struct cache_layer l;
    int lower, dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    MUST(mkdir(lower_path, 0755) == 0 && mkdir(upper, 0755) == 0, "%s", top);
    for (int i = 0; i < 2; i++) {
        const char *base = i ? "upper" : "low";

        in_dir(base, "d");
        in_dir(base, "o");
        in_dir(base, "o/sub");
        in_dir(base, "touched");
        put(base, "d/same", "same", 5);
        put(base, "d/changed", i ? "1" : "2", 5); /* same size, same whole second: only the bytes differ */
        put(base, "d/linked", "linked", 5);
        put(base, "o/same", "same", 5);
    }
    put("low", "d/gone", "", 5);
    put("low", "o/vanished", "", 5);
    put("low", "o/sub/vanished", "", 5);
    MUST(link(old_name, new_link) == 0 && mknod(gone, S_IFCHR, 0) == 0 && mknod(nothing, S_IFCHR, 0) == 0, "whiteouts");
    MUST(setxattr(opaque, "user.overlay.opaque", "y", 1, 0) == 0, "opaque");
    put("low", "d/socket", "", 5);
    make_socket(dir, "upper/d/socket");
    MUST(mkfifo(pipe, 0640) == 0, "%s", pipe);
    set_access_list(pipe);
    for (size_t i = 0; i < CB_LEN(old); i++) /* what is taken out and put in below of them does not show in their times */
        MUST(utimensat(dir, old[i], (struct timespec[2]){{.tv_sec = 5}, {.tv_sec = 5}}, 0) == 0, "%s", old[i]);
    lower = open(lower_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    OK(cache_layer_commit_upper(store, dir, "upper", &lower, 1, NULL, &l, &err));
    exact(store, &l.id);
    layer_text(store, &l.id, &got);
    if (strcmp(got.data, "1 d\n0 d/changed\n7 d/gone\n0 d/linked\n6 d/second -> d/linked\n7 d/socket\n1 o\n5 o/pipe\n1 o/sub\n7 "
                         "o/sub/vanished\n7 o/vanished\n") != 0) {
        fprintf(stderr, "rules: got\n%s", got.data);
        _exit(1);
    }
    MUST(mkdir(upper, 0755) == 0, "%s", upper);
    put("upper", ".wh.x", "", 5);
    MUST(cache_layer_commit_upper(store, dir, "upper", &lower, 1, NULL, &l, &err) == -1, "a name with .wh. is accepted");
    MUST(strstr(err.msg, ".wh."), "%s", err.msg);
    MUST(cb_remove_tree(dir, "upper") == 0, "%s", upper);
    close(lower);
    close(dir);
}

/* ---- owners that cannot be set ---------------------------------------------------------------------------------- */

static void add(struct cache_layer_writer *w, const char *path, int type, const char *text)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_entry e = {.path = path, .type = type, .mode = 0755, .uid = 33, .gid = 44, .size = strlen(text), .mtime = 5};
    struct cache_data data = {.kind = CACHE_DATA_INLINE, .bytes = text, .root = -1};

    if (type == CB_SYMLINK || type == CB_HARDLINK)
        e.link = text, e.size = 0;
    OK(cache_layer_add(w, &e, &data, &err));
}

static void set_text(const char *path, const char *text, int flags)
{
    CB_AUTO(free) char *full = cb_printf("%s/merged/%s", top, path);
    CB_AUTO(close) int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0755);

    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", full);
}

static int in_merged(int (*call)(const char *), const char *path)
{
    CB_AUTO(free) char *full = cb_printf("%s/merged/%s", top, path);

    return call(full);
}

static void owned_layer(struct cache_store *store, struct cache_layer *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = NULL;
    static const char *const dirs[] = {"anew", "d", "e", "gone", "still"};
    static const char *const files[] = {"anew/a", "d/changed", "d/linked", "d/old", "d/replaced", "still/f"};

    OK(cache_layer_writer_new(store, &w, &err));
    for (size_t i = 0; i < CB_LEN(dirs); i++)
        add(w, dirs[i], CB_DIR, "");
    for (size_t i = 0; i < CB_LEN(files); i++)
        add(w, files[i], CB_FILE, "text");
    add(w, "d/linked2", CB_HARDLINK, "d/linked");
    add(w, "anew/b", CB_HARDLINK, "anew/a");
    OK(cache_layer_commit(w, ret, &err));
}

/* Removed and made again, with names that are links both times: nothing of it was copied up. */
static void make_anew(const char *at)
{
    CB_AUTO(free) char *dir = cb_printf("%s/anew", at), *a = cb_printf("%s/anew/a", at), *b = cb_printf("%s/anew/b", at);

    MUST(unlink(a) == 0 && unlink(b) == 0 && rmdir(dir) == 0 && mkdir(dir, 0755) == 0, "%s", dir);
    set_text("anew/a", "text", 0);
    MUST(link(a, b) == 0, "%s", b);
}

static void change_owned(const char *at)
{
    CB_AUTO(free) char *old = cb_printf("%s/d/old", at), *second = cb_printf("%s/d/another", at);
    CB_AUTO(free) char *gone = cb_printf("%s/gone", at), *still = cb_printf("%s/still/f", at);

    set_text("d/changed", "more", O_APPEND);
    set_text("d/linked2", "more", O_APPEND);
    MUST(in_merged(unlink, "d/replaced") == 0, "unlink");
    set_text("d/replaced", "text", 0);
    set_text("e/new", "text", 0);
    MUST(link(old, second) == 0, "%s", second);
    MUST(rmdir(gone) == 0 && mkdir(gone, 0755) == 0, "%s", gone);
    MUST(chmod(still, 0700) == 0 && chmod(still, 0755) == 0, "%s", still);
    make_anew(at);
}

/* Everything is root's inside. What is copied up keeps the owner that the index below has, what is made anew is root's. */
static void owners(struct cache_store *store)
{
    static const char want[] = "anew 0:0\nanew/a 0:0\nanew/b 0:0\nd 33:44\nd/another 33:44\nd/changed 33:44\nd/linked2 "
                               "33:44\nd/old 33:44\nd/replaced 0:0\n"
                               "e 33:44\ne/new 0:0\ngone 0:0\n";
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(free) char *at = cb_printf("%s/merged", top), *upper = cb_printf("%s/upper", top);
    struct cache_layer l;
    struct stack st = {.n = 1};

    owned_layer(store, &l);
    st.layers[0] = l.id;
    CB_AUTO(free) char *lower = lower_paths(store->path, &st);
    MUST(mkdir(upper, 0755) == 0 && mount_overlay(at, lower, upper) == 0, "%s", at);
    change_owned(at);
    MUST(umount(at) == 0, "%s", at);
    commit_only(store, &st, &l);
    OK(cache_layer_index(store, &l.id, &x, &err));
    for (size_t i = 0; i < x.n; i++)
        cb_buf_printf(&got, "%s %u:%u\n", x.entries[i].path, x.entries[i].uid, x.entries[i].gid);
    if (strcmp(got.data, want) != 0) {
        fprintf(stderr, "owners: got\n%s", got.data);
        _exit(1);
    }
}

static void special(struct cache_store *store, bool many_ids)
{
    rules(store);
    if (!many_ids)
        owners(store);
    cache_store_free(store);
}

/* ---- the namespace ------------------------------------------------------------------------------------------ */

static bool write_text(const char *path, const char *text)
{
    CB_AUTO(close) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

__attribute__((noreturn)) static void child(int ready, int go, bool many_ids)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *path = cb_printf("%s/store", top), *sub;
    CB_AUTO(free) char *uid_map = cb_printf("0 %u 1", geteuid()), *gid_map = cb_printf("0 %u 1", getegid());
    struct cache_store *store;
    const char *const dirs[] = {"merged", "void", "empty", "ovl"};
    char byte = 0;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        _exit(SKIPPED);
    if (!many_ids && (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", uid_map) ||
                      !write_text("/proc/self/gid_map", gid_map)))
        _exit(SKIPPED);
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(SKIPPED);
    MUST(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "become root");
    umask(022);
    for (size_t i = 0; i < CB_LEN(dirs); i++) {
        sub = cb_printf("%s/%s", top, dirs[i]);
        MUST(mkdir(sub, 0755) == 0, "%s", sub);
        free(sub);
    }
    sub = NULL;
    OK(cache_store_open(path, &store, &err));
    special(store, many_ids);
    for (unsigned seed = 1; seed <= 40; seed++) {
        MUST(cb_remove_tree(AT_FDCWD, path) == 0, "%s", path);
        OK(cache_store_open(path, &store, &err));
        one_seed(store, seed, many_ids);
        cache_store_free(store);
    }
    fflush(NULL);
    _exit(0); /* what is still allocated is nobody's loss */
}

static void run_in_namespace(bool many_ids)
{
    const char *tmp = getenv("TMPDIR");
    int ready[2], go[2], status;
    char byte = 0;
    pid_t pid;

    snprintf(top, sizeof(top), "%s/cbuild-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(top));
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        child(ready[1], go[0], many_ids);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) {
        char map[64];
        static const char *const maps[] = {"uid_map", "gid_map"};

        for (int i = 0; many_ids && i < 2; i++) {
            snprintf(map, sizeof(map), "/proc/%d/%s", (int)pid, maps[i]);
            assert_true(write_text(map, "0 0 65536"));
        }
        assert_int_equal(write(go[1], &byte, 1), 1);
    }
    close(ready[0]);
    close(go[0]);
    close(go[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cb_remove_tree(AT_FDCWD, top);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        print_message("no user namespace or no overlay here: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_many_ids(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    run_in_namespace(true);
}

static void test_single_id(void **state)
{
    (void)state;
    run_in_namespace(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_id),
        cmocka_unit_test(test_many_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
