#include "registry/transfer/certificate.h"

#define MOST_SHOWN 300 /* bytes of each part: all of it is the server's word */

void reg_certificate_add(struct reg_certificate *c, const char *line)
{
    const struct {
        const char *name;
        const char **at;
    } parts[] = {{"Subject:", &c->subject},
                 {"Issuer:", &c->issuer},
                 {"X509v3 Subject Alternative Name:", &c->names},
                 {"Start date:", &c->start},
                 {"Expire date:", &c->expire}};
    for (size_t i = 0; i < CB_LEN(parts); i++)
        if (cb_starts(line, parts[i].name) && !*parts[i].at)
            *parts[i].at = line + strlen(parts[i].name);
}

void reg_certificate_text(const struct reg_certificate *c, struct cb_buf *out)
{
    if (!c->subject)
        return;
    cb_buf_printf(out, "of '%.*s'", MOST_SHOWN, c->subject);
    if (c->names)
        cb_buf_printf(out, " for %.*s", MOST_SHOWN, c->names);
    if (c->issuer && strcmp(c->issuer, c->subject) == 0)
        cb_buf_adds(out, ", signed by itself");
    else if (c->issuer)
        cb_buf_printf(out, ", signed by '%.*s'", MOST_SHOWN, c->issuer);
    if (c->start && c->expire)
        cb_buf_printf(out, ", valid from %.40s to %.40s", c->start, c->expire);
}
