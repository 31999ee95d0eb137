/* Who a process is: ids, groups, capabilities, and the limit that carries them. */
#include "base/mem.h"
#include "runtime/owners/call.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- asking --------------------------------------------------------------------------------- */

/* As 16 bits hold it: 65534 stands for what does not fit. */
static uint32_t shown(const struct rt_call *c, uint32_t id)
{
    return c->row->short_ids && id > 0xffff ? 65534 : id;
}

int64_t rt_on_getuid(struct rt_call *c)
{
    return shown(c, rt_call_cred(c)->uid[RT_REAL]);
}

int64_t rt_on_geteuid(struct rt_call *c)
{
    return shown(c, rt_call_cred(c)->uid[RT_EFFECTIVE]);
}

int64_t rt_on_getgid(struct rt_call *c)
{
    return shown(c, rt_call_cred(c)->gid[RT_REAL]);
}

int64_t rt_on_getegid(struct rt_call *c)
{
    return shown(c, rt_call_cred(c)->gid[RT_EFFECTIVE]);
}

static int write_id(const struct rt_call *c, uint64_t at, uint32_t id)
{
    uint16_t narrow = (uint16_t)shown(c, id);
    return c->row->short_ids ? rt_call_write(c, at, &narrow, sizeof(narrow)) : rt_call_write(c, at, &id, sizeof(id));
}

static int64_t get_three(const struct rt_call *c, const uint32_t id[RT_WHICH])
{
    int r = 0;
    for (unsigned i = 0; i < 3 && r == 0; i++)
        r = write_id(c, c->arg[i], id[i]);
    return r;
}

int64_t rt_on_getresuid(struct rt_call *c)
{
    return get_three(c, rt_call_cred(c)->uid);
}

int64_t rt_on_getresgid(struct rt_call *c)
{
    return get_three(c, rt_call_cred(c)->gid);
}

int64_t rt_on_getgroups(struct rt_call *c)
{
    const struct rt_cred *cred = rt_call_cred(c);
    int room = rt_call_int(c, 0), r = 0;
    if (room < 0 || (room > 0 && (uint32_t)room < cred->n_groups))
        return -EINVAL;
    if (room > 0 && !c->row->short_ids && cred->n_groups)
        r = rt_call_write(c, c->arg[1], cred->groups, cred->n_groups * sizeof(*cred->groups));
    for (uint32_t i = 0; room > 0 && c->row->short_ids && i < cred->n_groups && r == 0; i++)
        r = write_id(c, c->arg[1] + 2 * (uint64_t)i, cred->groups[i]);
    return r < 0 ? r : (int64_t)cred->n_groups;
}

/* ---- changing ------------------------------------------------------------------------------- */

/* `r`: what the rules said to *new. */
static int64_t become(struct rt_call *c, const struct rt_cred *new, int r)
{
    return r < 0 ? r : rt_call_become(c, new);
}

int64_t rt_on_setuid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setuid(&new, rt_call_id(c, 0));
    return become(c, &new, r);
}

int64_t rt_on_setgid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setgid(&new, rt_call_id(c, 0));
    return become(c, &new, r);
}

int64_t rt_on_setreuid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setreuid(&new, rt_call_id(c, 0), rt_call_id(c, 1));
    return become(c, &new, r);
}

int64_t rt_on_setregid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setregid(&new, rt_call_id(c, 0), rt_call_id(c, 1));
    return become(c, &new, r);
}

int64_t rt_on_setresuid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setresuid(&new, rt_call_id(c, 0), rt_call_id(c, 1), rt_call_id(c, 2));
    return become(c, &new, r);
}

int64_t rt_on_setresgid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    int r = rt_cred_setresgid(&new, rt_call_id(c, 0), rt_call_id(c, 1), rt_call_id(c, 2));
    return become(c, &new, r);
}

int64_t rt_on_setfsuid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    uint32_t old = rt_cred_setfsuid(&new, rt_call_id(c, 0));
    int r = rt_call_become(c, &new);
    return r < 0 ? r : (int64_t)shown(c, old);
}

