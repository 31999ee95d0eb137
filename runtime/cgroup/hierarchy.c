#include "runtime/cgroup/hierarchy.h"
#include "base/fd.h"

#include <string.h>

#define MAX_PROC (1u << 20) /* of a mountinfo */

unsigned rt_controllers_in(const char *list, size_t n, bool v2)
{
    unsigned found = 0;
    for (const char *p = list, *end = list + n; p < end;) {
        size_t len = 0;
        while (p + len < end && !strchr(" ,\n", p[len]))
            len++;
        for (int c = 0; c < RT_CONTROLLERS; c++)
            if (cb_str_eq((struct cb_str){p, len}, cb_str(v2 ? rt_controllers[c].v2 : rt_controllers[c].v1)))
                found |= 1u << c;
        p += len + 1;
    }
    return found;
}

/* The next word of a line at *p; empty at its end. */
static struct cb_str word(const char **p)
{
    while (**p == ' ')
        (*p)++;
    struct cb_str w = {*p, strcspn(*p, " \n")};
    *p += w.n;
    return w;
}

static void skip(const char **p, int words)
{
    while (words-- > 0)
        (void)word(p);
}

/* A path as mountinfo writes it: blanks and the like in octal. Caller frees. */
static char *unescape(struct cb_str s)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 3 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '3') {
            cb_buf_addc(&out, (char)((s.p[i + 1] - '0') << 6 | (s.p[i + 2] - '0') << 3 | (s.p[i + 3] - '0')));
            i += 3;
        } else {
            cb_buf_addc(&out, s.p[i]);
        }
    }
    return cb_buf_detach(&out);
}

/* ---- our own group ---------------------------------------------------------------------------------------------------- */

/* The path in a line "4:memory:/path" of /proc/self/cgroup for version 2, or the hierarchy with one of the controllers. */
static bool group_path(const char *cgroup, bool v2, unsigned controllers, struct cb_str *ret)
{
    for (const char *p = cgroup; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        const char *list = strchr(p, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path)
            return false;
        struct cb_str names = {list + 1, (size_t)(path - list - 1)};
        *ret = (struct cb_str){path + 1, strcspn(path + 1, "\n")};
        if (v2 ? names.n == 0 : (rt_controllers_in(names.p, names.n, false) & controllers) != 0)
            return true;
    }
    return false;
}

/* `root`: the group that the mount shows at its top. */
static char *own_directory(const char *top, const char *root, struct cb_str path)
{
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (path.n < n || memcmp(path.p, root, n) != 0 || (path.n > n && path.p[n] != '/'))
        return NULL;
    struct cb_str below = {path.p + n, path.n - n};
    if (below.n == 1)
        below.n = 0;
    return memmem(below.p, below.n, "/..", 3) ? NULL : cb_printf("%s%.*s", top, (int)below.n, below.p);
}

/* ---- mounts ----------------------------------------------------------------------------------------------------------- */

static bool is_known(const struct rt_hierarchies *h, bool v2, unsigned controllers)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->items[i].v2 == v2 && (v2 || (h->items[i].controllers & controllers)))
            return true;
    return false;
}

/* "36 25 0:32 ROOT TOP OPTIONS … - TYPE SOURCE SUPER_OPTIONS" */
static void add_mount(const char *line, const char *cgroup, struct rt_hierarchies *ret)
{
    struct cb_str path, w;
    skip(&line, 3);
    struct cb_str root = word(&line), top = word(&line);
    do
        w = word(&line);
    while (w.n && !cb_str_eq(w, CB_STR("-")));
    struct cb_str type = word(&line);
    bool v2 = cb_str_eq(type, CB_STR("cgroup2"));
    skip(&line, 1);
    struct cb_str options = word(&line);
    unsigned controllers = v2 ? 0 : rt_controllers_in(options.p, options.n, false);
    if (!top.n || *top.p != '/' || (!v2 && (!cb_str_eq(type, CB_STR("cgroup")) || !controllers)) ||
        is_known(ret, v2, controllers))
        return;
    CB_AUTO(free) char *shown = unescape(root);
    struct rt_hierarchy h = {v2, controllers, unescape(top), NULL};
    if (group_path(cgroup, v2, controllers, &path))
        h.own = own_directory(h.top, shown, path);
    CB_PUSH(ret->items, ret->n, ret->cap) = h;
}

void rt_hierarchies_parse(const char *mountinfo, const char *cgroup, struct rt_hierarchies *ret)
{
    for (const char *p = mountinfo; *p;) {
        add_mount(p, cgroup, ret);
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
}

void rt_hierarchies_read(struct rt_hierarchies *ret)
{
    CB_AUTO(cb_buf) struct cb_buf mounts = CB_BUF_INIT, groups = CB_BUF_INIT;
    if (cb_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_PROC, &mounts) < 0 ||
        cb_read_file(AT_FDCWD, "/proc/self/cgroup", MAX_PROC, &groups) < 0)
        return;
    rt_hierarchies_parse(mounts.data, groups.data, ret);
    for (size_t i = 0; i < ret->n; i++) {
        struct rt_hierarchy *h = &ret->items[i];
        CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
        CB_AUTO(free) char *file = h->v2 && h->own ? cb_printf("%s/cgroup.controllers", h->own) : NULL;
        if (file && cb_read_file(AT_FDCWD, file, MAX_PROC, &list) == 0)
            h->controllers = rt_controllers_in(list.data, list.len, true);
    }
}

const struct rt_hierarchy *rt_hierarchy_with(const struct rt_hierarchies *h, enum rt_controller c)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->items[i].own && h->items[i].controllers & 1u << c)
            return &h->items[i];
    return NULL;
}

void rt_hierarchies_done(struct rt_hierarchies *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->items[i].top);
        free(h->items[i].own);
    }
    free(h->items);
    *h = (struct rt_hierarchies){0};
}
