#include "upper-trees.h"
#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
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
