#include "base/dir.h"
#include "base/fd.h"

struct cb_dir cb_dir_take(int fd)
{
    struct cb_dir d = {.stream = fd < 0 ? NULL : fdopendir(fd), .error = fd < 0 ? fd : 0};
    if (fd >= 0 && !d.stream) {
        d.error = -errno;
        cb_close(fd);
    }
    return d;
}

struct cb_dir cb_dir_open(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return cb_dir_take(fd < 0 ? -errno : fd);
}

const struct dirent *cb_dir_next(struct cb_dir *d)
{
    while (d->stream && !d->error) {
        errno = 0;
        const struct dirent *e = readdir(d->stream);
        if (!e) {
            d->error = -errno;
            return NULL;
        }
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return e;
    }
    return NULL;
}

void cb_dir_close(struct cb_dir *d)
{
    if (d->stream)
        closedir(d->stream);
    d->stream = NULL;
}

int cb_dir_names(struct cb_dir *d, struct cb_strv *ret)
{
    for (const struct dirent *e; (e = cb_dir_next(d));)
        cb_strv_push(ret, e->d_name);
    cb_strv_sort(ret);
    return d->error;
}
