/* What a program needs that also runs in place of an image's loader, where nothing of a C library is set up. It defines
 * start(), which ends by itself. */
#ifndef ATTACK_FREESTANDING_H
#define ATTACK_FREESTANDING_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static inline long call(long nr, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long r;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return r;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
#error "the system call of this machine is missing"
#endif
}

static inline void put(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    call(SYS_write, 1, (long)text, n, 0);
}

static inline void put_number(unsigned long n)
{
    char text[24], *p = text + sizeof(text) - 1;
    *p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    put(p);
}

static inline void end(void) __attribute__((noreturn));
static inline void end(void)
{
    call(SYS_exit_group, 0, 0, 0, 0);
    __builtin_unreachable();
}

void start(void) __attribute__((noreturn, used));
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp,%ebp\n and $-16,%rsp\n call start\n");
#else
__asm__(".globl _start\n_start:\n mov x29, #0\n bl start\n");
#endif

#endif
