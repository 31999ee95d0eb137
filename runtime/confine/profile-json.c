#include "runtime/confine/profile.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/rung/capability.h"

#include <errno.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define MAX_PATH_TEXT 64

/* ---- words of a profile --------------------------------------------------------------------- */

struct word {
    const char *name;
    uint32_t value;
};
static const struct word actions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW}, {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL},   {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},     {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},   {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
};
static const struct word ops[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};
static const struct word arches[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},         {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},         {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64}, {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},   {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},   {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},         {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},     {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},       {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
};

/* As "includes" and "excludes" name this machine, and as "archMap" does. */
static const struct machine {
    const char *name, *token;
} machine =
#if defined(__x86_64__)
    {"amd64", "SCMP_ARCH_X86_64"};
#elif defined(__aarch64__)
    {"arm64", "SCMP_ARCH_AARCH64"};
#elif defined(__arm__)
    {"arm", "SCMP_ARCH_ARM"};
#elif defined(__i386__)
    {"x86", "SCMP_ARCH_X86"};
#elif defined(__s390x__)
    {"s390x", "SCMP_ARCH_S390X"};
#elif defined(__powerpc64__)
    {"ppc64le", "SCMP_ARCH_PPC64LE"};
#elif defined(__riscv)
    {"riscv64", "SCMP_ARCH_RISCV64"};
#else
    {"", ""};
#endif

static int find_word(const struct word *words, size_t n, const char *name, const char *where, const char *what, uint32_t *ret,
                     struct cb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i].name, name) != 0)
            continue;
        *ret = words[i].value;
        return 0;
    }
    return cb_fail(err, CB_E_CORRUPT, "%s%s%s: unknown value '%s'", where, *where ? "." : "", what, name);
}

/* An action and its errno. 1: found; 0: there is none. */
static int take_action(json_t *j, const char *key, const char *errno_key, const char *where, uint32_t *ret, struct cb_error *err)
{
    const char *name;
    int64_t number = EPERM;
    int r = cb_json_str(j, key, where, &name, err);
    if (r <= 0)
        return r;
    if (cb_json_int(j, errno_key, where, &number, err) < 0)
        return -1;
    if (strcmp(name, "SCMP_ACT_NOTIFY") == 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "%s%s%s: SCMP_ACT_NOTIFY needs a program that answers, which a build has not",
                       where, *where ? "." : "", key);
    if (number < 0 || number > 4095)
        return cb_fail(err, CB_E_CORRUPT, "%s%s%s: %lld is no errno", where, *where ? "." : "", errno_key, (long long)number);
    if (find_word(actions, CB_LEN(actions), name, where, key, ret, err) < 0)
        return -1;
    if (*ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0))
        *ret |= (uint32_t)number;
    return 1;
}

/* ---- conditions ----------------------------------------------------------------------------- */

struct conditions {
    struct cb_strv arches, caps;
    const char *kernel; /* NULL: any */
};

static int take_conditions(json_t *rule, const char *key, const char *where, struct conditions *ret, struct cb_error *err)
{
    json_t *c = NULL;
    char path[2 * MAX_PATH_TEXT];
    snprintf(path, sizeof(path), "%s.%s", where, key);
    if (cb_json_object(rule, key, where, &c, err) < 0)
        return -1;
    if (c && (cb_json_strv(c, "arches", path, &ret->arches, err) < 0 || cb_json_strv(c, "caps", path, &ret->caps, err) < 0 ||
              cb_json_str(c, "minKernel", path, &ret->kernel, err) < 0))
        return -1;
    unsigned major, minor;
    if (ret->kernel && sscanf(ret->kernel, "%u.%u", &major, &minor) != 2)
        return cb_fail(err, CB_E_CORRUPT, "%s.minKernel: '%s' is no version", path, ret->kernel);
    return 0;
}

