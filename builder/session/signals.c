#include "builder/session/session.h"
#include "base/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

int build_watch_signals(void)
{
    sigset_t set;
    cb_end_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int build_canceled(struct build_session *s, struct cb_error *err)
{
    struct signalfd_siginfo info;
    if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    cb_fail(err, CB_E_CANCELED, "canceled");
    err->exit_status = (int)info.ssi_signo;
    return -1;
}
