/* carries FILE...: says which attributes these have; a label of a security module is none of anybody's. */
#include "attack.h"

#include <sys/xattr.h>

int main(int argc, char **argv)
{
    static char names[65536];
    for (int i = 1; i < argc; i++) {
        ssize_t n = listxattr(argv[i], names, sizeof(names));
        for (const char *p = names; p < names + n; p += strlen(p) + 1)
            if (strncmp(p, "security.", 9) != 0)
                printf("REACHED: %s of %s\n", p, argv[i]);
    }
    return 0;
}
