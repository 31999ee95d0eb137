/* A terminal inside the sandbox: a pair of its own devpts, so that what the command does to it reaches nobody else's. */
#include "runtime/sandbox/sandbox-internal.h"
#include "base/fd.h"
#include "base/passing.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A mount of the step may have put anything in its place. */
static int open_master(const struct rt_child *c, struct cb_error *err)
{
    struct stat st;
    int unlocked = 0;
    CB_AUTO(close) int fd = cb_open_in_root(c->root, "dev/pts/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open a terminal in the sandbox");
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        return cb_fail(err, CB_E_UNSUPPORTED, "/dev/pts of the sandbox is none: a mount covers it");
    return ioctl(fd, TIOCSPTLCK, &unlocked) < 0 ? cb_fail_sys(err, errno, "unlock a terminal") : cb_take_fd(&fd);
}

/* Before the command runs: it may ask at once. */
static void take_size(int sock, int master)
{
    struct winsize size;
    if (recv(sock, &size, sizeof(size), MSG_DONTWAIT) == sizeof(size))
        (void)ioctl(master, TIOCSWINSZ, &size); /* an unknown size is no failure */
}

int rt_terminal_open(const struct rt_child *c, struct cb_error *err)
{
    CB_AUTO(close) int master = open_master(c, err);
    if (master < 0)
        return -1;
    take_size(c->s->terminal, master);
    CB_AUTO(close) int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        return cb_fail_sys(err, errno, "take a terminal");
    int r = cb_send_fds(c->s->terminal, &(struct iovec){"", 1}, 1, &master, 1);
    return r < 0 ? cb_fail_sys(err, r, "hand a terminal on") : cb_take_fd(&slave);
}
