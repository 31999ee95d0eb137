/* The filter of a RUN, interpreted here for every system-call number and compared with the profile's names. */
#include "base/mem.h"
#include "runtime/seccomp-internal.h"
#include "runtime/seccomp-profile.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ALLOW SECCOMP_RET_ALLOW
#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define NOSYS (SECCOMP_RET_ERRNO | ENOSYS)

static uint32_t load(const struct seccomp_data *d, uint32_t offset)
{
    uint32_t v;
    assert_true(offset % 4 == 0 && offset + 4 <= sizeof(*d));
    memcpy(&v, (const char *)d + offset, 4);
    return v;
}

static uint32_t interpret(const struct seccomp_data *d)
{
    size_t n;
    uint32_t a = 0;
    const struct sock_filter *f = rt_seccomp_filter(&n);
    for (size_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &f[pc];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = load(d, i->k);
            break;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += a & i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %zu is unknown", pc);
        }
    }
    fail_msg("the filter runs off its end");
    return 0;
}

static uint32_t ask(uint32_t arch, uint32_t nr, uint64_t arg0)
{
    struct seccomp_data d = {.nr = (int)nr, .arch = arch, .args = {arg0, ~arg0, ~arg0, ~arg0, ~arg0, ~arg0}};
    return interpret(&d);
}

static int number_of(uint32_t arch, const char *name)
{
    int nr = seccomp_syscall_resolve_name_arch(arch, name);
    for (size_t i = 0; nr < 0 && i < CB_LEN(profile_numbers); i++)
        if (strcmp(profile_numbers[i].name, name) == 0 &&
            (!profile_numbers[i].arch || (arch == SCMP_ARCH_X86_64 && strcmp(profile_numbers[i].arch, "x86_64") == 0)))
            nr = profile_numbers[i].nr;
    return nr;
}

static bool is_allowed(uint32_t arch, uint32_t nr)
{
    for (size_t i = 0; i < CB_LEN(profile_allow); i++)
        if (number_of(arch, profile_allow[i]) == (int)nr)
            return true;
    /* On these two machines only. */
    return (arch == SCMP_ARCH_X86_64 && nr == 158 /* arch_prctl */) ||
           (int)nr == seccomp_syscall_resolve_name_arch(arch, "modify_ldt");
}

static void test_every_number(void **state)
{
    (void)state;
    static const uint32_t arches[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86};
    static const char *const conditional[] = {"socket", "personality", "clone", "clone3"};
    for (size_t i = 0; i < CB_LEN(arches); i++) {
        for (uint32_t nr = 0; nr < 700; nr++) {
            bool skip = false;
            for (size_t k = 0; k < CB_LEN(conditional); k++)
                skip |= number_of(arches[i], conditional[k]) == (int)nr;
            uint32_t expected = is_allowed(arches[i], nr) ? ALLOW : nr > PROFILE_NEWEST ? NOSYS : DENY;
            uint32_t got = ask(arches[i], nr, 12345);
            if (!skip && got != expected)
                fail_msg("arch %x number %u: %x instead of %x", arches[i], nr, got, expected);
        }
    }
}

static void test_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t arch;
        const char *name;
        uint64_t arg0;
        uint32_t answer;
    } t[] = {
        {SCMP_ARCH_X86_64, "read", 0, ALLOW},
        {SCMP_ARCH_X86_64, "chroot", 0, ALLOW},
        {SCMP_ARCH_X86_64, "ptrace", 0, ALLOW},
        {SCMP_ARCH_X86_64, "mount", 0, DENY},
        {SCMP_ARCH_X86_64, "umount2", 0, DENY},
        {SCMP_ARCH_X86_64, "unshare", 0, DENY},
        {SCMP_ARCH_X86_64, "setns", 0, DENY},
        {SCMP_ARCH_X86_64, "pivot_root", 0, DENY},
        {SCMP_ARCH_X86_64, "keyctl", 0, DENY},
        {SCMP_ARCH_X86_64, "bpf", 0, DENY},
        {SCMP_ARCH_X86_64, "io_uring_setup", 0, DENY},
        {SCMP_ARCH_X86_64, "userfaultfd", 0, DENY},
        {SCMP_ARCH_X86_64, "open_by_handle_at", 0, DENY},
        {SCMP_ARCH_X86_64, "reboot", 0, DENY},
        {SCMP_ARCH_X86_64, "clone3", 0, NOSYS},
        {SCMP_ARCH_X86_64, "clone", 0x11, ALLOW},
        {SCMP_ARCH_X86_64, "clone", 0x3d0f00 /* a thread */, ALLOW},
        {SCMP_ARCH_X86_64, "clone", 0x10000000 /* CLONE_NEWUSER */, DENY},
        {SCMP_ARCH_X86_64, "clone", 0x00020000 /* CLONE_NEWNS */, DENY},
        {SCMP_ARCH_X86_64, "clone", 0x100000000 | 0x40000000 /* CLONE_NEWNET */, DENY},
        {SCMP_ARCH_X86_64, "socket", 2, ALLOW},
        {SCMP_ARCH_X86_64, "socket", 38, DENY},
        {SCMP_ARCH_X86_64, "socket", 39, ALLOW},
        {SCMP_ARCH_X86_64, "socket", 40, DENY},
        {SCMP_ARCH_X86_64, "socket", 41, ALLOW},
        {SCMP_ARCH_X86_64, "socket", 0x100000026 /* the kernel sees 38 */, DENY},
        {SCMP_ARCH_X86_64, "personality", 0, ALLOW},
        {SCMP_ARCH_X86_64, "personality", 0xffffffff, ALLOW},
        {SCMP_ARCH_X86_64, "personality", 0x20008, ALLOW},
        {SCMP_ARCH_X86_64, "personality", 0x40000, DENY},
        {SCMP_ARCH_X86, "socketcall", 0, ALLOW},
        {SCMP_ARCH_X86, "mount", 0, DENY},
        {SCMP_ARCH_X86, "clone", 0x10000000, DENY},
        {SCMP_ARCH_X86, "vm86", 0, DENY},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        int nr = seccomp_syscall_resolve_name_arch(t[i].arch, t[i].name);
        uint32_t got = ask(t[i].arch, (uint32_t)nr, t[i].arg0);
        if (nr < 0 || got != t[i].answer)
            fail_msg("%s(%llx): %x instead of %x", t[i].name, (unsigned long long)t[i].arg0, got, t[i].answer);
    }
    assert_int_equal(ask(SCMP_ARCH_X86_64, 0x40000000, 0), NOSYS); /* x32 */
    assert_int_equal(ask(SCMP_ARCH_X86_64, UINT32_MAX, 0), NOSYS);
    assert_int_equal(ask(SCMP_ARCH_AARCH64, 0, 0), SECCOMP_RET_KILL_PROCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_number), cmocka_unit_test(test_named)};
#ifdef __x86_64__
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    (void)tests;
    return 77; /* the tables above are for the machine that the filter was made for */
#endif
}
