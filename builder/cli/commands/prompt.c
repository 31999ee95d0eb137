#include "builder/cli/commands/prompt.h"
#include "base/fd.h"
#include "base/signals.h"

#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define MAX_LINE (64u << 10)

bool cli_somebody_is_there(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* True: there is something to read. False: a signal wants to end us. */
static bool wait_for_input(int signals)
{
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
    (void)CB_RETRY(poll(fds, CB_LEN(fds), -1));
    return !fds[1].revents;
}

static int read_line(int signals, struct cb_buf *ret, struct cb_error *err)
{
    for (char c; ret->len < MAX_LINE;) {
        if (!wait_for_input(signals))
            return cb_fail(err, CB_E_CANCELED, "nothing was answered");
        ssize_t n = cb_read(STDIN_FILENO, &c, 1);
        if (n < 0)
            return cb_fail_sys(err, (int)n, "read what is typed");
        if (n == 0 && ret->len == 0)
            return cb_fail(err, CB_E_USAGE, "nothing was answered");
        if (n == 0 || c == '\n')
            return 0;
        cb_buf_addc(ret, c);
    }
    return cb_fail(err, CB_E_USAGE, "a line of more than %u bytes was answered", MAX_LINE);
}

int cli_ask(const char *question, bool secret, struct cb_buf *ret, struct cb_error *err)
{
    struct termios before, quiet;
    sigset_t ending, mask;
    cb_end_signals(&ending);
    sigprocmask(SIG_BLOCK, &ending, &mask);
    CB_AUTO(close) int signals = signalfd(-1, &ending, SFD_CLOEXEC);
    bool hidden = secret && tcgetattr(STDIN_FILENO, &before) == 0;
    if (hidden) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    fputs(question, stderr);
    int r = read_line(signals, ret, err);
    if (hidden) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    sigprocmask(SIG_SETMASK, &mask, NULL); /* a signal that came meanwhile does its work now */
    return r;
}
