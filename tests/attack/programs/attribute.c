/* attribute FILE NAME VALUE: sets an extended attribute; says when it could not. */
#include "attack.h"

#include <sys/xattr.h>

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    if (lsetxattr(argv[1], argv[2], argv[3], strlen(argv[3]), 0) < 0)
        held(argv[2]);
    return 0;
}
