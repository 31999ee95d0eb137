/* The cache mounts of the store, for the commands that deal with them. */
#ifndef CLI_MOUNTS_LIST_H
#define CLI_MOUNTS_LIST_H

#include "builder/session/session.h"
#include "cache/mounts.h"

struct cli_mounts {
    struct cache_mount_about *items;
    size_t n;
};
void cli_mounts_done(struct cli_mounts *l);
CB_DEFINE_AUTO(cli_mounts, struct cli_mounts, cli_mounts_done)

int cli_mounts_get(struct build_session *s, struct cli_mounts *ret, struct cb_error *err);
/* By its id, or by the first digits of its key. */
bool cli_mount_is_meant(const struct cache_mount_about *a, const char *word);
/* The one that is meant. 1; 0: there is none. -1: there are several. */
int cli_mounts_find(const struct cli_mounts *l, const char *word, const struct cache_mount_about **ret, struct cb_error *err);
/* The same; none is an error. 0, -1. */
int cli_mounts_find_one(const struct cli_mounts *l, const char *word, const struct cache_mount_about **ret, struct cb_error *err);

#endif
