/* Builds the seccomp filter of a RUN when cbuild is built: `seccomp_gen CPU > seccomp-filter.inc`, where CPU is
 * meson's cpu_family. Written as BPF by hand, with libseccomp for names and numbers only: neighbouring calls
 * with one answer become one range, and a binary search over about 60 ranges is a fifth of libseccomp's tree
 * over 400 numbers. The kernel runs and compiles the filter at each installation, so its size costs time. */
#include "runtime/seccomp-profile.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define LITTLE_FLAG 0x40000000u /* __AUDIT_ARCH_LE */
#define MAX_RULES   2048

static const struct machine {
    const char *cpu; /* meson's cpu_family; NULL: another architecture of the machine above */
    const char *name;
    uint32_t arch;
} machines[] = {
    {"x86_64", "x86_64", SCMP_ARCH_X86_64},
    {NULL, "x86", SCMP_ARCH_X86},

    {"x86", "x86", SCMP_ARCH_X86},
    {"aarch64", "aarch64", SCMP_ARCH_AARCH64},
    {NULL, "arm", SCMP_ARCH_ARM},
    {"arm", "arm", SCMP_ARCH_ARM},
    {"riscv64", "riscv64", SCMP_ARCH_RISCV64},
    {"s390x", "s390x", SCMP_ARCH_S390X},
    {NULL, "s390", SCMP_ARCH_S390},
    {"ppc64", "ppc64le", SCMP_ARCH_PPC64LE},
};

/* What happens from number `nr` on, up to the next rule's. */
enum answer { ALLOW, DENY, NOT_THERE, ASK };
struct rule {
    uint32_t nr;
    enum answer answer;
    const struct profile_arg_rule *ask;
};
struct table {
    struct rule rules[MAX_RULES];
    size_t n;
};
struct code {
    struct sock_filter *items;
    size_t n;
};

static void die(const char *what)
{
    fprintf(stderr, "seccomp_gen: %s\n", what);
    exit(1);
}

/* ---- names to numbers ----------------------------------------------------------------------- */

/* -1: this architecture does not have it. */
static int resolve(const struct machine *m, const char *name)
{
    int nr = seccomp_syscall_resolve_name_arch(m->arch, name);
    if (nr >= 0)
        return nr; /* pseudo numbers of calls behind socketcall and ipc are negative */
    for (size_t i = 0; i < LEN(profile_numbers); i++) {
        const struct profile_number *p = &profile_numbers[i];
        if (strcmp(p->name, name) == 0 && (!p->arch || strcmp(p->arch, m->name) == 0))
            return p->nr;
    }
    return -1;
}

static void add(struct table *t, const struct machine *m, const char *name, enum answer a, const struct profile_arg_rule *ask)
{
    int nr = resolve(m, name);
    if (nr < 0)
        return;
    if (t->n == MAX_RULES)
        die("too many rules");
    t->rules[t->n++] = (struct rule){(uint32_t)nr, a, ask};
}

static int list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return 1;
    return 0;
}

static void add_machine(struct table *t, const struct machine *m)
{
    for (size_t i = 0; i < LEN(profile_allow); i++)
        add(t, m, profile_allow[i], ALLOW, NULL);
    for (size_t i = 0; i < LEN(profile_arch_allow); i++)
        if (list_has(profile_arch_allow[i].arches, m->name))
            add(t, m, profile_arch_allow[i].name, ALLOW, NULL);
    for (size_t i = 0; i < LEN(profile_args); i++)
        add(t, m, profile_args[i].name, ASK, &profile_args[i]);
    for (size_t i = 0; i < LEN(profile_enosys); i++)
        add(t, m, profile_enosys[i], NOT_THERE, NULL);
}

