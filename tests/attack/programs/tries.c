/* tries WHAT ARG…: one attempt that must fail; a line says whether it did. Always succeeds. */
#include "attack.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>

static long try_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    return n < 0 ? -1 : 0;
}

/* An empty file that only says that it is a device is none: it has no data, where a device knows no such question. */
static long open_device(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO ? -1 : fd;
}

static long try_mknod(const char *path, const char *type, int major, int minor)
{
    if (mknod(path, (*type == 'b' ? S_IFBLK : S_IFCHR) | 0666, makedev((unsigned)major, (unsigned)minor)) < 0)
        return -1;
    return open_device(path);
}

int main(int argc, char **argv)
{
    char what[512];
    long r = 0;
    if (argc < 3)
        return 0;
    snprintf(what, sizeof(what), "%s %s", argv[1], argv[2]);
    if (strcmp(argv[1], "write") == 0 && argc == 4)
        r = try_write(argv[2], argv[3]);
    else if (strcmp(argv[1], "read") == 0)
        r = open_device(argv[2]);
    else if (strcmp(argv[1], "mount") == 0 && argc == 4)
        r = mount(argv[2], argv[3], argv[2], 0, NULL);
    else if (strcmp(argv[1], "remount") == 0)
        r = mount(NULL, argv[2], NULL, MS_REMOUNT | MS_BIND, NULL);
    else if (strcmp(argv[1], "umount") == 0)
        r = umount2(argv[2], MNT_DETACH);
    else if (strcmp(argv[1], "mkdir") == 0)
        r = mkdir(argv[2], 0777);
    else if (strcmp(argv[1], "chmod") == 0)
        r = chmod(argv[2], 0777);
    else if (strcmp(argv[1], "chown") == 0)
        r = chown(argv[2], getuid(), getgid());
    else if (strcmp(argv[1], "mknod") == 0 && argc == 6)
        r = try_mknod(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
    else
        return 2;
    must_fail(what, r);
    return 0;
}
