/* Run when cbuild is built: `seccomp_gen CPU`, where CPU is meson's cpu_family. Turns the profile's names into the numbers of
 * that machine with libseccomp, and prints them, and the filter of a RUN with Docker's capabilities. */
#include "runtime/rung/capability.h"
#include "runtime/confine/seccomp-code.h"
#include "runtime/confine/seccomp-profile.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

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

struct rules {
    struct rt_seccomp_rule items[RT_SECCOMP_MAX_RULES / 2 - 2];
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

static void add(struct rules *t, const struct machine *m, const char *name, enum rt_seccomp_answer a, size_t ask, int cap)
{
    int nr = resolve(m, name);
    if (nr < 0)
        return;
    if (t->n == LEN(t->items))
        die("too many rules");
    t->items[t->n++] =
        (struct rt_seccomp_rule){.nr = (uint32_t)nr, .answer = (uint8_t)a, .ask = (uint8_t)ask, .cap = (int8_t)cap};
}

static int list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return 1;
    return 0;
}

static void add_machine(struct rules *t, const struct machine *m)
{
    for (size_t i = 0; i < LEN(profile_allow); i++)
        add(t, m, profile_allow[i], RT_SECCOMP_ALLOW, 0, -1);
    for (size_t i = 0; i < LEN(profile_arch_allow); i++)
        if (list_has(profile_arch_allow[i].arches, m->name))
            add(t, m, profile_arch_allow[i].name, RT_SECCOMP_ALLOW, 0, -1);
    for (size_t i = 0; i < LEN(profile_args); i++)
        add(t, m, profile_args[i].name, RT_SECCOMP_ASK, i, profile_args[i].shared ? RT_SECCOMP_SHARES : -1);
    for (size_t i = 0; i < LEN(profile_enosys); i++)
        add(t, m, profile_enosys[i], RT_SECCOMP_NOT_THERE, 0, -1);
    for (size_t i = 0; i < LEN(profile_cap_allow); i++)
        add(t, m, profile_cap_allow[i].name, RT_SECCOMP_ALLOW, 0, profile_cap_allow[i].cap);
}

/* ---- what is printed ------------------------------------------------------------------------ */

static void print_rules(const struct machine *m, const struct rules *t)
{
    printf("static const struct rt_seccomp_rule %s_rules[] = {\n", m->name);
    for (size_t i = 0; i < t->n; i++)
        printf("{%u, %u, %u, %d},\n", t->items[i].nr, t->items[i].answer, t->items[i].ask, t->items[i].cap);
    printf("};\n");
}

static void print_tables(const struct machine *m, const struct rt_seccomp_table *tables, size_t n)
{
    printf("static const struct rt_seccomp_table tables[] = {\n");
    for (size_t i = 0; i < n; i++)
        printf("{0x%08xu, %s_rules, %zu},\n", tables[i].arch, m[i].name, tables[i].n);
    printf("};\n");
}

static void print_filter(const struct rt_seccomp_table *tables, size_t n)
{
    struct sock_filter *code;
    size_t len = rt_seccomp_code(tables, n, RT_CAPS_OF_DOCKER, &code);
    if (!len)
        die("the filter is too long");
    printf("static const struct sock_filter filter[] = { /* %zu instructions */\n", len);
    for (size_t i = 0; i < len; i++)
        printf("{0x%04x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
    printf("};\n");
    free(code);
}

int main(int argc, char **argv)
{
    static struct rules rules[LEN(machines)];
    struct rt_seccomp_table tables[LEN(machines)];
    const struct machine *m = machines, *end = machines + LEN(machines);
    size_t n = 0;
    if (argc != 2)
        die("usage: seccomp_gen CPU");
    while (m < end && !(m->cpu && strcmp(m->cpu, argv[1]) == 0))
        m++;
    if (m == end)
        die("no profile for this processor");
    do {
        add_machine(&rules[n], &m[n]);
        print_rules(&m[n], &rules[n]);
        tables[n] = (struct rt_seccomp_table){m[n].arch, rules[n].items, rules[n].n};
        n++;
    } while (m + n < end && !m[n].cpu);
    print_tables(m, tables, n);
    print_filter(tables, n);
    return fflush(stdout) == 0 ? 0 : 1;
}
