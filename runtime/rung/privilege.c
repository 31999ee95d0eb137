#include "runtime/rung/privilege.h"

#include <unistd.h>

static const struct rt_rung_ops *const ladder[] = {&rt_rung_root,   &rt_rung_root_plain, &rt_rung_identity, &rt_rung_range,
                                                   &rt_rung_single, &rt_rung_chroot,     &rt_rung_none};

/* The lowest one always holds. The first reason stays: knowing what the highest rung lacks helps most. */
static void climb_down(struct rt_privilege *p, size_t from)
{
    for (size_t i = from; i < CB_LEN(ladder); i++) {
        CB_AUTO(free) char *why = NULL;
        p->rung = ladder[i];
        if (ladder[i]->probe(p, &why))
            return;
        if (!p->reason)
            p->reason = CB_TAKE(why);
    }
}

void rt_privilege_probe(struct rt_privilege *ret)
{
    struct rt_privilege p = {.uid = geteuid(), .gid = getegid()};
    climb_down(&p, 0);
    *ret = p;
}

static size_t place_of(const struct rt_rung_ops *rung)
{
    size_t i = 0;
    while (ladder[i] != rung)
        i++;
    return i;
}

/* Where to look on from, in the list; its length: nowhere. */
static size_t below(const struct rt_privilege *p, enum rt_helper_kind kind)
{
    if (kind == RT_HELPER_COMMANDS && p->rung->two_helpers)
        return p->rung->below_commands ? place_of(p->rung->below_commands) : CB_LEN(ladder);
    return p->rung->below ? place_of(p->rung->below) : place_of(p->rung) + 1;
}

bool rt_privilege_lower(struct rt_privilege *p, enum rt_helper_kind kind, char *why)
{
    size_t next = below(p, kind);
    if (next == CB_LEN(ladder)) {
        free(why);
        return false;
    }
    free(p->reason);
    p->reason = why;
    climb_down(p, next);
    return true;
}

void rt_privilege_done(struct rt_privilege *p)
{
    free(p->uids);
    free(p->gids);
    free(p->reason);
    *p = (struct rt_privilege){0};
}