static int by_number(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;
    return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void push(struct table *t, uint32_t nr, enum answer a, const struct profile_arg_rule *ask)
{
    if (t->n && t->rules[t->n - 1].nr == nr)
        t->n--;
    if (t->n && t->rules[t->n - 1].answer == a && a != ASK)
        return;
    t->rules[t->n++] = (struct rule){nr, a, ask};
}

/* Single numbers become ranges that cover 0 … 2^32-1. x86_64's x32 calls (bit 30) are among those that are not
 * there: hardly any kernel has them, and they would cost a third of the filter. */
static void to_ranges(const struct table *singles, struct table *out)
{
    push(out, 0, DENY, NULL);
    for (size_t i = 0; i < singles->n; i++) {
        const struct rule *r = &singles->rules[i];
        /* arm has calls of its own with far higher numbers. */
        if (r->nr > PROFILE_NEWEST && out->rules[out->n - 1].nr <= PROFILE_NEWEST)
            push(out, PROFILE_NEWEST + 1, NOT_THERE, NULL);
        push(out, r->nr, r->answer, r->ask);
        push(out, r->nr + 1, r->nr < PROFILE_NEWEST ? DENY : NOT_THERE, NULL);
    }
    if (out->rules[out->n - 1].nr <= PROFILE_NEWEST)
        push(out, PROFILE_NEWEST + 1, NOT_THERE, NULL);
}

/* ---- BPF ------------------------------------------------------------------------------------ */

static void emit(struct code *c, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
    c->items = realloc(c->items, (c->n + 1) * sizeof(*c->items));
    if (!c->items)
        die("out of memory");
    c->items[c->n++] = (struct sock_filter){op, jt, jf, k};
}

static void emit_return(struct code *c, enum answer a)
{
    uint32_t k = a == ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)(a == DENY ? EPERM : ENOSYS);
    emit(c, BPF_RET | BPF_K, k, 0, 0);
}

static void emit_ask(struct code *c, const struct profile_arg_rule *p, const struct machine *m)
{
    int s390 = m->arch == SCMP_ARCH_S390 || m->arch == SCMP_ARCH_S390X;
    unsigned low = m->arch & LITTLE_FLAG ? 0 : 4;
    uint32_t offset = (uint32_t)offsetof(struct seccomp_data, args) + 8 * (s390 ? p->arg_s390 : p->arg) + low;
    emit(c, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
    if (p->kind == PROFILE_ARG_NO_BIT) {
        emit(c, BPF_JMP | BPF_JSET | BPF_K, p->values[0], 1, 0);
    } else {
        /* A hit jumps past the first return. */
        for (unsigned i = 0; i < p->n_values; i++)
            emit(c, BPF_JMP | BPF_JEQ | BPF_K, p->values[i], (uint8_t)(p->n_values - i), 0);
    }
    emit_return(c, p->kind == PROFILE_ARG_IN ? DENY : ALLOW);
    emit_return(c, p->kind == PROFILE_ARG_IN ? ALLOW : DENY);
}

static void append(struct code *c, struct code *tail)
{
    for (size_t i = 0; i < tail->n; i++)
        emit(c, tail->items[i].code, tail->items[i].k, tail->items[i].jt, tail->items[i].jf);
    free(tail->items);
    *tail = (struct code){0};
}

/* Binary search over rules[0 … n). All jumps are relative, so the halves are simply joined. */
static struct code search(const struct rule *rules, size_t n, const struct machine *m)
{
    struct code c = {0};
    if (n == 1) {
        if (rules->answer == ASK)
            emit_ask(&c, rules->ask, m);
        else
            emit_return(&c, rules->answer);
        return c;
    }
    size_t half = n / 2;
    struct code below = search(rules, half, m), above = search(rules + half, n - half, m);
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

static struct code machine_code(const struct machine *m)
{
    static struct table singles, ranges;
    singles.n = ranges.n = 0;
    add_machine(&singles, m);
    qsort(singles.rules, singles.n, sizeof(*singles.rules), by_number);
    to_ranges(&singles, &ranges);
    return search(ranges.rules, ranges.n, m);
}

static struct code program(const struct machine *first)
{
    struct code c = {0};
    emit(&c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    for (const struct machine *m = first; m < machines + LEN(machines) && (m == first || !m->cpu); m++) {
        struct code own = machine_code(m);
        emit(&c, BPF_JMP | BPF_JEQ | BPF_K, m->arch, 1, 0);
        emit(&c, BPF_JMP | BPF_JA, (uint32_t)own.n + 1, 0, 0);
        emit(&c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
        append(&c, &own);
    }
    emit(&c, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    return c;
}

int main(int argc, char **argv)
{
    const struct machine *m = machines;
    if (argc != 2)
        die("usage: seccomp_gen CPU");
    while (m < machines + LEN(machines) && !(m->cpu && strcmp(m->cpu, argv[1]) == 0))
        m++;
    if (m == machines + LEN(machines))
        die("no profile for this processor");
    struct code c = program(m);
    if (c.n > BPF_MAXINSNS)
        die("the filter is too long");
    printf("/* %zu instructions for %s */\n", c.n, m->name);
    for (size_t i = 0; i < c.n; i++)
        printf("{0x%04x, %u, %u, 0x%08x},\n", c.items[i].code, c.items[i].jt, c.items[i].jf, c.items[i].k);
    free(c.items);
    return fflush(stdout) == 0 ? 0 : 1;
}
