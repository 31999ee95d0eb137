#include "builder/execute/schedule/symptom.h"
#include "runtime/rung/notify.h"

#include <string.h>

#define TAIL 16384 /* bytes that are looked at: a tool that an error ends says so at the end */
#define NEAR 3     /* lines between an error's text and what it is about: a traceback, a wrapped message */

void build_tail_add(struct build_tail *t, const char *line)
{
    cb_buf_add(&t->lines, line, strlen(line) + 1);
    if (t->lines.len <= (size_t)2 * TAIL)
        return;
    memmove(t->lines.data, t->lines.data + t->lines.len - TAIL, TAIL);
    cb_buf_truncate(&t->lines, TAIL);
}

void build_tail_done(struct build_tail *t)
{
    cb_buf_done(&t->lines);
}

/* How a cause shows: one of these words near one of these errors, on lines that have none of what speaks against it. */
#define MAX_WORDS 14
struct symptom {
    const char *words[MAX_WORDS], *errors[2], *against[2];
};
static const struct symptom no_id = {{"chown", "chgrp", "owner", "change group", "setuid", "seteuid", "setreuid", "setresuid",
                                      "setgid", "setegid", "setregid", "setresgid", "user id", "group id"},
                                     {"invalid argument", "einval"}};
static const struct symptom no_groups = {{"groups"}, {"operation not permitted", "eperm"}};
static const struct symptom no_port = {{"bind(", "bind:", "bind to", "binding to", "listen "},
                                       {"permission denied", "eacces"},
                                       {"unix", "denied /"}}; /* a socket in the file system has no port */
static const struct symptom no_proc = {{"/dev/std", "/dev/fd", "/proc"}, {"no such file", "nonexistent"}};
static const struct symptom no_space = {{"no space left on device", "enospc"}, {"no space left on device", "enospc"}};
static const char full[] =
    "the file system of the store is full ('cbuild du' and 'cbuild prune' show and free what is in it), or one "
    "in memory is (--shm-size, tmpfs mounts)";

static char *why_no_proc(const struct rt_privilege *p)
{
    return cb_printf(
        "RUN has no /proc in a chroot, nor what leads there: /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd. Where '-' or "
        "'>&2' says the same, that works; else %s",
        p->reason ? p->reason : "allow namespaces");
}

static bool has_any(const char *line, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && words[i]; i++)
        if (strcasestr(line, words[i]))
            return true;
    return false;
}

static bool shows(const struct build_tail *t, const struct symptom *s)
{
    const char *p = t->lines.data, *end = p + t->lines.len;
    long word = -NEAR - 1, error = -NEAR - 1;
    for (long i = 1; p < end; p += strlen(p) + 1, i++) {
        if (has_any(p, s->against, CB_LEN(s->against)))
            continue;
        if (has_any(p, s->words, CB_LEN(s->words)))
            word = i;
        if (has_any(p, s->errors, CB_LEN(s->errors)))
            error = i;
        if ((word == i || error == i) && labs(word - error) <= NEAR)
            return true;
    }
    return false;
}

void build_symptom_hint(const struct build_tail *t, const struct rt_privilege *p, const struct rt_network *n,
                        struct cb_error *err)
{
    CB_AUTO(free) char *why = NULL;
    if (err->code != CB_E_RUN)
        return;
    bool told = p->rung->emulates && !rt_notify_why_not(); /* of every id */
    if (!told && (shows(t, &no_id) || (!p->rung->many_ids && shows(t, &no_groups))))
        why = p->rung->why_no_id(p);
    else if (!p->rung->owns_network && shows(t, &no_port))
        why = rt_network_why_no_port(n);
    else if (p->rung->chroots && shows(t, &no_proc))
        why = why_no_proc(p);
    else if (shows(t, &no_space))
        why = cb_strdup(full);
    if (why)
        cb_hint(err, "a likely cause: %s", why);
}
