/* Layers of base images, unpacked into a store on a file system in memory, as the index alone and with files. Neither may
 * change anything outside of the store; both must say the same; and what is on the disk must be what the index says.
 *
 * Input is a tar. The checksum of each header is mended first: else nothing that the fuzzer changes in one is ever seen. */
#include "base/stream/tar.h"
#include "cache/layer/layer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK    512
#define MAX_DATA (1u << 20) /* of all files: a sparse map may claim much more than the input has */

static char *top; /* store/, and canary/ with a file that nobody may touch */
static int top_fd;
static struct cache_store *store;

static void clean_up(void)
{
    cache_store_free(store);
    cb_close(top_fd);
    cb_remove_tree(AT_FDCWD, top);
    free(top);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    (void)argc, (void)argv;
    top = cb_printf("%s/cbuild-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(top) || (top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || mkdirat(top_fd, "canary", 0700) < 0 ||
        cb_publish_file(top_fd, "canary/file", "outside\n", 8, 0600) < 0)
        abort();
    CB_AUTO(free) char *path = cb_printf("%s/store", top);
    if (cache_store_open(path, &store, &err) < 0)
        abort();
    atexit(clean_up);
    return 0;
}

/* ---- the input --------------------------------------------------------------------------------- */

static void mend_checksums(char *p, size_t n)
{
    for (; n >= BLOCK; p += BLOCK, n -= BLOCK) {
        unsigned sum = 0;

        if (memcmp(p + 257, "ustar", 5) != 0)
            continue;
        memset(p + 148, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
            sum += (unsigned char)p[i];
        snprintf(p + 148, 8, "%06o", sum);
    }
}

struct input {
    const char *p;
    size_t n;
};

static ssize_t feed(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct input *in = arg;

    (void)err;
    n = CB_MIN(n, in->n);
    memcpy(p, in->p, n);
    in->p += n;
    in->n -= n;
    return (ssize_t)n;
}

static bool is_small(struct input in)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(feed, &in, false, &err);
    struct cb_tar_entry e;
    uint64_t sum = 0;

    while (t && cb_tar_next(t, &e, &err) > 0) {
        if (e.type == CB_FILE && (e.size > MAX_DATA || (sum += e.size) > MAX_DATA))
            return false;
    }
    return true;
}

/* ---- what must not change -------------------------------------------------------------------------- */

struct outside {
    struct stat st[3];
};

static struct outside look_outside(void)
{
    static const char *const names[] = {".", "canary", "canary/file"};
    struct outside o = {0};

    for (size_t i = 0; i < CB_LEN(names); i++)
        if (fstatat(top_fd, names[i], &o.st[i], AT_SYMLINK_NOFOLLOW) < 0)
            abort();
    return o;
}

static void expect_same(const struct outside *a, const struct outside *b)
{
    for (size_t i = 0; i < CB_LEN(a->st); i++) {
        const struct stat *x = &a->st[i], *y = &b->st[i];

        if (x->st_ctim.tv_sec != y->st_ctim.tv_sec || x->st_ctim.tv_nsec != y->st_ctim.tv_nsec || x->st_nlink != y->st_nlink ||
            x->st_mode != y->st_mode)
            abort();
    }
}

/* ---- unpacking --------------------------------------------------------------------------------------- */

static int unpack(const struct cb_buf *tar, const struct cb_digest *diff, bool files, struct cache_layer *ret,
                  struct cb_error *err)
{
    struct input in = {tar->data, tar->len};

    return cache_layer_unpack(store, feed, &in, diff, files, NULL, ret, err);
}

/* Without its state a layer is compared with its index when it is found. */
static void expect_sound(const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    char hex[CB_DIGEST_HEX + 1];
    struct cache_layer l;

    cb_digest_hex(id, hex);
    CB_AUTO(free) char *state = cb_printf("layers/%s/state", hex);
    if (unlinkat(store->root, state, 0) < 0 || cache_layer_find(store, id, &l, &err) != 1 || !l.has_files)
        abort();
}

static void forget(const struct cb_digest *id)
{
    char hex[CB_DIGEST_HEX + 1];

    cb_digest_hex(id, hex);
    CB_AUTO(free) char *diff = cb_printf("diffs/%s", hex);
    cache_layer_drop(store, id);
    (void)unlinkat(store->root, diff, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(cb_buf) struct cb_buf tar = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error index_err = CB_ERROR_INIT, files_err = CB_ERROR_INIT;
    struct outside before = look_outside(), after;
    struct cache_layer index, files;
    struct cb_digest diff;

    cb_buf_add(&tar, data, size);
    mend_checksums(tar.data, tar.len);
    if (!is_small((struct input){tar.data, tar.len}))
        return 0;
    cb_sha256(tar.data, tar.len, &diff);
    int by_index = unpack(&tar, &diff, false, &index, &index_err);
    int by_files = unpack(&tar, &diff, true, &files, &files_err);
    after = look_outside();
    expect_same(&before, &after);
    if (by_files == 0 && (by_index < 0 || files.entries != index.entries || files.size != index.size))
        abort();
    if (by_index == 0 && by_files < 0 && files_err.code != CB_E_SYSTEM) /* a disk has limits that an index has not */
        abort();
    if (by_files == 0)
        expect_sound(&diff);
    forget(&diff);
    return 0;
}
