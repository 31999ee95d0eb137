/* A program for arm64, of a few hundred bytes: says what machine it is on, its ids and its name, and makes the file that
 * is its second argument. Compiled by clang for that target, without any library. */
enum { SYS_openat = 56, SYS_write = 64, SYS_exit = 93, SYS_uname = 160, SYS_getuid = 174, SYS_geteuid = 175 };
#define AT_FDCWD 0xffffffffffffff9c
#define NEW_FILE 0101 /* O_CREAT | O_WRONLY */

static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

static void put(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    call(SYS_write, 1, (long)text, n, 0);
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tb begin\n");
void begin(long *stack) __attribute__((noreturn));
void begin(long *stack)
{
    char names[6][65];
    const char **argv = (const char **)(stack + 1);
    call(SYS_uname, (long)names, 0, 0, 0);
    put(argv[0]);
    put(" on ");
    put(names[4]);
    put(call(SYS_getuid, 0, 0, 0, 0) == 0 ? " by root" : " by a user");
    put(call(SYS_geteuid, 0, 0, 0, 0) == 0 ? " as root\n" : " as a user\n");
    if (stack[0] > 1)
        call(SYS_openat, (long)AT_FDCWD, (long)argv[1], NEW_FILE, 0644);
    for (;;)
        call(SYS_exit, 0, 0, 0, 0);
}
