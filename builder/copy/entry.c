#include "builder/copy/entry.h"

#include <string.h>

static const struct cb_xattr *capability(const struct cache_entry *e)
{
    for (size_t i = 0; i < e->n_xattrs; i++)
        if (strcmp(e->xattrs[i].name, "security.capability") == 0)
            return &e->xattrs[i];
    return NULL;
}

void build_keep_capability(struct cache_entry *e)
{
    e->xattrs = capability(e);
    e->n_xattrs = e->xattrs ? 1 : 0;
}

bool build_same_owner_mode(const struct cache_entry *a, const struct cache_entry *b)
{
    const struct cb_xattr *x = capability(a), *y = capability(b);
    if (a->type != b->type || a->uid != b->uid || a->gid != b->gid || (a->mode != b->mode && a->type != CB_SYMLINK))
        return false;
    return x && y ? x->len == y->len && memcmp(x->value, y->value, x->len) == 0 : x == y;
}

bool build_same_entry(const struct cache_entry *a, const struct cache_entry *b)
{
    if (!build_same_owner_mode(a, b) || a->mtime != b->mtime)
        return false;
    if (a->type == CB_FILE)
        return a->size == b->size;
    if (a->type == CB_SYMLINK)
        return strcmp(a->link, b->link) == 0;
    return a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}
