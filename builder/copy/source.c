#include "builder/copy/source.h"

#include "builder/copy/pathwalk.h"
#include "builder/copy/walk.h"

int build_source_open(const struct build_source *s, const struct cache_node *dir, struct cb_error *err)
{
    return s->context ? build_walk_open(s->context, dir, err) : 0;
}

/* 1: *ret is the child. 0: there is none, or `dir` is no directory. -1: err. */
static int source_child(const struct build_source *s, const struct cache_node *dir, const char *name, size_t len,
                        struct cache_node **ret, struct cb_error *err)
{
    if (dir->e.type != CB_DIR)
        return 0;
    if (build_source_open(s, dir, err) < 0)
        return -1;
    struct cache_node *n = cache_node_child(dir, name, len);
    if (n)
        *ret = n;
    return n != NULL;
}

int build_source_resolve(const struct build_source *s, const char *path, bool follow, struct cache_node **ret,
                         struct cb_error *err)
{
    struct cache_node *at = cache_tree_root(s->tree);
    struct build_pathwalk walk;
    build_pathwalk_init(&walk, path);
    struct cb_str name;
    while (build_pathwalk_next(&walk, &name)) {
        if (build_is_dotdot(name)) {
            if (at->e.type != CB_DIR)
                return 0;
            at = at->parent ? at->parent : at;
            continue;
        }
        struct cache_node *next = NULL;
        int r = source_child(s, at, name.p, name.n, &next, err);
        if (r <= 0)
            return r;
        if (next->e.type != CB_SYMLINK || (!follow && !build_pathwalk_more(&walk))) {
            at = next;
            continue;
        }
        if (!follow)
            return 0;
        if (build_pathwalk_link(&walk, next->e.link, path, err) < 0)
            return -1;
        if (next->e.link[0] == '/')
            at = cache_tree_root(s->tree);
    }
    *ret = at;
    return 1;
}

int build_source_digest(const struct build_source *s, const struct cache_node *file, struct cb_error *err)
{
    return s->context ? build_walk_digest(s->context, file, err) : 0;
}
