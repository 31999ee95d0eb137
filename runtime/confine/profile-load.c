/* A profile of the user's own becomes instructions by libseccomp, which is loaded for that alone. */
#include "runtime/confine/profile.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/lazy.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECCOMP(X)                                                                                                               \
    X(seccomp_init)                                                                                                              \
    X(seccomp_arch_native)                                                                                                       \
    X(seccomp_release)                                                                                                           \
    X(seccomp_arch_add)                                                                                                          \
    X(seccomp_attr_set)                                                                                                          \
    X(seccomp_rule_add_array)                                                                                                    \
    X(seccomp_syscall_resolve_name)                                                                                              \
    X(seccomp_syscall_resolve_name_arch)                                                                                         \
    X(seccomp_export_bpf)
CB_LAZY_TABLE(lib, SECCOMP)

/* ---- rules ---------------------------------------------------------------------------------- */

static int add(scmp_filter_ctx ctx, const struct rt_profile_rule *r, int nr, const struct rt_profile_arg *args, size_t n)
{
    struct scmp_arg_cmp cmp[RT_PROFILE_ARGS];
    for (size_t i = 0; i < n; i++)
        cmp[i] = (struct scmp_arg_cmp){args[i].index, (enum scmp_compare)args[i].op, args[i].value, args[i].second};
    return lib.seccomp_rule_add_array(ctx, r->action, nr, (unsigned)n, cmp);
}

static bool repeats_an_argument(const struct rt_profile_rule *r)
{
    unsigned seen = 0;
    for (size_t i = 0; i < r->n_args; i++) {
        if (seen & 1u << r->args[i].index)
            return true;
        seen |= 1u << r->args[i].index;
    }
    return false;
}

/* Several conditions on one argument are alternatives, as for runc: one rule cannot hold them. */
static int add_name(scmp_filter_ctx ctx, const struct rt_profile_rule *r, const char *name)
{
    int nr = lib.seccomp_syscall_resolve_name(name), e = 0;
    if (nr == __NR_SCMP_ERROR)
        return 0; /* of another machine, or newer than the library */
    if (!repeats_an_argument(r))
        return add(ctx, r, nr, r->args, r->n_args);
    for (size_t i = 0; i < r->n_args && e == 0; i++)
        e = add(ctx, r, nr, &r->args[i], 1);
    return e;
}

static int add_rules(scmp_filter_ctx ctx, const struct rt_profile *p, struct cb_error *err)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct rt_profile_rule *r = &p->rules[i];
        if (r->action == p->action)
            continue; /* it happens without the rule, which libseccomp refuses */
        for (size_t k = 0; k < r->names.n; k++) {
            int e = add_name(ctx, r, r->names.items[k]);
            if (e < 0)
                return cb_fail(err, CB_E_UNSUPPORTED, "syscalls[%zu]: '%s' cannot be filtered so: %s", r->entry,
                               r->names.items[k], strerror(-e));
        }
    }
    return 0;
}

/* ---- calls that the profile is too old to know ---------------------------------------------- */

static bool refuses(uint32_t action)
{
    return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && action != SCMP_ACT_ERRNO(ENOSYS) &&
           (action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;
}

static void emit(struct cb_buf *out, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    cb_buf_add(out, &(struct sock_filter){op, jt, jf, k}, sizeof(struct sock_filter));
}

/* Numbers beyond all that it names on this architecture are not there, so that a C library falls back to what it knows: an
 * old profile refuses what it never heard of, and EPERM would be the end of the program. As runc does it. */
static void put_newest(const struct rt_profile *p, uint32_t arch, struct cb_buf *out)
{
    int newest = -1;
    for (size_t i = 0; i < p->names.n; i++)
        newest = CB_MAX(newest, lib.seccomp_syscall_resolve_name_arch(arch, p->names.items[i]));
    if (newest < 0 || arch == SCMP_ARCH_X32)
        return; /* x32 has no architecture of its own here: its calls are far behind the newest of x86_64 */
    emit(out, BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 3);
    emit(out, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    emit(out, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)newest, 0, 1);
    emit(out, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

static void put_prologue(const struct rt_profile *p, struct cb_buf *out)
{
    if (!refuses(p->action))
        return;
    emit(out, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    put_newest(p, lib.seccomp_arch_native(), out);
    for (size_t i = 0; i < p->n_arches; i++)
        put_newest(p, p->arches[i], out);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int make(scmp_filter_ctx ctx, const struct rt_profile *p, struct cb_buf *out, struct cb_error *err)
{
    (void)lib.seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, where the library can */
    for (size_t i = 0; i < p->n_arches; i++) {
        int e = lib.seccomp_arch_add(ctx, p->arches[i]);
        if (e < 0 && e != -EEXIST)
            return cb_fail(err, CB_E_UNSUPPORTED, "archMap: an architecture that goes with this machine is not supported: %s",
                           strerror(-e));
    }
    if (add_rules(ctx, p, err) < 0)
        return -1;
    CB_AUTO(close) int file = cb_memory_file("filter");
    int r = file < 0 ? file : lib.seccomp_export_bpf(ctx, file);
    put_prologue(p, out);
    if (r == 0 && lseek(file, 0, SEEK_SET) == 0)
        r = cb_read_fd(file, BPF_MAXINSNS * sizeof(struct sock_filter), out);
    return r < 0 ? cb_fail_sys(err, r, "write the filter of system calls") : 0;
}

int rt_profile_load(const struct rt_profile *p, struct rt_filter *ret, struct cb_error *err)
{
    struct cb_buf out = CB_BUF_INIT;
    if (CB_LAZY_LOAD(lib, SECCOMP, "libseccomp.so.2", "libseccomp2", err) < 0)
        return -1;
    scmp_filter_ctx ctx = lib.seccomp_init(p->action);
    int r = ctx ? make(ctx, p, &out, err) : cb_fail(err, CB_E_FAILED, "libseccomp makes no filter for defaultAction");
    if (ctx)
        lib.seccomp_release(ctx);
    ret->n = out.len / sizeof(struct sock_filter);
    if (r == 0 && ret->n > BPF_MAXINSNS)
        r = cb_fail(err, CB_E_UNSUPPORTED, "its filter has %zu instructions; the kernel takes %d", ret->n, BPF_MAXINSNS);
    if (r < 0) {
        cb_buf_done(&out);
        return -1;
    }
    ret->code = (struct sock_filter *)(void *)cb_buf_detach(&out);
    return 0;
}
