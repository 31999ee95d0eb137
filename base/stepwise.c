#include "base/stepwise.h"
#include "base/fd.h"
#include "base/limits.h"

#include <linux/limits.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 512 /* directories on the way, each of which is open */

struct steps {
    int dirs[MAX_DEPTH]; /* the root, which is borrowed, and those below it that we are in */
    size_t n;
    struct cb_buf rest; /* still to go, from `pos` */
    size_t pos;
    int n_links;
    bool links; /* are followed */
};

static int here(const struct steps *s)
{
    return s->dirs[s->n - 1];
}

static void leave(struct steps *s, size_t n)
{
    while (s->n > n)
        cb_close(s->dirs[--s->n]);
}

/* 1: `name` is a symlink, and where it leads stands in front of the rest. 0: it is none. */
static int follow(struct steps *s, const char *name)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(here(s), name, target, sizeof(target) - 1);
    if (n < 0)
        return errno == EINVAL || errno == ENOENT ? 0 : -errno;
    if (!s->links || ++s->n_links > CB_MAX_SYMLINKS)
        return -ELOOP;
    target[n] = '\0';
    if (target[0] == '/')
        leave(s, 1);
    struct cb_buf next = CB_BUF_INIT;
    cb_buf_printf(&next, "%s%s", target, s->rest.data + s->pos);
    cb_buf_done(&s->rest);
    s->rest = next;
    s->pos = 0;
    return 1;
}

static int enter(struct steps *s, const char *name)
{
    int dir = openat(here(s), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        int r = follow(s, name);
        return r == 0 ? -ENOTDIR : r < 0 ? r : 0;
    }
    if (dir < 0)
        return -errno;
    if (s->n == MAX_DEPTH) {
        cb_close(dir);
        return -ENAMETOOLONG;
    }
    s->dirs[s->n++] = dir;
    return 0;
}

static int go_up(struct steps *s)
{
    if (s->n == 1)
        return s->links ? 0 : -EXDEV;
    leave(s, s->n - 1);
    return 0;
}

/* What it is may have changed since it was looked at: it is not followed, and a link that is there now is refused. */
static int open_last(const struct steps *s, const char *name, int flags, mode_t mode)
{
    struct stat st;
    CB_AUTO(close) int fd = openat(here(s), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    if (!(flags & O_NOFOLLOW) && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode))
        return -ELOOP;
    return cb_take_fd(&fd);
}

/* Takes the next component out of the rest. Its length, 0: there is none; the slashes behind it stay. */
static size_t next_name(struct steps *s, char name[NAME_MAX + 1])
{
    const char *p = s->rest.data + s->pos;
    p += strspn(p, "/");
    size_t n = strcspn(p, "/");
    s->pos = (size_t)(p - s->rest.data) + n;
    if (n <= NAME_MAX) {
        memcpy(name, p, n);
        name[n] = '\0';
    }
    return n;
}

static int walk(struct steps *s, int flags, mode_t mode)
{
    const bool opens_link = flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    char name[NAME_MAX + 1];
    size_t n;
    int r = 0;
    while (r == 0 && (n = next_name(s, name))) {
        const char *rest = s->rest.data + s->pos;
        bool last = !rest[strspn(rest, "/")];
        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            r = go_up(s);
        } else if (!last) {
            r = enter(s, name);
        } else {
            if (*rest && flags & O_CREAT)
                return -EISDIR;
            int link = opens_link && !*rest ? 0 : follow(s, name);
            if (link <= 0)
                return link < 0 ? link : open_last(s, name, flags | (*rest ? O_DIRECTORY : 0), mode);
        }
    }
    return r < 0 ? r : open_last(s, ".", flags, mode);
}

int cb_open_stepwise(int root, const char *path, int flags, mode_t mode, bool links)
{
    struct steps s = {.dirs = {root}, .n = 1, .rest = CB_BUF_INIT, .links = links};
    if (*path == '/' && !links)
        return -EXDEV;
    cb_buf_adds(&s.rest, path);
    int r = walk(&s, flags, mode);
    leave(&s, 1);
    cb_buf_done(&s.rest);
    return r;
}
