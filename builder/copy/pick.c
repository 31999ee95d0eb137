/* The entries below one directory source, filtered by --exclude and --parents (dockerfile.md §12.4). */
#include "builder/copy/select-internal.h"

#include "base/limits.h"

/* A directory on the way down. */
struct frame {
    const struct cache_node *node;
    size_t next;    /* child to look at */
    uint32_t pick;  /* its own pick + 1; 0: the item's directory */
    bool tentative; /* not selected itself: it stays only when something below it is */
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

static int add_pick(struct build_item *item, const struct cache_node *node, uint32_t up, bool whole, struct cb_error *err)
{
    if (item->n_picks >= CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_FAILED, "'/%s' holds more than %u entries", cache_node_path(item->node), CB_MAX_ENTRIES);
    CB_PUSH(item->picks, item->n_picks, item->cap_picks) = (struct build_pick){.node = node, .up = up, .whole = whole};
    return 0;
}

static int visit(struct stack *s, const struct build_pick_rules *rules, struct build_item *item, const struct cache_node *node,
                 struct cb_error *err)
{
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
        return take ? add_pick(item, node, up, true, err) : 0;
    if (excluded && df_ignore_can_skip_dir(rules->exclude, path, &own->exclude))
        return 0;
    if (!wanted && !df_ignore_may_match_below(rules->include, path, &own->include))
        return 0;
    if (add_pick(item, node, up, take, err) < 0)
        return -1;
    enter(s, node, (uint32_t)item->n_picks, !take);
    return 0;
}

int build_pick_below(const struct build_source *s, const struct build_pick_rules *rules, struct build_item *item,
                     struct cb_error *err)
{
    CB_AUTO(stack) struct stack stack = {0};
    const char *at = cache_node_path(item->node);
    item->skip = at && *at ? strlen(at) + 1 : 0;
    enter(&stack, item->node, 0, false);
    while (stack.depth > 0) {
        struct frame *f = &stack.items[stack.depth - 1];
        if (f->next == 0 && build_source_open(s, f->node, err) < 0)
            return -1;
        if (f->next < f->node->n_children) {
            if (visit(&stack, rules, item, f->node->children[f->next++], err) < 0)
                return -1;
            continue;
        }
        if (f->tentative && item->n_picks == f->pick)
            item->n_picks--;
        stack.depth--;
    }
    return 0;
}
