/* Lexical path operations (Go's path.Clean and friends; dockerfile.md §20). They never touch a file
 * system: a lexical ".." is not a file system's "..". Results are the caller's to free. */
#ifndef CB_PATH_H
#define CB_PATH_H

#include "base/buf.h"

char *cb_path_clean(const char *path);                /* "" gives "."; "/.." gives "/" */
char *cb_path_join(const char *a, const char *b);     /* cleaned; b absolute is still joined */
char *cb_path_abs(const char *cwd, const char *path); /* absolute path as is, else joined to cwd; cleaned */
const char *cb_path_base(const char *path);           /* borrowed: what follows the last '/' */
char *cb_path_dir(const char *path);                  /* cleaned parent; "a" gives "." */
/* "/a/../b/" -> "b": cleaned as absolute and made relative to the root; the root itself is "". */
char *cb_path_rel(const char *path);

#endif
