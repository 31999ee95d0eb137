/* around DIR: who emulates ids stands outside of this PID namespace, with a /proc of its own, and has to give "self" another
 * meaning. From behind such a name the way may lead up, to its own descriptors and from those to the host, or to the root of
 * another process there. DIR of the host then gets a file, a directory, a link, and its canary an owner. */
#include "attack.h"

#include <limits.h>
#include <sys/xattr.h>

static const char *const up[] = {"/proc/self/..", "/proc/thread-self/..", "/dev/fd/../..", "/proc/self/fd/../.."};
#define ROOT "/../../../../../../../../../../../../../../.."

static void attempt(const char *where, const char *dir)
{
    char at[PATH_MAX];
    snprintf(at, sizeof(at), "%s%s/around-file", where, dir);
    int fd = open(at, O_CREAT | O_EXCL | O_RDWR, 0666);
    if (fd >= 0)
        reached(at);
    snprintf(at, sizeof(at), "%s%s/around-dir", where, dir);
    if (mkdir(at, 0777) == 0)
        reached(at);
    snprintf(at, sizeof(at), "%s%s/around-link", where, dir);
    if (symlink("x", at) == 0)
        reached(at);
    snprintf(at, sizeof(at), "%s%s/canary", where, dir);
    if (chown(at, 33, 33) == 0 || setxattr(at, "user.around", "x", 1, 0) == 0)
        reached(at);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    char where[PATH_MAX];
    if (argc != 2)
        return setup_failed("DIR");
    for (int as = 0; as < 2; as++) { /* what root makes the kernel makes; what another makes, the emulation does */
        if (as && (setgid(33) < 0 || setuid(33) < 0))
            return setup_failed("setuid");
        for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++) {
            for (int n = 0; n < 64; n++) {
                snprintf(where, sizeof(where), "%s/self/fd/%d%s", up[i], n, ROOT);
                attempt(where, argv[1]);
                snprintf(where, sizeof(where), "%s/%d/root", up[i], n);
                attempt(where, argv[1]);
            }
            snprintf(where, sizeof(where), "%s/self/root", up[i]);
            attempt(where, argv[1]);
        }
    }
    errno = 0;
    held("tried");
    return 0;
}
