/* asks WHAT [WORD]: what a supervisor of system calls could stumble over. Each kind ends by itself, whoever answers. */
#include "attack.h"

#include <limits.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#define OWNER "user.cbuild.own"

static void expect(const char *what, long result, int error)
{
    int got = result < 0 ? errno : 0;
    errno = got;
    if (got == error)
        held(what);
    else
        printf("REACHED: %s gives %s\n", what, got ? strerrorname_np(got) : "success");
}

/* The end of the last page before one that cannot be read. */
static char *edge(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    return page + 4096;
}

static int pointers(void)
{
    static const struct {
        const char *what;
        void *at;
    } wrong[] = {{"null", NULL}, {"the kernel's", (void *)0xffff800000000000}, {"the last page", (void *)-8L}};
    char *end = edge(), *path = end - 3;
    memcpy(path, "/t", 3);
    make_file("/t");
    expect("a path at the edge", chown(path, 5, 6), 0);
    expect("a buffer over the edge", syscall(SYS_newfstatat, AT_FDCWD, "/t", end - 8, 0), EFAULT);
    memcpy(path, "/tx", 3); /* what fits of an answer may have been written */
    expect("a path over the edge", chown(path, 5, 6), EFAULT);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        void *at = wrong[i].at;
        printf("with %s pointer:\n", wrong[i].what);
        expect("chown", syscall(SYS_fchownat, AT_FDCWD, at, 5, 6, 0), EFAULT);
        expect("stat", syscall(SYS_newfstatat, AT_FDCWD, "/t", at, 0), EFAULT);
        expect("statx", syscall(SYS_statx, AT_FDCWD, "/t", 0, STATX_BASIC_STATS, at), EFAULT);
        expect("getresuid", syscall(SYS_getresuid, at, at, at), EFAULT);
        expect("setgroups", syscall(SYS_setgroups, 2, at), EFAULT);
        expect("mkdir", syscall(SYS_mkdirat, AT_FDCWD, at, 0777), EFAULT);
        expect("setxattr", syscall(SYS_setxattr, "/t", "user.x", at, 8, 0), EFAULT);
        expect("setxattr name", syscall(SYS_setxattr, "/t", at, "x", 1, 0), EFAULT);
        expect("open", syscall(SYS_openat, AT_FDCWD, at, O_CREAT | O_WRONLY, 0666), EFAULT);
        expect("execve", syscall(SYS_execve, at, NULL, NULL), EFAULT);
    }
    return 0;
}

static int paths(void)
{
    static char name[3 * PATH_MAX], proc[64];
    struct stat st;
    memset(name, 'a', sizeof(name) - 1);
    expect("a long path", chown(name, 5, 6), ENAMETOOLONG);
    expect("a long name of an attribute", setxattr("/t", name, "x", 1, 0), ERANGE);
    make_file("/t");
    int fd = open("/t", O_RDWR);
    expect("a descriptor that is not there", fchown(12345, 5, 6), EBADF);
    expect("in a file", fchownat(fd, "x", 5, 6, 0), ENOTDIR);
    unlink("/t");
    expect("a file without a name", fchown(fd, 7, 8), 0);
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    expect("its link in /proc", chown(proc, 9, 10), 0);
    if (fstat(fd, &st) == 0 && (st.st_uid != 9 || st.st_gid != 10))
        reached("the owner got lost");
    return 0;
}

/* ---- forged owners ----------------------------------------------------------------------------- */

static char changing[] = "user.cbuild.owx";
static volatile bool over;

static void *change(void *arg)
{
    (void)arg;
    while (!over)
        *(volatile char *)&changing[14] ^= 'x' ^ 'n';
    return NULL;
}

static bool has_name(int fd)
{
    char names[1024];
    ssize_t n = flistxattr(fd, names, sizeof(names));
    return n < 0 || memmem(names, (size_t)n, OWNER, sizeof(OWNER));
}

