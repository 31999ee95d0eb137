/* A project's history, and a directory in which one commit after another lies. The user's repository and working tree are only
 * read: its objects are borrowed by a bare repository of our own, which has none of its configuration. */
#ifndef MEASURE_HISTORY_H
#define MEASURE_HISTORY_H

#include "base/buf.h"
#include "base/error.h"

struct measure_commit {
    char *id, *subject; /* owned */
    int64_t time;
};
struct measure_history {
    char *dir; /* owned: where everything lies; "git", "home" and "tree" in it are ours */
    int dir_fd;
    char *prefix;                   /* owned: of the current directory in the repository, "sub/"; "" at the top */
    char *top;                      /* owned: the repository's working tree; NULL: it is bare */
    struct measure_commit *commits; /* oldest first */
    size_t n, cap;
};
void measure_history_done(struct measure_history *h);
CB_DEFINE_AUTO(measure_history, struct measure_history, measure_history_done)

/* The commits of a range as git log takes it, along first parents, every `every`-th counted from the newest. The repository is
 * that of the current directory; `dir` is an empty directory, open as `dir_fd` (borrowed). 0, or -1: no git, no repository, no
 * such range, nothing in it. */
int measure_history_open(const char *range, uint64_t every, const char *dir, int dir_fd, struct measure_history *ret,
                         struct cb_error *err);
/* Makes `tree` the files of the i-th commit. What does not differ from the last one is left alone, mtime included. Submodules
 * are empty directories. */
int measure_history_checkout(const struct measure_history *h, size_t i, struct cb_error *err);
/* Paths that differ between the i-th commit and the one before it, i > 0, appended; relative to the top. */
int measure_history_files(const struct measure_history *h, size_t i, struct cb_strv *ret, struct cb_error *err); /* all paths */
int measure_history_changed(const struct measure_history *h, size_t i, struct cb_strv *ret, struct cb_error *err);

/* The difference of two files below `dir`, as git shows it; names are relative to it. */
int measure_history_diff(const struct measure_history *h, const char *before, const char *after, struct cb_buf *out,
                         struct cb_error *err);

#endif
