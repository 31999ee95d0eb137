/* Only for select.c, pick.c and selection.c. */
#ifndef BUILD_SELECT_INTERNAL_H
#define BUILD_SELECT_INTERNAL_H

#include "builder/copy/select.h"
#include "parser/match/ignore.h"

struct build_pick_rules {
    const struct df_ignore *include; /* --parents: what is wanted; NULL: everything */
    const struct df_ignore *exclude; /* --exclude; NULL: nothing */
};

/* Fills the picks of an item whose node is a directory. */
int build_pick_below(const struct build_source *s, const struct build_pick_rules *rules, struct build_item *item,
                     struct cb_error *err);

#endif
