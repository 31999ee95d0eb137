#include "cache/layer-internal.h"

#include <unistd.h>

static void pop(struct layer_cursor *c)
{
    cb_close(c->fd[--c->n]);
}

static void close_deep(struct layer_cursor *c)
{
    c->deep = cb_close(c->deep);
}

void layer_cursor_done(struct layer_cursor *c)
{
    layer_cursor_set_root(c, -1);
    cb_buf_done(&c->path);
    c->path = CB_BUF_INIT;
}

void layer_cursor_set_root(struct layer_cursor *c, int root)
{
    while (c->n > 0)
        pop(c);
    close_deep(c);
    c->root = root;
    cb_buf_reset(&c->path);
}

static int open_component(int dir, const char *name, size_t len)
{
    char one[256];
    int fd;

    if (len == 0 || (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))) /* ".." would lead out */
        return -EINVAL;
    if (len >= sizeof(one))
        return -ENAMETOOLONG;
    memcpy(one, name, len);
    one[len] = '\0';
    fd = openat(dir, one, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Length of the path that the cursor and `dir` (len bytes) share, ending at a level's end. */
static void keep_common(struct layer_cursor *c, const char *dir, size_t len)
{
    size_t same = 0;

    while (same < len && same < c->path.len && dir[same] == c->path.data[same])
        same++;
    while (c->n > 0) {
        size_t end = c->end[c->n - 1];

        if (end <= same && (end == len || (end < len && dir[end] == '/')))
            break;
        pop(c);
    }
    cb_buf_truncate(&c->path, c->n ? c->end[c->n - 1] : 0);
}

/* Opens the components of dir from byte `at` on; levels while there is room, then one descriptor for the deepest. */
static int descend(struct layer_cursor *c, const char *dir, size_t len, size_t at)
{
    while (at < len) {
        size_t end;
        int from = c->deep >= 0 ? c->deep : c->n ? c->fd[c->n - 1] : c->root, fd;

        at += dir[at] == '/' && at > 0;
        end = at + strcspn(dir + at, "/");
        end = CB_MIN(end, len);
        fd = open_component(from, dir + at, end - at);
        if (fd < 0)
            return fd;
        if (c->n < CURSOR_LEVELS) {
            c->end[c->n] = end;
            c->fd[c->n++] = fd;
            cb_buf_truncate(&c->path, 0);
            cb_buf_add(&c->path, dir, end);
        } else {
            close_deep(c);
            c->deep = fd;
        }
        at = end;
    }
    return c->deep >= 0 ? c->deep : c->n ? c->fd[c->n - 1] : c->root;
}

int layer_cursor_parent(struct layer_cursor *c, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    *name = slash ? slash + 1 : path;
    close_deep(c);
    keep_common(c, path, len);
    return descend(c, path, len, c->path.len);
}

void layer_cursor_forget(struct layer_cursor *c, const char *path)
{
    size_t len = strlen(path);

    close_deep(c);
    while (c->n > 0 && c->end[c->n - 1] >= len && strncmp(c->path.data, path, len) == 0 &&
           (c->path.data[len] == '/' || c->path.data[len] == '\0')) {
        pop(c);
        cb_buf_truncate(&c->path, c->n ? c->end[c->n - 1] : 0);
    }
}

int layer_cursor_open(struct layer_cursor *c, const char *path, struct stat *ret)
{
    const char *name;
    int dir = layer_cursor_parent(c, path, &name), fd, r;

    if (dir < 0)
        return dir;
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = fstat(fd, ret) < 0 ? -errno : S_ISREG(ret->st_mode) ? 0 : -ELOOP;
    if (r < 0) {
        cb_close(fd);
        return r;
    }
    return fd;
}
