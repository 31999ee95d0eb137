#include "runtime/owners/user.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"

#include <linux/limits.h>
#include <string.h>

#define MAX_ID 2147483647

void rt_user_done(struct rt_user *u)
{
    free(u->groups);
    free(u->home);
    *u = (struct rt_user){0};
}

/* A line of passwd or group, split at ':'; a field that is not there is empty. */
#define MAX_FIELDS 7
struct line {
    struct cb_str field[MAX_FIELDS];
};
enum { F_NAME, F_PASSWORD, F_ID, F_GID_OR_MEMBERS, F_COMMENT, F_HOME, F_SHELL };

static struct cb_str trim(struct cb_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\r'))
        s.p++, s.n--;
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* Takes the next line that is not blank off `text`. */
static bool next_line(struct cb_str *text, struct line *ret)
{
    while (text->n > 0) {
        const char *nl = memchr(text->p, '\n', text->n);
        size_t used = nl ? (size_t)(nl - text->p) + 1 : text->n;
        struct cb_str rest = trim((struct cb_str){text->p, nl ? used - 1 : used});
        text->p += used;
        text->n -= used;
        if (rest.n == 0)
            continue;
        *ret = (struct line){0};
        for (int i = 0; i < MAX_FIELDS; i++) {
            const char *colon = i < MAX_FIELDS - 1 ? memchr(rest.p, ':', rest.n) : NULL;
            ret->field[i] = (struct cb_str){rest.p, colon ? (size_t)(colon - rest.p) : rest.n};
            if (!colon)
                break;
            rest.n -= ret->field[i].n + 1;
            rest.p = colon + 1;
        }
        return true;
    }
    return false;
}

static bool parse_number(struct cb_str s, int64_t *ret)
{
    char text[32];
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return cb_parse_i64(text, ret);
}

/* An id in a file. Comments, broken lines and ids out of range have none, and such a line counts as absent:
 * taken as 0 it would make somebody root. */
static int64_t id_of(struct cb_str s)
{
    int64_t v;
    return parse_number(s, &v) && v >= 0 && v <= MAX_ID ? v : -1;
}

static bool list_has(struct cb_str list, struct cb_str name)
{
    while (list.n > 0) {
        const char *comma = memchr(list.p, ',', list.n);
        size_t n = comma ? (size_t)(comma - list.p) : list.n;
        if (cb_str_eq((struct cb_str){list.p, n}, name))
            return true;
        list.p += comma ? n + 1 : n;
        list.n -= comma ? n + 1 : n;
    }
    return false;
}

static int load(int root, const char *path, struct cb_buf *b, struct cb_error *err)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO in its place must not block us. */
    CB_AUTO(close) int fd = cb_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' of the image", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return cb_fail(err, CB_E_CORRUPT, "'%s' of the image is not a regular file", path);
    int r = cb_read_fd(fd, CB_MAX_PASSWD, b);
    return r < 0 ? cb_fail_sys(err, r, "read '%s' of the image", path) : 0;
}

static void add_group(struct rt_user *u, gid_t gid)
{
    CB_PUSH(u->groups, u->n_groups, u->cap_groups) = gid;
}

static int compare_gids(const void *a, const void *b)
{
    gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;
    return x < y ? -1 : x > y;
}

/* A hostile file may name one group a million times. */
static void unique_groups(struct rt_user *u)
{
    size_t kept = 0;
    qsort(u->groups, u->n_groups, sizeof(*u->groups), compare_gids);
    for (size_t i = 0; i < u->n_groups; i++)
        if (i == 0 || u->groups[i] != u->groups[i - 1])
            u->groups[kept++] = u->groups[i];
    u->n_groups = kept;
}

/* USER's text: "user[:group]"; a number is a number even when it is somebody's name. */
struct spec {
    struct cb_str user, group;
    int64_t uid, gid;
    bool uid_is_number, gid_is_number;
};

static struct spec parse_spec(const char *text)
{
    struct spec s = {.user = cb_str(text)};
    const char *colon = strchr(text, ':');
    if (colon) {
        s.user.n = (size_t)(colon - text);
        s.group = cb_str(colon + 1);
        const char *more = strchr(colon + 1, ':');
        if (more)
            s.group.n = (size_t)(more - colon - 1);
    }
    s.uid_is_number = parse_number(s.user, &s.uid);
    s.gid_is_number = parse_number(s.group, &s.gid);
    return s;
}

static int out_of_range(struct cb_error *err)
{
    return cb_fail(err, CB_E_NOT_FOUND, "uids and gids must be in range 0-%d", MAX_ID);
}

static bool id_in_range(int64_t id)
{
    return id >= 0 && id <= MAX_ID;
}

