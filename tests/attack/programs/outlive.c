/* outlive TRICK FILE: leaves a process behind that holds a lock on FILE, by the means of TRICK, and ends.
 * outlive none FILE: says whether somebody still holds it. */
#include "attack.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *trick;
static int ready[2];

static bool is(const char *name)
{
    return strcmp(trick, name) == 0;
}

static void hold(const char *file)
{
    int fd = open(file, O_RDWR | O_CREAT, 0666);
    if (fd < 0 || flock(fd, LOCK_SH) < 0)
        setup_failed("lock");
    (void)!write(ready[1], "x", 1);
}

static void ignore_everything(void)
{
    sigset_t all;
    for (int s = 1; s < 65; s++)
        signal(s, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Waits in the kernel for a child that never comes back: the state that only a fatal signal ends. */
static void wait_in_vfork(void)
{
    if (vfork() == 0)
        for (;;)
            pause();
}

static void *spin(void *unused)
{
    for (;;)
        sched_yield();
    return unused;
}

static void traced(void)
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    waitpid(child, NULL, 0);
}

static void trick_of_the_survivor(void)
{
    pthread_t t;
    if (is("session"))
        setsid();
    if (is("deathsig"))
        prctl(PR_SET_PDEATHSIG, 0);
    if (is("subreaper"))
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (is("ignore"))
        ignore_everything();
    if (is("vfork"))
        wait_in_vfork();
    if (is("traced"))
        traced();
    if (is("threads"))
        for (int i = 0; i < 8; i++)
            pthread_create(&t, NULL, spin, NULL);
    if (is("main-thread-ends") && pthread_create(&t, NULL, spin, NULL) == 0)
        pthread_exit(NULL);
    if (is("locked"))
        mlockall(MCL_CURRENT | MCL_FUTURE);
    if (is("stopped"))
        raise(SIGSTOP);
    if (is("pipe")) {
        char byte;
        int p[2];
        (void)!(pipe(p) == 0 && read(p[0], &byte, 1));
    }
}

static void survive(const char *file)
{
    for (int depth = is("deep") ? 40 : 1; depth > 0; depth--)
        if (fork() > 0)
            _exit(0);
    hold(file);
    trick_of_the_survivor();
    for (;;)
        pause();
}

/* As many as there may be, each making more: none of them is left. */
static void bomb(const char *file)
{
    if (fork() == 0) {
        hold(file);
        for (int i = 0; i < 200; i++)
            if (fork() == 0)
                setsid();
        for (;;)
            pause();
    }
}

/* PID 1 itself, which hears no signal of its own namespace and now none at all. */
static void first(const char *file)
{
    hold(file);
    ignore_everything();
    for (;;)
        pause();
}

static int nobody(const char *file)
{
    int fd = open(file, O_RDWR);
    if (fd < 0)
        return setup_failed("nobody had the lock");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        reached("a process outlives its step");
    else
        held("nobody is left");
    return 0;
}

int main(int argc, char **argv)
{
    char byte;
    if (argc != 3 || pipe(ready) < 0)
        return 2;
    trick = argv[1];
    if (is("none"))
        return nobody(argv[2]);
    if (is("first"))
        first(argv[2]);
    if (is("clone-parent")) {
        must_fail("a sibling of PID 1", syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
        return 0;
    }
    if (is("bomb"))
        bomb(argv[2]);
    else if (fork() == 0)
        survive(argv[2]);
    if (read(ready[0], &byte, 1) != 1)
        return setup_failed("nobody survives");
    printf("HELD: left behind: %s\n", trick);
    return 0;
}
