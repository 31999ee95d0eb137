#include "runtime/rung/subids.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/text.h"
#include "runtime/rung/capability.h"
#include "runtime/rung/notify.h"
#include "runtime/rung/userns.h"

#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- the files ------------------------------------------------------------------------------ */

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

void rt_subids_read(struct rt_privilege *p)
{
    CB_AUTO(free) char *name = login_name(p->uid);
    read_ranges("/etc/subuid", name, p->uid, p->uid, &p->uids, &p->n_uids);
    read_ranges("/etc/subgid", name, p->uid, p->gid, &p->gids, &p->n_gids);
}

/* ---- a range that is free ------------------------------------------------------------------- */

#define FIRST_FREE 100000u /* where the system's tools begin, too */
#define FREE_COUNT 65536u  /* ids of an ordinary image: those of 16 bits */

/* The end of all that `path` gives to anybody, or `least`. */
static uint64_t end_of_ranges(const char *path, uint64_t least)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    uint32_t start, count;
    (void)cb_read_file(AT_FDCWD, path, MAX_ID_FILE, &text);
    for (const char *p = text.data; *p; p = next_line(p)) {
        const char *q = p;
        (void)field(&q);
        if (number(field(&q), &start) && number(field(&q), &count))
            least = CB_MAX(least, (uint64_t)start + count);
    }
    return least;
}

char *rt_subids_advice(const struct rt_privilege *p, int files)
{
    uint64_t start = end_of_ranges("/etc/subgid", end_of_ranges("/etc/subuid", FIRST_FREE));
    unsigned long long first = start, last = start + FREE_COUNT - 1;
    CB_AUTO(free) char *name = login_name(p->uid);
    if (last >= UINT32_MAX)
        return cb_printf("give it %u ids that nobody has there", FREE_COUNT);
    if (!name)
        return cb_printf(
            "append 'builder:x:%u:%u::/:/bin/sh' to /etc/passwd and 'builder:%llu:%u' to /etc/subuid and /etc/subgid", p->uid,
            p->gid, first, FREE_COUNT);
    CB_AUTO(free) char *uids = files & RT_SUBUID ? cb_printf(" --add-subuids %llu-%llu", first, last) : cb_strdup("");
    CB_AUTO(free) char *gids = files & RT_SUBGID ? cb_printf(" --add-subgids %llu-%llu", first, last) : cb_strdup("");
    return cb_printf("'usermod%s%s %s'", uids, gids, name);
}

/* ---- can they be mapped? -------------------------------------------------------------------- */

static char *no_range(const struct rt_privilege *p)
{
    CB_AUTO(free) char *name = login_name(p->uid);
    CB_AUTO(free) char *all = name ? NULL : rt_subids_advice(p, RT_SUBUID | RT_SUBGID);
    if (!name)
        return cb_printf("uid %u has no name, without which newuidmap gives it nothing: %s", p->uid, all);
    int lacking = (p->n_uids < 2 ? RT_SUBUID : 0) | (p->n_gids < 2 ? RT_SUBGID : 0);
    if (!lacking)
        return NULL;
    CB_AUTO(free) char *advice = rt_subids_advice(p, lacking);
    return cb_printf("user '%s' has no range in %s: %s gives one", name, lacking & RT_SUBUID ? "/etc/subuid" : "/etc/subgid",
                     advice);
}

char *rt_find_program(const char *name)
{
    const char *rest = getenv("PATH");
    for (char *file; (file = cb_path_next(&rest, name)); free(file))
        if (access(file, X_OK) == 0)
            return file;
    return NULL;
}

/* newuidmap or newgidmap; each gets its right to map ids from its file. */
static const struct mapper {
    const char *name, *capability;
    int number;
} mappers[] = {{"newuidmap", "cap_setuid", CAP_SETUID}, {"newgidmap", "cap_setgid", CAP_SETGID}};

static char *why_not_mapper(const struct mapper *m)
{
    struct stat st;
    struct statvfs fs;
    CB_AUTO(free) char *file = rt_find_program(m->name);
    if (!file)
        return cb_printf("the program %s is not installed: install the package 'uidmap'", m->name);
    if (prctl(PR_CAPBSET_READ, m->number, 0, 0, 0) == 0)
        return cb_printf("the surrounding container has dropped %s, which %s needs: start it with '--cap-add SETUID,SETGID'",
                         m->capability, m->name);
    if (statvfs(file, &fs) == 0 && fs.f_flag & ST_NOSUID)
        return cb_printf("%s lies on a file system that is mounted nosuid, so it has no right to map ids: mount it with 'suid'",
                         file);
    if (stat(file, &st) < 0 || (st.st_mode & S_ISUID && st.st_uid == 0))
        return NULL;
    if (getxattr(file, "security.capability", NULL, 0) > 0)
        return NULL;
    return cb_printf("%s is neither set-user-ID root nor has it %s, so it cannot map ids: 'chmod u+s %s' gives it the right",
                     file, m->capability, file);
}

static char *why_not_mappers(void)
{
    for (size_t i = 0; i < CB_LEN(mappers); i++) {
        char *why = why_not_mapper(&mappers[i]);
        if (why)
            return why;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return cb_strdup("no_new_privs is set on this process, so newuidmap cannot work: allow privilege escalation in the "
                         "surrounding container or service");
    return NULL;
}

/* In a container the files may name ids that only exist outside. */
static char *not_here(const struct rt_id_range *ranges, size_t n, const char *map, const char *file)
{
    for (size_t i = 1; i < n; i++)
        if (!rt_userns_has_ids(map, ranges[i].outside, ranges[i].count))
            return cb_printf(
                "ids %u-%u of %s do not exist in the user namespace that cbuild was started in: %s there shows those "
                "that do",
                ranges[i].outside, ranges[i].outside + ranges[i].count - 1, file, map);
    return NULL;
}

static uint32_t count(const struct rt_id_range *ranges, size_t n)
{
    return ranges[n - 1].inside + ranges[n - 1].count;
}

/* With a few ids one that an image names is soon missing; where owners are emulated there are all. */
static char *too_few(const struct rt_privilege *p)
{
    uint32_t uids = count(p->uids, p->n_uids), gids = count(p->gids, p->n_gids);
    int lacking = (uids < FREE_COUNT ? RT_SUBUID : 0) | (gids < FREE_COUNT ? RT_SUBGID : 0);
    if (!lacking || rt_notify_why_not())
        return NULL;
    CB_AUTO(free) char *advice = rt_subids_advice(p, lacking);
    return cb_printf("there are only %u ids for RUN in %s, of the %u that images use, so owners are emulated: %s adds enough",
                     lacking & RT_SUBUID ? uids : gids, lacking & RT_SUBUID ? "/etc/subuid" : "/etc/subgid", FREE_COUNT, advice);
}

char *rt_subids_why_not(const struct rt_privilege *p)
{
    char *why = no_range(p);
    if (!why)
        why = why_not_mappers();
    if (!why)
        why = not_here(p->uids, p->n_uids, "/proc/self/uid_map", "/etc/subuid");
    if (!why)
        why = not_here(p->gids, p->n_gids, "/proc/self/gid_map", "/etc/subgid");
    if (!why)
        why = too_few(p);
    return why;
}
