/* The values of secrets that a key is to follow (--secret …,keyed), as digests that do not give them away: whoever may read a
 * cache knows all else that is in a key, and could try values. So each try is made dear, and is good for one instruction only. */
#include "builder/execute/keys/keys-internal.h"
#include "builder/session/secret.h"

#define KEYED  0xfe             /* no mount begins with this byte */
#define ROUNDS UINT32_C(600000) /* some 0.1 s for each step and secret */

/* The same on all machines, and another for each instruction: no table of values fits two of them. */
static void salt_of(const char *id, bool have, const void *operation, size_t n, struct cb_digest *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_put_str(&b, "keyed secret");
    cb_put_str(&b, id);
    cb_put_u8(&b, have);
    cb_put_bytes(&b, operation, n);
    cb_sha256(b.data, b.len, ret);
}

static int put(struct build_key_text *t, const struct build_request *q, const char *id, struct cb_str operation,
               struct cb_error *err)
{
    struct cb_str value = {"", 0};
    struct cb_digest salt, d;
    int have = build_secret_read(q, id, &value, err);
    if (have < 0)
        return -1;
    salt_of(id, have, operation.p, operation.n, &salt);
    cb_stretch(value.p, value.n, &salt, ROUNDS, &d);
    cb_put_u8(&t->bytes, KEYED);
    cb_put_digest(&t->bytes, &d);
    build_notes_add_secret(t->notes, id, &d);
    return 0;
}

static bool asks_again(const struct build_run *run, const struct build_run_mount *mount)
{
    const char *id = build_secret_id(mount->m);
    for (const struct build_run_mount *m = run->mounts; m != mount; m = m->next)
        if (m->m->type == DF_MOUNT_SECRET && strcmp(build_secret_id(m->m), id) == 0)
            return true;
    return false;
}

int build_key_put_secrets(struct build_key_text *t, size_t operation, const struct build_graph *g, const struct build_step *s,
                          struct cb_error *err)
{
    const struct build_request *q = g->build->session->request;
    CB_AUTO(free) char *text = NULL; /* the buffer moves as it grows */
    size_t n = t->bytes.len - operation;
    for (const struct build_run_mount *m = s->op == BUILD_OP_RUN ? s->run.mounts : NULL; m; m = m->next) {
        if (m->m->type != DF_MOUNT_SECRET || !build_secret_is_keyed(q, build_secret_id(m->m)) || asks_again(&s->run, m))
            continue;
        if (!text)
            text = cb_memdup0(t->bytes.data + operation, n);
        if (put(t, q, build_secret_id(m->m), (struct cb_str){text, n}, err) < 0)
            return -1;
    }
    return 0;
}
