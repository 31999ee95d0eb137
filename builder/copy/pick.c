/* The entries below one directory source, filtered by --exclude and --parents (dockerfile.md §12.4). */
#include "builder/copy/select-internal.h"

#include "base/limits.h"
#include "builder/copy/walk.h"

/* A directory on the way down. */
struct frame {
    const struct cache_node *node;
    size_t next;    /* child to look at */
    uint32_t pick;  /* its own pick + 1; 0: the item's directory */
    bool tentative; /* not selected itself: it stays only when something below it is */
    uint64_t place; /* its own, in the list */
    struct df_ignore_state include, exclude;
};

/* Frames above `depth` keep their states' memory for the next directory. */
struct stack {
    struct frame *items;
    size_t n, cap;
    size_t depth;
};

static void stack_done(struct stack *s)
{
    for (size_t i = 0; i < s->n; i++) {
        df_ignore_state_done(&s->items[i].include);
        df_ignore_state_done(&s->items[i].exclude);
    }
    free(s->items);
}
CB_DEFINE_AUTO(stack, struct stack, stack_done)

/* The frame above the top: the caller's until it is entered. */
static struct frame *spare_frame(struct stack *s)
{
    if (s->depth == s->n)
        return &CB_PUSH(s->items, s->n, s->cap);
    return &s->items[s->depth];
}

static void enter(struct stack *s, const struct cache_node *node, uint32_t pick, bool tentative)
{
    struct frame *f = spare_frame(s);
    f->node = node;
    f->next = 0;
    f->pick = pick;
    f->tentative = tentative;
    s->depth++;
}

/* ---- lists ------------------------------------------------------------------------------------ */

#define READ_AT_ONCE  256         /* files whose digests are not known are read when there are so many, or */
#define BYTES_AT_ONCE (64u << 20) /* so large ones */

/* What lists a directory: the entries of a context pass by. */
struct lister {
    const struct build_source *source;
    struct cache_digests_file files[READ_AT_ONCE]; /* that wait to be read; their paths are ours */
    uint64_t places[READ_AT_ONCE];
    uint64_t groups[READ_AT_ONCE];
    size_t n;
    uint64_t bytes;
};

static void forget_files(struct lister *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->files[i].path);
    l->n = 0;
    l->bytes = 0;
}

static void lister_free(struct lister *l)
{
    if (l)
        forget_files(l);
    free(l);
}
CB_DEFINE_AUTO_PTR(lister, struct lister, lister_free)

static struct cache_seen seen_of(const struct cache_digests_file *f)
{
    return (struct cache_seen){.sure = f->sure,
                               .ino = f->st.st_ino,
                               .ctime = f->st.st_ctim.tv_sec,
                               .ctime_nsec = (uint32_t)f->st.st_ctim.tv_nsec,
                               .mtime_nsec = (uint32_t)f->st.st_mtim.tv_nsec};
}

/* From here on the list is settled. */
static int read_waiting(struct lister *l, struct build_list *list, struct cb_error *err)
{
    if (l->n && build_walk_read(l->source->context, l->files, l->n, err) < 0)
        return -1;
    for (size_t i = 0; i < l->n; i++) {
        const struct cache_digests_file *f = &l->files[i];
        struct build_line x = {.seen = seen_of(f), .link_group = l->groups[i]};
        x.e = (struct cache_entry){.mtime = f->st.st_mtim.tv_sec, .size = (uint64_t)f->st.st_size, .digest = f->digest};
        build_list_settle(list, l->places[i], &x); /* it may have changed since it was listed */
    }
    forget_files(l);
    build_list_rest(list);
    return 0;
}

static int list_file(struct lister *l, struct build_list *list, const struct cache_node *node, struct build_line *x,
                     struct cb_error *err)
{
    struct cache_digests_file f;
    int known = build_walk_find(l->source->context, node, &f, err);
    if (known < 0)
        return -1;
    x->e.digest = f.digest;
    if (known) {
        x->seen = seen_of(&f);
        build_list_add(list, x);
        return build_list_is_full(list) ? read_waiting(l, list, err) : 0;
    }
    l->places[l->n] = build_list_add(list, x);
    l->groups[l->n] = x->link_group;
    f.path = cb_strdup(f.path);
    l->files[l->n++] = f;
    l->bytes += x->e.size;
    return l->n == READ_AT_ONCE || l->bytes > BYTES_AT_ONCE ? read_waiting(l, list, err) : 0;
}

/* *ret_place: where it is; only of a directory, which may be dropped again. */
static int list_entry(struct lister *l, struct build_item *item, const struct cache_node *node, bool whole, uint64_t *ret_place,
                      struct cb_error *err)
{
    struct build_line x = {.e = node->e, .whole = whole, .link_group = node->link_group};
    x.e.path = cache_node_path(node) + item->skip;
    if (node->e.type == CB_FILE)
        return list_file(l, item->list, node, &x, err);
    *ret_place = build_list_add(item->list, &x);
    return build_list_is_full(item->list) ? read_waiting(l, item->list, err) : 0;
}

/* ---- the walk --------------------------------------------------------------------------------- */

struct picking {
    const struct build_source *source;
    const struct build_pick_rules *rules;
    struct build_item *item;
    struct lister *lister; /* NULL: entries are kept */
    struct stack stack;
};

