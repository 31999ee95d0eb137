/* Removing a tree: iterative, one open directory per level. Below MAX_LEVELS a directory is cut off and removed from the top:
 * hostile depth costs neither stack nor descriptors. */
#include "base/dir.h"
#include "base/fd.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_LEVELS 256

struct level {
    struct cb_dir dir;
    char *name; /* in the parent's directory */
    bool mended;
};

struct removal {
    int parent; /* of the tree */
    struct level *stack;
    size_t n, cap;
    struct cb_strv cuts; /* names in `parent` of what lay too deep */
    int result;          /* what went wrong first */
};

static int remove_one(int dirfd, const char *name, int flags)
{
    return unlinkat(dirfd, name, flags) < 0 && errno != ENOENT ? -errno : 0;
}

static void note(struct removal *r, int result)
{
    if (result < 0 && !r->result)
        r->result = result;
}

/* Opens a directory that is to be emptied; a mode without rwx for us is mended first. 0, or -errno. */
static int enter(struct removal *r, int dirfd, const char *name)
{
    struct cb_dir d = cb_dir_open(dirfd, name);
    if (d.error == -EACCES && cb_chmod(dirfd, name, 0700) == 0)
        d = cb_dir_open(dirfd, name);
    if (d.error)
        return d.error;
    CB_PUSH(r->stack, r->n, r->cap) = (struct level){d, cb_strdup(name), false};
    return 0;
}

/* Moves a directory that lies too deep up beside the tree's root, to be removed from there. */
static int cut_off(struct removal *r, int from, const char *name)
{
    char *to = cb_printf(".cut-%d-%zu-%p", (int)getpid(), r->cuts.n, (void *)r);
    if (renameat(from, name, r->parent, to) < 0) {
        free(to);
        return -1;
    }
    cb_strv_take(&r->cuts, to);
    return 0;
}

/* A file or an empty directory. A directory without rights for us is mended once. */
static int remove_leaf(struct level *in, int fd, const struct dirent *e)
{
    int r = e->d_type == DT_DIR ? -EISDIR : remove_one(fd, e->d_name, 0);
    if (r == -EACCES && !in->mended) {
        in->mended = true;
        (void)fchmod(fd, 0700); /* the second try tells */
        r = remove_one(fd, e->d_name, 0);
    }
    return r == -EISDIR || r == -EPERM ? remove_one(fd, e->d_name, AT_REMOVEDIR) : r;
}

static void remove_entry(struct removal *r, const struct dirent *e)
{
    struct level *top = &r->stack[r->n - 1];
    int fd = dirfd(top->dir.stream);
    int result = remove_leaf(top, fd, e);
    if (result != -ENOTEMPTY && result != -EEXIST && result != -EACCES) {
        note(r, result);
        return;
    }
    if (r->n < MAX_LEVELS || cut_off(r, fd, e->d_name) < 0)
        note(r, enter(r, fd, e->d_name));
}

static void leave(struct removal *r)
{
    struct level *top = &r->stack[--r->n];
    cb_dir_close(&top->dir);
    int up = r->n ? dirfd(r->stack[r->n - 1].dir.stream) : r->parent;
    int result = remove_one(up, top->name, AT_REMOVEDIR);
    if (result == -EACCES && r->n && fchmod(up, 0700) == 0)
        result = remove_one(up, top->name, AT_REMOVEDIR);
    note(r, result);
    free(top->name);
}

static int remove_levels(int parent, const char *name)
{
    struct removal r = {.parent = parent};
    int entered = enter(&r, parent, name);
    note(&r, entered == -ENOENT ? 0 : entered);
    while (r.n) {
        const struct dirent *e = cb_dir_next(&r.stack[r.n - 1].dir);
        if (e)
            remove_entry(&r, e);
        else
            leave(&r);
    }
    free(r.stack);
    for (size_t i = 0; i < r.cuts.n; i++)
        note(&r, remove_levels(parent, r.cuts.items[i]));
    cb_strv_done(&r.cuts);
    return r.result;
}

int cb_remove_tree(int dirfd, const char *name)
{
    int r = remove_one(dirfd, name, 0);
    if (r != -EISDIR && r != -EPERM)
        return r;
    r = remove_one(dirfd, name, AT_REMOVEDIR);
    if (r != -ENOTEMPTY && r != -EEXIST)
        return r;
    return remove_levels(dirfd, name);
}
