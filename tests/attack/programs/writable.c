/* writable DIR…: opens everything below for writing, without writing anything. What can be opened is reported, but for
 * what belongs to the process itself and files whose names are in the list below. */
#include "attack.h"

#include <ftw.h>

static long tried;

static int try(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char name[4200];
    (void)at;
    if (type == FTW_D || type == FTW_DP) {
        snprintf(name, sizeof(name), "%s/attack", path);
        if (mkdir(name, 0777) == 0 || symlink("x", name) == 0)
            reached(name);
    } else if (S_ISREG(st->st_mode) || S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        int fd = open(path, O_WRONLY | O_NONBLOCK);
        if (fd >= 0)
            reached(path);
        close(fd);
    }
    tried++;
    return 0;
}

int main(int argc, char **argv)
{
    struct stat st;
    for (int i = 1; i < argc; i++)
        if (lstat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            nftw(argv[i], try, 64, FTW_PHYS);
        else if (lstat(argv[i], &st) == 0)
            try(argv[i], &st, FTW_F, NULL);
    printf("HELD: tried %ld\n", tried);
    return 0;
}
