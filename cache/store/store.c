#include "cache/store/store.h"

#include "base/dir.h"
#include "base/text.h"
#include "cache/store/files.h"

#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static const char *const layout[] = {"blobs",   "blobs/sha256", "layers", "diffs", "records", "images",
                                     "context", "mounts",       "fetch",  "locks", "work"};

#define OTHERS_WRITE 022

/* ---- where it is ---------------------------------------------------------------------------- */

char *cache_store_default_path(const char *root, struct cb_error *err)
{
    if (root && !*root) {
        cb_fail(err, CB_E_USAGE, "--root: the directory of the store is empty");
        return NULL;
    }
    if (root)
        return cb_strdup(root);
    const char *env = getenv("CBUILD_ROOT");
    if (env && *env)
        return cb_strdup(env);
    if (geteuid() == 0)
        return cb_strdup("/var/lib/cbuild");
    const char *data = getenv("XDG_DATA_HOME");
    if (data && *data == '/') /* the XDG specification says to ignore a relative one */
        return cb_printf("%s/cbuild", data);
    const char *home = getenv("HOME");
    if (home && *home == '/')
        return cb_printf("%s/.local/share/cbuild", home);
    cb_fail(err, CB_E_USAGE, "no place for the store: HOME is not set");
    cb_hint(err, "give a directory with --root or in CBUILD_ROOT");
    return NULL;
}

static char *absolute(const char *path)
{
    if (*path == '/')
        return cb_strdup(path);
    CB_AUTO(free) char *cwd = getcwd(NULL, 0);
    return cwd ? cb_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path) : cb_strdup(path);
}

/* ---- making it ------------------------------------------------------------------------------ */

static const char *kind_of(const struct cache_store *s)
{
    return s->run_root ? "run root" : "store";
}

static const char *option_of(const struct cache_store *s)
{
    return s->run_root ? "--run-root" : "--root";
}

static int fail_open(const struct cache_store *s, int sys, const char *verb, const char *path, struct cb_error *err)
{
    if (sys == ENOTDIR || sys == EEXIST) {
        cb_fail(err, CB_E_FAILED, "%s '%s': there is a file where a directory should be", kind_of(s), path);
        return cb_hint(err, "remove the file or choose another directory with %s", option_of(s));
    }
    cb_fail_sys(err, sys, "%s the %s '%s'", verb, kind_of(s), path);
    if (sys == EACCES || sys == EPERM)
        cb_hint(err, "choose a directory that you may write to, with %s or in %s", option_of(s),
                s->run_root ? "CBUILD_RUN_ROOT" : "CBUILD_ROOT");
    return -1;
}

/* Parents included: what we make is for its owner alone. */
static int make_root(const struct cache_store *s, const char *path, struct cb_error *err)
{
    int r = cb_mkdirs(AT_FDCWD, path, 0700);
    return r < 0 ? fail_open(s, -r, "make", path, err) : 0;
}

static bool is_ours(const char *name)
{
    if (strcmp(name, "lost+found") == 0 || cache_is_temporary(name)) /* a file system of its own; a crash */
        return true;
    for (size_t i = 0; i < CB_LEN(layout); i++)
        if (strcmp(name, layout[i]) == 0)
            return true;
    return false;
}

/* A directory without `format` becomes a store only when nothing else is in it (or what a killed
 * first start left). */
static int check_empty(struct cache_store *s, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(s, ".", &names);
    if (r < 0)
        return fail_open(s, -r, "read", s->path, err);
    for (size_t i = 0; i < names.n; i++) {
        if (is_ours(names.items[i]) || strcmp(names.items[i], "format") == 0)
            continue;
        cb_fail(err, CB_E_FAILED, "'%s' is not a store: it has no 'format' file, but holds '%s'", s->path, names.items[i]);
        return cb_hint(err, "choose an empty or a new directory with --root");
    }
    return 0;
}

