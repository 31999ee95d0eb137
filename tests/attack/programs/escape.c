/* escape PATH…: out of a chroot, by all that needs no help from others: what is still open, a second chroot, devices and mounts,
 * the limits and the memory of processes that have a number in here, and the paths that lead to the outside there. */
#include "attack.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static void descriptors(void)
{
    int n = 0;
    for (int fd = 3; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    if (n)
        reached("something is open");
    errno = 0;
    held("nothing is open");
}

/* Up from a directory that lies outside of the new root. */
static void second_root(void)
{
    struct stat root, top;
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/inner", 0755);
    if (fd < 0 || stat("/", &root) < 0)
        return;
    must_fail("chroot", chroot("/inner"));
    if (fchdir(fd) < 0)
        held("fchdir");
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            held("climb");
    if (stat(".", &top) == 0 && (top.st_ino != root.st_ino || top.st_dev != root.st_dev))
        reached("above the root");
    if (chdir("/") == 0)
        rmdir("/inner");
}

static void mounts_and_devices(void)
{
    char stack[4096];
    must_fail("mknod", mknod("/disk", S_IFBLK | 0600, makedev(8, 0)));
    must_fail("mount proc", mount("proc", "/proc", "proc", 0, NULL));
    must_fail("mount tmpfs", mount("none", "/sys", "tmpfs", 0, NULL));
    must_fail("bind", mount("/", "/sys", NULL, MS_BIND | MS_REC, NULL));
    must_fail("pivot_root", syscall(SYS_pivot_root, ".", "."));
    must_fail("unshare", unshare(CLONE_NEWUSER));
    must_fail("unshare mounts", unshare(CLONE_NEWNS));
    must_fail("clone", syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS, stack + sizeof(stack), NULL, NULL, NULL));
}

/* Processes of the builder and of the container, none of which is ours. */
static void processes(void)
{
    struct rlimit one = {1, 1};
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)&one, 1};
    int limited = 0, traced = 0, read = 0;
    for (pid_t pid = 1; pid < 4000; pid++) {
        if (pid == getpid() || pid == getppid()) /* the shell that started us */
            continue;
        limited += prlimit(pid, RLIMIT_CPU, &one, NULL) == 0;
        traced += ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
        read += process_vm_readv(pid, &here, 1, &there, 1, 0) > 0;
    }
    if (limited)
        reached("limits of another");
    if (traced || read)
        reached("memory of another");
    errno = 0;
    held("processes");
}

int main(int argc, char **argv)
{
    descriptors();
    second_root();
    mounts_and_devices();
    processes();
    for (int i = 1; i < argc; i++) {
        must_fail(argv[i], open(argv[i], O_RDONLY));
        seen(argv[i]);
    }
    return 0;
}
