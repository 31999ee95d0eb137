/* What the files of cache/ share and nobody else uses: making files of the store visible whole. */
#ifndef CACHE_STORE_INTERNAL_H
#define CACHE_STORE_INTERNAL_H

#include "cache/store/store.h"

#include <sys/stat.h>

#define CACHE_RANDOM_NAME 16 /* hexadecimal digits, without the NUL */
/* A name that has never been used: 64 random bits. */
void cache_random_name(char out[CACHE_RANDOM_NAME + 1]);
/* Renames a directory to a name that is free. 0; -EEXIST: it is taken; -errno. Where renameat2 is refused, or the file system
 * cannot rename without replacing (NFS), an empty directory does not count as there. */
int cache_rename_new(int from, const char *name, int to, const char *new_name);
/* Puts the directory `name` of `from` in the place of what `to` has under that name, which comes into `from`: under `name`, or,
 * where the two cannot be exchanged at once, with ".old" behind it. 0 or -errno. */
int cache_rename_over(int from, const char *name, int to, const char *place);
/* Gives an O_TMPFILE a name. 0 or -errno. */
int cache_link_unnamed(int fd, int dir, const char *name);

/* A new file of the store that nobody sees until it is linked: without a name (O_TMPFILE) where the file
 * system can, else in a work directory of its own. Killed at any moment it leaves nothing visible. */
struct cache_newfile {
    int fd;
    struct cache_work work; /* dir is -1 when the file has no name */
};
#define CACHE_NEWFILE_INIT ((struct cache_newfile){-1, CACHE_WORK_INIT})
/* `dir`: the directory below the store that it will be linked into ("blobs/sha256"). */
int cache_newfile_begin(struct cache_store *s, const char *dir, struct cache_newfile *ret, struct cb_error *err);
/* Gives it the name `dir`/`name`. 0, or -errno: -EEXIST when the name is taken and !replace. */
int cache_newfile_link(struct cache_store *s, struct cache_newfile *f, const char *dir, const char *name, bool replace);
void cache_newfile_done(struct cache_store *s, struct cache_newfile *f); /* closes; also after link */

/* Opens a lock file of the store, making it; an fd or -errno. In a store that is read-only to us it is opened for reading. */
int cache_open_lock(struct cache_store *s, const char *path);
/* Fills err for whoever needs the lock "gc" alone and does not get it. Always -1. */
int cache_fail_busy(struct cache_store *s, struct cb_error *err);
/* Opens a directory of the layout; a missing one is made. An fd, or -errno. */
int cache_store_dir(struct cache_store *s, const char *dir);
/* Publishes dir/name whole, replacing what was there. Directories that are missing are made. 0 or -1. */
int cache_store_publish(struct cache_store *s, const char *dir, const char *name, const void *p, size_t n, struct cb_error *err);
/* Notes in its time that the open file was used, for the least-recently-used order of cache_prune: at most once in
 * CACHE_NOTE_USE seconds, rarely enough to cost nothing. */
#define CACHE_NOTE_USE 3600
void cache_note_use(int fd, const struct stat *st);
/* Takes what is at `path` out of the store, a file or a directory with all that is in it, so that it will be made anew. */
void cache_set_aside(struct cache_store *s, const char *path);
/* The names in a directory of the store, sorted; without "." and "..". Missing: none. 0 or -errno. */
int cache_store_names(struct cache_store *s, const char *dir, struct cb_strv *ret);

/* The file name of an image below images/; caller frees. */
char *cache_image_file(const char *name);

/* Is it cb_publish_file's or ours, on its way to a name? Left over by a crash when it is old. */
static inline bool cache_is_temporary(const char *name)
{
    return cb_starts(name, ".tmp-");
}

#endif
