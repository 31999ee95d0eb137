#include "runtime/owners/credential.h"
#include "base/map.h"
#include "base/mem.h"

#include <linux/capability.h>
#include <string.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* What follows the file system's uid rather than the effective one (CAP_FS_SET of the kernel). */
#define FS_SET                                                                                                                   \
    (BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |    \
     BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MAC_OVERRIDE))

bool rt_cred_can(const struct rt_cred *c, unsigned capability)
{
    return c->effective & BIT(capability);
}

bool rt_cred_in_group(const struct rt_cred *c, uint32_t gid)
{
    if (c->gid[RT_FS] == gid)
        return true;
    for (uint32_t i = 0; i < c->n_groups; i++)
        if (c->groups[i] == gid)
            return true;
    return false;
}

bool rt_cred_same(const struct rt_cred *a, const struct rt_cred *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 && memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 &&
           a->permitted == b->permitted && a->effective == b->effective && a->inheritable == b->inheritable && a->keep == b->keep;
}

/* ---- user ids ------------------------------------------------------------------------------- */

static bool any_root(const uint32_t id[RT_WHICH])
{
    return id[RT_REAL] == 0 || id[RT_EFFECTIVE] == 0 || id[RT_SAVED] == 0;
}

/* What capabilities make of it. */
static void follow_uids(const struct rt_cred *old, struct rt_cred *c)
{
    if (any_root(old->uid) && !any_root(c->uid) && !c->keep)
        c->permitted = c->effective = 0;
    if (old->uid[RT_EFFECTIVE] == 0 && c->uid[RT_EFFECTIVE] != 0)
        c->effective = 0;
    if (old->uid[RT_EFFECTIVE] != 0 && c->uid[RT_EFFECTIVE] == 0)
        c->effective = c->permitted;
}

int rt_cred_setuid(struct rt_cred *c, uint32_t id)
{
    struct rt_cred old = *c;
    if (id == RT_CRED_SAME)
        return -EINVAL;
    if (rt_cred_can(c, CAP_SETUID))
        c->uid[RT_REAL] = c->uid[RT_SAVED] = id;
    else if (id != c->uid[RT_REAL] && id != c->uid[RT_SAVED])
        return -EPERM;
    c->uid[RT_EFFECTIVE] = c->uid[RT_FS] = id;
    follow_uids(&old, c);
    return 0;
}

/* Is `id` unchanged, one of the first `n` of `own`, or free to choose? */
static bool allowed(const uint32_t own[RT_WHICH], unsigned n, uint32_t id, bool capable)
{
    bool ok = capable || id == RT_CRED_SAME;
    for (unsigned i = 0; i < n; i++)
        ok = ok || own[i] == id;
    return ok;
}

/* setreuid and setregid differ in nothing but the ids. */
static int set_two(uint32_t id[RT_WHICH], uint32_t real, uint32_t effective, bool capable)
{
    if (!allowed(id, 2, real, capable) || !allowed(id, 3, effective, capable))
        return -EPERM;
    bool save = real != RT_CRED_SAME || (effective != RT_CRED_SAME && effective != id[RT_REAL]);
    if (real != RT_CRED_SAME)
        id[RT_REAL] = real;
    if (effective != RT_CRED_SAME)
        id[RT_EFFECTIVE] = effective;
    if (save)
        id[RT_SAVED] = id[RT_EFFECTIVE];
    id[RT_FS] = id[RT_EFFECTIVE];
    return 0;
}

static int set_three(uint32_t id[RT_WHICH], const uint32_t want[3], bool capable)
{
    for (int i = 0; i < 3; i++)
        if (!allowed(id, 3, want[i], capable))
            return -EPERM;
    for (int i = 0; i < 3; i++)
        if (want[i] != RT_CRED_SAME)
            id[i] = want[i];
    id[RT_FS] = id[RT_EFFECTIVE];
    return 0;
}

int rt_cred_setreuid(struct rt_cred *c, uint32_t real, uint32_t effective)
{
    struct rt_cred old = *c;
    int r = set_two(c->uid, real, effective, rt_cred_can(c, CAP_SETUID));
    if (r == 0)
        follow_uids(&old, c);
    return r;
}

int rt_cred_setresuid(struct rt_cred *c, uint32_t real, uint32_t effective, uint32_t saved)
{
    struct rt_cred old = *c;
    int r = set_three(c->uid, (const uint32_t[]){real, effective, saved}, rt_cred_can(c, CAP_SETUID));
    if (r == 0)
        follow_uids(&old, c);
    return r;
}

uint32_t rt_cred_setfsuid(struct rt_cred *c, uint32_t id)
{
    uint32_t old = c->uid[RT_FS];
    if (id == RT_CRED_SAME || !allowed(c->uid, RT_WHICH, id, rt_cred_can(c, CAP_SETUID)))
        return old;
    c->uid[RT_FS] = id;
    if (old == 0 && id != 0)
        c->effective &= ~FS_SET;
    if (old != 0 && id == 0)
        c->effective |= c->permitted & FS_SET;
    return old;
}

/* ---- group ids ------------------------------------------------------------------------------ */

