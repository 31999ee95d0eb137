/* File trees as one line of text, for the tables of test-select, test-place, test-extract.
 *
 *   a/            directory            f=text   file with this content      l->target  symbolic link
 *   h==f          hard link            p|       fifo                        c#1.3      character device
 *   -x            whiteout (in layers only)
 * followed by what is not as usual (0755, 0644 and 0777; owner 0:0; time 1): ,mode  ,uid:gid  @time  ^capability
 * Entries are separated by blanks. */
#ifndef TREE_TEXT_H
#define TREE_TEXT_H

#include "base/map.h"
#include "base/text.h"
#include "builder/copy/place.h"
#include "cache/store/tree.h"

#include <ctype.h>

/* Contents by digest, so that a layer can be shown with the bytes its digests stand for. */
struct texts {
    struct cb_map map;
    struct cb_arena arena;
};

static inline void texts_done(struct texts *t)
{
    cb_map_done(&t->map);
    cb_arena_done(&t->arena);
}

static inline struct cb_digest texts_add(struct texts *t, const char *s)
{
    struct cb_digest d;
    cb_sha256(s, strlen(s), &d);
    cb_map_setn(&t->map, (const char *)d.b, sizeof(d.b), cb_arena_strdup(&t->arena, s));
    return d;
}

static inline unsigned long text_number(const char **p, int base)
{
    char *end;
    unsigned long v = strtoul(*p, &end, base);
    *p = end;
    return v;
}

static inline void text_attributes(const char *p, struct cache_entry *e, struct texts *t)
{
    while (*p) {
        char kind = *p++;
        if (kind == '@') {
            e->mtime = (int64_t)text_number(&p, 10);
        } else if (kind == '^') {
            size_t n = strcspn(p, ",@");
            struct cb_xattr *x = cb_arena_alloc(&t->arena, sizeof(*x));
            *x = (struct cb_xattr){cb_arena_strdup(&t->arena, "security.capability"), cb_arena_memdup0(&t->arena, p, n), n};
            e->xattrs = x;
            e->n_xattrs = 1;
            p += n;
        } else if (memchr(p, ':', strcspn(p, ",@^"))) {
            e->uid = (uint32_t)text_number(&p, 10);
            p++;
            e->gid = (uint32_t)text_number(&p, 10);
        } else {
            e->mode = (uint32_t)text_number(&p, 8);
        }
    }
}

/* One entry; its strings live in `t`. A file's content is *content. */
static inline struct cache_entry text_entry(const char *word, size_t len, struct texts *t, const char **content)
{
    char *s = cb_arena_memdup0(&t->arena, word, len);
    struct cache_entry e = {.path = s, .mtime = 1, .mode = 0644};
    size_t n = 0;

    while (s[n] && !strchr("=|#,@^", s[n]) && strncmp(s + n, "->", 2) != 0)
        n++;
    char *rest = s + n;
    char *value = rest;
    size_t skip = 0;
    if (cb_starts(rest, "->"))
        e.type = CB_SYMLINK, e.mode = 0777, skip = 2;
    else if (cb_starts(rest, "=="))
        e.type = CB_HARDLINK, skip = 2;
    else if (*rest == '=')
        e.type = CB_FILE, skip = 1;
    else if (*rest == '|')
        e.type = CB_FIFO, skip = 1;
    else if (*rest == '#')
        e.type = CB_CHAR, skip = 1;
    else
        e.type = CB_DIR, e.mode = 0755;
    value = rest + skip;
    size_t vlen = skip ? strcspn(value, ",@^") : 0;
    char *attributes = cb_arena_strdup(&t->arena, value + vlen);
    value = cb_arena_memdup0(&t->arena, value, vlen);
    s[n] = '\0';
    if (e.type == CB_DIR && n > 1 && s[n - 1] == '/')
        s[n - 1] = '\0';
    if (e.type == CB_FILE) {
        e.size = vlen;
        e.digest = texts_add(t, value);
        *content = value;
    } else if (e.type == CB_SYMLINK || e.type == CB_HARDLINK) {
        e.link = value;
    } else if (e.type == CB_CHAR) {
        const char *p = value;
        e.dev_major = (uint32_t)text_number(&p, 10);
        p++;
        e.dev_minor = (uint32_t)text_number(&p, 10);
    }
    text_attributes(attributes, &e, t);
    return e;
}

