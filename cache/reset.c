#include "cache/reset.h"

#include "cache/store/files.h"

#include <unistd.h>

/* Without these a directory is no store, and nobody can tell whether it is in use. In the order in which they go. */
static const char *const last[] = {"locks", "format"};

static bool goes_last(const char *name)
{
    for (size_t i = 0; i < CB_LEN(last); i++)
        if (strcmp(name, last[i]) == 0)
            return true;
    return false;
}

static int remove_one(struct cache_store *s, const char *name, struct cb_error *err)
{
    int r = cb_remove_tree(s->root, name);
    if (r == 0)
        return 0;
    cb_fail_sys(err, r, "remove '%s/%s'", s->path, name);
    if (r == -EPERM || r == -EACCES)
        cb_hint(err, "some of it belongs to an id that cbuild cannot act for here: root can remove it");
    return -1;
}

static int remove_all(struct cache_store *s, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int r = cache_store_names(s, ".", &names);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", s->path);
    for (size_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        if (!goes_last(name) && strcmp(name, "lost+found") != 0 && remove_one(s, name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < CB_LEN(last); i++)
        if (remove_one(s, last[i], err) < 0)
            return -1;
    (void)rmdir(s->path); /* what is mounted there stays */
    return 0;
}

int cache_reset(struct cache_store *s, struct cb_error *err)
{
    int lock = -1;
    int r = cache_lock(s, "gc", true, false, &lock, err);
    if (r <= 0)
        return r < 0 ? -1 : cache_fail_busy(s, err);
    r = remove_all(s, err);
    cache_unlock(s, NULL, &lock);
    return r;
}
