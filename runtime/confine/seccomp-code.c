/* Written as BPF by hand: neighbouring calls with one answer become one range, and a binary search over about 60 ranges is a
 * fifth of libseccomp's tree over 400 numbers. The kernel runs and compiles the filter at each installation, so its size
 * costs time. */
#include "runtime/confine/seccomp-code.h"
#include "runtime/confine/seccomp-profile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct table { /* from `nr` of a rule on, up to the next rule's */
    struct rt_seccomp_rule rules[RT_SECCOMP_MAX_RULES];
    size_t n;
};
struct code {
    struct sock_filter *items;
    size_t n;
    bool failed;
};

/* ---- ranges --------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const struct rt_seccomp_rule *x = a, *y = b;
    if (x->nr != y->nr)
        return x->nr < y->nr ? -1 : 1;
    return (x->cap >= 0) - (y->cap >= 0); /* the last one goes */
}

static void push(struct table *t, uint32_t nr, enum rt_seccomp_answer a, uint8_t ask)
{
    if (t->n && t->rules[t->n - 1].nr == nr)
        t->n--;
    if (t->n && t->rules[t->n - 1].answer == a && a != RT_SECCOMP_ASK)
        return;
    t->rules[t->n++] = (struct rt_seccomp_rule){.nr = nr, .answer = a, .ask = ask};
}

/* Single numbers become ranges that cover 0 … 2^32-1. x86_64's x32 calls (bit 30) are among those that are not
 * there: hardly any kernel has them, and they would cost a third of the filter. */
static void to_ranges(const struct table *singles, struct table *out)
{
    push(out, 0, RT_SECCOMP_DENY, 0);
    for (size_t i = 0; i < singles->n; i++) {
        const struct rt_seccomp_rule *r = &singles->rules[i];
        /* arm has calls of its own with far higher numbers. */
        if (r->nr > PROFILE_NEWEST && out->rules[out->n - 1].nr <= PROFILE_NEWEST)
            push(out, PROFILE_NEWEST + 1, RT_SECCOMP_NOT_THERE, 0);
        push(out, r->nr, r->answer, r->ask);
        push(out, r->nr + 1, r->nr < PROFILE_NEWEST ? RT_SECCOMP_DENY : RT_SECCOMP_NOT_THERE, 0);
    }
    if (out->rules[out->n - 1].nr <= PROFILE_NEWEST)
        push(out, PROFILE_NEWEST + 1, RT_SECCOMP_NOT_THERE, 0);
}

/* ---- BPF ------------------------------------------------------------------------------------ */

static void emit(struct code *c, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    struct sock_filter *more = c->failed ? NULL : realloc(c->items, (c->n + 1) * sizeof(*c->items));
    c->failed = !more;
    if (c->failed)
        return;
    c->items = more;
    c->items[c->n++] = (struct sock_filter){op, jt, jf, k};
}

static void emit_return(struct code *c, enum rt_seccomp_answer a)
{
    uint32_t k =
        a == RT_SECCOMP_ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)(a == RT_SECCOMP_DENY ? EPERM : ENOSYS);
    emit(c, BPF_RET | BPF_K, k, 0, 0);
}

static void emit_ask(struct code *c, const struct profile_arg_rule *p, uint32_t arch)
{
    bool s390 = arch == AUDIT_ARCH_S390 || arch == AUDIT_ARCH_S390X;
    unsigned low = arch & __AUDIT_ARCH_LE ? 0 : 4;
    uint32_t offset = (uint32_t)offsetof(struct seccomp_data, args) + 8 * (s390 ? p->arg_s390 : p->arg) + low;
    emit(c, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
    if (p->kind == PROFILE_ARG_NO_BIT) {
        emit(c, BPF_JMP | BPF_JSET | BPF_K, p->values[0], 1, 0);
    } else {
        /* A hit jumps past the first return. */
        for (unsigned i = 0; i < p->n_values; i++)
            emit(c, BPF_JMP | BPF_JEQ | BPF_K, p->values[i], (uint8_t)(p->n_values - i), 0);
    }
    emit_return(c, p->kind == PROFILE_ARG_IN ? RT_SECCOMP_DENY : RT_SECCOMP_ALLOW);
    emit_return(c, p->kind == PROFILE_ARG_IN ? RT_SECCOMP_ALLOW : RT_SECCOMP_DENY);
}

static void append(struct code *c, struct code *tail)
{
    for (size_t i = 0; i < tail->n; i++)
        emit(c, tail->items[i].code, tail->items[i].k, tail->items[i].jt, tail->items[i].jf);
    c->failed = c->failed || tail->failed;
    free(tail->items);
    *tail = (struct code){0};
}

/* Binary search over rules[0 … n). All jumps are relative, so the halves are simply joined. */
static struct code search(const struct rt_seccomp_rule *rules, size_t n, uint32_t arch)
{
    struct code c = {0};
    if (n == 1) {
        if (rules->answer == RT_SECCOMP_ASK)
            emit_ask(&c, &profile_args[rules->ask], arch);
        else
            emit_return(&c, rules->answer);
        return c;
    }
    size_t half = n / 2;
    struct code below = search(rules, half, arch), above = search(rules + half, n - half, arch);
    if (below.n <= 255) {
        emit(&c, BPF_JMP | BPF_JGE | BPF_K, rules[half].nr, (uint8_t)below.n, 0);
    } else {
        emit(&c, BPF_JMP | BPF_JGE | BPF_K, rules[half].nr, 0, 1);
        emit(&c, BPF_JMP | BPF_JA, (uint32_t)below.n, 0, 0);
    }
    append(&c, &below);
    append(&c, &above);
    return c;
}

static struct code table_code(const struct rt_seccomp_table *t, uint64_t caps)
{
    struct table *all = calloc(2, sizeof(*all)), *singles = all, *ranges = all + 1;
    if (!all)
        return (struct code){.failed = true};
    for (size_t i = 0; i < t->n && i < RT_SECCOMP_MAX_RULES / 2 - 2; i++)
        if (t->rules[i].cap < 0 || caps & UINT64_C(1) << t->rules[i].cap)
            singles->rules[singles->n++] = t->rules[i];
    qsort(singles->rules, singles->n, sizeof(*singles->rules), by_number);
    to_ranges(singles, ranges);
    struct code c = search(ranges->rules, ranges->n, t->arch);
    free(all);
    return c;
}

size_t rt_seccomp_code(const struct rt_seccomp_table *tables, size_t n, uint64_t caps, struct sock_filter **ret_code)
{
    struct code c = {0};
    emit(&c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    for (size_t i = 0; i < n; i++) {
        struct code own = table_code(&tables[i], caps);
        emit(&c, BPF_JMP | BPF_JEQ | BPF_K, tables[i].arch, 1, 0);
        emit(&c, BPF_JMP | BPF_JA, (uint32_t)own.n + 1, 0, 0);
        emit(&c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
        append(&c, &own);
    }
    emit(&c, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    if (c.failed || c.n > BPF_MAXINSNS) {
        free(c.items);
        return 0;
    }
    *ret_code = c.items;
    return c.n;
}
