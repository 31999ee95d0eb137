#include "parser/owner.h"

#include "base/text.h"

/* ---- --chown ---------------------------------------------------------------------------------- */

/* "root", or a number BuildKit reads as a 32-bit signed one; a negative one is no owner at all (dockerfile.md §12.4). */
static bool parse_id(const char *s, uint32_t *ret)
{
    int64_t v = 0;
    if (strcmp(s, "root") != 0 && !cb_parse_i64(s, &v))
        return false;
    if (v < 0 || v > INT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

void df_chown_parse(const char *text, struct df_chown *ret)
{
    const char *colon = strchr(text, ':');
    *ret = (struct df_chown){.has_group = colon != NULL};
    ret->user = cb_memdup0(text, colon ? (size_t)(colon - text) : strlen(text));
    ret->group = cb_strdup(colon ? colon + 1 : "");
    ret->user_is_id = parse_id(ret->user, &ret->uid);
    ret->group_is_id = parse_id(ret->group, &ret->gid);
}

void df_chown_done(struct df_chown *c)
{
    free(c->user);
    free(c->group);
    *c = (struct df_chown){0};
}

bool df_chown_needs_passwd(const struct df_chown *c)
{
    return *c->user && !c->user_is_id;
}

bool df_chown_needs_group(const struct df_chown *c)
{
    return *c->group && !c->group_is_id;
}

static struct cb_str take_until(struct cb_str *s, char stop)
{
    const char *end = s->n ? memchr(s->p, stop, s->n) : NULL;
    size_t n = end ? (size_t)(end - s->p) : s->n;
    struct cb_str part = {s->p, n};
    n += end != NULL;
    *s = (struct cb_str){s->p + n, s->n - n};
    return part;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number in the files: what is not one counts as 0. */
static uint32_t file_id(struct cb_str field)
{
    CB_AUTO(free) char *text = cb_memdup0(field.p, field.n);
    int64_t v;
    return cb_parse_i64(text, &v) && v >= 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* The first line for `name`: its third field, and its fourth when `ret_second` is wanted. */
static bool find_entry(const struct cb_str *file, const char *name, uint32_t *ret_first, uint32_t *ret_second)
{
    struct cb_str rest = file ? *file : (struct cb_str){"", 0};
    while (rest.n) {
        struct cb_str line = take_until(&rest, '\n');
        while (line.n && is_blank(line.p[0]))
            line = (struct cb_str){line.p + 1, line.n - 1};
        while (line.n && is_blank(line.p[line.n - 1]))
            line.n--;
        if (line.n == 0 || line.p[0] == '#' || !cb_str_eq(take_until(&line, ':'), cb_str(name)))
            continue;
        take_until(&line, ':');
        *ret_first = file_id(take_until(&line, ':'));
        if (ret_second)
            *ret_second = file_id(take_until(&line, ':'));
        return true;
    }
    return false;
}

void df_chown_resolve(const char *text, const struct cb_str *passwd, const struct cb_str *group, uint32_t *ret_uid,
                      uint32_t *ret_gid)
{
    CB_AUTO(df_chown) struct df_chown c = {0};
    uint32_t uid = 0, gid = 0;
    df_chown_parse(text, &c);
    if (c.user_is_id)
        uid = gid = c.uid;
    else if (*c.user)
        find_entry(passwd, c.user, &uid, &gid);
    if (c.has_group && (c.group_is_id || *c.group == '\0'))
        gid = c.gid;
    else if (c.has_group)
        find_entry(group, c.group, &gid, NULL);
    *ret_uid = uid;
    *ret_gid = gid;
}

/* ---- --chmod ---------------------------------------------------------------------------------- */

#define SET_UID  04000u
#define SET_GID  02000u
#define STICKY   01000u
#define ALL_RWX  0777u
#define STANDARD (SET_UID | SET_GID | ALL_RWX)
#define OTHERS   0007u

/* Which classes a copy of bits goes to, and what it does there. */
#define TO_USER  1u
#define TO_GROUP 2u
#define TO_OTHER 4u
#define CLEARS   8u
#define SETS     16u

/* One clause being read: `who` it is for, `op`, and what was gathered after it. */
struct clause {
    struct df_chmod *set;
    uint32_t who, perm;
    bool conditional; /* X */
    char op;
    bool assigned; /* `=` has cleared already */
};

static void add_op(struct df_chmod *set, char cmd, uint8_t to, uint32_t bits)
{
    CB_PUSH(set->ops, set->n, set->cap) = (struct df_chmod_op){.cmd = cmd, .to = to, .bits = bits};
}

static uint32_t for_who(const struct clause *c, uint32_t bits)
{
    return c->who ? c->who & bits : bits;
}

static void flush_perm(struct clause *c)
{
    if (c->op == '=')
        add_op(c->set, '-', 0, c->who ? c->who : STANDARD);
    add_op(c->set, c->op == '-' ? '-' : '+', 0, for_who(c, c->perm));
    c->perm = 0;
}

static void flush_conditional(struct clause *c)
{
    if (c->conditional)
        add_op(c->set, 'X', 0, for_who(c, 0111));
    c->conditional = false;
}

/* `g=u` and the like: what was gathered so far goes first. */
static void add_copy(struct clause *c, char from)
{
    static const struct {
        uint32_t read;
        uint8_t to;
    } classes[] = {{0400, TO_USER}, {0040, TO_GROUP}, {0004, TO_OTHER}};
    if (c->perm)
        flush_perm(c);
    c->assigned |= c->op == '=';
    flush_conditional(c);
    uint8_t to = c->op == '+' ? SETS : c->op == '-' ? CLEARS : SETS | CLEARS;
    for (size_t i = 0; i < CB_LEN(classes); i++)
        if (!c->who || c->who & classes[i].read)
            to |= classes[i].to;
    add_op(c->set, from, to, 0);
}

/* Takes one letter after an operator. False: it is not one. */
static bool take_perm(struct clause *c, char letter)
{
    bool others_only = c->who && !(c->who & ~OTHERS);
    switch (letter) {
    case 'r':
        c->perm |= 0444;
        return true;
    case 'w':
        c->perm |= 0222;
        return true;
    case 'x':
        c->perm |= 0111;
        return true;
    case 'X':
        if (c->op == '-')
            c->perm |= 0111;
        else
            c->conditional = true;
        return true;
    case 's':
        if (!others_only)
            c->perm |= SET_UID | SET_GID;
        return true;
    case 't':
        if (!others_only) {
            c->who |= STICKY;
            c->perm |= STICKY;
        }
        return true;
    case 'u':
    case 'g':
    case 'o':
        add_copy(c, letter);
        return true;
    default:
        return false;
    }
}

static uint32_t who_bits(char c)
{
    return c == 'a' ? STANDARD : c == 'u' ? SET_UID | 0700 : c == 'g' ? SET_GID | 0070 : c == 'o' ? OTHERS : 0;
}

/* One operator and its letters. False: there is no operator. */
static bool take_action(struct clause *c, const char **p)
{
    c->op = **p;
    if (c->op != '+' && c->op != '-' && c->op != '=')
        return false;
    if (c->op == '=')
        c->assigned = false;
    c->who &= ~STICKY;
    for (++*p; **p && take_perm(c, **p);)
        ++*p;
    if (c->perm || (c->op == '=' && !c->assigned)) {
        c->assigned |= c->op == '=';
        flush_perm(c);
    }
    flush_conditional(c);
    return true;
}

static bool parse_symbolic(const char *p, struct df_chmod *set)
{
    struct clause c = {.set = set};
    for (;;) {
        for (c.who = 0; who_bits(*p); p++)
            c.who |= who_bits(*p);
        do {
            if (!take_action(&c, &p))
                return false;
        } while (*p && *p != ',');
        if (*p++ == '\0')
            return true;
    }
}

int df_chmod_parse(const char *text, struct df_chmod *ret, struct cb_error *err)
{
    CB_AUTO(df_chmod) struct df_chmod c = {0};
    if (*text >= '0' && *text <= '9') {
        c.octal = true;
        if (!cb_parse_octal(text, 07777, &c.mode))
            return cb_fail(err, CB_E_DOCKERFILE,
                           "invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777", text);
    } else if (!parse_symbolic(text, &c)) {
        cb_fail(err, CB_E_DOCKERFILE, "invalid syntax");
        return cb_hint(err, "--chmod takes an octal mode such as 0755 or a symbolic one such as u=rwX,go=rX, not '%s'", text);
    }
    *ret = c;
    c = (struct df_chmod){0};
    return 0;
}

void df_chmod_done(struct df_chmod *c)
{
    free(c->ops);
    *c = (struct df_chmod){0};
}

static uint32_t apply_copy(const struct df_chmod_op *op, uint32_t mode)
{
    static const struct {
        char name;
        uint8_t to;
        unsigned shift;
    } classes[] = {{'u', TO_USER, 6}, {'g', TO_GROUP, 3}, {'o', TO_OTHER, 0}};
    uint32_t value = 0;
    for (size_t i = 0; i < CB_LEN(classes); i++)
        if (op->cmd == classes[i].name)
            value = mode >> classes[i].shift & 07;
    uint32_t cleared = !(op->to & CLEARS) ? 0 : op->to & SETS ? 07 : value, set = op->to & SETS ? value : 0;
    for (size_t i = 0; i < CB_LEN(classes); i++)
        if (op->to & classes[i].to)
            mode = (mode & ~(cleared << classes[i].shift)) | set << classes[i].shift;
    return mode;
}

uint32_t df_chmod_apply(const struct df_chmod *c, bool is_dir, uint32_t mode)
{
    if (c->octal)
        return c->mode;
    uint32_t old = mode;
    for (size_t i = 0; i < c->n; i++) {
        const struct df_chmod_op *op = &c->ops[i];
        if (op->cmd == '+')
            mode |= op->bits;
        else if (op->cmd == '-')
            mode &= ~op->bits;
        else if (op->cmd != 'X')
            mode = apply_copy(op, mode);
        else if (is_dir || old & 0111)
            mode |= op->bits;
    }
    return mode & 07777;
}
