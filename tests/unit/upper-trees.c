#include "upper-trees.h"
#include <dirent.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

/* ---- what a tree shows -------------------------------------------------------------------------------- */

static void show(struct cb_buf *out, const char *path, int type, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t size,
                 int64_t mtime, const char *link, const struct cb_digest *digest, uint32_t dev, size_t xattrs)
{
    cb_buf_printf(out, "%s %d %o %u:%u", path, type, mode, uid, gid);
    if (type != CB_DIR) /* a directory of which only times changed is not in the layer */
        cb_buf_printf(out, " @%lld", (long long)mtime);
    if (type == CB_FILE) {
        char hex[CB_DIGEST_HEX + 1];

        cb_digest_hex(digest, hex);
        cb_buf_printf(out, " %llu %.8s caps=%zu", (unsigned long long)size, hex, xattrs);
    }
    if (type == CB_SYMLINK)
        cb_buf_printf(out, " -> %s", link);
    if (type == CB_CHAR)
        cb_buf_printf(out, " dev=%u", dev);
    cb_buf_addc(out, '\n');
}

void show_node(const struct cache_node *n, struct cb_buf *out)
{
    if (n->parent)
        show(out, n->e.path, n->e.type, n->e.mode, n->e.uid, n->e.gid, n->e.size, n->e.mtime, n->e.link, &n->e.digest,
             n->e.dev_minor, n->e.n_xattrs);
    for (size_t i = 0; i < n->n_children; i++)
        show_node(n->children[i], out);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return CB_DIR;
    case S_IFLNK:
        return CB_SYMLINK;
    case S_IFCHR:
        return CB_CHAR;
    case S_IFIFO:
        return CB_FIFO;
    default:
        return CB_FILE;
    }
}

