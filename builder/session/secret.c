#include "builder/session/secret.h"

#include "base/fd.h"
#include "base/job.h"
#include "base/named.h"
#include "base/pack.h"
#include "base/path.h"
#include "parser/mount.h"

#include <unistd.h>

#define MAX_SECRET_KIB 500u /* as BuildKit: half a megabyte */
#define MAX_SECRET     (MAX_SECRET_KIB << 10)

const char *build_secret_id(const struct df_mount *m)
{
    return *m->id ? m->id : *m->source ? m->source : cb_path_base(m->target);
}

static struct build_secret *find(const struct build_request *q, const char *id)
{
    for (size_t i = 0; i < q->n_secrets; i++)
        if (strcmp(q->secrets[i].id, id) == 0)
            return &q->secrets[i];
    return NULL;
}

static void ask(struct build_secret *s)
{
    const char *value = s->env ? getenv(s->env) : NULL;
    s->known = true;
    s->value = CB_BUF_INIT;
    if (value)
        cb_buf_adds(&s->value, value);
    int e = s->env ? 0 : cb_read_named(s->src, MAX_SECRET, &s->value);
    s->have = e < 0 ? e : !s->env || value;
}

int build_secret_read(const struct build_request *q, const char *id, struct cb_str *ret, struct cb_error *err)
{
    struct build_secret *s = find(q, id);
    if (!s)
        return 0;
    if (!s->known)
        ask(s);
    if (s->have == -ECANCELED && cb_check_signals(err) < 0)
        return -1;
    if (s->have == -EFBIG)
        return cb_fail(err, CB_E_FAILED, "secret '%s': '%s' has more than %u KiB", id, s->src, MAX_SECRET_KIB);
    if (s->have < 0)
        return cb_fail_sys(err, s->have, "read secret '%s' from '%s'", id, s->src);
    *ret = (struct cb_str){s->value.data, s->value.len};
    return s->have;
}

bool build_secret_is_keyed(const struct build_request *q, const char *id)
{
    const struct build_secret *s = find(q, id);
    return s && s->keyed;
}

/* ---- to a job -------------------------------------------------------------------------------------------------------- */

static int write_values(const struct cb_buf *values)
{
    CB_AUTO(close) int fd = cb_memory_file("secrets");
    int r = fd < 0 ? fd : cb_write_full(fd, values->data, values->len);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    return r < 0 ? r : cb_take_fd(&fd);
}

/* Several mounts of a step may ask for one secret: it is sent once. */
static bool is_among(const char *id, const char *const *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

int build_secret_send(const struct build_request *q, const char *const *ids, size_t n, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf values = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        struct cb_str value = {"", 0};
        if (is_among(ids[i], ids, i))
            continue;
        int have = build_secret_read(q, ids[i], &value, err);
        if (have < 0)
            return -1;
        if (!have)
            continue;
        cb_put_u64(&values, (uint64_t)(find(q, ids[i]) - q->secrets));
        cb_put_bytes(&values, value.p, value.n);
    }
    int fd = values.len ? write_values(&values) : -1;
    explicit_bzero(values.data, values.len);
    return values.len && fd < 0 ? cb_fail_sys(err, fd, "hand secrets to a step") : fd;
}

int build_secret_receive(const struct build_request *q, int fd, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf values = CB_BUF_INIT;
    int r = cb_read_fd(fd, q->n_secrets * (MAX_SECRET + 64u) * 2, &values);
    if (r < 0)
        return cb_fail_sys(err, r, "take the secrets of a step");
    for (struct cb_unpack u = cb_unpack(values.data, values.len); u.p < u.end && !u.failed;) {
        uint64_t i = cb_get_u64(&u);
        struct cb_str value = cb_get_bytes(&u);
        if (i >= q->n_secrets || q->secrets[i].known)
            continue;
        q->secrets[i].known = true;
        q->secrets[i].have = 1;
        q->secrets[i].value = CB_BUF_INIT;
        cb_buf_add(&q->secrets[i].value, value.p, value.n);
    }
    explicit_bzero(values.data, values.len);
    return 0;
}

/* ---- as a word ------------------------------------------------------------------------------------------------------- */

char *build_secret_text(const struct build_request *q, const char *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_str text;
    if (build_secret_read(q, id, &text, &ignored) <= 0)
        return NULL;
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    return text.n ? cb_memdup0(text.p, text.n) : NULL;
}
