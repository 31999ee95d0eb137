/* Nobody remembers where in the work directory it went, for the command may have moved it: it is found by its inode. That takes a
 * walk, but only when somebody has died. */
#include "cache/store/lent.h"
#include "base/dir.h"
#include "base/fd.h"
#include "base/path.h"
#include "cache/store/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTES ".lent"

struct lent {
    unsigned long long dev, ino;
    char home[PATH_MAX]; /* below the store */
};

static char *notes_of(const char *work)
{
    return cb_printf("work/%s" NOTES, work);
}

static bool read_note(int notes, const char *name, struct lent *ret)
{
    char text[PATH_MAX + 64];
    int home = 0;
    ssize_t n = readlinkat(notes, name, text, sizeof(text) - 1);
    if (n < 0)
        return false;
    text[n] = '\0';
    if (sscanf(text, "%llu %llu %n", &ret->dev, &ret->ino, &home) != 2 || !home || strlen(text + home) >= sizeof(ret->home))
        return false;
    memcpy(ret->home, text + home, strlen(text + home) + 1);
    return true;
}

static bool is_it(const struct lent *l, const struct stat *st)
{
    return st->st_dev == l->dev && st->st_ino == l->ino;
}

/* ---- going ------------------------------------------------------------------------------------- */

int cache_lend(struct cache_store *s, const struct cache_work *w, const char *note, int thing, struct cb_error *err)
{
    struct stat st;
    CB_AUTO(free) char *store = cb_fd_path(s->root), *path = cb_fd_path(thing), *notes = notes_of(w->name);
    size_t n = store ? strlen(store) : 0;
    if (!path || !store || strncmp(path, store, n) != 0 || path[n] != '/' || fstat(thing, &st) < 0)
        return cb_fail(err, CB_E_FAILED, "the place of a cache mount in '%s' cannot be found", s->path);
    CB_AUTO(free)
    char *text = cb_printf("%llu %llu %s", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, path + n + 1);
    CB_AUTO(free) char *name = cb_printf("%s/%s", notes, note);
    if (mkdirat(s->root, notes, 0700) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "make '%s/%s'", s->path, notes);
    return symlinkat(text, s->root, name) < 0 ? cb_fail_sys(err, errno, "make '%s/%s'", s->path, name) : 0;
}

void cache_lent_is_back(struct cache_store *s, const struct cache_work *w, const char *note)
{
    struct lent l;
    struct stat st;
    CB_AUTO(free) char *notes = notes_of(w->name);
    CB_AUTO(close) int dir = openat(s->root, notes, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0 && read_note(dir, note, &l) && fstatat(s->root, l.home, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_it(&l, &st))
        (void)unlinkat(dir, note, 0);
}

/* ---- coming home ------------------------------------------------------------------------------- */

static void move_home(struct cache_store *s, const struct lent *l, int dir, const char *name)
{
    const char *last;
    CB_AUTO(close) int parent = cb_open_parent_nofollow(s->root, l->home, &last);
    if (parent >= 0)
        (void)cache_rename_new(dir, name, parent, last); /* somebody was faster, or has begun afresh */
}

/* Looks for it below the directory, which is closed. */
static bool find(struct cache_store *s, const struct lent *l, int fd)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(fd);
    struct stat st;
    for (const struct dirent *e; (e = cb_dir_next(&d));) {
        int dir = dirfd(d.stream);
        if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (is_it(l, &st)) {
            move_home(s, l, dir, e->d_name);
            return true;
        }
        if (S_ISDIR(st.st_mode) && find(s, l, openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
            return true;
    }
    return false;
}

static void fetch(struct cache_store *s, const char *work, int notes, const char *note)
{
    struct lent l;
    struct stat st;
    CB_AUTO(free) char *path = cb_printf("work/%s", work);
    if (!read_note(notes, note, &l))
        return;
    if (fstatat(s->root, l.home, &st, AT_SYMLINK_NOFOLLOW) < 0)
        (void)find(s, &l, openat(s->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    (void)unlinkat(notes, note, 0);
}

void cache_lent_fetch_all(struct cache_store *s, const char *work)
{
    CB_AUTO(free) char *path = notes_of(work);
    int notes = openat(s->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (notes < 0)
        return;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(notes);
    (void)cb_dir_names(&d, &names);
    for (size_t i = 0; i < names.n; i++)
        fetch(s, work, dirfd(d.stream), names.items[i]);
    (void)unlinkat(s->root, path, AT_REMOVEDIR);
}

void cache_lent_fetch(struct cache_store *s, const char *note)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    (void)cache_store_names(s, "work", &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(free) char *work = NULL;
        if (!cache_lent_is_notes(names.items[i], &work))
            continue;
        CB_AUTO(free) char *path = notes_of(work);
        CB_AUTO(close) int notes = openat(s->root, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (notes >= 0)
            fetch(s, work, notes, note);
    }
}

bool cache_lent_is_notes(const char *name, char **ret_work)
{
    if (!cb_ends(name, NOTES))
        return false;
    *ret_work = cb_memdup0(name, strlen(name) - strlen(NOTES));
    return true;
}
