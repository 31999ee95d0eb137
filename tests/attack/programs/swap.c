/* swap DIR NAME TARGET STOP: DIR/NAME is a directory and, in turn, a symbolic link to TARGET, as fast as the kernel can
 * exchange them, until the file STOP exists. Creates STOP.ready when it has begun. */
#include "attack.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    char ready[4096];
    if (argc != 5 || chdir(argv[1]) < 0)
        return setup_failed("chdir");
    if ((mkdir(argv[2], 0777) < 0 && errno != EEXIST) || (symlink(argv[3], "swapped") < 0 && errno != EEXIST))
        return setup_failed("make what is swapped");
    snprintf(ready, sizeof(ready), "%s.ready", argv[4]);
    make_file(ready);
    for (unsigned i = 0; i % 64 || access(argv[4], F_OK) < 0; i++)
        if (renameat2(AT_FDCWD, argv[2], AT_FDCWD, "swapped", RENAME_EXCHANGE) < 0)
            return setup_failed("exchange");
    errno = 0;
    held("swapped");
    return 0;
}
