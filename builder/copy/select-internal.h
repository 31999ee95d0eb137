/* Only for select.c, pick.c and selection.c. */
#ifndef BUILD_SELECT_INTERNAL_H
#define BUILD_SELECT_INTERNAL_H

#include "builder/copy/select.h"
#include "parser/match/ignore.h"

struct build_pick_rules {
    const struct df_ignore *include; /* --parents: what is wanted; NULL: everything */
    const struct df_ignore *exclude; /* --exclude; NULL: nothing */
};

/* Appends what is hashed for an entry of which all is known. */
void build_put_entry(struct cb_buf *b, const char *path, const struct cache_entry *e);

/* Fills the picks of an item whose node is a directory; `listed`: its list. */
int build_pick_below(const struct build_source *s, const struct build_pick_rules *rules, bool listed, struct build_item *item,
                     struct cb_error *err);

#endif
