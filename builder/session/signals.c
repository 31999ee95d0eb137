#include "builder/session/session.h"
#include "base/clock.h"
#include "base/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

int build_watch_signals(void)
{
    sigset_t set;
    cb_end_signals(&set);
    if (cb_stop_signal_watched())
        sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The helpers have sessions of their own, which Ctrl-Z on our terminal does not reach. */
static void stop(struct build_session *s)
{
    struct rt_helper *helpers[] = {s->helper, s->commands};
    struct timespec began = cb_clock_now();
    for (size_t i = 0; i < CB_LEN(helpers); i++)
        rt_helper_stop(helpers[i]);
    cb_stop_now();
    for (size_t i = 0; i < CB_LEN(helpers); i++)
        rt_helper_go_on(helpers[i]);
    cb_clock_skip(&began);
    build_emit(s, &(struct build_event){.kind = BUILD_EVENT_CONTINUED});
}

int build_take_signal(struct build_session *s)
{
    struct signalfd_siginfo info;
    do {
        if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
            return 0;
        if (info.ssi_signo == SIGTSTP)
            stop(s);
    } while (info.ssi_signo == SIGTSTP);
    return (int)info.ssi_signo;
}

int build_cancel(struct build_session *s, int sig, struct cb_error *err)
{
    s->canceled = true;
    cb_fail(err, CB_E_CANCELED, "canceled");
    err->exit_status = sig;
    return -1;
}

int build_canceled(struct build_session *s, struct cb_error *err)
{
    int sig = build_take_signal(s);
    return sig ? build_cancel(s, sig, err) : 0;
}

bool build_asked_to_end(struct build_session *s)
{
    static const struct timespec now = {0};
    sigset_t pending, ends, stops;
    sigemptyset(&pending);
    sigemptyset(&stops);
    sigaddset(&stops, SIGTSTP);
    cb_end_signals(&ends);
    (void)sigpending(&pending);
    if (sigismember(&pending, SIGTSTP) == 1 && sigtimedwait(&stops, NULL, &now) == SIGTSTP)
        stop(s);
    (void)sigpending(&pending);
    sigandset(&ends, &ends, &pending);
    return s->canceled || !sigisemptyset(&ends);
}
