#include "cache/mounts.h"
#include "base/fd.h"
#include "base/owner.h"
#include "cache/gc-internal.h"
#include "cache/mount-internal.h"

#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_KEY (1u << 20)

/* ---- list ------------------------------------------------------------------------------------------------------------ */

void cache_mounts_list_free(struct cache_mount_about *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cache_mount_name_done(&list[i].name);
    free(list);
}

/* Without making a lock file: a store may be read-only. */
static bool is_used(struct cache_store *s, const char *hex, const char *slot)
{
    CB_AUTO(free) char *path = cb_printf("locks/mount-%s-%s", hex, slot);
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* What a command sees of the directory that everybody shares. */
static void read_owner(struct cache_store *s, struct cache_mount_about *a)
{
    struct stat st;
    struct cb_owner own;
    CB_AUTO(free) char *path = cb_printf("mounts/%s/0", a->hex);
    CB_AUTO(close) int dir = cb_open_beneath(s->root, path, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0 || fstat(dir, &st) < 0)
        return;
    if (strcmp(a->form, "beside") == 0 && cb_owner_read_at(dir, ".", &own) > 0)
        cb_owner_show(&own, &st);
    a->exists = true;
    a->mode = st.st_mode & 07777;
    a->uid = st.st_uid;
    a->gid = st.st_gid;
}

static int64_t birth_of(struct cache_store *s, const char *path)
{
    struct statx x;
    bool told = statx(s->root, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &x) == 0 && x.stx_mask & STATX_BTIME;
    return told ? x.stx_btime.tv_sec : 0;
}

static void read_notes(struct cache_store *s, struct cache_mount_about *a)
{
    CB_AUTO(free)
    char *dir = cb_printf("mounts/%s", a->hex), *key = cb_printf("%s/key", dir), *about = cb_printf("%s/about", dir);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, words = CB_BUF_INIT;
    struct stat st;
    if (cb_read_file(s->root, key, MAX_KEY, &text) == 0)
        (void)cache_mount_name_parse(text.data, &a->name);
    if (cb_read_file(s->root, about, 4 * CACHE_MOUNT_WORD, &words) == 0)
        (void)sscanf(words.data, "%15s %15s", a->origin, a->form);
    if (fstatat(s->root, key, &st, AT_SYMLINK_NOFOLLOW) == 0 || fstatat(s->root, dir, &st, AT_SYMLINK_NOFOLLOW) == 0)
        a->used = st.st_mtim.tv_sec;
    a->made = birth_of(s, dir);
}

static void count_slots(struct cache_store *s, struct cache_mount_about *a)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(free) char *dir = cb_printf("mounts/%s", a->hex);
    (void)cache_store_names(s, dir, &names);
    for (size_t i = 0; i < names.n; i++) {
        if (!cache_mount_is_slot(names.items[i]))
            continue;
        a->slots++;
        a->in_use = a->in_use || is_used(s, a->hex, names.items[i]);
    }
}

int cache_mounts_list(struct cache_store *s, struct cache_mount_about **ret, size_t *ret_n, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(cache_gc_graph) struct cache_gc_graph sizes = {.store = s};
    int r = cache_store_names(s, "mounts", &names);
    size_t cap = 0;
    *ret = NULL;
    *ret_n = 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s/mounts'", s->path);
    for (size_t i = 0; i < names.n; i++) {
        struct cb_digest d;
        if (!cb_digest_parse_hex(names.items[i], &d))
            continue;
        CB_AUTO(free) char *dir = cb_printf("mounts/%s", names.items[i]);
        struct cache_mount_about *a = &CB_PUSH(*ret, *ret_n, cap);
        snprintf(a->hex, sizeof(a->hex), "%s", names.items[i]);
        a->bytes = cache_gc_measure_path(&sizes, dir);
        read_notes(s, a);
        read_owner(s, a);
        count_slots(s, a);
    }
    return 0;
}

/* ---- remove ---------------------------------------------------------------------------------------------------------- */

/* Directories whose locks can be had; 0: one of them is in use. */
static int remove_slots(struct cache_store *s, struct cache_mount_place *at, int parent, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    int result = 1;
    (void)cache_store_names(s, at->dir, &names);
    for (size_t i = 0; i < names.n && result >= 0; i++) {
        unsigned slot;
        int lock = -1;
        if (!cache_mount_is_slot(names.items[i]) || sscanf(names.items[i], "%u", &slot) != 1)
            continue;
        int got = cache_mount_lock(s, at, slot, true, false, &lock, err);
        if (got <= 0) {
            result = got;
            continue;
        }
        result = cache_mount_remove_slot(s, parent, names.items[i], err) < 0 ? -1 : result;
        cache_unlock(s, NULL, &lock);
    }
    return result;
}

int cache_mounts_remove(struct cache_store *s, const char *hex, struct cb_error *err)
{
    static const char *const notes[] = {"fresh", "about", "key"};
    struct cache_mount_place at;
    cache_mount_place_of_hex(hex, &at);
    CB_AUTO(close) int parent = cb_open_beneath(s->root, at.dir, O_RDONLY | O_DIRECTORY, 0);
    if (parent < 0)
        return parent == -ENOENT ? 1 : cb_fail_sys(err, parent, "open '%s/%s'", s->path, at.dir);
    int removed = remove_slots(s, &at, parent, err);
    for (size_t i = 0; i < CB_LEN(notes) && removed > 0; i++)
        (void)unlinkat(parent, notes[i], 0);
    if (removed > 0)
        (void)unlinkat(s->root, at.dir, AT_REMOVEDIR); /* somebody may have begun one anew */
    return removed;
}
