/* An ordinary user with subordinate ids, which newuidmap and newgidmap map: uid 0 inside is the user, 1 and up are the ids of
 * /etc/subuid and /etc/subgid. */
#include "runtime/rung/privilege.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/rung/userns.h"

#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_ID_FILE (16u << 20) /* /etc/subuid, /etc/passwd of a large site */
#define MAX_RANGES  340         /* lines the kernel takes in a map */

/* The next ':'-separated field of the line at *p. */
static struct cb_str field(const char **p)
{
    size_t n = strcspn(*p, ":\n");
    struct cb_str f = {*p, n};
    *p += n + ((*p)[n] == ':');
    return f;
}

static const char *next_line(const char *p)
{
    p = strchr(p, '\n');
    return p ? p + 1 : "";
}

static bool number(struct cb_str s, uint32_t *ret)
{
    char text[16];
    uint64_t v;
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (!cb_parse_u64(text, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* The login name of `uid` (caller frees) or NULL. /etc/passwd itself comes first: asking the name service
 * may load libraries and ask a network. */
static char *login_name(uid_t uid)
{
    CB_AUTO(cb_buf) struct cb_buf passwd = CB_BUF_INIT;
    uint32_t id;
    (void)cb_read_file(AT_FDCWD, "/etc/passwd", MAX_ID_FILE, &passwd); /* unreadable: the name service knows */
    for (const char *p = passwd.data; *p; p = next_line(p)) {
        const char *q = p;
        struct cb_str name = field(&q);
        (void)field(&q);
        if (number(field(&q), &id) && id == uid && name.n > 0)
            return cb_memdup0(name.p, name.n);
    }
    const struct passwd *pw = getpwuid(uid);
    return pw ? cb_strdup(pw->pw_name) : NULL;
}

/* Maps `own` to 0 and, from 1 on, every range that `path` gives to `name` or `uid`, one after the other. */
static void read_ranges(const char *path, const char *name, uint32_t uid, uint32_t own, struct rt_id_range **ret, size_t *ret_n)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    size_t cap = 0, n = 0;
    struct rt_id_range *all = NULL;
    uint32_t inside = 1, id;
    CB_PUSH(all, n, cap) = (struct rt_id_range){0, own, 1};
    (void)cb_read_file(AT_FDCWD, path, MAX_ID_FILE, &text); /* unreadable: no ranges */
    for (const char *p = text.data; *p && n < MAX_RANGES; p = next_line(p)) {
        const char *q = p;
        struct cb_str who = field(&q);
        struct rt_id_range r = {.inside = inside};
        if (!(name && cb_str_eq(who, cb_str(name))) && !(number(who, &id) && id == uid))
            continue;
        if (!number(field(&q), &r.outside) || !number(field(&q), &r.count) || r.count == 0)
            continue;
        if (r.count > UINT32_MAX - r.outside || r.count > UINT32_MAX - inside)
            continue; /* beyond the range of ids: no map could hold it */
        CB_PUSH(all, n, cap) = r;
        inside += r.count;
    }
    *ret = all;
    *ret_n = n;
}

static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        CB_AUTO(free) char *file = cb_printf("%.*s/%s", (int)n, path, program);
        if (n && access(file, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

/* Why ranges cannot be used, or NULL. Caller frees. */
static char *no_ranges(const struct rt_privilege *p, const char *name)
{
    if (p->n_uids < 2 || p->n_gids < 2)
        return cb_printf("user '%s' has no range in %s: 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s' "
                         "gives one",
                         name, p->n_uids < 2 ? "/etc/subuid" : "/etc/subgid", name);
    if (!in_path("newuidmap") || !in_path("newgidmap"))
        return cb_strdup("the programs newuidmap and newgidmap are not installed: install the package 'uidmap'");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return cb_strdup("no_new_privs is set on this process, so newuidmap cannot work: allow privilege escalation in the "
                         "surrounding container or service");
    return NULL;
}

static bool probe(struct rt_privilege *p, char **ret_why)
{
    /* Ids that do not exist where we are cannot be mapped; where we only lack the right to them, the error is EPERM. */
    if (rt_userns_try_owner() == -EINVAL) {
        *ret_why =
            cb_strdup("the user namespace that cbuild was started in has one id only, as 'unshare -r' makes it: start cbuild "
                      "outside of it, or make it with 'unshare --map-root-user --map-auto'");
        return false;
    }
    CB_AUTO(free) char *name = login_name(p->uid);
    CB_AUTO(free) char *shown = name ? cb_strdup(name) : cb_printf("%u", p->uid);
    read_ranges("/etc/subuid", name, p->uid, p->uid, &p->uids, &p->n_uids);
    read_ranges("/etc/subgid", name, p->uid, p->gid, &p->gids, &p->n_gids);
    *ret_why = no_ranges(p, shown);
    return !*ret_why;
}

static int map(const struct rt_privilege *p, enum rt_helper_kind kind, pid_t helper, struct cb_error *err)
{
    (void)kind; /* one helper does both */
    return rt_userns_map_ranges(helper, p, err);
}

static int enter(const struct rt_privilege *p)
{
    (void)p;
    return rt_userns_become_root();
}

static uint32_t last_id(const struct rt_id_range *ranges, size_t n)
{
    return ranges[n - 1].inside + ranges[n - 1].count - 1;
}

static char *why_no_id(const struct rt_privilege *p)
{
    return cb_printf("only uids up to %u and gids up to %u exist here: larger ranges in /etc/subuid and /etc/subgid give more",
                     last_id(p->uids, p->n_uids), last_id(p->gids, p->n_gids));
}

const struct rt_rung_ops rt_rung_range = {
    .name = "subordinate ids",
    .probe = probe,
    .namespaces = {[RT_HELPER_FILES] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
                   [RT_HELPER_COMMANDS] = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID},
    .map = map,
    .enter = enter,
    .runs = true,
    .many_ids = true,
    .foreign_files = true,
    .why_no_id = why_no_id,
};
