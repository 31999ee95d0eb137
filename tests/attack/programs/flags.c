/* flags FILE…: gives them what an owner may (chattr +SAd). A file system that lacks a flag gives it to nobody. */
#include "attack.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned flags = 0;
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0)
            return setup_failed("open");
        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
            flags |= FS_NOATIME_FL | FS_NODUMP_FL;
            unsigned sync = flags | FS_SYNC_FL;
            if (ioctl(fd, FS_IOC_SETFLAGS, &sync) < 0 && (errno != EOPNOTSUPP || ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0))
                return setup_failed("set flags");
        }
        close(fd);
    }
    return 0;
}
