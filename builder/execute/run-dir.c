#include "builder/execute/run-dir.h"
#include "base/dir.h"

#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SPARE "spare"

struct run_name {
    char text[24];
};
static struct run_name name_of(const char *prefix, size_t number)
{
    struct run_name n;
    snprintf(n.text, sizeof(n.text), "%s%zu", prefix, number);
    return n;
}

int build_run_dir_take(struct build *b, size_t number, struct cb_error *err)
{
    struct run_name name = name_of("", number);
    int r = renameat(b->session->work.dir, SPARE, b->session->work.dir, name.text) < 0 ? errno : 0;
    if (r == ENOENT)
        r = mkdirat(b->session->work.dir, name.text, 0700) < 0 ? errno : 0;
    int fd = r ? -1 : openat(b->session->work.dir, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, r ? r : errno, "make the work directory of a step") : fd;
}

int build_run_dir_again(struct build *b, size_t number, struct cb_error *err)
{
    struct run_name name = name_of("", number), spent = name_of("spent-", number);
    int fd = openat(b->session->work.dir, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ready = fd >= 0 && (renameat(fd, "work/work", fd, spent.text) == 0 || errno == ENOENT);
    return ready ? fd : cb_fail_sys(err, errno, "open what a step has left");
}

static bool is_empty(int fd)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_take(fd);
    return !cb_dir_next(&d) && !d.error;
}

/* Owner, mode and times are given to it anew by each RUN; attributes would stay. */
static bool is_as_new(int dir)
{
    int upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (upper < 0)
        return false;
    ssize_t n = flistxattr(upper, NULL, 0);
    bool none = n == 0 || (n < 0 && errno == EOPNOTSUPP);
    return is_empty(upper) && none;
}

void build_run_dir_leave(struct build *b, size_t number, int dir)
{
    struct run_name name = name_of("", number), spent = name_of("spent-", number);
    /* The kernel refuses a directory that has been a volatile overlay's: it gets out of the way and another is made. */
    if (!is_as_new(dir) || renameat(dir, "work/work", dir, spent.text) < 0)
        return;
    (void)renameat2(b->session->work.dir, name.text, b->session->work.dir, SPARE,
                    RENAME_NOREPLACE); /* there is one: this one stays unused */
}
