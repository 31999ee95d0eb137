/* What test-layer-upper.c and test-worktree.c compare: trees, as text, and a layer's directory with its index. Everything runs in
 * a child of the test; what is wrong ends it. */
#ifndef TEST_UPPER_TREES_H
#define TEST_UPPER_TREES_H

#include "base/map.h"
#include "cache/layer/layer.h"
#include "cache/store/tree.h"
#include <stdio.h>
#include <unistd.h>

/* Runs in a child, where cmocka's assertions would not reach: a failure ends it. */
#define MUST(cond, ...)                                                                                                          \
    do {                                                                                                                         \
        if (!(cond)) {                                                                                                           \
            fprintf(stderr, "line %d: %s: ", __LINE__, #cond);                                                                   \
            fprintf(stderr, __VA_ARGS__);                                                                                        \
            fputc('\n', stderr);                                                                                                 \
            _exit(1);                                                                                                            \
        }                                                                                                                        \
    } while (0)
#define OK(call) MUST((call) >= 0, "%s", err.msg ? err.msg : strerror(errno))

/* A line for each entry below a node of merged indexes; below a directory, `below` being its path in the tree ("": the root). The
 * two give the same text for the same tree. */
void show_node(const struct cache_node *n, struct cb_buf *out);
void show_dir(int dir, const char *below, struct cb_buf *out);
/* Ends the test, printing both, when they differ. */
void compare(const char *what, unsigned seed, int round, const struct cb_buf *want, const struct cb_buf *got);

/* Adds each further name of an inode, and the first one after it. `first` is empty before. */
void note_links(int dir, const char *below, struct cb_map *first, struct cb_strv *ret);
/* Names that were noted as one inode (in pairs) are one inode still. Others may have become one: overlay copies up one name of
 * an inode without the others. */
void still_linked(const struct cb_strv *pairs, int dir);

/* A number below n. */
uint32_t rnd(uint32_t *s, uint32_t n);
void make_socket(int dir, const char *path);
/* One random change. It may fail, as commands do; what counts is what the tree shows afterwards. `plain`: one of those that do
 * the same in an overlay and in a directory (no renamed directory). */
void change(int dir, uint32_t *s, bool many_ids, bool plain);

/* A layer's directory is what its index says, and no more. */
void exact(struct cache_store *store, const struct cb_digest *id);

#endif
