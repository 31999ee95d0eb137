#include "runtime/privilege.h"
#include "base/fd.h"
#include "base/text.h"

#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ID_FILE (16u << 20) /* /etc/subuid, /etc/passwd of a large site */
#define MAX_RANGES  340         /* lines the kernel takes in a map */

static const char *const rung_names[] = {
    [RT_ROOT] = "root", [RT_RANGE] = "subordinate ids", [RT_SINGLE] = "single id", [RT_NONE] = "no namespaces"};

const char *rt_rung_name(enum rt_rung r)
{
    return rung_names[r];
}

void rt_privilege_done(struct rt_privilege *p)
{
    free(p->uids);
    free(p->gids);
    free(p->reason);
    *p = (struct rt_privilege){0};
}

/* uid 0 of a container is not enough: namespaces, owners and id maps need these. */
static bool is_real_root(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    const uint32_t need = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE;
    if (geteuid() != 0 || syscall(SYS_capget, &header, data) < 0)
        return false;
    return (data[0].effective & need) == need;
}

/* ---- names and ranges ----------------------------------------------------------------------- */

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

/* Map of `own` to 0 and of every range that `path` gives to `name` or `uid`, one after the other from 1. */
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
            continue; /* leaves the range of ids: no map could hold it */
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
        return cb_strdup("no_new_privs is set on this process, so that newuidmap cannot work: allow privilege escalation in the "
                         "surrounding container or service");
    return NULL;
}

int rt_privilege_probe(struct rt_privilege *ret, struct cb_error *err)
{
    (void)err; /* nothing here fails: what cannot be read only lowers the rung */
    struct rt_privilege p = {.rung = RT_ROOT, .uid = geteuid(), .gid = getegid()};
    if (!is_real_root()) {
        CB_AUTO(free) char *name = login_name(p.uid);
        CB_AUTO(free) char *shown = name ? cb_strdup(name) : cb_printf("%u", p.uid);
        read_ranges("/etc/subuid", name, p.uid, p.uid, &p.uids, &p.n_uids);
        read_ranges("/etc/subgid", name, p.uid, p.gid, &p.gids, &p.n_gids);
        p.reason = no_ranges(&p, shown);
        p.rung = p.reason ? RT_SINGLE : RT_RANGE;
    }
    *ret = p;
    return 0;
}
