/* Opens files by handles that are guessed (open_by_handle_at; Docker's "shocker" of 2014): the handle of ext4 and others is
 * an inode number, which every file system has from 2 on, and a generation that need not be given. */
#include "attack.h"

#include <sys/mount.h>

struct guess {
    struct file_handle head;
    unsigned ino, generation;
};

int main(void)
{
    char own[sizeof(struct file_handle) + 128];
    struct file_handle *h = (struct file_handle *)own;
    int mount_id, root = open("/", O_RDONLY), held_all = 1;
    h->handle_bytes = 128;
    must_fail("name_to_handle_at", name_to_handle_at(AT_FDCWD, "/", h, &mount_id, 0));
    for (unsigned ino = 2; ino < 4096; ino++) {
        struct guess g = {.head = {.handle_bytes = 8, .handle_type = 1}, .ino = ino};
        if (open_by_handle_at(root, &g.head, O_RDONLY) >= 0)
            held_all = 0;
    }
    must_fail("open_by_handle_at", held_all ? -1 : 0);
    return 0;
}