static int add_pick(struct picking *p, const struct cache_node *node, uint32_t up, bool whole, uint64_t *ret_place,
                    struct cb_error *err)
{
    struct build_item *item = p->item;
    if (item->n_picks >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_FAILED, "'/%s' holds more than %u entries", cache_node_path(item->node), CB_MAX_ENTRIES);
    if (p->lister) {
        item->n_picks++;
        return list_entry(p->lister, item, node, whole, ret_place, err);
    }
    CB_PUSH(item->picks, item->n_picks, item->cap_picks) = (struct build_pick){.node = node, .up = up, .whole = whole};
    return 0;
}

static int visit(struct picking *p, const struct cache_node *node, struct cb_error *err)
{
    struct stack *s = &p->stack;
    const struct build_pick_rules *rules = p->rules;
    struct build_item *item = p->item;
    uint64_t place = 0;
    const char *path = cache_node_path(node) + item->skip;
    bool is_dir = node->e.type == CB_DIR;
    struct frame *own = spare_frame(s); /* may move the frames: first */
    struct frame *dir = &s->items[s->depth - 1];
    bool nested = s->depth > 1;
    uint32_t up = dir->pick;
    bool wanted =
        !rules->include || df_ignore_test(rules->include, path, nested ? &dir->include : NULL, is_dir ? &own->include : NULL);
    bool excluded =
        rules->exclude && df_ignore_test(rules->exclude, path, nested ? &dir->exclude : NULL, is_dir ? &own->exclude : NULL);
    bool take = wanted && !excluded;
    if (!is_dir)
        return take ? add_pick(p, node, up, true, &place, err) : 0;
    if (excluded && df_ignore_can_skip_dir(rules->exclude, path, &own->exclude))
        return 0;
    if (!wanted && !df_ignore_may_match_below(rules->include, path, &own->include))
        return 0;
    if (add_pick(p, node, up, take, &place, err) < 0)
        return -1;
    enter(s, node, (uint32_t)item->n_picks, !take);
    s->items[s->depth - 1].place = place;
    return 0;
}

/* The children of the directory on top are needed now, and no longer. */
static int open_top(struct picking *p, const struct frame *f, struct cb_error *err)
{
    return p->lister ? build_walk_enter(p->source->context, f->node, err) : build_source_open(p->source, f->node, err);
}

static void leave_top(struct picking *p)
{
    struct frame *f = &p->stack.items[p->stack.depth - 1];
    if (p->lister)
        build_walk_leave(f->node);
    if (f->tentative && p->item->n_picks == f->pick) {
        p->item->n_picks--;
        if (p->lister)
            build_list_drop(p->item->list, f->place);
    }
    p->stack.depth--;
}

static int walk(struct picking *p, struct cb_error *err)
{
    while (p->stack.depth > 0) {
        struct frame *f = &p->stack.items[p->stack.depth - 1];
        if (f->next == 0 && open_top(p, f, err) < 0)
            return -1;
        if (f->next < f->node->n_children) {
            if (visit(p, f->node->children[f->next++], err) < 0)
                return -1;
            continue;
        }
        leave_top(p);
    }
    return 0;
}

static void picking_done(struct picking *p)
{
    while (p->stack.depth > 0)
        leave_top(p);
    stack_done(&p->stack);
}
CB_DEFINE_AUTO(picking, struct picking, picking_done)

int build_pick_below(const struct build_source *s, const struct build_pick_rules *rules, bool listed, struct build_item *item,
                     struct cb_error *err)
{
    CB_AUTO(lister) struct lister *lister = listed ? CB_NEW(struct lister) : NULL;
    CB_AUTO(picking) struct picking p = {.source = s, .rules = rules, .item = item, .lister = lister};
    const char *at = cache_node_path(item->node);
    item->skip = at && *at ? strlen(at) + 1 : 0;
    if (lister) {
        lister->source = s;
        item->list = build_list_new(build_walk_store(s->context));
    }
    enter(&p.stack, item->node, 0, false);
    if (walk(&p, err) < 0)
        return -1;
    return lister ? read_waiting(lister, item->list, err) : 0;
}

/* ---- whatever form they have ------------------------------------------------------------------ */

void build_pick_cursor_done(struct build_pick_cursor *c)
{
    build_list_cursor_done(&c->listed);
}

int build_pick_next(struct build_pick_cursor *c, struct build_picked *ret, struct cb_error *err)
{
    const struct build_item *item = c->item;
    *ret = (struct build_picked){.node = NULL};
    if (item->list) {
        c->listed.list = item->list;
        return build_list_next(&c->listed, &ret->x, err);
    }
    if (c->n == item->n_picks)
        return 0;
    const struct build_pick *pick = &item->picks[c->n++];
    ret->node = pick->node;
    ret->x = (struct build_line){.e = pick->node->e, .whole = pick->whole, .link_group = pick->node->link_group};
    ret->x.e.path = build_pick_path(item, pick);
    return 1;
}

char *build_item_path(const struct build_item *item, const char *below)
{
    return item->skip ? cb_printf("%s/%s", cache_node_path(item->node), below) : cb_strdup(below);
}
