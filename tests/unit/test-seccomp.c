/* The filter of a RUN, interpreted here for every system-call number and compared with the profile's names. */
#include "base/mem.h"
#include "runtime/confine/seccomp-code.h"
#include "runtime/confine/profile.h"
#include "runtime/rung/capability.h"
#include "runtime/confine/seccomp.h"
#include "runtime/confine/seccomp-profile.h"

#include <linux/filter.h>
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

/* What the generator makes for arm64, whatever this machine is. */
#define tables arm64_tables
#define filter arm64_filter
#include "seccomp-filter-arm64.inc"
#undef tables
#undef filter

static uint32_t load(const struct seccomp_data *d, uint32_t offset)
{
    uint32_t v;
    assert_true(offset % 4 == 0 && offset + 4 <= sizeof(*d));
    memcpy(&v, (const char *)d + offset, 4);
    return v;
}

static uint32_t interpret(const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
    uint32_t a = 0;
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
        case BPF_JMP | BPF_JGT | BPF_K:
            pc += a > i->k ? i->jt : i->jf;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
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
    size_t n;
    const struct sock_filter *f = rt_seccomp_filter(&n);
    return interpret(f, n, &d);
}

/* The answer of a filter of ours to a call of this machine. */
static uint32_t ask_filter(const struct rt_filter *f, const char *name, uint64_t arg0)
{
    struct seccomp_data d = {.nr = seccomp_syscall_resolve_name(name),
                             .arch = seccomp_arch_native(),
                             .args = {arg0, ~arg0, ~arg0, ~arg0, ~arg0, ~arg0}};
    assert_true(d.nr >= 0);
    return interpret(f->code, f->n, &d);
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
    const char *machine = arch == SCMP_ARCH_X86_64 ? "x86_64"
                          : arch == SCMP_ARCH_X86  ? "x86"
                          : arch == SCMP_ARCH_ARM  ? "arm"
                                                   : "aarch64";
    for (size_t i = 0; i < CB_LEN(profile_arch_allow); i++) {
        CB_AUTO(free) char *list = cb_printf(" %s ", profile_arch_allow[i].arches), *word = cb_printf(" %s ", machine);
        if (strstr(list, word) && number_of(arch, profile_arch_allow[i].name) == (int)nr)
            return true;
    }
    return false;
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

static void test_arm64(void **state)
{
    (void)state;
    static const uint32_t arches[] = {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};
    static const char *const conditional[] = {"socket", "personality", "clone", "clone3"};
    assert_int_equal(CB_LEN(arm64_tables), CB_LEN(arches));
    for (size_t i = 0; i < CB_LEN(arches); i++) {
        for (uint32_t nr = 0; nr < 700; nr++) {
            const struct seccomp_data d = {.nr = (int)nr, .arch = arches[i], .args = {0x10000000}};
            uint32_t expected = is_allowed(arches[i], nr) ? ALLOW : nr > PROFILE_NEWEST ? NOSYS : DENY;
            for (size_t k = 0; k < CB_LEN(conditional); k++)
                if (number_of(arches[i], conditional[k]) == (int)nr)
                    expected = k == 0 ? ALLOW : k < 3 ? DENY : NOSYS;
            uint32_t got = interpret(arm64_filter, CB_LEN(arm64_filter), &d);
            if (got != expected)
                fail_msg("arch %x number %u: %x instead of %x", arches[i], nr, got, expected);
        }
    }
    /* calls of arm that are far from the others */
    const struct seccomp_data set_tls = {.nr = 0xf0005, .arch = SCMP_ARCH_ARM}, next = {.nr = 0xf0006, .arch = SCMP_ARCH_ARM},
                              other = {.arch = SCMP_ARCH_X86_64};
    assert_int_equal(interpret(arm64_filter, CB_LEN(arm64_filter), &set_tls), ALLOW);
    assert_int_equal(interpret(arm64_filter, CB_LEN(arm64_filter), &next), NOSYS);
    assert_int_equal(interpret(arm64_filter, CB_LEN(arm64_filter), &other), SECCOMP_RET_KILL_PROCESS);
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

/* Other capabilities open other calls, and nothing else. */
static void test_capabilities(void **state)
{
    (void)state;
    static const struct {
        int cap;
        const char *name;
        uint64_t arg0;
    } t[] = {
        {CAP_SYS_ADMIN, "mount", 0},
        {CAP_SYS_ADMIN, "unshare", 0},
        {CAP_SYS_ADMIN, "clone", 0x10000000},
        {CAP_SYS_ADMIN, "clone3", 0},
        {CAP_SYS_TIME, "settimeofday", 0},
        {CAP_SYS_NICE, "mbind", 0},
        {CAP_DAC_READ_SEARCH, "open_by_handle_at", 0},
        {CAP_SYSLOG, "syslog", 0},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_filter f;
        f.n = rt_seccomp_filter_for(RT_CAPS_OF_DOCKER | UINT64_C(1) << t[i].cap, false, &f.code);
        assert_true(f.n > 0);
        for (size_t k = 0; k < CB_LEN(t); k++) {
            uint32_t got = ask_filter(&f, t[k].name, t[k].arg0);
            bool allowed = t[k].cap == t[i].cap || (t[i].cap == CAP_SYS_ADMIN && strcmp(t[k].name, "syslog") == 0);
            if ((got == ALLOW) != allowed)
                fail_msg("capability %d, %s: %x", t[i].cap, t[k].name, got);
        }
        assert_int_equal(ask_filter(&f, "read", 0), ALLOW);
        assert_int_equal(ask_filter(&f, "keyctl", 0), DENY);
        free(f.code);
    }
}

/* ---- profiles of the user's own ------------------------------------------------------------- */

static const char profile[] =
    "{'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 1,"
    "'archMap': [{'architecture': 'SCMP_ARCH_X86_64', 'subArchitectures': ['SCMP_ARCH_X86', 'SCMP_ARCH_X32']}], 'syscalls': ["
    "{'names': ['read', 'write', 'no_such_call', 'clone3'], 'action': 'SCMP_ACT_ALLOW', 'args': null, 'comment': 'x'},"
    "{'names': ['socket'], 'action': 'SCMP_ACT_ALLOW', 'args': [{'index': 0, 'value': 40, 'op': 'SCMP_CMP_NE'}]},"
    "{'names': ['personality'], 'action': 'SCMP_ACT_ALLOW', 'args': [{'index': 0, 'value': 0, 'op': 'SCMP_CMP_EQ'},"
    "  {'index': 0, 'value': 8, 'op': 'SCMP_CMP_EQ'}]},"
    "{'names': ['clone'], 'action': 'SCMP_ACT_ALLOW', 'args': [{'index': 0, 'value': 2114060288, 'valueTwo': 0,"
    "  'op': 'SCMP_CMP_MASKED_EQ'}], 'excludes': {'caps': ['CAP_SYS_ADMIN']}},"
    "{'names': ['mount'], 'action': 'SCMP_ACT_ALLOW', 'includes': {'caps': ['CAP_SYS_ADMIN']}},"
    "{'names': ['chroot'], 'action': 'SCMP_ACT_ALLOW', 'includes': {'caps': ['CAP_SYS_CHROOT'], 'arches': ['amd64']}},"
    "{'names': ['getpid'], 'action': 'SCMP_ACT_ALLOW', 'excludes': {'arches': ['amd64']}},"
    "{'names': ['ptrace'], 'action': 'SCMP_ACT_ALLOW', 'includes': {'minKernel': '4.8'}},"
    "{'names': ['getppid'], 'action': 'SCMP_ACT_ALLOW', 'includes': {'minKernel': '999.0'}},"
    "{'names': ['keyctl'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 38}, {'name': 'bpf', 'action': 'SCMP_ACT_KILL_PROCESS'}]}";

static int parse(const char *text, struct rt_profile **ret, struct cb_error *err)
{
    CB_AUTO(free) char *json = cb_strdup(text);
    for (char *p = json; (p = strchr(p, '\''));)
        *p = '"';
    return rt_profile_parse(json, strlen(json), RT_CAPS_OF_DOCKER, ret, err);
}

static void test_profile(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t arg0;
        uint32_t answer;
    } t[] = {
        {"read", 0, ALLOW},
        {"open", 0, DENY},
        {"clone3", 0, ALLOW},
        {"socket", 2, ALLOW},
        {"socket", 40, DENY},
        {"personality", 0, ALLOW},
        {"personality", 8, ALLOW},
        {"personality", 9, DENY},
        {"clone", 17, ALLOW},
        {"mount", 0, DENY},
        {"clone", 0x10000000, DENY},
        {"chroot", 0, ALLOW},
        {"getpid", 0, DENY},
        {"ptrace", 0, ALLOW},
        {"getppid", 0, DENY},
        {"keyctl", 0, NOSYS},
        {"bpf", 0, SECCOMP_RET_KILL_PROCESS},
    };
    struct rt_profile *p;
    struct rt_filter f;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(parse(profile, &p, &err), 0);
    if (rt_profile_load(p, &f, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < CB_LEN(t); i++)
        if (ask_filter(&f, t[i].name, t[i].arg0) != t[i].answer)
            fail_msg("%s(%llu): %x", t[i].name, (unsigned long long)t[i].arg0, ask_filter(&f, t[i].name, t[i].arg0));
    /* clone3 (435) is the newest that it names. */
    const struct seccomp_data newer = {.nr = 436, .arch = SCMP_ARCH_X86_64}, other = {.nr = 436, .arch = SCMP_ARCH_X86},
                              native = {.nr = 3, .arch = SCMP_ARCH_X86};
    assert_int_equal(interpret(f.code, f.n, &newer), NOSYS);
    assert_int_equal(interpret(f.code, f.n, &other), NOSYS);
    assert_int_equal(interpret(f.code, f.n, &native), ALLOW); /* read */
    free(f.code);
    rt_profile_free(p);
}

static void test_bad_profiles(void **state)
{
    (void)state;
#define RULE(text) "{'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['read'], 'action': 'SCMP_ACT_LOG'}, " text "]}"
    static const struct {
        const char *text, *message;
    } t[] = {
        {"[]", "expected an object"},
        {"{", "the file: bad JSON: string or '}' expected near end of file (line 1, column 1)"},
        {"{}", "defaultAction: it is missing"},
        {"{'defaultAction': 'ALLOW'}", "defaultAction: unknown value 'ALLOW'"},
        {"{'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 5000}", "defaultErrnoRet: 5000 is no errno"},
        {"{'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': {}}", "syscalls: expected an array"},
        {"{'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_PDP11']}",
         "archMap.architecture: unknown value 'SCMP_ARCH_PDP11'"},
        {RULE("7"), "syscalls[1]: expected an object"},
        {RULE("{'action': 'SCMP_ACT_ALLOW'}"), "syscalls[1]: it names no system call"},
        {RULE("{'names': ['a']}"), "syscalls[1].action: it is missing"},
        {RULE("{'names': ['a'], 'action': 'SCMP_ACT_NOTIFY'}"),
         "syscalls[1].action: SCMP_ACT_NOTIFY needs a program that answers, which a build has not"},
        {RULE("{'names': ['a'], 'action': 'SCMP_ACT_LOG', 'args': [{'index': 6, 'op': 'SCMP_CMP_EQ'}]}"),
         "syscalls[1].args[0].index: expected a number from 0 to 5"},
        {RULE("{'names': ['a'], 'action': 'SCMP_ACT_LOG', 'args': [{'index': 0, 'op': 'EQ'}]}"),
         "syscalls[1].args[0].op: unknown value 'EQ'"},
        {RULE("{'names': ['a'], 'action': 'SCMP_ACT_LOG', 'includes': {'minKernel': 'new'}}"),
         "syscalls[1].includes.minKernel: 'new' is no version"},
        {RULE("{'names': ['a'], 'action': 'SCMP_ACT_LOG', 'excludes': {'caps': 7}}"),
         "syscalls[1].excludes.caps: expected an array"},
    };
    for (size_t i = 0; i < CB_LEN(t); i++) {
        struct rt_profile *p;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        assert_int_equal(parse(t[i].text, &p, &err), -1);
        assert_string_equal(err.msg, t[i].message);
    }
}

/* Where the builder's processes have numbers, a command changes its own limits only. */
static void test_shared(void **state)
{
    (void)state;
    struct rt_filter f = {0};
    f.n = rt_seccomp_filter_for(RT_EVERY_CAPABILITY, true, &f.code);
    assert_true(f.n > 0);
    for (uint64_t pid = 0; pid < 3; pid++) {
        struct seccomp_data d = {.nr = seccomp_syscall_resolve_name("prlimit64"), .arch = seccomp_arch_native(), .args = {pid}};
        assert_int_equal(interpret(f.code, f.n, &d), pid ? DENY : ALLOW);
    }
    free(f.code);
    f.n = rt_seccomp_filter_for(RT_EVERY_CAPABILITY, false, &f.code);
    struct seccomp_data d = {.nr = seccomp_syscall_resolve_name("prlimit64"), .arch = seccomp_arch_native(), .args = {1}};
    assert_int_equal(interpret(f.code, f.n, &d), ALLOW);
    free(f.code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number), cmocka_unit_test(test_arm64),   cmocka_unit_test(test_named),
        cmocka_unit_test(test_capabilities), cmocka_unit_test(test_profile), cmocka_unit_test(test_bad_profiles),
        cmocka_unit_test(test_shared),
    };
#ifdef __x86_64__
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    (void)tests;
    return 77; /* the tables above are for the machine that the filter was made for */
#endif
}