void show_dir(int dir, const char *below, struct cb_buf *out)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *de;

    MUST(d, "%s", below);
    while ((de = readdir(d))) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            cb_strv_push(&names, de->d_name);
    }
    closedir(d);
    if (names.n)
        qsort(names.items, names.n, sizeof(char *), by_bytes);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *path = cb_printf("%s%s%s", below, *below ? "/" : "", names.items[i]);
        CB_AUTO(cb_buf) struct cb_buf content = CB_BUF_INIT;
        char link[256] = "", value[64];
        struct cb_digest digest = {{0}};
        struct stat st;
        size_t xattrs = 0;

        MUST(fstatat(dir, names.items[i], &st, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
        if (S_ISSOCK(st.st_mode))
            continue;
        if (S_ISLNK(st.st_mode))
            MUST(readlinkat(dir, names.items[i], link, sizeof(link) - 1) > 0, "%s", path);
        if (S_ISREG(st.st_mode)) {
            CB_AUTO(close) int fd = openat(dir, names.items[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

            MUST(fd >= 0 && cb_read_fd(fd, 1 << 20, &content) == 0, "%s: %s", path, strerror(errno));
            cb_sha256(content.data, content.len, &digest);
            xattrs = fgetxattr(fd, "security.capability", value, sizeof(value)) > 0;
        }
        show(out, path, type_of(st.st_mode), st.st_mode & 07777, st.st_uid, st.st_gid, (uint64_t)st.st_size, st.st_mtim.tv_sec,
             link, &digest, minor(st.st_rdev), xattrs);
        if (S_ISDIR(st.st_mode)) {
            CB_AUTO(close) int sub = openat(dir, names.items[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            MUST(sub >= 0, "%s", path);
            show_dir(sub, path, out);
        }
    }
}

void compare(const char *what, unsigned seed, int round, const struct cb_buf *want, const struct cb_buf *got)
{
    if (strcmp(want->data, got->data) == 0)
        return;
    fprintf(stderr, "seed %u, round %d: %s\n--- the overlay showed\n%s--- now\n%s", seed, round, what, want->data, got->data);
    _exit(1);
}

/* ---- names of one inode ---------------------------------------------------------------------------------- */

void note_links(int dir, const char *below, struct cb_map *first, struct cb_strv *ret)
{
    DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *de;

    MUST(d, "%s", below);
    while ((de = readdir(d))) {
        CB_AUTO(free) char *path = cb_printf("%s%s%s", below, *below ? "/" : "", de->d_name);
        struct stat st;

        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        MUST(fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
        if (S_ISDIR(st.st_mode)) {
            CB_AUTO(close) int sub = openat(dir, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            note_links(sub, path, first, ret);
        } else if (!S_ISSOCK(st.st_mode)) {
            char *known = cb_map_getn(first, (const char *)&st.st_ino, sizeof(st.st_ino));

            if (known)
                cb_strv_push(ret, path), cb_strv_push(ret, known);
            else
                cb_map_setn(first, (const char *)&st.st_ino, sizeof(st.st_ino), cb_strdup(path)); /* nobody's loss */
        }
    }
    closedir(d);
}

void still_linked(const struct cb_strv *pairs, int dir)
{
    for (size_t i = 0; i + 1 < pairs->n; i += 2) {
        struct stat a, b;

        MUST(fstatat(dir, pairs->items[i], &a, AT_SYMLINK_NOFOLLOW) == 0, "%s", pairs->items[i]);
        MUST(fstatat(dir, pairs->items[i + 1], &b, AT_SYMLINK_NOFOLLOW) == 0, "%s", pairs->items[i + 1]);
        MUST(a.st_ino == b.st_ino, "'%s' and '%s' are two files", pairs->items[i], pairs->items[i + 1]);
    }
}

/* ---- a layer's directory is what its index says, and no more --------------------------------------------- */

/* Those that the index has. Security modules label all files; overlay's origin acts on nobody. */
static void exact_xattrs(const char *path, const struct cb_xattr *x, size_t n)
{
    char list[4096], value[64];
    ssize_t len = llistxattr(path, list, sizeof(list));

    MUST(len >= 0, "%s", path);
    for (const char *p = list; p < list + len; p += strlen(p) + 1) {
        if ((cb_starts(p, "security.") && strcmp(p, "security.capability") != 0) || strcmp(p, "user.overlay.origin") == 0)
            continue;
        MUST(n == 1 && strcmp(p, x->name) == 0, "%s has the attribute %s", path, p);
        MUST(lgetxattr(path, p, value, sizeof(value)) == (ssize_t)x->len && memcmp(value, x->value, x->len) == 0,
             "%s has another %s", path, p);
        n = 0;
    }
    MUST(n == 0, "%s has no capability", path);
}

static nlink_t names_of(const struct cache_index *x, const struct cache_entry *head)
{
    nlink_t n = 1;

    for (size_t i = 0; i < x->n; i++)
        n += x->entries[i].type == CB_HARDLINK && strcmp(x->entries[i].link, head->path) == 0;
    return n;
}

static void exact_entry(const struct cache_index *x, const char *full, const struct cache_entry *e, const struct stat *st)
{
    const struct cache_entry *head = e->type == CB_HARDLINK ? cache_index_find(x, e->link) : e;
    char link[256] = "";

    if (e->type == CACHE_WHITEOUT) {
        MUST(S_ISCHR(st->st_mode) && st->st_rdev == 0, "%s is no whiteout", full);
        return;
    }
    MUST(head && type_of(st->st_mode) == head->type, "%s has another type", full);
    MUST(st->st_uid == head->uid && st->st_gid == head->gid && (st->st_mode & 07777) == head->mode,
         "%s has another owner or mode", full);
    MUST(st->st_mtim.tv_sec == head->mtime, "%s has another time", full);
    MUST(S_ISDIR(st->st_mode) || st->st_nlink == names_of(x, head), "%s has other names", full);
    if (head->type == CB_FILE) {
        CB_AUTO(cb_buf) struct cb_buf content = CB_BUF_INIT;
        struct cb_digest digest;

        MUST(cb_read_file(AT_FDCWD, full, 1 << 20, &content) == 0, "%s", full);
        cb_sha256(content.data, content.len, &digest);
        MUST(cb_digest_eq(&digest, &head->digest) && content.len == head->size, "%s has other content", full);
    }
    if (head->type == CB_SYMLINK)
        MUST(readlink(full, link, sizeof(link) - 1) > 0 && strcmp(link, head->link) == 0, "%s is another link", full);
    exact_xattrs(full, head->xattrs, head->n_xattrs);
}

/* Adds to *seen how many names there are. */
static void exact_dir(const struct cache_index *x, const char *full, const char *below, size_t *seen)
{
    DIR *d = opendir(full);
    struct dirent *de;

    MUST(d, "%s", full);
    while ((de = readdir(d))) {
        CB_AUTO(free) char *sub = cb_printf("%s/%s", full, de->d_name);
        CB_AUTO(free) char *path = cb_printf("%s%s%s", below, *below ? "/" : "", de->d_name);
        const struct cache_entry *e = cache_index_find(x, path);
        struct stat st;

        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        MUST(e, "%s is in no index", sub);
        MUST(lstat(sub, &st) == 0, "%s", sub);
        exact_entry(x, sub, e, &st);
        ++*seen;
        if (S_ISDIR(st.st_mode))
            exact_dir(x, sub, path, seen);
    }
    closedir(d);
}

void exact(struct cache_store *store, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    char hex[CB_DIGEST_HEX + 1];
    struct stat st;
    size_t seen = 0;

    cb_digest_hex(id, hex);
    CB_AUTO(free) char *fs = cb_printf("%s/layers/%s/fs", store->path, hex);
    OK(cache_layer_index(store, id, &x, &err));
    MUST(stat(fs, &st) == 0, "%s", fs);
    MUST(st.st_mode == (S_IFDIR | 0755) && st.st_uid == 0 && st.st_gid == 0, "%s: %o %u:%u", fs, st.st_mode, st.st_uid,
         st.st_gid);
    exact_xattrs(fs, NULL, 0);
    exact_dir(&x, fs, "", &seen);
    MUST(seen == x.n, "%s has %zu of %zu entries", fs, seen, x.n);
}

/* ---- random changes ------------------------------------------------------------------------------------- */

uint32_t rnd(uint32_t *s, uint32_t n)
{
    *s = *s * 1664525 + 1013904223;
    return (*s >> 10) % n;
}

static void random_path(uint32_t *s, char out[16])
{
    uint32_t depth = 1 + rnd(s, 3);
    size_t n = 0;

    for (uint32_t i = 0; i < depth; i++) {
        if (i)
            out[n++] = '/';
        out[n++] = "abcd"[rnd(s, 4)];
    }
    out[n] = '\0';
}

static void write_file(int dir, const char *path, uint32_t *s, int flags)
{
    CB_AUTO(close) int fd = openat(dir, path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | flags, 0644);
    char text[8];
    struct stat st;

    snprintf(text, sizeof(text), "%u", rnd(s, 4));
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        MUST(write(fd, text, rnd(s, 3) ? 1 : 0) >= 0, "%s", path);
}

void make_socket(int dir, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    CB_AUTO(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir, path);
    (void)bind(fd, (struct sockaddr *)&a, sizeof(a)); /* the name may be taken */
}

/* Of ours, or of another root than ours. */
static void set_capability(int dir, const char *path, uint32_t *s)
{
    static const char of_root[] = "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    static const char of_another[] = "\1\0\0\3\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0";
    CB_AUTO(close) int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool another = rnd(s, 2);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        (void)fsetxattr(fd, "security.capability", another ? of_another : of_root, another ? 24 : 20,
                        rnd(s, 2) ? 0 : XATTR_CREATE);
}

/* Attributes that no layer of a step holds: of users, access lists that are handed down, capabilities where they mean
 * nothing. */
static void set_attribute(int dir, const char *path, uint32_t *s)
{
    static const struct {
        const char *name, *value;
        size_t len;
    } some[] = {
        {"user.note", "text", 4},
        {"system.posix_acl_default", "\2\0\0\0\1\0\7\0\377\377\377\377\4\0\7\0\377\377\377\377\x20\0\7\0\377\377\377\377", 28},
        {"system.posix_acl_access",
         "\2\0\0\0\1\0\6\0\377\377\377\377\2\0\7\0\0\0\0\0\4\0\4\0\377\377\377\377\x10\0\4\0\377\377\377\377\x20\0\4\0\377\377"
         "\377\377",
         44},
        {"security.capability", "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20},
    };
    CB_AUTO(free) char *full = cb_printf("/proc/self/fd/%d/%s", dir, path);
    uint32_t i = rnd(s, CB_LEN(some));
    struct stat st;

    if (lstat(full, &st) == 0 && (i < 3 || !S_ISREG(st.st_mode)))
        (void)lsetxattr(full, some[i].name, some[i].value, some[i].len, 0);
}

static bool is_dir(int dir, const char *path)
{
    struct stat st;

    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Removed and made again with most of what was in it: rename keeps times. */
static void replace_dir(int dir, const char *path, uint32_t *s, bool plain)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    DIR *d = fdopendir(openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct dirent *e;

    if (!d || mkdirat(dir, "aside", 0755) < 0)
        return;
    while ((e = readdir(d)))
        cb_strv_push(&names, e->d_name);
    closedir(d);
    for (int back = 0; back < 2; back++) {
        for (size_t i = 0; i < names.n; i++) {
            CB_AUTO(free) char *from = cb_printf("%s/%s", path, names.items[i]), *to = cb_printf("aside/%s", names.items[i]);

            if ((!back || rnd(s, 4)) && !(plain && is_dir(dir, back ? to : from)))
                (void)renameat(dir, back ? to : from, dir, back ? from : to);
        }
        if (!back)
            MUST(cb_remove_tree(dir, path) == 0 && mkdirat(dir, path, 0755) == 0, "%s", path);
    }
    MUST(cb_remove_tree(dir, "aside") == 0, "aside");
}

/* The root's own attributes are no part of any layer. */
static void change_root(int dir, uint32_t *s, bool many_ids)
{
    (void)fchmod(dir, rnd(s, 2) ? 0777 : 01755);
    set_attribute(dir, ".", s);
    if (many_ids)
        (void)fchown(dir, rnd(s, 3), rnd(s, 3));
}

void change(int dir, uint32_t *s, bool many_ids, bool plain)
{
    char path[16], other[16];
    struct timespec t[2] = {{.tv_sec = 1000 + rnd(s, 3)}, {.tv_sec = 1000 + rnd(s, 3)}};

    random_path(s, path);
    random_path(s, other);
    switch (rnd(s, 20)) {
    case 0:
    case 1:
        (void)mkdirat(dir, path, 0755);
        break;
    case 2:
    case 3:
        write_file(dir, path, s, O_TRUNC);
        break;
    case 4:
        write_file(dir, path, s, O_APPEND);
        break;
    case 5:
        (void)unlinkat(dir, path, 0);
        break;
    case 6:
        (void)cb_remove_tree(dir, path);
        break;
    case 7: /* removed and made again: opaque */
        (void)cb_remove_tree(dir, path);
        (void)mkdirat(dir, path, 0755);
        break;
    case 8:
        if (!plain || !is_dir(dir, path))
            (void)renameat(dir, path, dir, other);
        break;
    case 9:
        (void)symlinkat(rnd(s, 2) ? "a" : "b/c", dir, path);
        break;
    case 10:
        (void)linkat(dir, path, dir, other, 0);
        break;
    case 11:
        (void)fchmodat(dir, path, rnd(s, 2) ? 0755 : 0644, 0);
        break;
    case 12:
        if (many_ids)
            (void)fchownat(dir, path, rnd(s, 3), rnd(s, 3), AT_SYMLINK_NOFOLLOW);
        break;
    case 13:
        (void)utimensat(dir, path, t, AT_SYMLINK_NOFOLLOW);
        break;
    case 14:
        if (rnd(s, 2))
            (void)mkfifoat(dir, path, 0600);
        else
            make_socket(dir, path);
        break;
    case 15:
        set_capability(dir, path, s);
        break;
    case 16:
        change_root(dir, s, many_ids);
        break;
    case 17:
        set_attribute(dir, path, s);
        break;
    default:
        replace_dir(dir, path, s, plain);
    }
}
