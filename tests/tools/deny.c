/* deny CALL ERROR COMMAND…: runs the command with one system call closed, for it and for everything that it starts, as
 * under an older kernel (ENOSYS), in a container with a profile (EPERM) or beyond a limit (ENOSPC).
 *
 *   gcc -D_GNU_SOURCE -O1 -o deny tests/tools/deny.c -lseccomp
 *   deny openat2 ENOSYS cbuild .
 *
 * CALL may have a number behind a colon: only calls whose first argument has one of these bits (clone:0x10000000).
 * Status 125: the filter cannot be set; 77: this machine has no such call. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int filter(int call, uint32_t action, unsigned long bits)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx)
        return -1;
    /* Root's set-user-ID programs go on working. */
    int r = geteuid() == 0 ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) : 0;
    if (bits == 0 && r == 0)
        r = seccomp_rule_add(ctx, action, call, 0);
    for (unsigned long bit = 1; bits && bit && r == 0; bit <<= 1)
        if (bits & bit)
            r = seccomp_rule_add(ctx, action, call, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    if (r == 0)
        r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r;
}

static unsigned number(const char *error)
{
    return strcmp(error, "ENOSYS") == 0 ? ENOSYS : strcmp(error, "ENOSPC") == 0 ? ENOSPC : EPERM;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 125;
    char *colon = strchr(argv[1], ':');
    unsigned long bits = colon ? strtoul(colon + 1, NULL, 0) : 0;
    if (colon)
        *colon = 0;
    int call = seccomp_syscall_resolve_name(argv[1]);
    if (call < 0)
        return 77;
    int r = filter(call, SCMP_ACT_ERRNO(number(argv[2])), bits);
    if (r != 0) {
        fprintf(stderr, "deny %s: %s\n", argv[1], strerror(-r));
        return 125;
    }
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 125;
}
