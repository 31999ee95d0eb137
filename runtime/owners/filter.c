/* The filter: a binary search over the numbers of the table for each set of numbers. What is not in it is allowed whatever its
 * arguments, and for such calls kernels since 5.11 do not even run it. Of two filters the stricter answer counts, so this
 * one and the profile of a RUN do not know of each other. */
#include "base/mem.h"
#include "runtime/owners/call.h"
#include "runtime/rung/notify.h"

#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/seccomp.h, whose Debian 12 form may not know it. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* ---- instructions ----------------------------------------------------------------------------- */

/* A row has two tests of up to five instructions each, its answer, its number, and its part of the search. */
#define PER_ROW  (2 * 5 + 1 + 2 + 2)
#define MAX_CODE (2 * (RT_MAX_ROWS * PER_ROW + 8))
_Static_assert(MAX_CODE <= BPF_MAXINSNS, "a filter that the kernel takes");

struct code {
    struct sock_filter items[MAX_CODE];
    size_t n;
};

static void emit(struct code *c, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    c->items[c->n++] = (struct sock_filter){op, jt, jf, k};
}

static void emit_return(struct code *c, uint32_t answer)
{
    emit(c, BPF_RET | BPF_K, answer, 0, 0);
}

/* The machines known here are little-endian: the lower half of an argument comes first. */
static void emit_test(struct code *c, const struct rt_test *t)
{
    if (t->kind == RT_ANY)
        return;
    emit(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)t->arg), 0, 0);
    if (t->kind == RT_BITS) {
        emit(c, BPF_JMP | BPF_JSET | BPF_K, t->value[0], 1, 0);
    } else {
        for (unsigned n = CB_LEN(t->value), i = 0; i < n; i++)
            emit(c, BPF_JMP | BPF_JEQ | BPF_K, i && !t->value[i] ? t->value[0] : t->value[i], (uint8_t)(n - i), 0);
    }
    emit_return(c, SECCOMP_RET_ALLOW);
}

static void emit_row(struct code *c, const struct rt_row *row)
{
    emit_test(c, &row->test[0]);
    emit_test(c, &row->test[1]);
    emit_return(c, row->fn ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)row->refuse);
}

struct numbered {
    uint32_t nr;
    const struct rt_row *row;
};

/* Jumps are relative: a half is skipped when its length is known. */
static void emit_search(struct code *c, const struct numbered *r, size_t n)
{
    if (n == 1) {
        emit(c, BPF_JMP | BPF_JEQ | BPF_K, r->nr, 1, 0);
        emit_return(c, SECCOMP_RET_ALLOW);
        emit_row(c, r->row);
        return;
    }
    emit(c, BPF_JMP | BPF_JGE | BPF_K, r[n / 2].nr, 0, 1);
    size_t jump = c->n;
    emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_search(c, r, n / 2);
    c->items[jump].k = (uint32_t)(c->n - jump - 1);
    emit_search(c, r + n / 2, n - n / 2);
}

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void emit_machine(struct code *c, bool compat)
{
    struct numbered sorted[RT_MAX_ROWS];
    size_t n, k = 0;
    const struct rt_row *rows = rt_rows(&n);
    for (size_t i = 0; i < n; i++) {
        int nr = compat ? rows[i].compat : rows[i].native;
        if (nr >= 0)
            sorted[k++] = (struct numbered){(uint32_t)nr, &rows[i]};
    }
    qsort(sorted, k, sizeof(*sorted), by_number);
    emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    if (RT_MACHINE_X32 && !compat) {
        emit(c, BPF_JMP | BPF_JGE | BPF_K, RT_MACHINE_X32, 0, 1);
        emit_return(c, SECCOMP_RET_ERRNO | ENOSYS);
    }
    emit_search(c, sorted, k);
}

/* Another machine's calls are not known, and pass. */
static void make(struct code *c)
{
    const uint32_t machines[] = {RT_MACHINE, RT_MACHINE_COMPAT};
    for (size_t i = 0; i < CB_LEN(machines) && machines[i]; i++) {
        emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
        emit(c, BPF_JMP | BPF_JEQ | BPF_K, machines[i], 1, 0);
        size_t jump = c->n;
        emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
        emit_machine(c, i == 1);
        c->items[jump].k = (uint32_t)(c->n - jump - 1);
    }
    emit_return(c, SECCOMP_RET_ALLOW);
}

int rt_filter_install(void)
{
    static struct code code; /* not on the brief stack of a sandbox's first process */
    code.n = 0;
    make(&code);
    struct sock_fprog program = {(unsigned short)code.n, code.items};
    const unsigned long listen = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listen | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (fd < 0 && errno == EINVAL) /* Linux 5.19; before it a signal may repeat a call that was half done */
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listen, &program);
    return fd < 0 ? -errno : (int)fd;
}
