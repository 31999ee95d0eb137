#include "registry/object/aws.h"

#include "base/fd.h"
#include "base/text.h"
#include <ctype.h>

#define MAX_FILE (1u << 20)

static void wipe(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

void reg_aws_done(struct reg_aws *a)
{
    free(a->key_id);
    free(a->region);
    wipe(a->secret);
    wipe(a->session);
    *a = (struct reg_aws){0};
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* The part of p that is left without blanks at its ends. */
static struct cb_str trim(const char *p, size_t n)
{
    while (n > 0 && isspace((unsigned char)*p))
        p++, n--;
    while (n > 0 && isspace((unsigned char)p[n - 1]))
        n--;
    return (struct cb_str){p, n};
}

static void take(struct reg_aws *a, struct cb_str key, struct cb_str value)
{
    const struct {
        const char *name;
        char **to;
    } members[] = {{"aws_access_key_id", &a->key_id},
                   {"aws_secret_access_key", &a->secret},
                   {"aws_session_token", &a->session},
                   {"region", &a->region}};
    for (size_t i = 0; i < CB_LEN(members); i++)
        if (cb_str_eq(key, cb_str(members[i].name)) && value.n > 0 && !*members[i].to)
            *members[i].to = cb_memdup0(value.p, value.n);
}

/* "[profile x]" is "[x]" as well: the two files write it differently. False: not the head of a section. */
static bool section(struct cb_str line, struct cb_str *ret)
{
    if (line.n < 2 || line.p[0] != '[' || line.p[line.n - 1] != ']')
        return false;
    *ret = trim(line.p + 1, line.n - 2);
    if (ret->n > 8 && memcmp(ret->p, "profile ", 8) == 0)
        *ret = trim(ret->p + 8, ret->n - 8);
    return true;
}

int reg_aws_read(struct reg_aws *a, const char *text, size_t n, const char *name, const char *file, struct cb_error *err)
{
    bool ours = false;
    int number = 0;
    if (memchr(text, '\0', n))
        return cb_fail(err, CB_E_CORRUPT, "'%s' holds a NUL byte", file);
    for (const char *p = text, *end = text + n; p < end; number++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((eol ? eol : end) - p);
        struct cb_str line = trim(p, len), head;
        bool nested = len > 0 && isblank((unsigned char)*p); /* members of a member: "s3 =" has some */
        const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
        p += len + 1;
        if (line.n == 0 || nested || strchr("#;", *line.p))
            continue;
        if (section(line, &head))
            ours = cb_str_eq(head, cb_str(name));
        else if (!equals)
            return cb_fail(err, CB_E_CORRUPT, "'%s': line %d is neither [section] nor key = value", file, number + 1);
        else if (ours)
            take(a, trim(line.p, (size_t)(equals - line.p)), trim(equals + 1, (size_t)(line.p + line.n - equals - 1)));
    }
    return 0;
}

/* What an environment variable says, if it says anything. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- all sources ---------------------------------------------------------------------------------------------------- */

static int check_pair(const struct reg_aws *a, const char *where, struct cb_error *err)
{
    if (!a->key_id == !a->secret && (a->key_id || !a->session))
        return 0;
    return cb_fail(err, CB_E_USAGE, "%s: an access key's id and its secret are both needed, and only %s is there", where,
                   a->key_id   ? "the id"
                   : a->secret ? "the secret"
                               : "a session token");
}

/* What `a` does not have yet. An access key comes from one source with all that belongs to it. */
static void fill(struct reg_aws *a, struct reg_aws *from)
{
    if (!a->key_id) {
        a->key_id = CB_TAKE(from->key_id);
        a->secret = CB_TAKE(from->secret);
        a->session = CB_TAKE(from->session);
    }
    if (!a->region)
        a->region = CB_TAKE(from->region);
}

static int ask_environment(struct reg_aws *a, struct cb_error *err)
{
    const char *region = variable("AWS_REGION");
    CB_AUTO(reg_aws)
    struct reg_aws e = {.key_id = cb_strdup(variable("AWS_ACCESS_KEY_ID")),
                        .secret = cb_strdup(variable("AWS_SECRET_ACCESS_KEY")),
                        .session = cb_strdup(variable("AWS_SESSION_TOKEN")),
                        .region = cb_strdup(region ? region : variable("AWS_DEFAULT_REGION"))};
    if (check_pair(&e, "the environment", err) < 0)
        return -1;
    fill(a, &e);
    return 0;
}

static int ask_file(struct reg_aws *a, const char *name, const char *at_home, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(reg_aws) struct reg_aws f = {0};
    const char *home = variable("HOME"), *named = variable(name), *profile = variable("AWS_PROFILE");
    CB_AUTO(free) char *file = named ? cb_strdup(named) : home ? cb_printf("%s/.aws/%s", home, at_home) : NULL;
    int r = file ? cb_read_file(AT_FDCWD, file, MAX_FILE, &text) : -ENOENT;
    if (r < 0)
        return named || (r != -ENOENT && r != -ENOTDIR && r != -EACCES) ? cb_fail_sys(err, r, "read '%s'", file) : 0;
    r = reg_aws_read(&f, text.data, text.len, profile ? profile : "default", file, err);
    explicit_bzero(text.data, text.len);
    if (r < 0 || check_pair(&f, file, err) < 0)
        return -1;
    fill(a, &f);
    return 0;
}

int reg_aws_find(struct reg_aws *a, struct cb_error *err)
{
    if (check_pair(a, "what was asked for", err) < 0 || ask_environment(a, err) < 0)
        return -1;
    if (!(a->key_id && a->region) && ask_file(a, "AWS_SHARED_CREDENTIALS_FILE", "credentials", err) < 0)
        return -1;
    return a->key_id && a->region ? 0 : ask_file(a, "AWS_CONFIG_FILE", "config", err);
}
