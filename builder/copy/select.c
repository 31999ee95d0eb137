#include "builder/copy/select-internal.h"

#include "base/path.h"
#include "base/text.h"
#include "parser/match/glob.h"

/* What one call works with. */
struct select {
    const struct build_source *source;
    const struct build_select_params *params;
    const struct df_ignore *exclude; /* NULL: none */
    struct build_selection *ret;
};

/* Nodes that a wildcard matched, in lexical order. */
struct matches {
    struct cache_node **items;
    size_t n, cap;
};
static void matches_done(struct matches *m)
{
    free(m->items);
}
CB_DEFINE_AUTO(matches, struct matches, matches_done)

static int not_found(const char *rel, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    CB_AUTO(free) char *path = cb_printf("/%s", rel);
    cb_quote_go(&quoted, path, strlen(path));
    return cb_fail(err, CB_E_NOT_FOUND, "failed to compute cache key: %s: not found", quoted.data);
}

/* One source: a directory with what is below it, or a single entry. */
static int add_item(struct select *s, const char *name, const struct cache_node *node, const struct df_ignore *include,
                    struct cb_error *err)
{
    struct build_item *item = &CB_PUSH(s->ret->items, s->ret->n_items, s->ret->cap_items);
    item->name = cb_strdup(name);
    item->node = node;
    item->is_dir = node->e.type == CB_DIR;
    struct build_pick_rules rules = {.include = include, .exclude = s->exclude};
    bool listed = s->params->listed && s->source->context;
    return item->is_dir ? build_pick_below(s->source, &rules, listed, item, err) : 0;
}

/* ---- wildcards ----------------------------------------------------------------------------- */

struct wildcard {
    char *base;    /* components before the first wild one; "" : none */
    char *pattern; /* the rest */
    bool plain;    /* no class and no backslash: a '/' of a name is a '/' of the pattern */
    size_t depth;  /* how many components a match can have */
};
static void wildcard_done(struct wildcard *w)
{
    free(w->base);
    free(w->pattern);
}
CB_DEFINE_AUTO(wildcard, struct wildcard, wildcard_done)

static void split_wildcard(const char *rel, struct wildcard *w)
{
    const char *p = rel;
    for (;;) {
        size_t n = strcspn(p, "/");
        CB_AUTO(free) char *component = cb_memdup0(p, n);
        if (df_glob_has_meta(component) || !p[n])
            break;
        p += n + 1;
    }
    w->base = cb_memdup0(rel, p > rel ? (size_t)(p - rel) - 1 : 0);
    w->pattern = cb_strdup(p);
    w->plain = !strpbrk(p, "[\\");
    w->depth = 1;
    for (; *p; p++)
        w->depth += *p == '/' || *p == '['; /* a class matches '/' too */
}

/* Whether anything below the directory `path` (of `level` components) can match. */
static bool may_contain(const struct wildcard *w, const char *path, size_t level)
{
    if (level >= w->depth)
        return false;
    if (!w->plain)
        return true;
    const char *end = w->pattern;
    for (size_t i = 0; i < level && *end; i++)
        end += strcspn(end + (i > 0), "/") + (i > 0);
    CB_AUTO(free) char *prefix = cb_memdup0(w->pattern, (size_t)(end - w->pattern));
    return df_glob_match(prefix, path) == DF_GLOB_YES;
}

/* From a local context BuildKit sends what its ignore-style matcher takes, which reads classes differently from filepath.Match:
 * only what both take is there. */
static int filter_local(const struct select *s, const char *rel, const struct wildcard *w, struct df_ignore **ret,
                        struct cb_error *err)
{
    if (!s->source->local)
        return 0;
    if (!df_glob_valid(rel))
        return cb_fail(err, CB_E_DOCKERFILE, "'%s': syntax error in pattern", rel);
    if (w->plain)
        return 0;
    CB_AUTO(cb_strv) struct cb_strv one = {0};
    cb_strv_push(&one, rel);
    *ret = df_ignore_new(&one, err);
    return *ret ? 0 : -1;
}

static bool is_match(const struct wildcard *w, const struct df_ignore *local, const char *path)
{
    if (df_glob_match(w->pattern, path) != DF_GLOB_YES)
        return false;
    if (!local)
        return true;
    CB_AUTO(free) char *whole = cb_printf("%s%s%s", w->base, *w->base ? "/" : "", path);
    return df_ignore_match(local, whole);
}

/* Walks below `base` without following links; a directory that matches is not entered. */
static int match_below(const struct select *s, const struct cache_node *base, const struct wildcard *w,
                       const struct df_ignore *local, struct matches *ret, struct cb_error *err)
{
    size_t skip = base->parent ? strlen(cache_node_path(base)) + 1 : 0;
    struct level {
        const struct cache_node *dir;
        size_t next;
    };
    CB_AUTO(free) struct level *levels = cb_alloc(w->depth * sizeof(*levels));
    size_t depth = 1;
    if (build_source_open(s->source, base, err) < 0)
        return -1;
    levels[0] = (struct level){base, 0};
    while (depth > 0) {
        struct level *l = &levels[depth - 1];
        if (l->next == l->dir->n_children) {
            depth--;
            continue;
        }
        struct cache_node *n = l->dir->children[l->next++];
        if (is_match(w, local, cache_node_path(n) + skip)) {
            CB_PUSH(ret->items, ret->n, ret->cap) = n;
        } else if (n->e.type == CB_DIR && may_contain(w, cache_node_path(n) + skip, depth)) {
            if (build_source_open(s->source, n, err) < 0)
                return -1;
            levels[depth++] = (struct level){n, 0};
        }
    }
    return 0;
}

