/* The program that executes a RUN's command: argv is NAME, PROGRAM, then the command's own arguments. Until it runs, the
 * sandbox's first process is cbuild, and whatever names "this process's program" inside (/proc/self/exe, even as a #! or
 * an ELF interpreter) would name the host's binary. Now it names this file, which lies in memory that nobody can write to.
 *
 * It does nothing else: everything has been given up before. Where we know how to call the kernel it needs no C library,
 * so it starts in a fraction of the time.
 *
 * RT_EXEC_REPORT is open: the errno of execve goes there as an int, if it fails. It closes with the first execve, so
 * a command that leads back to this file finds it closed, and ends instead of running in circles. */
#include "runtime/sandbox/exec-stub.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define F_SETFD    2
#define FD_CLOEXEC 1

#ifdef __x86_64__
enum { SYS_write = 1, SYS_execve = 59, SYS_exit_group = 231, SYS_fcntl = 72 };

static long call(long number, long a, long b, long c)
{
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}

/* The kernel leaves argc and the pointers after it on the stack. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#else
enum { SYS_write = 64, SYS_execve = 221, SYS_exit_group = 94, SYS_fcntl = 25 };

static long call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tb begin\n");
#endif

void begin(const long *stack) __attribute__((noreturn, used));
void begin(const long *stack)
{
    long argc = stack[0];
    const long *argv = stack + 1, *env = argv + argc + 1;
    if (argc > 1 && call(SYS_fcntl, RT_EXEC_REPORT, F_SETFD, FD_CLOEXEC) == 0) {
        int e = -(int)call(SYS_execve, argv[1], (long)(argv + 2), (long)env);
        call(SYS_write, RT_EXEC_REPORT, (long)&e, sizeof(e));
    }
    for (;;)
        call(SYS_exit_group, RT_EXEC_FAILED, 0, 0);
}

#else
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv, char **env)
{
    if (argc > 1 && fcntl(RT_EXEC_REPORT, F_SETFD, FD_CLOEXEC) == 0) {
        execve(argv[1], argv + 2, env);
        int e = errno;
        (void)!write(RT_EXEC_REPORT, &e, sizeof(e));
    }
    _exit(RT_EXEC_FAILED);
}
#endif
