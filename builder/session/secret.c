#include "builder/session/secret.h"

#include "base/fd.h"
#include "base/path.h"
#include "parser/mount.h"

#define MAX_SECRET (500u << 10) /* as BuildKit: half a megabyte */

const char *build_secret_id(const struct df_mount *m)
{
    return *m->id ? m->id : *m->source ? m->source : cb_path_base(m->target);
}

static const struct build_secret *find(const struct build_request *q, const char *id)
{
    for (size_t i = 0; i < q->n_secrets; i++)
        if (strcmp(q->secrets[i].id, id) == 0)
            return &q->secrets[i];
    return NULL;
}

int build_secret_read(const struct build_request *q, const char *id, struct cb_buf *ret, struct cb_error *err)
{
    const struct build_secret *s = find(q, id);
    if (!s)
        return 0;
    if (s->env) {
        const char *value = getenv(s->env);
        cb_buf_adds(ret, value ? value : "");
        return value != NULL;
    }
    int e = cb_read_file(AT_FDCWD, s->src, MAX_SECRET, ret);
    return e < 0 ? cb_fail_sys(err, e, "read secret '%s' from '%s'", id, s->src) : 1;
}

char *build_secret_text(const struct build_request *q, const char *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (build_secret_read(q, id, &text, &ignored) <= 0)
        return NULL;
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        cb_buf_truncate(&text, text.len - 1);
    return text.len ? cb_buf_detach(&text) : NULL;
}