/* "1:2", "root:5": exactly these, whatever the files say. */
static bool exact_ids(const struct spec *s, struct rt_user *u)
{
    bool uid_root = cb_str_eq(s->user, CB_STR("root")), gid_root = cb_str_eq(s->group, CB_STR("root"));
    if (s->group.n == 0 || !(s->uid_is_number || uid_root) || !(s->gid_is_number || gid_root))
        return false;
    int64_t uid = uid_root ? 0 : s->uid, gid = gid_root ? 0 : s->gid;
    if (!id_in_range(uid) || !id_in_range(gid))
        return false;
    u->uid = (uid_t)uid;
    u->gid = (gid_t)gid;
    return true;
}

static int find_user(const struct spec *s, struct cb_str passwd, struct rt_user *u, struct cb_str *ret_name, struct cb_error *err)
{
    struct line l;
    while (next_line(&passwd, &l)) {
        int64_t id = id_of(l.field[F_ID]), gid = id_of(l.field[F_GID_OR_MEMBERS]);
        if (id < 0 || gid < 0)
            continue;
        bool hit = s->user.n == 0 ? id == 0 : s->uid_is_number ? id == s->uid : cb_str_eq(l.field[F_NAME], s->user);
        if (!hit)
            continue;
        u->uid = (uid_t)id;
        u->gid = (gid_t)gid;
        *ret_name = l.field[F_NAME];
        return 0;
    }
    if (s->user.n == 0 || cb_str_eq(s->user, CB_STR("root")))
        return 0; /* root needs no entry */
    if (!s->uid_is_number)
        return cb_fail(err, CB_E_NOT_FOUND, "unable to find user %.*s: no matching entries in passwd file", (int)s->user.n,
                       s->user.p);
    if (!id_in_range(s->uid))
        return out_of_range(err);
    u->uid = (uid_t)s->uid;
    return 0;
}

static int find_group(const struct spec *s, struct cb_str group, struct rt_user *u, struct cb_error *err)
{
    struct line l;
    while (next_line(&group, &l)) {
        int64_t id = id_of(l.field[F_ID]);
        if (id >= 0 && (s->gid_is_number ? id == s->gid : cb_str_eq(l.field[F_NAME], s->group))) {
            u->gid = (gid_t)id;
            return 0;
        }
    }
    if (!s->gid_is_number)
        return cb_fail(err, CB_E_NOT_FOUND, "unable to find group %.*s: no matching entries in group file", (int)s->group.n,
                       s->group.p);
    if (!id_in_range(s->gid))
        return out_of_range(err);
    u->gid = (gid_t)s->gid;
    return 0;
}

static void find_supplementary(struct cb_str group, struct cb_str name, struct rt_user *u)
{
    struct line l;
    while (name.n > 0 && next_line(&group, &l))
        if (id_of(l.field[F_ID]) >= 0 && list_has(l.field[F_GID_OR_MEMBERS], name))
            add_group(u, (gid_t)id_of(l.field[F_ID]));
}

static void find_home(struct cb_str passwd, struct rt_user *u)
{
    struct line l;
    while (next_line(&passwd, &l))
        if (id_of(l.field[F_ID]) == (int64_t)u->uid) {
            if (l.field[F_HOME].n > 0)
                u->home = cb_memdup0(l.field[F_HOME].p, l.field[F_HOME].n);
            break;
        }
    if (!u->home)
        u->home = cb_strdup("/");
}

int rt_user_lookup(int root, const char *spec, struct rt_user *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf passwd = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf group = CB_BUF_INIT;
    CB_AUTO(rt_user) struct rt_user u = {0};
    struct spec s = parse_spec(spec);
    struct cb_str name = s.user.n == 0 ? CB_STR("root") : (struct cb_str){0};
    if (load(root, "etc/passwd", &passwd, err) < 0)
        return -1;
    struct cb_str passwd_text = {passwd.data, passwd.len};
    if (!exact_ids(&s, &u)) {
        if (load(root, "etc/group", &group, err) < 0)
            return -1;
        struct cb_str group_text = {group.data, group.len};
        if (find_user(&s, passwd_text, &u, &name, err) < 0)
            return -1;
        if (s.group.n > 0 && find_group(&s, group_text, &u, err) < 0)
            return -1;
        add_group(&u, u.gid);
        if (s.group.n == 0)
            find_supplementary(group_text, name, &u);
        unique_groups(&u);
        if (u.n_groups > NGROUPS_MAX)
            return cb_fail(err, CB_E_UNSUPPORTED, "user '%s' is in %zu groups of the image's /etc/group: the kernel allows %d",
                           spec, u.n_groups, NGROUPS_MAX);
    } else {
        add_group(&u, u.gid);
    }
    find_home(passwd_text, &u);
    *ret = u;
    u = (struct rt_user){0};
    return 0;
}
