/* access default|access FILE: gives it an access list: everything for its group and all others, to be handed down or for
 * itself. */
#include "attack.h"

#include <stdint.h>
#include <sys/xattr.h>

struct entry {
    uint16_t tag, allowed;
    uint32_t id;
};

int main(int argc, char **argv)
{
    struct {
        uint32_t version;
        struct entry entries[5];
    } list = {2, {{1, 7, ~0U}, {2, 7, 0}, {4, 7, ~0U}, {16, 7, ~0U}, {32, 7, ~0U}}};
    char name[64];
    if (argc != 3)
        return 2;
    snprintf(name, sizeof(name), "system.posix_acl_%s", argv[1]);
    if (setxattr(argv[2], name, &list, sizeof(list), 0) < 0)
        held(name);
    return 0;
}