/* Calls `each` for the words of `text`. */
#define TEXT_FOREACH(word, len, text)                                                                                            \
    for (const char *word = (text) + strspn((text), " \n"); *word; word += strspn(word, " \n"))                                  \
        for (size_t len = strcspn(word, " \n"), once_##len = 1; once_##len; once_##len = 0, word += len)

static inline struct cache_tree *text_tree(const char *text, struct texts *t)
{
    struct cache_tree *tree = cache_tree_new();
    struct cache_index x = {0};

    cache_tree_root(tree)->e.mtime = 1;
    TEXT_FOREACH(word, len, text)
    {
        const char *content = NULL;
        struct cache_entry e = text_entry(word, len, t, &content);
        cache_index_add(&x, &e);
    }
    cache_index_sort(&x);
    cache_tree_apply(tree, &x, 7);
    cache_index_done(&x);
    return tree;
}

static inline void show_entry(struct cb_buf *b, const struct cache_entry *e, const char *content)
{
    uint32_t mode = e->type == CB_DIR ? 0755 : e->type == CB_SYMLINK ? 0777 : 0644;

    if (b->len)
        cb_buf_addc(b, ' ');
    if (e->type == (int)CACHE_WHITEOUT) {
        cb_buf_printf(b, "-%s", e->path);
        return;
    }
    cb_buf_adds(b, e->path);
    if (e->type == CB_DIR)
        cb_buf_adds(b, "/");
    else if (e->type == CB_FILE)
        cb_buf_printf(b, "=%s", content ? content : "?");
    else if (e->type == CB_SYMLINK)
        cb_buf_printf(b, "->%s", e->link);
    else if (e->type == CB_HARDLINK)
        cb_buf_printf(b, "==%s", e->link);
    else if (e->type == CB_FIFO)
        cb_buf_adds(b, "|");
    else
        cb_buf_printf(b, "#%u.%u", e->dev_major, e->dev_minor);
    if (e->type == CB_HARDLINK)
        return;
    if (e->mode != mode)
        cb_buf_printf(b, ",%o", e->mode);
    if (e->uid || e->gid)
        cb_buf_printf(b, ",%u:%u", e->uid, e->gid);
    if (e->mtime != 1)
        cb_buf_printf(b, "@%lld", (long long)e->mtime);
    for (size_t i = 0; i < e->n_xattrs; i++)
        cb_buf_printf(b, "^%.*s", (int)e->xattrs[i].len, e->xattrs[i].value);
}

static inline const char *texts_find(const struct texts *t, const struct cb_digest *d)
{
    return cb_map_getn(&t->map, (const char *)d->b, sizeof(d->b));
}

/* Every path of `layer` once, parents (but implied ones of the tree) in front, links behind what they name. */
static inline const char *layer_disorder(const struct build_layer *layer)
{
    CB_AUTO(cb_map) struct cb_map seen = {0};
    for (size_t i = 0; i < layer->n; i++) {
        const struct cache_entry *e = &layer->entries[i]->e;
        if (cb_map_has(&seen, e->path))
            return "a path twice";
        const char *slash = strrchr(e->path, '/');
        if (slash && !cb_map_getn(&seen, e->path, (size_t)(slash - e->path)))
            return "an entry without its parent";
        if (e->type == CB_HARDLINK && !cb_map_has(&seen, e->link))
            return "a link before what it names";
        cb_map_set(&seen, e->path, &seen);
    }
    return NULL;
}

#endif
