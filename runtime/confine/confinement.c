#include "runtime/confine/confinement.h"
#include "base/fd.h"
#include "base/pack.h"
#include "base/text.h"
#include "runtime/confine/label.h"
#include "runtime/confine/profile.h"
#include "runtime/rung/capability.h"
#include "runtime/confine/seccomp.h"

#include <string.h>

#define MAX_PROFILE (1u << 20) /* Docker's has 15 KB */

/* ---- capabilities --------------------------------------------------------------------------- */

int rt_confinement_capability(uint64_t *set, const char *name, struct cb_error *err)
{
    const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
    uint64_t bit = strcasecmp(bare, "ALL") == 0 ? RT_EVERY_CAPABILITY : rt_capability_find(bare);
    if (!bit) {
        cb_fail(err, CB_E_USAGE, "unknown capability \"%s\"", name);
        return cb_hint(err, "capabilities(7) has them, as NET_ADMIN or CAP_NET_ADMIN; ALL are all of them");
    }
    *set |= bit;
    return 0;
}

uint64_t rt_confinement_caps(const struct rt_confinement *c)
{
    if (c->add == RT_EVERY_CAPABILITY)
        return c->drop == RT_EVERY_CAPABILITY ? c->add : ~c->drop;
    return (c->drop == RT_EVERY_CAPABILITY ? 0 : RT_CAPS_OF_DOCKER & ~c->drop) | c->add;
}

static int put(char **field, const char *value)
{
    free(*field);
    *field = cb_strdup(value);
    return 0;
}

/* ---- --security-opt ------------------------------------------------------------------------- */

static int set_seccomp(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    c->unconfined = strcmp(v, "unconfined") == 0;
    free(CB_TAKE(c->profile_file));
    free(CB_TAKE(c->profile_text));
    c->profile_len = 0;
    if (c->unconfined || strcmp(v, "builtin") == 0)
        return 0;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_file(AT_FDCWD, v, MAX_PROFILE, &text);
    if (r < 0) {
        cb_fail_sys(err, r, "read the seccomp profile '%s'", v);
        err->code = CB_E_USAGE;
        return -1;
    }
    c->profile_len = text.len;
    c->profile_text = cb_buf_detach(&text);
    return put(&c->profile_file, v);
}

static int set_no_new_privs(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    bool yes = strcmp(v, "true") == 0;
    if (!yes && strcmp(v, "false") != 0)
        return cb_fail(err, CB_E_USAGE, "no-new-privileges: expected true or false, not '%s'", v);
    c->no_new_privs = yes;
    return 0;
}

static int add_paths(struct cb_strv *to, const char *v, struct cb_error *err)
{
    for (; *v; v += strspn(v, ":")) {
        size_t n = strcspn(v, ":");
        bool all = n == 3 && strncasecmp(v, "ALL", n) == 0;
        if (*v != '/' && !all)
            return cb_fail(err, CB_E_USAGE, "'%s' is no absolute path", v);
        cb_strv_take(to, all ? cb_strdup("*") : cb_memdup0(v, n));
        v += n;
    }
    return 0;
}

static int set_mask(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    return add_paths(&c->mask, v, err);
}

static int set_unmask(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    return add_paths(&c->unmask, v, err);
}

static int set_apparmor(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    if (rt_label_check_apparmor("", v, err) < 0)
        return -1;
    free(CB_TAKE(c->apparmor));
    return rt_label_has_apparmor("") ? put(&c->apparmor, v) : 0; /* else "unconfined", which it is */
}

static int set_label(struct rt_confinement *c, const char *v, struct cb_error *err)
{
    static const char *const parts[] = {"user:", "role:", "type:", "level:"};
    if (strcmp(v, "disable") == 0) { /* what is done without any option */
        for (size_t i = 0; i < CB_LEN(c->selinux); i++)
            free(CB_TAKE(c->selinux[i]));
        return 0;
    }
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (cb_starts(v, parts[i]))
            return rt_label_check_selinux("", err) < 0 ? -1 : put(&c->selinux[i], v + strlen(parts[i]));
    return cb_fail(err, CB_E_USAGE, "label: expected disable, user:USER, role:ROLE, type:TYPE or level:LEVEL, not '%s'", v);
}

