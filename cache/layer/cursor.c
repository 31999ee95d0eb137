#include "cache/layer/layer-internal.h"

#include <limits.h>
#include <unistd.h>

static void pop(struct cache_layer_cursor *c)
{
    cb_close(c->fd[--c->n]);
}

static int top(const struct cache_layer_cursor *c)
{
    return c->n ? c->fd[c->n - 1] : c->root;
}

/* `fd` is the directory whose path is the first `end` bytes of dir. When there is no room, the upper half is dropped. */
static void push(struct cache_layer_cursor *c, const char *dir, size_t end, int fd)
{
    if (c->n == CACHE_CURSOR_LEVELS) {
        for (int i = 0; i < CACHE_CURSOR_LEVELS / 2; i++)
            cb_close(c->fd[i]);
        c->n -= CACHE_CURSOR_LEVELS / 2;
        memmove(c->fd, c->fd + CACHE_CURSOR_LEVELS / 2, (size_t)c->n * sizeof(*c->fd));
        memmove(c->end, c->end + CACHE_CURSOR_LEVELS / 2, (size_t)c->n * sizeof(*c->end));
    }
    c->fd[c->n] = fd;
    c->end[c->n++] = end;
    cb_buf_truncate(&c->path, 0);
    cb_buf_add(&c->path, dir, end);
}

void cache_layer_cursor_done(struct cache_layer_cursor *c)
{
    cache_layer_cursor_set_root(c, -1);
    cb_buf_done(&c->path);
    c->path = CB_BUF_INIT;
}

void cache_layer_cursor_set_root(struct cache_layer_cursor *c, int root)
{
    while (c->n > 0)
        pop(c);
    c->root = root;
    cb_buf_reset(&c->path);
}

static int check_component(const char *name, size_t len)
{
    if (len == 0 || (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))) /* ".." would lead out */
        return -EINVAL;
    return len > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int open_component(int dir, const char *name, size_t len)
{
    int r = check_component(name, len);
    if (r < 0)
        return r;
    char one[NAME_MAX + 1];
    memcpy(one, name, len);
    one[len] = '\0';
    int fd = openat(dir, one, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens as many components from *at on as one call takes. */
static int open_many(int from, const char *dir, size_t len, size_t *at)
{
    size_t start = *at + (*at > 0), end = start;
    char path[PATH_MAX];
    while (end < len) {
        size_t name = end + (end > start), n = CB_MIN(strcspn(dir + name, "/"), len - name);
        int r = check_component(dir + name, n);
        if (r < 0)
            return r;
        if (name + n - start >= sizeof(path))
            break;
        end = name + n;
    }
    memcpy(path, dir + start, end - start);
    path[end - start] = '\0';
    *at = end;
    return cb_open_beneath(from, path, O_PATH | O_DIRECTORY, 0);
}

/* Length of the path that the cursor and `dir` (len bytes) share, ending at a level's end. */
static void keep_common(struct cache_layer_cursor *c, const char *dir, size_t len)
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

/* Length of dir without its last half a window of components: 0 for all but the deepest paths. */
static size_t far_part(const char *dir, size_t len)
{
    for (int left = CACHE_CURSOR_LEVELS / 2; left > 0 && len > 0; left--)
        while (len > 0 && dir[--len] != '/')
            ;
    return len;
}

/* Opens the components of dir from byte `at` on. What is far above the end is passed in few steps and not kept: a tar may
 * nest tens of thousands of directories, and each is then the end of a path once or twice. */
static int descend(struct cache_layer_cursor *c, const char *dir, size_t len, size_t at)
{
    size_t far = far_part(dir, len);
    while (at < len) {
        int fd;
        if (at < far) {
            fd = open_many(top(c), dir, far, &at);
        } else {
            size_t name = at + (at > 0), n = CB_MIN(strcspn(dir + name, "/"), len - name);
            fd = open_component(top(c), dir + name, n);
            at = name + n;
        }
        if (fd < 0)
            return fd;
        push(c, dir, at, fd);
    }
    return top(c);
}

int cache_layer_cursor_parent(struct cache_layer_cursor *c, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    keep_common(c, path, len);
    return descend(c, path, len, c->path.len);
}

void cache_layer_cursor_forget(struct cache_layer_cursor *c, const char *path)
{
    size_t len = strlen(path);
    while (c->n > 0 && c->end[c->n - 1] >= len && strncmp(c->path.data, path, len) == 0 &&
           (c->path.data[len] == '/' || c->path.data[len] == '\0')) {
        pop(c);
        cb_buf_truncate(&c->path, c->n ? c->end[c->n - 1] : 0);
    }
}

int cache_layer_cursor_open(struct cache_layer_cursor *c, const char *path, struct stat *ret)
{
    const char *name;
    int dir = cache_layer_cursor_parent(c, path, &name);
    if (dir < 0)
        return dir;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, ret) < 0 ? -errno : S_ISREG(ret->st_mode) ? 0 : -ELOOP;
    if (r < 0) {
        cb_close(fd);
        return r;
    }
    return fd;
}
