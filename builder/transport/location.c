#include "builder/transport/transport-internal.h"

#define TRANSPORT_ENTRY(name) &build_transport_##name,
static const struct build_transport_ops *const transports[] = {TRANSPORTS(TRANSPORT_ENTRY) NULL};

void build_location_done(struct build_location *l)
{
    free(l->place);
    free(l->image);
    free(l->digest);
    *l = (struct build_location){0};
}

bool build_location_is_registry(const struct build_location *l)
{
    return !l->ops->bring;
}

static const struct build_transport_ops *find(const char *text, const char **rest)
{
    for (const struct build_transport_ops *const *t = transports; *t; t++) {
        size_t n = strlen((*t)->name);
        if (strncmp(text, (*t)->name, n) == 0 && text[n] == ':') {
            *rest = text + n + 1;
            return *t;
        }
    }
    return NULL;
}

void build_location_set(struct build_location *ret, const char *transport, const char *place)
{
    for (const struct build_transport_ops *const *t = transports; *t; t++)
        if (strcmp((*t)->name, transport) == 0)
            *ret = (struct build_location){.ops = *t, .place = cb_strdup(place)};
}

int build_location_parse(const char *text, struct build_location *ret, struct cb_error *err)
{
    const char *rest;
    CB_AUTO(build_location) struct build_location l = {.ops = find(text, &rest)};
    if (!l.ops)
        return 0;
    if (l.ops->parse(rest, &l, err) < 0)
        return cb_prefix(err, "'%s'", text);
    *ret = l;
    l = (struct build_location){0};
    return 1;
}

void build_transport_forms(struct cb_buf *out)
{
    for (const struct build_transport_ops *const *t = transports; *t; t++)
        if ((*t)->form)
            cb_buf_printf(out, "%s%s:%s", t == transports ? "" : ", ", (*t)->name, (*t)->form);
}

int build_transport_bring(struct build_session *s, const struct build_location *l, struct build_brought *ret,
                          struct cb_error *err)
{
    return l->ops->bring(s, l, ret, err);
}
