/* Every address family with every type of socket: "FAMILY n" for each family of which one can be made. */
#include "attack.h"

#include <sys/socket.h>

int main(void)
{
    for (int family = 0; family < 256; family++) {
        bool made = false;
        for (int type = 1; type < 11; type++) {
            int fd = socket(family, type, 0);
            made |= fd >= 0;
            close(fd);
        }
        if (made)
            printf("FAMILY %d\n", family);
    }
    errno = 0;
    held("families");
    return 0;
}
