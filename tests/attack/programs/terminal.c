/* Types into the terminal of whoever builds (TIOCSTI, TIOCLINUX; CVE-2017-5226 of bubblewrap), or takes it. */
#include "attack.h"

#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

int main(void)
{
    char text[] = "\003echo attacked\n", paste = 3;
    must_fail("open /dev/tty", open("/dev/tty", O_RDWR));
    must_fail("open /dev/console", open("/dev/console", O_RDWR));
    must_fail("open /dev/pts/0", open("/dev/pts/0", O_RDWR));
    for (int fd = 0; fd < 3; fd++) {
        must_fail("TIOCSTI", ioctl(fd, TIOCSTI, &text[1]));
        must_fail("TIOCLINUX", ioctl(fd, TIOCLINUX, &paste));
        must_fail("TIOCSCTTY", ioctl(fd, TIOCSCTTY, 1));
        must_fail("TCGETS", isatty(fd) ? 0 : -1);
    }
    return 0;
}