int64_t rt_on_setfsgid(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    uint32_t old = rt_cred_setfsgid(&new, rt_call_id(c, 0));
    int r = rt_call_become(c, &new);
    return r < 0 ? r : (int64_t)shown(c, old);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int read_groups(const struct rt_call *c, uint32_t *ret, size_t n)
{
    int r = n ? rt_call_read(c, c->arg[1], ret, n * (c->row->short_ids ? sizeof(uint16_t) : sizeof(uint32_t))) : 0;
    for (size_t i = n; r == 0 && c->row->short_ids && i-- > 0;) /* widened in place, from the end */
        ret[i] = ((const uint16_t *)(const void *)ret)[i];
    for (size_t i = 0; i < n && r == 0; i++)
        r = ret[i] == RT_CRED_SAME ? -EINVAL : 0;
    return r;
}

int64_t rt_on_setgroups(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    if (!rt_cred_can(&new, CAP_SETGID))
        return -EPERM;
    if ((uint32_t)c->arg[0] > RT_CRED_MAX_GROUPS)
        return -EINVAL;
    CB_AUTO(free) uint32_t *groups = cb_alloc(((uint32_t)c->arg[0] + 1) * sizeof(*groups));
    new.n_groups = (uint32_t)c->arg[0];
    new.groups = groups;
    int r = read_groups(c, groups, new.n_groups);
    if (r == 0)
        qsort(groups, new.n_groups, sizeof(*groups), by_number);
    return become(c, &new, r);
}

/* ---- capabilities --------------------------------------------------------------------------- */

int64_t rt_on_prctl(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    if (rt_call_int(c, 0) == PR_SET_MM)
        return -EPERM;
    if (rt_call_int(c, 0) == PR_GET_KEEPCAPS)
        return new.keep;
    if (c->arg[1] > 1)
        return -EINVAL;
    new.keep = c->arg[1];
    return rt_call_become(c, &new);
}

/* Is this number, in its own PID namespace, the caller's? */
static bool is_self(const struct rt_call *c, int pid)
{
    return pid == 0 || (uint32_t)pid == rt_call_pid(c);
}

/* The header of capget and capset; true: it is about the caller, in the one form that is not obsolete. */
static bool about_self(const struct rt_call *c)
{
    struct __user_cap_header_struct header;
    return c->arg[1] && rt_call_read(c, c->arg[0], &header, sizeof(header)) == 0 &&
           header.version == _LINUX_CAPABILITY_VERSION_3 && is_self(c, header.pid);
}

int64_t rt_on_capget(struct rt_call *c)
{
    const struct rt_cred *cred = rt_call_cred(c);
    struct __user_cap_data_struct data[2];
    if (!about_self(c))
        return RT_PASS;
    for (int i = 0; i < 2; i++) {
        data[i].permitted = (uint32_t)(cred->permitted >> (32 * i));
        data[i].effective = (uint32_t)(cred->effective >> (32 * i));
        data[i].inheritable = (uint32_t)(cred->inheritable >> (32 * i));
    }
    return rt_call_write(c, c->arg[1], data, sizeof(data));
}

int64_t rt_on_capset(struct rt_call *c)
{
    struct rt_cred new = *rt_call_cred(c);
    struct __user_cap_data_struct data[2];
    if (!about_self(c) || rt_call_read(c, c->arg[1], data, sizeof(data)) < 0)
        return RT_PASS;
    int r = rt_cred_capset(&new, c->super->bounding, data[0].permitted | (uint64_t)data[1].permitted << 32,
                           data[0].effective | (uint64_t)data[1].effective << 32,
                           data[0].inheritable | (uint64_t)data[1].inheritable << 32);
    return become(c, &new, r);
}

/* ---- the limit ------------------------------------------------------------------------------ */

/* As if nobody had ever set it. */
int64_t rt_on_getrlimit(struct rt_call *c)
{
    const uint64_t wide[2] = {UINT64_MAX, UINT64_MAX};
    const uint32_t narrow[2] = {UINT32_MAX, UINT32_MAX};
    return c->compat ? rt_call_write(c, c->arg[1], narrow, sizeof(narrow)) : rt_call_write(c, c->arg[1], wide, sizeof(wide));
}

int64_t rt_on_prlimit(struct rt_call *c)
{
    const uint64_t none[2] = {UINT64_MAX, UINT64_MAX};
    return c->arg[3] ? rt_call_write(c, c->arg[3], none, sizeof(none)) : 0;
}

/* ---- who is at the other end of a socket ------------------------------------------------------ */

int64_t rt_on_getsockopt(struct rt_call *c)
{
    struct ucred peer;
    uint32_t room;
    socklen_t len = sizeof(peer);
    int fd = rt_call_take_fd(c, rt_call_int(c, 0));
    int r = fd < 0 ? fd : getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    const struct rt_cred *cred = r < 0 || peer.pid <= 0 ? NULL : rt_cred_of(c->super, peer.pid);
    if (!cred || rt_call_read(c, c->arg[4], &room, sizeof(room)) < 0 || room < sizeof(peer))
        return RT_PASS;
    peer.pid = (pid_t)rt_pid_inside(c->super, peer.pid);
    peer.uid = cred->uid[RT_EFFECTIVE];
    peer.gid = cred->gid[RT_EFFECTIVE];
    room = sizeof(peer);
    r = rt_call_write(c, c->arg[3], &peer, sizeof(peer));
    return r < 0 ? r : rt_call_write(c, c->arg[4], &room, sizeof(room));
}