int rt_cred_setgid(struct rt_cred *c, uint32_t id)
{
    if (id == RT_CRED_SAME)
        return -EINVAL;
    if (rt_cred_can(c, CAP_SETGID))
        c->gid[RT_REAL] = c->gid[RT_SAVED] = id;
    else if (id != c->gid[RT_REAL] && id != c->gid[RT_SAVED])
        return -EPERM;
    c->gid[RT_EFFECTIVE] = c->gid[RT_FS] = id;
    return 0;
}

int rt_cred_setregid(struct rt_cred *c, uint32_t real, uint32_t effective)
{
    return set_two(c->gid, real, effective, rt_cred_can(c, CAP_SETGID));
}

int rt_cred_setresgid(struct rt_cred *c, uint32_t real, uint32_t effective, uint32_t saved)
{
    return set_three(c->gid, (const uint32_t[]){real, effective, saved}, rt_cred_can(c, CAP_SETGID));
}

uint32_t rt_cred_setfsgid(struct rt_cred *c, uint32_t id)
{
    uint32_t old = c->gid[RT_FS];
    if (id != RT_CRED_SAME && allowed(c->gid, RT_WHICH, id, rt_cred_can(c, CAP_SETGID)))
        c->gid[RT_FS] = id;
    return old;
}

/* ---- capabilities --------------------------------------------------------------------------- */

int rt_cred_capset(struct rt_cred *c, uint64_t bounding, uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
    uint64_t may_inherit = c->inheritable | bounding;
    if (!rt_cred_can(c, CAP_SETPCAP))
        may_inherit &= c->inheritable | c->permitted;
    if ((inheritable & ~may_inherit) || (permitted & ~c->permitted) || (effective & ~permitted))
        return -EPERM;
    c->permitted = permitted;
    c->effective = effective;
    c->inheritable = inheritable;
    return 0;
}

static void take_bits(struct rt_cred *c, const struct rt_executed *f)
{
    if (f->ignore_bits)
        return;
    if (f->mode & S_ISUID)
        c->uid[RT_EFFECTIVE] = f->uid;
    if ((f->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        c->gid[RT_EFFECTIVE] = f->gid;
}

void rt_cred_exec(struct rt_cred *c, uint64_t bounding, const struct rt_executed *f)
{
    take_bits(c, f);
    bool has = f->has_capability && !f->ignore_bits, effective = has && f->capability_effective;
    uint64_t permitted = has ? (bounding & f->file_permitted) | (c->inheritable & f->file_inheritable) : 0;
    bool root = c->uid[RT_REAL] == 0 || c->uid[RT_EFFECTIVE] == 0;
    if (root && !(has && c->uid[RT_REAL] != 0 && c->uid[RT_EFFECTIVE] == 0)) {
        permitted = bounding | c->inheritable;
        effective = effective || c->uid[RT_EFFECTIVE] == 0;
    }
    c->permitted = permitted;
    c->effective = effective ? permitted : 0;
    c->keep = false;
    c->uid[RT_SAVED] = c->uid[RT_FS] = c->uid[RT_EFFECTIVE];
    c->gid[RT_SAVED] = c->gid[RT_FS] = c->gid[RT_EFFECTIVE];
}

/* ---- interned sets -------------------------------------------------------------------------- */

struct set {
    struct rt_cred cred;
    uint32_t groups[];
};
struct rt_creds {
    struct set **items;
    size_t n, cap;
    struct cb_map numbers; /* of its bytes, the number + 1 */
    size_t bytes;
};

struct rt_creds *rt_creds_new(void)
{
    return CB_NEW(struct rt_creds);
}

static void key_of(const struct rt_cred *c, struct cb_buf *ret)
{
    uint64_t numbers[] = {c->permitted, c->effective, c->inheritable, c->keep};
    cb_buf_add(ret, c->uid, sizeof(c->uid));
    cb_buf_add(ret, c->gid, sizeof(c->gid));
    cb_buf_add(ret, numbers, sizeof(numbers));
    if (c->n_groups)
        cb_buf_add(ret, c->groups, c->n_groups * sizeof(*c->groups));
}

int rt_creds_intern(struct rt_creds *t, const struct rt_cred *c)
{
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    key_of(c, &key);
    size_t known = (size_t)(uintptr_t)cb_map_getn(&t->numbers, key.data, key.len);
    if (known)
        return (int)(known - 1);
    if (t->n == RT_CRED_SETS || c->n_groups > RT_CRED_MAX_GROUPS || t->bytes + key.len > RT_CRED_MAX_BYTES)
        return -EAGAIN;
    struct set *s = cb_alloc(sizeof(*s) + c->n_groups * sizeof(*s->groups));
    s->cred = *c;
    s->cred.groups = s->groups;
    if (c->n_groups)
        memcpy(s->groups, c->groups, c->n_groups * sizeof(*s->groups));
    CB_PUSH(t->items, t->n, t->cap) = s;
    t->bytes += key.len;
    cb_map_setn(&t->numbers, key.data, key.len, (void *)(uintptr_t)t->n);
    return (int)(t->n - 1);
}

const struct rt_cred *rt_creds_get(const struct rt_creds *t, uint64_t number)
{
    return number < t->n ? &t->items[number]->cred : NULL;
}