static int expand_wildcard(struct select *s, const char *rel, struct matches *ret, struct cb_error *err)
{
    CB_AUTO(wildcard) struct wildcard w = {0};
    CB_AUTO(df_ignore) struct df_ignore *local = NULL;
    split_wildcard(rel, &w);
    if (filter_local(s, rel, &w, &local, err) < 0)
        return -1;
    struct cache_node *base;
    int r = build_source_resolve(s->source, w.base, true, &base, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return cb_fail(err, CB_E_NOT_FOUND, "lstat /%s: no such file or directory", w.base);
    if (base->e.type == CB_DIR && match_below(s, base, &w, local, ret, err) < 0)
        return -1;
    /* What BuildKit has sent of a context is another matcher's choice, for which "**" is any number of directories: then the
     * directory is there, though nothing in it matches here. */
    bool sent = base->e.type == CB_DIR && strstr(w.pattern, "**");
    if (ret->n == 0 && s->source->local && base->parent && !sent)
        CB_PUSH(s->ret->barren, s->ret->n_barren, s->ret->cap_barren) = base;
    return 0;
}

/* What a match would be if it were named: links are followed. */
static int follow_match(const struct select *s, struct cache_node **node, struct cb_error *err)
{
    if ((*node)->e.type != CB_SYMLINK)
        return 0;
    int r = build_source_resolve(s->source, cache_node_path(*node), true, node, err);
    return r == 0 ? not_found(cache_node_path(*node), err) : CB_MIN(r, 0);
}

/* ---- one source word ----------------------------------------------------------------------- */

static int select_path(struct select *s, const char *rel, struct cb_error *err)
{
    struct cache_node *node;
    int r = build_source_resolve(s->source, rel, true, &node, err);
    if (r <= 0)
        return r < 0 ? -1 : not_found(rel, err);
    return add_item(s, cb_path_base(rel), node, NULL, err);
}

static int select_matches(struct select *s, const char *rel, const struct df_ignore *include, struct cb_error *err)
{
    CB_AUTO(matches) struct matches found = {0};
    if (expand_wildcard(s, rel, &found, err) < 0)
        return -1;
    for (size_t i = 0; i < found.n; i++) {
        struct cache_node *node = found.items[i];
        if (follow_match(s, &node, err) < 0 || add_item(s, found.items[i]->name, node, include, err) < 0)
            return -1;
    }
    return 0;
}

/* --parents without a wildcard: the path must be there without any link on the way. */
static int check_literal(const struct select *s, const char *root, const char *rest, struct cb_error *err)
{
    CB_AUTO(free) char *whole = cb_printf("%s%s%s", root, *root ? "/" : "", rest);
    struct cache_node *node;
    int r = build_source_resolve(s->source, whole, false, &node, err);
    return r == 0 ? not_found(whole, err) : CB_MIN(r, 0);
}

/* Only what follows the first "/./" of a path is kept: the part before it is the root, below which the rest is an include
 * pattern. */
static int select_parents(struct select *s, const char *word, struct cb_error *err)
{
    const char *pivot = strstr(word, "/./");
    CB_AUTO(free) char *before = cb_memdup0(word, pivot ? (size_t)(pivot - word) : 0);
    CB_AUTO(free) char *root = cb_path_rel(before);
    CB_AUTO(free) char *rest = cb_path_rel(pivot ? pivot + 3 : word);
    CB_AUTO(cb_strv) struct cb_strv one = {0};
    bool wild_root = df_glob_has_meta(root);
    if (!*rest)
        return not_found("", err);
    cb_strv_push(&one, rest);
    CB_AUTO(df_ignore) struct df_ignore *include = df_ignore_new(&one, err);
    if (!include)
        return -1;
    if (wild_root)
        return select_matches(s, root, include, err);
    if (!df_glob_has_meta(rest) && check_literal(s, root, rest, err) < 0)
        return -1;
    struct cache_node *node;
    int r = build_source_resolve(s->source, root, true, &node, err);
    if (r <= 0)
        return r < 0 ? -1 : not_found(root, err);
    return add_item(s, cb_path_base(root), node, include, err);
}

static int select_word(struct select *s, const char *word, struct cb_error *err)
{
    if (s->params->parents)
        return select_parents(s, word, err);
    CB_AUTO(free) char *rel = cb_path_rel(word);
    return df_glob_has_meta(rel) && !s->params->literal ? select_matches(s, rel, NULL, err) : select_path(s, rel, err);
}

int build_select(const struct build_source *source, const struct build_select_params *params, struct build_selection *ret,
                 struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv patterns = {0};
    CB_AUTO(df_ignore) struct df_ignore *exclude = NULL;
    ret->source = source;
    ret->parents = params->parents;
    for (size_t i = 0; i < params->n_exclude; i++)
        cb_strv_push(&patterns, params->exclude[i]);
    if (patterns.n > 0 && !(exclude = df_ignore_new(&patterns, err)))
        return -1;
    struct select s = {.source = source, .params = params, .exclude = exclude, .ret = ret};
    for (size_t i = 0; i < params->n_words; i++)
        if (select_word(&s, params->words[i], err) < 0)
            return -1;
    return 0;
}

int build_select_all(const struct build_source *source, struct build_selection *ret, struct cb_error *err)
{
    const char *const word = "/";
    struct build_select_params params = {.words = &word, .n_words = 1};
    return build_select(source, &params, ret, err);
}
