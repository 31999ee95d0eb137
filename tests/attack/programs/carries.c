/* carries FILE...: says which attributes these have, and which flags of an owner. A label of a security module is none of
 * anybody's, but for one that says "evil". */
#include "attack.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static void flags_of(const char *path)
{
    unsigned flags = 0;
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_SYNC_FL | FS_NOATIME_FL | FS_NODUMP_FL)))
        printf("REACHED: flags %x of %s\n", flags, path);
    close(fd);
}

static bool is_evil(const char *path, const char *name)
{
    char value[64] = "";
    return getxattr(path, name, value, sizeof(value) - 1) > 0 && strstr(value, "evil");
}

int main(int argc, char **argv)
{
    static char names[65536];
    for (int i = 1; i < argc; i++) {
        ssize_t n = listxattr(argv[i], names, sizeof(names));
        for (const char *p = names; p < names + n; p += strlen(p) + 1)
            if (strncmp(p, "security.", 9) != 0 || is_evil(argv[i], p))
                printf("REACHED: %s of %s\n", p, argv[i]);
        flags_of(argv[i]);
    }
    return 0;
}
