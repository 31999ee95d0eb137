/* Package URLs: pkg:TYPE/NAMESPACE/NAME@VERSION?KEY=VALUE&… (purl-spec), as other scanners write them. */
#include "builder/attest/packages-internal.h"

#include <ctype.h>

static void encode(struct cb_buf *out, const char *text, const char *keep, bool lower)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool plain = *p < 0x80 && (isalnum(*p) || strchr(".-_~:", *p) || strchr(keep, *p));
        if (plain)
            cb_buf_addc(out, (char)(lower ? tolower(*p) : *p));
        else
            cb_buf_printf(out, "%%%02X", *p);
    }
}

void build_attest_purl_encode(struct cb_buf *out, const char *text, const char *keep)
{
    encode(out, text, keep, false);
}

void build_attest_purl_qualifier(struct cb_buf *out, char *mark, const char *key, const char *value)
{
    if (!*value)
        return;
    cb_buf_printf(out, "%c%s=", *mark, key);
    encode(out, value, "", false);
    *mark = '&';
}

/* Python's names are equal whatever their case, and with '_' for '-'. */
static void python_name(struct cb_buf *out, const char *name)
{
    CB_AUTO(free) char *copy = cb_strdup(name);
    for (char *p = copy; *p; p++)
        if (*p == '_')
            *p = '-';
    encode(out, copy, "", true);
}

static void add_name(const struct build_attest_package *p, struct cb_buf *out)
{
    if (p->ecosystem == &build_attest_python)
        python_name(out, p->name);
    else
        encode(out, p->name, "/", p->ecosystem == &build_attest_go || p->ecosystem == &build_attest_npm);
}

void build_attest_purl(const struct build_attest_packages *all, const struct build_attest_package *p, struct cb_buf *out)
{
    const char *vendor = p->ecosystem->vendor;
    const char *space = !vendor ? "" : *all->system ? all->system : vendor;
    char mark = '?';
    cb_buf_printf(out, "pkg:%s/", p->ecosystem->type);
    if (*space) {
        encode(out, space, "", true);
        cb_buf_addc(out, '/');
    }
    add_name(p, out);
    if (*p->version) {
        cb_buf_addc(out, '@');
        encode(out, p->version, "", false);
    }
    if (!vendor)
        return;
    CB_AUTO(free)
    char *system = cb_printf(*all->system_version ? "%s-%s" : "%s", *all->system ? all->system : "", all->system_version);
    build_attest_purl_qualifier(out, &mark, "arch", p->arch);
    build_attest_purl_qualifier(out, &mark, "distro", *all->system ? system : "");
    build_attest_purl_qualifier(out, &mark, "epoch", p->epoch);
    build_attest_purl_qualifier(out, &mark, "upstream", p->source);
}
