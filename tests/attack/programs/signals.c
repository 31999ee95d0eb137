/* signals PID…: every signal call against every number that a process may have, and against these processes of the host.
 * As PID 1 it has no process of its own besides: whatever is reached is somebody else's. */
#include "attack.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void at(int pid)
{
    siginfo_t info = {.si_signo = SIGKILL, .si_code = -1};
    if (pid == getpid())
        return;
    if (kill(pid, SIGKILL) == 0 || kill(-pid, SIGKILL) == 0)
        reached("kill");
    if (syscall(SYS_tgkill, pid, pid, SIGKILL) == 0 || syscall(SYS_tkill, pid, SIGKILL) == 0)
        reached("tgkill");
    if (syscall(SYS_rt_sigqueueinfo, pid, SIGKILL, &info) == 0)
        reached("rt_sigqueueinfo");
    if (syscall(SYS_pidfd_open, pid, 0) >= 0)
        reached("pidfd_open");
}

static void by_descriptor(int pid)
{
    int p[2];
    char byte = 0;
    if (pid == getpid() || pipe(p) < 0)
        return;
    if (fcntl(p[0], F_SETOWN, pid) == 0 && fcntl(p[0], F_GETOWN) == pid) {
        fcntl(p[0], F_SETSIG, SIGKILL);
        fcntl(p[0], F_SETFL, O_ASYNC);
        if (write(p[1], &byte, 1) == 1)
            reached("F_SETOWN");
    }
    if (setpriority(PRIO_PROCESS, (id_t)pid, 5) == 0)
        reached("setpriority");
    char there[8];
    struct iovec here = {there, sizeof(there)}, away = {(void *)0x400000, sizeof(there)};
    if (process_vm_readv(pid, &here, 1, &away, 1, 0) >= 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
        reached("memory of another process");
    close(p[0]);
    close(p[1]);
}

int main(int argc, char **argv)
{
    if (getpid() != 1)
        return setup_failed("not PID 1");
    for (int i = 1; i < argc; i++) {
        at(atoi(argv[i]));
        by_descriptor(atoi(argv[i]));
    }
    for (int pid = 2; pid < 70000; pid++)
        at(pid);
    for (int pid = 2; pid < 5000; pid++)
        by_descriptor(pid);
    must_fail("kill everybody", kill(-1, SIGKILL));
    kill(0, SIGUSR1); /* our own group; PID 1 is not ended by it */
    errno = 0;
    held("signals");
    return 0;
}