static const struct {
    const char *name, *bare; /* bare: the value of an option that stands without one; NULL: it needs one */
    int (*set)(struct rt_confinement *c, const char *v, struct cb_error *err);
} options[] = {
    {"apparmor", NULL, set_apparmor}, {"label", NULL, set_label},
    {"mask", NULL, set_mask},         {"no-new-privileges", "true", set_no_new_privs},
    {"seccomp", NULL, set_seccomp},   {"unmask", NULL, set_unmask},
};

int rt_confinement_option(struct rt_confinement *c, const char *option, struct cb_error *err)
{
    /* Docker once had a colon there, and still takes it; a path or a label may hold one. */
    size_t n = strcspn(option, "=");
    n = option[n] ? n : strcspn(option, ":");
    for (size_t i = 0; i < CB_LEN(options); i++) {
        if (strlen(options[i].name) != n || strncmp(options[i].name, option, n) != 0)
            continue;
        const char *v = option[n] ? option + n + 1 : options[i].bare;
        return v && *v ? options[i].set(c, v, err) : cb_fail(err, CB_E_USAGE, "%s= needs a value", options[i].name);
    }
    cb_fail(err, CB_E_USAGE, "'%s' is no security option", option);
    return cb_hint(err, "there are seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=TYPE:VALUE|disable, "
                        "mask=PATH:..., unmask=PATH:...|ALL");
}

/* ---- the whole ------------------------------------------------------------------------------ */

int rt_confinement_check(struct rt_confinement *c, struct cb_error *err)
{
    if (!c->profile_file)
        return 0;
    if (rt_profile_parse(c->profile_text, c->profile_len, rt_confinement_caps(c), &c->profile, err) == 0)
        return 0;
    err->code = CB_E_USAGE;
    return cb_prefix(err, "seccomp profile '%s'", c->profile_file);
}

int rt_confinement_filter(const struct rt_confinement *c, struct rt_filter *ret, struct cb_error *err)
{
    uint64_t caps = rt_confinement_caps(c);
    if (c->profile)
        return rt_profile_load(c->profile, ret, err) < 0 ? cb_prefix(err, "seccomp profile '%s'", c->profile_file) : 0;
    if ((caps & ~RT_CAPS_OF_DOCKER) == 0) /* fewer: the kernel itself refuses what takes the others */
        return 0;
    ret->n = rt_seccomp_filter_for(caps, false, &ret->code);
    return ret->n ? 0 : cb_fail(err, CB_E_FAILED, "make a filter of system calls: there is no memory");
}

void rt_confinement_done(struct rt_confinement *c)
{
    rt_profile_free(c->profile);
    free(c->profile_file);
    free(c->profile_text);
    free(c->apparmor);
    for (size_t i = 0; i < CB_LEN(c->selinux); i++)
        free(c->selinux[i]);
    cb_strv_done(&c->mask);
    cb_strv_done(&c->unmask);
}

bool rt_confinement_reaches_others(const struct rt_confinement *c)
{
    return rt_confinement_caps(c) & (RT_CAP(SYS_ADMIN) | RT_CAP(SYS_PTRACE) | RT_CAP(DAC_READ_SEARCH));
}

bool rt_confinement_is_default(const struct rt_confinement *c)
{
    return rt_confinement_caps(c) == RT_CAPS_OF_DOCKER && !c->unconfined && !c->no_new_privs && !c->profile_file && !c->mask.n &&
           !c->unmask.n;
}

void rt_confinement_key(const struct rt_confinement *c, struct cb_buf *out)
{
    const struct cb_strv *lists[] = {&c->mask, &c->unmask};
    cb_put_u64(out, rt_confinement_caps(c));
    cb_put_u8(out, c->unconfined);
    cb_put_u8(out, c->no_new_privs);
    cb_put_bytes(out, c->profile_text, c->profile_len);
    for (size_t i = 0; i < CB_LEN(lists); i++) {
        cb_put_u64(out, lists[i]->n);
        for (size_t k = 0; k < lists[i]->n; k++)
            cb_put_str(out, lists[i]->items[k]);
    }
}
