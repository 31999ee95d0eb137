#include "builder/attach/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

int build_terminal_enter(struct build_terminal *t, struct cb_error *err)
{
    if (!isatty(STDIN_FILENO))
        return 0;
    if (tcgetattr(STDIN_FILENO, &t->before) < 0)
        return cb_fail_sys(err, errno, "read the settings of the terminal");
    struct termios raw = t->before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return cb_fail_sys(err, errno, "change the settings of the terminal");
    t->raw = true;
    return 0;
}

void build_terminal_leave(struct build_terminal *t)
{
    if (t->raw)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
    t->raw = false;
}

bool build_terminal_size(struct winsize *ret)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (ioctl(fd, TIOCGWINSZ, ret) == 0)
            return true;
    return false;
}

void build_terminal_resize(int master)
{
    struct winsize size;
    if (build_terminal_size(&size))
        (void)ioctl(master, TIOCSWINSZ, &size);
}
