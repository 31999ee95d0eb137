#include "builder/share/mounts.h"
#include "builder/share/share-internal.h"

#define SHARE_ENTRY(name) &build_share_##name,
static const struct build_share_ops *const shares[] = {SHARES(SHARE_ENTRY) NULL};

const struct build_share_ops *build_share_find(const char *type)
{
    for (const struct build_share_ops *const *ops = shares; *ops; ops++)
        if (strcmp((*ops)->name, type) == 0)
            return *ops;
    return NULL;
}

const struct build_share_ops *build_share_bare(void)
{
    for (const struct build_share_ops *const *ops = shares; *ops; ops++)
        if ((*ops)->bare)
            return *ops;
    return NULL;
}

void build_share_types(struct cb_buf *out, const char *between)
{
    for (const struct build_share_ops *const *ops = shares; *ops; ops++)
        cb_buf_printf(out, "%s%s", ops == shares ? "" : between, (*ops)->name);
}

const char *build_share_kind(const struct build_share *o)
{
    return o->ops->name;
}

void build_share_tag(const struct cb_digest *key, char out[BUILD_SHARE_TAG_MAX])
{
    memcpy(out, BUILD_SHARE_TAG, sizeof(BUILD_SHARE_TAG));
    cb_digest_hex(key, out + strlen(BUILD_SHARE_TAG));
}

bool build_share_has_mount(const struct build_share *o, const char *id)
{
    return o->all_mounts || cb_strv_find(&o->mounts, id) >= 0;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

void build_share_begin(struct build_share *o, const struct build_share_ops *ops, bool writes)
{
    /* Packed as an image is when nothing else is asked for, so that it can have its layers from here with its own digests. */
    *o = (struct build_share){.ops = ops,
                              .writes = writes,
                              .codec = cb_codecs[0],
                              .level = -1,
                              .mounts_max_size = BUILD_SHARE_MOUNTS_SIZE,
                              .mounts_max_age = BUILD_SHARE_MOUNTS_AGE};
}

static const struct build_share_key *find_in(const struct build_share_key *const *keys, const char *name)
{
    for (; keys && *keys; keys++)
        if (strcmp((*keys)->name, name) == 0)
            return *keys;
    return NULL;
}

static const struct build_share_key *find_key(const struct build_share_ops *ops, const char *name)
{
    const struct build_share_key *k = find_in(ops->keys, name);
    return k ? k : find_in(build_share_common_keys, name);
}

/* The key is for other kinds: the message names them. */
static int refuse_key(const char *key, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf takers = CB_BUF_INIT;
    for (const struct build_share_ops *const *ops = shares; *ops; ops++)
        if (find_key(*ops, key))
            cb_buf_printf(&takers, "%s%s", takers.len ? ", " : "", (*ops)->name);
    if (!takers.len)
        return build_share_other_key(key, value, err);
    return cb_fail(err, CB_E_USAGE, "%s=%s goes with type=%s", key, value, takers.data);
}

int build_share_set(struct build_share *o, const char *key, const char *value, struct cb_error *err)
{
    const struct build_share_key *k = find_key(o->ops, key);
    if (!k)
        return refuse_key(key, value, err);
    if (!(o->writes ? k->to : k->from))
        return cb_fail(err, CB_E_USAGE, "%s=%s goes with --cache-%s", key, value, o->writes ? "from" : "to");
    return k->set(o, key, value, err);
}

int build_share_set_bare(struct build_share *o, const char *name, struct cb_error *err)
{
    return build_share_set_place(o, "NAME", name, err);
}

int build_share_end(struct build_share *o, struct cb_error *err)
{
    if (o->level != -1 && !cb_codec_has_level(o->codec, o->level))
        return cb_fail(err, CB_E_USAGE, "compression-level=%d: %s has no such level", o->level, o->codec->name);
    if (o->ops->in_image && o->mounts.n)
        return cb_fail(err, CB_E_UNSUPPORTED, "cache-mounts: an image has no place for cache mounts; any other type has");
    return o->ops->check ? o->ops->check(o, err) : 0;
}

bool build_share_is_image(const struct build_share *o)
{
    return o->ops->in_image && o->writes;
}

bool build_share_also(const struct build_share *o, struct build_share *image)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it is a reference */
    const char *name = build_share_setting(o, "image");
    if (!name || o->writes)
        return false;
    build_share_begin(image, build_share_find("inline"), false);
    cb_strv_push(&image->settings, "perhaps=yes");
    (void)build_share_set(image, "ref", name, &ignored);
    (void)build_share_end(image, &ignored);
    return true;
}
