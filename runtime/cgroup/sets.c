#include "runtime/cgroup/sets.h"
#include "base/fd.h"
#include "runtime/cgroup/files-internal.h"

#include <inttypes.h>
#include <string.h>

#define MAX_DIGITS 6

static const struct set {
    const char *option, *what, *online, *v1, *v2;
    size_t field;
} sets[] = {
    {"cpuset-cpus", "processors", "/sys/devices/system/cpu/online", "cpuset.cpus", "cpuset.cpus.effective",
     offsetof(struct rt_limits, cpuset_cpus)},
    {"cpuset-mems", "memory nodes", "/sys/devices/system/node/online", "cpuset.mems", "cpuset.mems.effective",
     offsetof(struct rt_limits, cpuset_mems)},
};

struct range {
    int64_t first, last;
};

static bool read_number(const char **at, int64_t *ret)
{
    size_t n = strspn(*at, "0123456789");
    *ret = 0;
    for (size_t i = 0; i < n && n <= MAX_DIGITS; i++)
        *ret = *ret * 10 + (*at)[i] - '0';
    *at += n;
    return n > 0 && n <= MAX_DIGITS;
}

/* Takes one off the list, and the comma behind it. */
static bool next_range(const char **at, struct range *ret)
{
    if (!read_number(at, &ret->first))
        return false;
    ret->last = ret->first;
    if (**at == '-') {
        (*at)++;
        if (!read_number(at, &ret->last) || ret->last < ret->first)
            return false;
    }
    if (**at != ',')
        return **at == '\0' || **at == '\n'; /* as in a file */
    (*at)++;
    return **at >= '0' && **at <= '9';
}

bool rt_set_is(const char *list)
{
    struct range r;
    bool good = *list && !strchr(list, '\n');
    while (good && *list)
        good = next_range(&list, &r);
    return good;
}

/* The end of the range of `have` that `n` is in; -1: it is in none. */
static int64_t end_of(const char *have, int64_t n)
{
    struct range r;
    while (next_range(&have, &r))
        if (n >= r.first && n <= r.last)
            return r.last;
    return -1;
}

int64_t rt_set_lacks(const char *list, const char *have)
{
    struct range r;
    while (next_range(&list, &r))
        for (int64_t n = r.first, end; n <= r.last; n = end + 1)
            if ((end = end_of(have, n)) < 0)
                return n;
    return -1;
}

static int check(const struct set *set, const char *list, struct cb_buf *have, const char *whose, struct cb_error *err)
{
    while (have->len && have->data[have->len - 1] == '\n')
        have->data[--have->len] = '\0';
    if (!have->len || rt_set_lacks(list, have->data) < 0)
        return 0;
    cb_fail(err, CB_E_USAGE, "--%s %s: %s has no %" PRId64, set->option, list, whose, rt_set_lacks(list, have->data));
    return cb_hint(err, "its %s are %s", set->what, have->data);
}

static const char *list_of(const struct rt_limits *l, const struct set *set)
{
    return *(char *const *)((const char *)l + set->field);
}

int rt_sets_check_online(const struct rt_limits *l, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(sets); i++) {
        CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT;
        const char *list = list_of(l, &sets[i]);
        if (list && !rt_set_is(list))
            return cb_fail(err, CB_E_USAGE, "--%s: '%s' is not a list of numbers (try 0-3 or 0,2)", sets[i].option, list);
        if (list && cb_read_file(AT_FDCWD, sets[i].online, 65536, &have) == 0 &&
            check(&sets[i], list, &have, "this machine", err) < 0)
            return -1;
    }
    return 0;
}

int rt_sets_check_group(const struct rt_limits *l, bool v2, int dir, const char *path, struct cb_error *err)
{
    CB_AUTO(free) char *whose = cb_printf("the control group '%s'", path);
    for (size_t i = 0; i < CB_LEN(sets); i++) {
        CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT;
        const char *list = list_of(l, &sets[i]);
        if (list && rt_cgroup_read(dir, v2 ? sets[i].v2 : sets[i].v1, &have) == 0 && check(&sets[i], list, &have, whose, err) < 0)
            return -1;
    }
    return 0;
}
