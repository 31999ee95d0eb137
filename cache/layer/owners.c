/* Owners where they cannot be set: everything inside is root's, and the owner that an entry has in the image is beside it
 * (base/owner.h), and in the index of its layer. What has no attributes and was only copied up has the owner of what it came
 * from. */
#include "cache/layer/layer-internal.h"
#include "base/owner.h"

void cache_layer_owners_init(struct cache_layer_owners *o, const struct cache_layer_lowers *lowers,
                             const struct cb_link_owners *links)
{
    *o = (struct cache_layer_owners){.lowers = lowers, .links = links, .kept = !cache_layer_can_set_owners()};
    if (o->kept)
        o->indexes = cb_alloc((lowers->n + 1) * sizeof(*o->indexes));
}

void cache_layer_owners_done(struct cache_layer_owners *o)
{
    for (size_t i = 0; o->indexes && i < o->lowers->n; i++)
        if (o->indexes[i]) {
            cache_index_done(o->indexes[i]);
            free(o->indexes[i]);
        }
    free(o->indexes);
    o->indexes = NULL;
}

int cache_layer_owner_below(struct cache_layer_owners *o, int top, const char *path, struct stat *st, struct cb_error *err)
{
    if (!o->kept)
        return 0;
    if (!o->indexes[top]) {
        o->indexes[top] = CB_NEW(struct cache_index);
        if (cache_layer_index_beside(o->lowers->fds[top], o->indexes[top], err) < 0)
            return -1;
    }
    const struct cache_entry *e = cache_index_find(o->indexes[top], path);
    if (e && e->type != CACHE_WHITEOUT) {
        bool device = e->type == CB_CHAR || e->type == CB_BLOCK;
        const struct cb_owner own = {.uid = e->uid,
                                     .gid = e->gid,
                                     .device = !device              ? 0
                                               : e->type == CB_CHAR ? S_IFCHR
                                                                    : S_IFBLK,
                                     .major = e->dev_major,
                                     .minor = e->dev_minor};
        cb_owner_show(&own, st);
    }
    return 0;
}

int cache_layer_owner_beside(const struct cache_layer_owners *o, int dir, const char *name, const char *path, struct stat *st)
{
    struct cb_owner own;
    if (!o->kept)
        return 0;
    if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) {
        int r = cb_owner_read_at(dir, name, &own);
        if (r > 0)
            cb_owner_show(&own, st);
        return r;
    }
    const struct cb_link_owner *link = o->links ? cb_link_owners_find(o->links, path) : NULL;
    if (!link)
        return 0;
    st->st_uid = link->uid;
    st->st_gid = link->gid;
    return 1;
}

/* Overlay marks regular files that it copied up, but not those of which the layer below has several names; a link or a
 * device cannot have the mark, but keeps its time. */
int cache_layer_was_copied_up(int dir, const char *name, const struct stat *st, const struct stat *below, bool hidden)
{
    if ((st->st_mode & S_IFMT) != (below->st_mode & S_IFMT))
        return 0;
    int mark;
    if (S_ISREG(st->st_mode)) {
        mark = cache_layer_overlay_mark(dir, name, "origin");
        return mark < 0 ? mark : mark > 0 || (below->st_nlink > 1 && !hidden);
    }
    if (hidden)
        return 0;
    if (S_ISDIR(st->st_mode)) {
        mark = cache_layer_overlay_mark(dir, name, "opaque");
        return mark < 0 ? mark : mark != 'y';
    }
    return st->st_mtim.tv_sec == below->st_mtim.tv_sec && st->st_mtim.tv_nsec == below->st_mtim.tv_nsec;
}