/* `format` is synced, once in the life of a store: if it were empty after a power loss, it would lock everybody out. */
static int write_format(struct cache_store *s, struct cb_error *err)
{
    char salt[CACHE_RANDOM_NAME + 1];
    cache_random_name(salt);
    CB_AUTO(free) char *tmp = cb_printf(".tmp-%s", salt);
    CB_AUTO(free) char *text = cb_printf("%d\n", CACHE_FORMAT);
    CB_AUTO(close) int fd = openat(s->root, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : cb_write_full(fd, text, strlen(text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && renameat(s->root, tmp, s->root, "format") < 0)
        r = -errno;
    if (r < 0 && fd >= 0)
        unlinkat(s->root, tmp, 0);
    return r < 0 ? fail_open(s, -r, "write to", s->path, err) : 0;
}

/* What one build makes in work/ has nothing to do with what the last one removed there. ext4 is told so, as it is of
 * /home: it looks for room elsewhere, instead of searching among inodes that are not free for long enough. */
static void spread_work(struct cache_store *s)
{
    CB_AUTO(close) int work = openat(s->root, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int flags;
    if (work >= 0 && ioctl(work, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        (void)ioctl(work, FS_IOC_SETFLAGS, &flags); /* other file systems know nothing of this */
    }
}

static int make_layout(struct cache_store *s, struct cb_error *err)
{
    struct stat st;
    if (check_empty(s, err) < 0)
        return -1;
    if (fstat(s->root, &st) == 0 && (st.st_mode & OTHERS_WRITE))
        (void)fchmod(s->root, st.st_mode & 07777 & ~OTHERS_WRITE); /* an empty directory that we were given; checked below */
    for (size_t i = 0; i < CB_LEN(layout); i++)
        if (mkdirat(s->root, layout[i], 0700) < 0 && errno != EEXIST)
            return fail_open(s, errno, "write to", s->path, err);
    spread_work(s);
    return write_format(s, err);
}

/* ---- opening it ----------------------------------------------------------------------------- */

static bool is_trusted(const struct stat *st)
{
    return st->st_uid == geteuid() || st->st_uid == 0;
}

/* Root working in a user's store (sudo) would leave files there that the user cannot remove. */
static int check_owner(struct cache_store *s, struct cb_error *err)
{
    struct stat st;
    if (fstat(s->root, &st) < 0)
        return cb_fail_sys(err, errno, "stat '%s'", s->path);
    if (is_trusted(&st))
        return 0;
    cb_fail(err, CB_E_FAILED, "%s '%s' belongs to user %u, and this is user %u", kind_of(s), s->path, (unsigned)st.st_uid,
            (unsigned)geteuid());
    return cb_hint(err, "run as that user, or choose another directory with %s (a new one inside it will do)", option_of(s));
}

/* Where others can write, they may have put anything, including what builds execute; the sticky bit of /tmp does not keep
 * them from it. What they planted before that right was taken away has another owner. */
static int check_private(struct cache_store *s, const char *dir, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(free) char *path = strcmp(dir, ".") == 0 ? cb_strdup(s->path) : cb_printf("%s/%s", s->path, dir);
    if (fstatat(s->root, dir, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_open(s, errno, "open", path, err);
    if (!S_ISDIR(st.st_mode))
        return fail_open(s, ENOTDIR, "open", path, err);
    if (!is_trusted(&st)) {
        cb_fail(err, CB_E_FAILED, "'%s' of the %s belongs to user %u, and this is user %u", path, kind_of(s), (unsigned)st.st_uid,
                (unsigned)geteuid());
        return cb_hint(err, "do not use what somebody else put there: remove it, or choose another directory with %s",
                       option_of(s));
    }
    if (!(st.st_mode & OTHERS_WRITE))
        return 0;
    cb_fail(err, CB_E_FAILED, "others may write to the %s: '%s' has the mode %04o", kind_of(s), path,
            (unsigned)st.st_mode & 07777);
    return cb_hint(err,
                   "'chmod go-w', when only you have written there; else choose another directory with %s (a new one "
                   "inside it will do)",
                   option_of(s));
}

/* By names, a microsecond each: nobody else can change what they lead to, once that is checked. */
static int check_layout(struct cache_store *s, struct cb_error *err)
{
    if (check_private(s, ".", err) < 0)
        return -1;
    for (size_t i = 0; i < CB_LEN(layout); i++)
        if (check_private(s, layout[i], err) < 0)
            return -1;
    return 0;
}

static int refuse_format(struct cache_store *s, uint64_t number, struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "store '%s' has format %llu, and this cbuild knows format %d", s->path,
            (unsigned long long)number, CACHE_FORMAT);
    return cb_hint(err, "use the cbuild that made it, choose another directory with --root, or remove this one with 'cbuild "
                        "cache reset'");
}

/* 1: it is our format. 0: there is no format file yet. */
static int check_format(struct cache_store *s, struct cb_error *err)
{
    char text[32];
    CB_AUTO(close) int fd = openat(s->root, "format", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail_open(s, errno, "read", s->path, err);
    int n = cb_read_full(fd, text, sizeof(text) - 1);
    if (n < 0)
        return fail_open(s, -n, "read", s->path, err);
    if (n && text[n - 1] == '\n')
        n--;
    text[n] = 0;
    uint64_t number;
    if (strlen(text) != (size_t)n || !cb_parse_u64(text, UINT32_MAX, &number)) {
        cb_fail(err, CB_E_CORRUPT, "store '%s': its 'format' file holds no number", s->path);
        return cb_hint(
            err,
            "if it was used by no other version of cbuild, write %d into '%s/format' and let 'cbuild cache verify' look at "
            "the rest; else choose another directory with --root, or remove this one with 'cbuild cache reset'",
            CACHE_FORMAT, s->path);
    }
    return number == CACHE_FORMAT ? 1 : refuse_format(s, number, err);
}

static struct cache_store *open_root(const char *path, bool run_root, struct cb_error *err)
{
    CB_AUTO(cache_store) struct cache_store *s = CB_NEW(struct cache_store);
    *s = (struct cache_store){.path = absolute(path), .marks = -1, .run_root = run_root};
    s->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0 && errno == ENOENT) {
        if (make_root(s, path, err) < 0)
            return NULL;
        s->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (s->root < 0) {
        fail_open(s, errno, "open", path, err);
        return NULL;
    }
    return check_owner(s, err) < 0 ? NULL : CB_TAKE(s);
}

/* In a place that is open to everybody, as /dev/shm or the volume of a pod, a directory of our own. */
static char *run_root_at(const char *path, struct cb_error *err)
{
    struct stat st, own;
    if (stat(path, &st) < 0 || !(st.st_mode & OTHERS_WRITE))
        return cb_strdup(path);
    CB_AUTO(free) char *below = cb_printf("%s/cbuild-%u", path, (unsigned)geteuid());
    if (lstat(below, &own) < 0 || S_ISDIR(own.st_mode))
        return CB_TAKE(below);
    fail_open(&(struct cache_store){.run_root = true}, ENOTDIR, "open", below,
              err); /* a link, which anybody can have put there */
    return NULL;
}

int cache_store_open_run_root(const char *path, struct cache_store **ret, struct cb_error *err)
{
    CB_AUTO(free) char *at = run_root_at(path, err);
    CB_AUTO(cache_store) struct cache_store *s = at ? open_root(at, true, err) : NULL;
    if (!s || check_private(s, ".", err) < 0 || check_private(s, "work", err) < 0)
        return -1;
    *ret = CB_TAKE(s);
    return 0;
}

int cache_store_open(const char *path, struct cache_store **ret, struct cb_error *err)
{
    CB_AUTO(cache_store) struct cache_store *s = open_root(path, false, err);
    if (!s)
        return -1;
    int r = check_format(s, err);
    if (r < 0 || (r == 0 && make_layout(s, err) < 0) || check_layout(s, err) < 0)
        return -1;
    *ret = CB_TAKE(s);
    return 0;
}

/* Whatever `format` says, it says that this was a store. */
static int check_all_is_ours(struct cache_store *s, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(s, ".", &names);
    if (r < 0)
        return fail_open(s, -r, "read", s->path, err);
    if (names.n == 0)
        return cb_fail(err, CB_E_NOT_FOUND, "there is no store in '%s'", s->path);
    bool store = false;
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        bool format = strcmp(name, "format") == 0;
        store = store || format;
        if (format || strcmp(name, "snapshot") == 0 || is_ours(name))
            continue;
        cb_fail(err, CB_E_FAILED, "'%s' holds '%s', which is no part of a store", s->path, name);
        return cb_hint(err, "move it away, or remove the directory yourself");
    }
    return store ? 0 : cb_fail(err, CB_E_FAILED, "'%s' is not a store: it has no 'format' file", s->path);
}

int cache_store_open_to_reset(const char *path, struct cache_store **ret, struct cb_error *err)
{
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return cb_fail(err, CB_E_NOT_FOUND, "there is no store in '%s'", path);
    CB_AUTO(cache_store) struct cache_store *s = open_root(path, false, err);
    if (!s || check_all_is_ours(s, err) < 0)
        return -1;
    *ret = CB_TAKE(s);
    return 0;
}

void cache_store_free(struct cache_store *s)
{
    if (!s)
        return;
    cb_close(s->root);
    free(s->path);
    free(s->boot_id);
    free(s);
}

const char *cache_store_boot_id(struct cache_store *s)
{
    if (!s->boot_id) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        int r = cb_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &b);
        while (b.len && b.data[b.len - 1] == '\n')
            cb_buf_truncate(&b, b.len - 1);
        s->boot_id = cb_strdup(r < 0 ? "" : b.data);
    }
    return s->boot_id;
}

bool cache_store_is_this_boot(struct cache_store *s, const char *boot_id)
{
    return *boot_id && strcmp(boot_id, cache_store_boot_id(s)) == 0;
}

/* ---- files and directories of it ------------------------------------------------------------ */

int cache_store_dir(struct cache_store *s, const char *dir)
{
    int fd = openat(s->root, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int r = cb_mkdirs(s->root, dir, 0700);
        if (r < 0)
            return r;
        fd = openat(s->root, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

void cache_note_use(int fd, const struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec - st->st_mtim.tv_sec >= CACHE_NOTE_USE || st->st_mtim.tv_sec > now.tv_sec)
        (void)futimens(fd, NULL);
}

int cache_store_names(struct cache_store *s, const char *dir, struct cb_strv *ret)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(s->root, dir);
    return d.error == -ENOENT ? 0 : cb_dir_names(&d, ret);
}

/* ---- locks ---------------------------------------------------------------------------------- */

static bool lock_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return n > 0 && n <= 200 && !name[n] && name[0] != '.';
}

static int open_lock(struct cache_store *s, const char *path)
{
    int fd = openat(s->root, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool damaged = fd < 0 && errno == EISDIR && unlinkat(s->root, path, AT_REMOVEDIR) == 0;
    if (damaged || (fd < 0 && errno == ENOENT && cb_mkdirs(s->root, "locks", 0700) == 0))
        fd = openat(s->root, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* In a store that is read-only to us, what is there is enough for flock(2). */
int cache_open_lock(struct cache_store *s, const char *path)
{
    int fd = open_lock(s, path);
    if (fd != -EROFS && fd != -EACCES)
        return fd;
    fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int fail_lock(struct cb_error *err, int sys, struct cache_store *s, const char *path)
{
    cb_fail_sys(err, sys, "lock '%s/%s'", s->path, path);
    if (sys == EISDIR)
        cb_hint(err, "there is a directory where a file should be: remove it");
    if (sys == ENOLCK || sys == ENOSYS || sys == EOPNOTSUPP)
        cb_hint(err, "the file system of the store has no locks: choose a directory on a local disk with --root");
    return -1;
}

int cache_lock(struct cache_store *s, const char *name, bool exclusive, bool wait, int *ret_fd, struct cb_error *err)
{
    if (!lock_name_valid(name))
        return cb_fail(err, CB_E_FAILED, "'%s' cannot be the name of a lock", name);
    CB_AUTO(free) char *path = cb_printf("locks/%s", name);
    int how = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);
    for (;;) {
        CB_AUTO(close) int fd = exclusive ? open_lock(s, path) : cache_open_lock(s, path);
        if (fd < 0)
            return fail_lock(err, -fd, s, path);
        if (CB_RETRY(flock(fd, how)) < 0)
            return errno == EWOULDBLOCK ? 0 : fail_lock(err, errno, s, path);
        /* Its last holder may have removed the file while we waited: then another one is the lock now. */
        struct stat st;
        if (fstat(fd, &st) < 0)
            return fail_lock(err, errno, s, path);
        if (st.st_nlink == 0)
            continue;
        *ret_fd = cb_take_fd(&fd);
        return 1;
    }
}

static struct flock key_range(const struct cb_digest *key, short type)
{
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof(at); i++)
        at = at << 8 | key->b[i];
    /* Off the last byte too: a range may not end beyond what an offset can say. */
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(at >> 2), .l_len = 1};
}

int cache_lock_key(struct cache_store *s, const struct cb_digest *key, int *ret_fd, struct cb_error *err)
{
    struct flock range = key_range(key, F_WRLCK);
    CB_AUTO(close) int fd = open_lock(s, "locks/steps");
    if (fd < 0)
        return fail_lock(err, -fd, s, "locks/steps");
    if (CB_RETRY(fcntl(fd, F_OFD_SETLK, &range)) < 0)
        return errno == EAGAIN || errno == EACCES ? 0 : fail_lock(err, errno, s, "locks/steps");
    *ret_fd = cb_take_fd(&fd);
    return 1;
}

void cache_unlock_key(const struct cb_digest *key, int *fd)
{
    struct flock range = key_range(key, F_UNLCK);
    if (*fd < 0)
        return;
    (void)fcntl(*fd, F_OFD_SETLK, &range); /* for a child that inherited it */
    *fd = cb_close(*fd);
}

void cache_unlock(struct cache_store *s, const char *name, int *fd)
{
    if (*fd < 0)
        return;
    if (name && lock_name_valid(name)) {
        CB_AUTO(free) char *path = cb_printf("locks/%s", name);
        (void)unlinkat(s->root, path, 0); /* an empty file that stays does no harm */
    }
    (void)flock(*fd, LOCK_UN); /* for a child that inherited it */
    *fd = cb_close(*fd);
}

/* ---- names --------------------------------------------------------------------------------- */

void cache_random_name(char out[CACHE_RANDOM_NAME + 1])
{
    static uint64_t count; /* only for a kernel whose random numbers are not ready yet */
    uint64_t v;
    if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != (ssize_t)sizeof(v)) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        v = ((uint64_t)t.tv_sec << 30 ^ (uint64_t)t.tv_nsec ^ (uint64_t)getpid() << 40) + count++;
    }
    snprintf(out, CACHE_RANDOM_NAME + 1, "%016llx", (unsigned long long)v);
}

int cache_link_unnamed(int fd, int dir, const char *name)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    /* /proc may be missing (a bare chroot); newer kernels take the descriptor itself. */
    if (errno != ENOENT || linkat(fd, "", dir, name, AT_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

int cache_fail_busy(struct cache_store *s, struct cb_error *err)
{
    cb_fail(err, CB_E_FAILED, "a build is using the store '%s'", s->path);
    return cb_hint(err, "try again when it has ended");
}