static int forge(void)
{
    static const char value[] = "31337:31337", longer[] = "31337:31337:b:8:0";
    struct stat st;
    pthread_t t;
    make_file("/t");
    int fd = open("/t", O_RDWR), handle = open("/t", O_PATH);
    expect("setxattr", setxattr("/t", OWNER, value, sizeof(value) - 1, 0), EPERM);
    expect("lsetxattr", lsetxattr("/t", OWNER, longer, sizeof(longer) - 1, 0), EPERM);
    expect("fsetxattr", fsetxattr(fd, OWNER, value, sizeof(value) - 1, 0), EPERM);
    must_fail("setxattrat", syscall(463, AT_FDCWD, "/t", 0, OWNER, &(struct iovec){0}, 16));
    must_fail("by an O_PATH descriptor", fsetxattr(handle, OWNER, value, sizeof(value) - 1, 0));
    pthread_create(&t, NULL, change, NULL);
    for (int i = 0; i < 3000; i++)
        (void)!fsetxattr(fd, changing, value, sizeof(value) - 1, 0);
    over = true;
    pthread_join(t, NULL);
    must_fail("to read it", fgetxattr(fd, OWNER, (char[64]){0}, 64));
    for (int i = 0; i < 2; i++) /* also of a file that has one */
        if (has_name(fd) || fchown(fd, i ? 0 : 7, i ? 0 : 8) < 0)
            reached("its name");
    must_fail("to read it afterwards", fgetxattr(fd, OWNER, (char[64]){0}, 64));
    if (fstat(fd, &st) < 0 || st.st_uid || st.st_gid || !S_ISREG(st.st_mode))
        reached("a forged owner");
    expect("to remove it", fremovexattr(fd, OWNER), ENODATA);
    errno = 0;
    held("forged nothing");
    return 0;
}

/* ---- calls of another kind ----------------------------------------------------------------------- */

#ifdef __x86_64__
static long call_32(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
    long r;
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)r;
}

static void refused(const char *what, long r)
{
    errno = r < 0 ? (int)-r : 0;
    must_fail(what, r);
}

/* By 32-bit calls of a 64-bit program: what it does by one kind it is told by the other. */
static int narrow(void)
{
    static const struct {
        const char *what;
        long nr;
    } gives[] = {{"chown of 16 bits", 182}, {"chown of 32 bits", 212}, {"lchown of 16 bits", 16}, {"lchown of 32 bits", 198}};
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    unsigned long path = (unsigned long)low, name = path + 64, value = path + 128, out = path + 256;
    struct stat st;
    make_file("/t");
    strcpy(low, "/t");
    strcpy(low + 64, OWNER);
    strcpy(low + 128, "31337:31337");
    for (size_t i = 0; i < sizeof(gives) / sizeof(*gives); i++) {
        long r = call_32(gives[i].nr, path, 40 + i, 50 + i, 0, 0);
        if (r != 0 || stat("/t", &st) < 0 || st.st_uid != 40 + i || st.st_gid != 50 + i)
            reached(gives[i].what);
    }
    if (call_32(195, path, out, 0, 0, 0) != 0 || *(unsigned *)(low + 256 + 24) != 43)
        reached("stat of 32 bits");
    refused("setxattr of 32 bits", call_32(226, path, name, value, 11, 0));
    refused("getxattr of 32 bits", call_32(229, path, name, out, 64, 0));
    if (call_32(213, 33, 0, 0, 0, 0) != 0 || getuid() != 33 || call_32(24, 0, 0, 0, 0, 0) != 33)
        reached("setuid of 32 bits");
    refused("setuid back", call_32(213, 0, 0, 0, 0, 0));
    refused("chown as another", call_32(212, path, 33, 33, 0, 0));
    errno = 0;
    held("32-bit calls");
    return 0;
}
#else
static int narrow(void)
{
    held("32-bit calls");
    return 0;
}
#endif

/* What the caller may not do is not done for him. */
static int rights(void)
{
    static const unsigned char capability[20] = {1, 0, 0, 2, 0xff};
    struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = RESOLVE_IN_ROOT};
    mkdir("/open", 0777);
    chmod("/open", 0777);
    make_file("/t");
    make_file("/open/outside");
    if (mkdir("/open/in", 0777) < 0 || chmod("/open/in", 0777) < 0 || setgid(33) < 0 || setuid(33) < 0)
        return setup_failed("/open/in");
    expect("an attribute of root's file", setxattr("/t", "user.x", "x", 1, 0), EACCES);
    expect("a capability of root's file", setxattr("/t", "security.capability", capability, sizeof(capability), 0), EPERM);
    make_file("/open/in/own");
    expect("an attribute of a file of one's own", setxattr("/open/in/own", "user.x", "x", 1, 0), 0);
    int dir = open("/open/in", O_PATH | O_DIRECTORY);
    int made = (int)syscall(SYS_openat2, dir, "/open/outside", &how, sizeof(how));
    expect("a path beneath a root", made, ENOENT);
    expect("what has that path elsewhere", access("/open/outside", F_OK), 0);
    made = (int)syscall(SYS_openat2, dir, "/new", &how, sizeof(how));
    expect("a file beneath a root", made, 0);
    expect("its name", access("/open/in/new", F_OK), 0);
    return 0;
}

