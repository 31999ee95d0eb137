/* say reached|held WHAT: the lines that tests look for, for scripts of an image. */
#include "attack.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    errno = 0;
    if (strcmp(argv[1], "held") == 0)
        held(argv[2]);
    else
        reached(argv[2]);
    return 0;
}