static bool has_cap(uint64_t caps, const char *name)
{
    return strncmp(name, "CAP_", 4) == 0 && (rt_capability_find(name + 4) & caps) != 0;
}

static bool kernel_is_at_least(const char *version)
{
    struct utsname u;
    unsigned want[2] = {0}, have[2] = {0};
    (void)!sscanf(version, "%u.%u", &want[0], &want[1]);
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &have[0], &have[1]) != 2)
        return false;
    return have[0] > want[0] || (have[0] == want[0] && have[1] >= want[1]);
}

static bool includes_us(const struct conditions *c, uint64_t caps)
{
    if (c->arches.n && cb_strv_find(&c->arches, machine.name) < 0)
        return false;
    for (size_t i = 0; i < c->caps.n; i++)
        if (!has_cap(caps, c->caps.items[i]))
            return false;
    return !c->kernel || kernel_is_at_least(c->kernel);
}

static bool excludes_us(const struct conditions *c, uint64_t caps)
{
    if (cb_strv_find(&c->arches, machine.name) >= 0 || (c->kernel && kernel_is_at_least(c->kernel)))
        return true;
    for (size_t i = 0; i < c->caps.n; i++)
        if (has_cap(caps, c->caps.items[i]))
            return true;
    return false;
}

/* 1: the rule holds here; 0: it does not. */
static int holds(json_t *j, const char *where, uint64_t caps, struct cb_error *err)
{
    struct conditions in = {0}, out = {0};
    int r = take_conditions(j, "includes", where, &in, err);
    if (r == 0)
        r = take_conditions(j, "excludes", where, &out, err);
    if (r == 0)
        r = includes_us(&in, caps) && !excludes_us(&out, caps);
    cb_strv_done(&in.arches);
    cb_strv_done(&in.caps);
    cb_strv_done(&out.arches);
    cb_strv_done(&out.caps);
    return r;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int take_arg(json_t *j, const char *where, struct rt_profile_rule *rule, struct cb_error *err)
{
    const char *op = "";
    int64_t index = 0, value = 0, second = 0;
    uint32_t number = 0;
    if (rule->n_args == RT_PROFILE_ARGS)
        return cb_fail(err, CB_E_CORRUPT, "%s: a system call has %d arguments", where, RT_PROFILE_ARGS);
    struct rt_profile_arg *a = &rule->args[rule->n_args++];
    if (cb_json_int(j, "index", where, &index, err) < 0 || cb_json_str(j, "op", where, &op, err) < 0)
        return -1;
    if (index < 0 || index >= RT_PROFILE_ARGS)
        return cb_fail(err, CB_E_CORRUPT, "%s.index: expected a number from 0 to %d", where, RT_PROFILE_ARGS - 1);
    if (find_word(ops, CB_LEN(ops), op, where, "op", &number, err) < 0 || cb_json_int(j, "value", where, &value, err) < 0 ||
        cb_json_int(j, "valueTwo", where, &second, err) < 0)
        return -1;
    *a = (struct rt_profile_arg){(unsigned)index, (int)number, (uint64_t)value, (uint64_t)second};
    return 0;
}

static int take_rule(json_t *j, const char *where, struct rt_profile_rule *rule, struct cb_error *err)
{
    const char *name = NULL; /* the form of old profiles */
    json_t *args = NULL, *item;
    size_t i;
    if (cb_json_strv(j, "names", where, &rule->names, err) < 0 || cb_json_str(j, "name", where, &name, err) < 0)
        return -1;
    if (name)
        cb_strv_push(&rule->names, name);
    if (!rule->names.n)
        return cb_fail(err, CB_E_CORRUPT, "%s: it names no system call", where);
    int r = take_action(j, "action", "errnoRet", where, &rule->action, err);
    if (r <= 0)
        return r < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "%s.action: it is missing", where);
    if (cb_json_array(j, "args", where, &args, err) < 0)
        return -1;
    json_array_foreach (args, i, item) {
        char path[2 * MAX_PATH_TEXT];
        snprintf(path, sizeof(path), "%s.args[%zu]", where, i);
        if (!json_is_object(item))
            return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", path);
        if (take_arg(item, path, rule, err) < 0)
            return -1;
    }
    return 0;
}