/* ---- races, threads, listeners, bounds ----------------------------------------------------------- */

static char racing[] = "/a/say";

static void *race(void *arg)
{
    (void)arg;
    while (!over)
        *(volatile char *)&racing[3] ^= 1;
    return NULL;
}

/* Threads that ask at once, one that changes what they ask about, and processes that are killed while they ask. */
static int races(void)
{
    pthread_t t[4];
    struct stat st;
    pthread_create(&t[0], NULL, race, NULL);
    for (int n = 0; n < 40; n++) {
        pid_t pid = fork();
        for (int i = 0; pid == 0; i++) {
            (void)!chown(racing, 5, 6);
            (void)!stat(racing, &st);
            (void)!setresuid((uid_t)i % 7, 0, 0);
            (void)!mkdir(racing, 0777);
        }
        usleep(5000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    over = true;
    pthread_join(t[0], NULL);
    errno = 0;
    held("raced");
    return 0;
}

static const char *word; /* what was said beside the kind */

static void *exchange(void *arg)
{
    (void)arg;
    while (!over)
        (void)!renameat2(AT_FDCWD, "/open/s", AT_FDCWD, "/open/other", RENAME_EXCHANGE);
    return NULL;
}

static void make_and_give(void)
{
    int fd = open("/open/s/file", O_CREAT | O_EXCL | O_WRONLY, 0666);
    (void)!mkdir("/open/s/dir", 0777);
    (void)!symlink("x", "/open/s/link");
    (void)!chown("/open/s/canary", 33, 33);
    (void)!chown("/open/s/file", -1, 33);
    (void)!setxattr("/open/s/canary", "user.swapped", "x", 1, 0);
    close(fd);
    unlink("/open/s/file");
    rmdir("/open/s/dir");
    unlink("/open/s/link");
}

/* A directory that is a link to one of the host (WORD) every now and then, while what is in it is made and given away. */
static int swaps(void)
{
    pthread_t t;
    if (mkdir("/open", 0777) < 0 || chmod("/open", 0777) < 0 || mkdir("/open/s", 0777) < 0 || chmod("/open/s", 0777) < 0 ||
        symlink(word, "/open/other") < 0 || setgid(33) < 0 || setuid(33) < 0)
        return setup_failed("/open");
    pthread_create(&t, NULL, exchange, NULL);
    for (int i = 0; i < 1000; i++)
        make_and_give();
    over = true;
    pthread_join(t, NULL);
    errno = 0;
    held("swapped");
    return 0;
}

static void *flood(void *arg)
{
    char name[32];
    struct stat st;
    int each = atoi(word);
    snprintf(name, sizeof(name), "/f%zu", (size_t)arg);
    make_file(name);
    for (int i = 0; i < each; i++)
        if (chown(name, (uid_t)i, 7) < 0 || stat(name, &st) < 0 || st.st_uid != (uid_t)i || getuid() != 0)
            reached("a wrong answer");
    return NULL;
}

/* 64 threads at once, each of which knows what it must be told, WORD times. */
static int floods(void)
{
    pthread_t t[64];
    for (size_t i = 0; i < 64; i++)
        if (pthread_create(&t[i], NULL, flood, (void *)i))
            return setup_failed("threads");
    for (size_t i = 0; i < 64; i++)
        pthread_join(t[i], NULL);
    errno = 0;
    held("flooded");
    return 0;
}

static int listener(void)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    struct sock_fprog program = {1, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    expect("a listener of its own", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program),
           EBUSY);
    return 0;
}

/* One set of ids after the other, until no more are given out. */
static int sets(void)
{
    for (uid_t i = 1; i < 70000; i++)
        if (setresuid(i, 0, 0) < 0) {
            held("more ids");
            return 0;
        }
    reached("70000 kinds of ids");
    return 0;
}

static int everybody(void)
{
    errno = kill(-1, SIGKILL) < 0 ? errno : 0;
    held("killed");
    return getuid() != 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*fn)(void);
    } kinds[] = {{"pointers", pointers}, {"paths", paths},       {"forge", forge},  {"rights", rights},
                 {"races", races},       {"listener", listener}, {"sets", sets},    {"everybody", everybody},
                 {"narrow", narrow},     {"swaps", swaps},       {"floods", floods}};
    word = argc > 2 ? argv[2] : "";
    for (size_t i = 0; argc >= 2 && i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            return kinds[i].fn();
    return setup_failed("which?");
}
