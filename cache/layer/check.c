/* Is a layer what its index says? */
#include "cache/layer/layer-internal.h"
#include "base/dir.h"

#include <unistd.h>

#define PIECE 65536

/* ---- files ------------------------------------------------------------------------------------------ */

struct check {
    struct cache_layer_seen *seen; /* NULL: contents are not read */
    struct cache_layer_cursor cursor;
    uint64_t names; /* in the directories seen so far */
    bool blind;     /* we can pass through one of them but not read it: then nothing is known of names */
};

static void check_done(struct check *c)
{
    cache_layer_cursor_done(&c->cursor);
}
CB_DEFINE_AUTO(check, struct check, check_done)

/* Adds those in the directory `name`. */
static void count_names(struct check *c, int parent, const char *name)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(parent, name);
    while (cb_dir_next(&d))
        c->names++;
    c->blind = c->blind || d.error != 0;
}

/* 1: the file has the digest. 0: not, or it cannot be read. */
static int check_content(struct check *c, const struct cache_entry *e)
{
    static char block[PIECE];
    struct stat st;
    struct cb_sha256 sha;
    struct cb_digest have;
    CB_AUTO(close) int fd = cache_layer_cursor_open(&c->cursor, e->path, &st);
    int n = 0;
    if (fd == -EACCES)
        return -EACCES;
    cb_sha256_init(&sha);
    while (fd >= 0 && (n = cb_read_full(fd, block, sizeof(block))) > 0)
        cb_sha256_add(&sha, block, (size_t)n);
    cb_sha256_end(&sha, &have);
    c->seen->files++;
    c->seen->bytes += e->size;
    return fd >= 0 && n == 0 && cb_digest_eq(&have, &e->digest);
}

/* 1: as the index says. 0: not. -EACCES: cannot be seen from here. */
static int check_entry(struct check *c, const struct cache_entry *e)
{
    if (e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE)
        return 1;
    const char *name;
    int dir = cache_layer_cursor_parent(&c->cursor, e->path, &name);
    if (dir < 0)
        return dir == -EACCES ? dir : 0;
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == EACCES ? -EACCES : 0;
    switch (e->type) {
    case CB_FILE:
        if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != e->size)
            return 0;
        return c->seen ? check_content(c, e) : 1;
    case CB_DIR:
        if (S_ISDIR(st.st_mode))
            count_names(c, dir, name);
        return S_ISDIR(st.st_mode);
    case CB_SYMLINK:
        return S_ISLNK(st.st_mode) && (size_t)st.st_size == strlen(e->link);
    default: /* a device may be an empty file; a hard link is whatever its first name is */
        return !S_ISDIR(st.st_mode);
    }
}

/* Does the entry have a name on the disk? A whiteout, only where the file system holds them. */
static bool has_name(struct check *c, const struct cache_entry *e, bool marks)
{
    const char *name;
    struct stat st;
    if (e->type != CACHE_WHITEOUT || marks)
        return e->type != CACHE_OPAQUE;
    int dir = cache_layer_cursor_parent(&c->cursor, e->path, &name);
    return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int tell(struct check *c, const char *path)
{
    if (c->seen)
        c->seen->wrong =
            path ? cb_printf("'/%s' is not as its index says", path) : cb_strdup("it holds what its index does not say");
    return 0;
}

int cache_layer_check_files(int dir, const struct cache_index *x, struct cache_layer_seen *seen)
{
    CB_AUTO(check) struct check c = {.cursor = CACHE_LAYER_CURSOR_INIT, .seen = seen};
    CB_AUTO(close) int fs = openat(dir, "fs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fs < 0)
        return -EACCES;
    cache_layer_cursor_set_root(&c.cursor, fs);
    count_names(&c, fs, ".");
    uint64_t names = 0;
    bool marks = cache_layer_holds_marks(dir);
    for (size_t i = 0; i < x->n; i++) {
        int r = check_entry(&c, &x->entries[i]);
        if (r != 1)
            return r ? r : tell(&c, x->entries[i].path);
        names += has_name(&c, &x->entries[i], marks);
    }
    return c.blind || c.names == names ? 1 : tell(&c, NULL);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static int wrong(struct cache_layer_seen *seen, const char *why)
{
    seen->wrong = cb_strdup(why);
    return 0;
}

int cache_layer_verify(struct cache_store *s, const struct cb_digest *id, struct cache_layer_seen *seen)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cache_layer_dir l;
    *seen = (struct cache_layer_seen){0};
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir == -ENOENT)
        return -ENOENT;
    if (dir < 0 || cache_layer_load(s, id, &l, &err) != 1)
        return wrong(seen, "its description cannot be read");
    if (!l.base && !cb_digest_eq(id, &l.content))
        return wrong(seen, "it is not what its name says");
    if (cache_layer_read_index(dir, &l.content, &x, &err) < 0)
        return wrong(seen, err.msg);
    if (!l.l.has_files && !l.foreign)
        return 1;
    return cache_layer_check_files(dir, &x, seen);
}