static int take_rules(json_t *top, uint64_t caps, struct rt_profile *p, struct cb_error *err)
{
    json_t *list = NULL, *item;
    size_t i;
    if (cb_json_array(top, "syscalls", "", &list, err) < 0)
        return -1;
    json_array_foreach (list, i, item) {
        char where[MAX_PATH_TEXT];
        snprintf(where, sizeof(where), "syscalls[%zu]", i);
        if (!json_is_object(item))
            return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", where);
        struct rt_profile_rule *rule = &CB_PUSH(p->rules, p->n_rules, p->cap_rules);
        *rule = (struct rt_profile_rule){.entry = i};
        if (take_rule(item, where, rule, err) < 0)
            return -1;
        cb_strv_copy(&p->names, &rule->names);
        int r = holds(item, where, caps, err);
        if (r < 0)
            return -1;
        if (r == 0)
            cb_strv_done(&p->rules[--p->n_rules].names);
    }
    return 0;
}

/* ---- architectures -------------------------------------------------------------------------- */

static int take_arch(const char *name, const char *where, struct rt_profile *p, struct cb_error *err)
{
    uint32_t token = 0;
    if (find_word(arches, CB_LEN(arches), name, where, "architecture", &token, err) < 0)
        return -1;
    if (strcmp(name, machine.token) == 0)
        return 0;
    if (p->n_arches == CB_LEN(p->arches))
        return cb_fail(err, CB_E_CORRUPT, "%s: too many architectures", where);
    p->arches[p->n_arches++] = token;
    return 0;
}

static int take_arches(json_t *top, struct rt_profile *p, struct cb_error *err)
{
    json_t *map = NULL, *item;
    size_t i;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    if (cb_json_strv(top, "architectures", "", &names, err) < 0 || cb_json_array(top, "archMap", "", &map, err) < 0)
        return -1;
    if (names.n && json_array_size(map))
        return cb_fail(err, CB_E_CORRUPT, "'architectures' and 'archMap' exclude each other");
    json_array_foreach (map, i, item) {
        char where[MAX_PATH_TEXT];
        const char *name = "";
        snprintf(where, sizeof(where), "archMap[%zu]", i);
        if (!json_is_object(item))
            return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", where);
        if (cb_json_str(item, "architecture", where, &name, err) < 0)
            return -1;
        if (strcmp(name, machine.token) == 0 && cb_json_strv(item, "subArchitectures", where, &names, err) < 0)
            return -1;
    }
    for (i = 0; i < names.n; i++)
        if (take_arch(names.items[i], "archMap", p, err) < 0)
            return -1;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int take_profile(json_t *top, uint64_t caps, struct rt_profile *p, struct cb_error *err)
{
    if (!json_is_object(top))
        return cb_fail(err, CB_E_CORRUPT, "expected an object");
    int r = take_action(top, "defaultAction", "defaultErrnoRet", "", &p->action, err);
    if (r <= 0)
        return r < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "defaultAction: it is missing");
    return take_arches(top, p, err) < 0 ? -1 : take_rules(top, caps, p, err);
}

int rt_profile_parse(const char *text, size_t n, uint64_t caps, struct rt_profile **ret, struct cb_error *err)
{
    CB_AUTO(json) json_t *top = cb_json_parse(text, n, "the file", err);
    if (!top)
        return -1;
    struct rt_profile *p = CB_NEW(struct rt_profile);
    if (take_profile(top, caps, p, err) < 0) {
        rt_profile_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void rt_profile_free(struct rt_profile *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_rules; i++)
        cb_strv_done(&p->rules[i].names);
    free(p->rules);
    cb_strv_done(&p->names);
    free(p);
}
