/* Finding layers and trusting them.
 *
 * Trust. Nothing is synced while building, so a power loss may take the data of files whose names it leaves. A layer is
 * trusted when its `state` says that its fs/ (identified by its inode) is as this boot made or checked it, or that it is
 * known to be on disk. Any other layer is checked when it is first found: the index must give the content ID in
 * meta.json (SHA-256), each file in fs/ must be there with its type and size, and nothing else may be there. Sizes are enough: a
 * file system that loses the data of a renamed file after a power loss shows it shorter, because the size is written with the
 * data. What passes was read back after the boot that made it, so it is marked as durable and never checked again. A directory
 * that this user cannot look into (another id's, outside the namespace) cannot be checked: such a layer is "not there" and is
 * made again; committing it replaces this one. cache_layer_settle avoids that: it syncs once and marks layers. */
#include "cache/layer/layer-internal.h"
#include "base/dir.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "cache/store/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_META 65536
#define MAX_DIFF 128

struct cache_layer_path cache_layer_path(const struct cb_digest *id)
{
    struct cache_layer_path p = {"layers/"};
    cb_digest_hex(id, p.text + strlen("layers/"));
    return p;
}

struct cache_layer_name cache_layer_name(const struct cb_digest *id)
{
    struct cache_layer_name n = {"layer "};
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(id, hex);
    memcpy(n.text + 6, hex, 12);
    return n;
}

int cache_layer_open(struct cache_store *s, const struct cb_digest *id)
{
    int fd = openat(s->root, cache_layer_path(id).text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void cache_layer_drop(struct cache_store *s, const struct cb_digest *id)
{
    cache_set_aside(s, cache_layer_path(id).text);
}

/* ---- reading what is there ------------------------------------------------------------------ */

static bool read_meta(int dir, struct cache_layer_dir *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *content = "", *created = "";
    int64_t size = -1, entries = -1;
    if (cb_read_file(dir, "meta.json", MAX_META, &b) < 0)
        return false;
    CB_AUTO(json) json_t *j = cb_json_parse(b.data, cache_unseal(b.data, b.len), "meta.json", &ignored);
    if (!j || cb_json_str(j, "content", "meta", &content, &ignored) < 0 ||
        cb_json_bool(j, "base", "meta", &ret->base, &ignored) < 0 || cb_json_str(j, "created", "meta", &created, &ignored) < 0 ||
        cb_json_int(j, "size", "meta", &size, &ignored) < 0 || cb_json_int(j, "entries", "meta", &entries, &ignored) < 0)
        return false;
    ret->l.size = (uint64_t)size;
    ret->l.entries = (uint64_t)entries;
    return size >= 0 && entries >= 0 && cb_digest_parse(content, &ret->content) &&
           cb_time_parse_rfc3339(created, &ret->l.created);
}

static bool read_diff(int dir, struct cb_digest *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    if (cb_read_file(dir, "diff", MAX_DIFF, &b) < 0)
        return false;
    cb_buf_truncate(&b, cache_unseal(b.data, b.len));
    return cb_digest_parse_hex(b.data, ret);
}

bool cache_layer_read_state(struct cache_store *s, int dir, ino_t fs_ino, struct cache_layer_state *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    *ret = (struct cache_layer_state){.fs_ino = fs_ino};
    if (cb_read_file(dir, "state", 256, &b) < 0)
        return false;
    char *boot = b.data, *ino = strchr(boot, ' ');
    if (!ino)
        return false;
    *ino++ = '\0';
    char *rest = ino + strcspn(ino, " ");
    enum cache_layer_form form = cache_layer_form_parse(rest);
    ret->durable = cb_ends(rest, " durable");
    *rest = '\0';
    uint64_t number;
    if (!cb_parse_u64(ino, UINT64_MAX, &number) || number != fs_ino)
        return ret->durable = false;
    ret->form = form;
    return ret->durable || cache_store_is_this_boot(s, boot);
}

static char *state_text(struct cache_store *s, const struct cache_layer_state *state)
{
    return cb_printf("%s %ju%s%s", cache_store_boot_id(s), (uintmax_t)state->fs_ino, cache_layer_form_name(state->form),
                     state->durable ? " durable" : "");
}

int cache_layer_write_state(struct cache_store *s, int dir, const struct cache_layer_state *state)
{
    CB_AUTO(free) char *text = state_text(s, state);
    return cb_publish_file(dir, "state", text, strlen(text), 0600);
}

/* Files whose owners this build could not show, nor change, are as good as none. */
static bool is_foreign(const struct cache_store *s, enum cache_layer_form form)
{
    return s->beside && form == CACHE_FORM_INODES;
}

static int load_from(struct cache_store *s, int dir, const struct cb_digest *id, struct cache_layer_dir *ret)
{
    *ret = (struct cache_layer_dir){.l.id = *id};
    if (!read_meta(dir, ret))
        return 0;
    struct stat st;
    ino_t ino = 0;
    if (fstatat(dir, "fs", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
        ino = st.st_ino;
        ret->l.has_files = true;
    }
    ret->l.has_diff_id = ret->base || read_diff(dir, &ret->l.diff_id);
    if (ret->base)
        ret->l.diff_id = *id;
    ret->trusted = cache_layer_read_state(s, dir, ino, &ret->state);
    ret->foreign = ret->l.has_files && is_foreign(s, ret->state.form);
    ret->l.has_files = ret->l.has_files && !ret->foreign;
    return 1;
}

int cache_layer_load(struct cache_store *s, const struct cb_digest *id, struct cache_layer_dir *ret, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP)
        return 0;
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    return cache_lease_take(s, dir, cache_layer_path(id).text, CACHE_BY_CHANGE) ? load_from(s, dir, id, ret) : 0;
}

int cache_layer_read_index(int dir, const struct cb_digest *content, struct cache_index *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    int r = cb_read_file(dir, "index", CACHE_LAYER_MAX_INDEX, &b);
    if (r < 0)
        return cb_fail(err, CB_E_CORRUPT, "read the layer's index: %s", strerror(-r));
    if (cache_index_read(b.data, cache_unseal(b.data, b.len), &x, err) < 0)
        return -1;
    struct cb_digest have;
    cache_index_content_id(&x, &have);
    if (content && !cb_digest_eq(&have, content))
        return cb_fail(err, CB_E_CORRUPT, "the layer's index does not give its content ID");
    *ret = x;
    x = (struct cache_index){0};
    return 0;
}

int cache_layer_read_entries(int dir, struct cache_index_cursor *ret, struct cb_error *err)
{
    CB_AUTO(close) int fd = openat(dir, "index", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return cb_fail(err, CB_E_CORRUPT, "read the layer's index: %s", strerror(errno));
    return cache_index_cursor_open(fd, ret, err) < 0 ? -1 : cb_take_fd(&fd);
}

int cache_layer_index_beside(int fs, struct cache_index *ret, struct cb_error *err)
{
    CB_AUTO(close) int dir = openat(fs, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open a layer");
    return faccessat(dir, "index", F_OK, 0) < 0 && errno == ENOENT ? 0 : cache_layer_read_index(dir, NULL, ret, err);
}

/* ---- checking -------------------------------------------------------------------------------- */

static enum cache_layer_form form_found(int dir, const struct cache_index *x)
{
    CB_AUTO(close) int fs = openat(dir, "fs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fs < 0 ? CACHE_FORM_UNKNOWN : cache_layer_form_found(fs, x);
}

/* 1: sound, and from now on trusted. 0: damaged, or this process cannot check it. */
static int check_layer(struct cache_store *s, const struct cache_layer_dir *l)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(close) int dir = cache_layer_open(s, &l->l.id);
    int r = 0;
    if (dir >= 0 && cache_layer_read_index(dir, &l->content, &x, &ignored) == 0)
        r = l->l.has_files ? cache_layer_check_files(dir, &x, NULL) : 1;
    if (r == 0)
        cache_layer_drop(s, &l->l.id);
    if (r != 1)
        return 0;
    struct cache_layer_state durable = l->state;
    durable.durable = true;
    if (durable.form == CACHE_FORM_UNKNOWN && l->l.has_files)
        durable.form = form_found(dir, &x);
    (void)cache_layer_write_state(s, dir, &durable); /* only saves checking it again */
    return 1;
}

/* A copy of its own, from what others own. */
static bool can_be_copied(struct cache_store *s, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(close) int fs = cache_layer_open_fs(s, id, &ignored);
    return fs >= 0 && cache_layer_index_beside(fs, &x, &ignored) == 0 && cache_layer_can_be_read(fs, &x);
}

static bool is_packed(struct cache_store *s, const struct cb_digest *id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cache_packed packed;
    return cache_layer_packed(s, id, &cb_codec_none, -1, true, &packed, &ignored) == 1;
}

static bool can_be_made(struct cache_store *s, const struct cb_digest *id)
{
    return is_packed(s, id) || can_be_copied(s, id);
}

/* Of a layer without files: is it known where its bytes are? Not when it is damaged what was noted of that, and nothing else is
 * left of them. A base layer's can be fetched again. */
static bool can_be_had(struct cache_store *s, const struct cache_layer_dir *l)
{
    CB_AUTO(close) int dir = cache_layer_open(s, &l->l.id);
    int places = dir < 0 ? 0 : cache_layer_look_elsewhere(dir);
    return (places == 0 && l->base) || (places > 0 && !s->only_here) || is_packed(s, &l->l.id);
}

/* ---- the interface --------------------------------------------------------------------------- */

int cache_layer_find(struct cache_store *s, const struct cb_digest *id, struct cache_layer *ret, struct cb_error *err)
{
    struct cache_layer_dir l;
    int r = cache_layer_load(s, id, &l, err);
    if (r <= 0)
        return r;
    if (!l.base && !cb_digest_eq(id, &l.content)) /* not what its name says */
        return 0;
    if (l.foreign && !l.base && !can_be_made(s, id))
        return 0;
    if (!l.l.has_files && !l.foreign && !can_be_had(s, &l))
        return 0;
    if (!l.trusted && !check_layer(s, &l))
        return 0;
    *ret = l.l;
    return 1;
}

/* The id of the layer with this diff ID; if none is noted, or the note is torn, the one that a base layer has. */
static struct cb_digest id_of_diff(struct cache_store *s, const struct cb_digest *diff_id)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    char path[sizeof("diffs/") + CB_DIGEST_HEX] = "diffs/";
    struct cb_digest id;
    cb_digest_hex(diff_id, path + strlen("diffs/"));
    return cb_read_file(s->root, path, CB_DIGEST_HEX, &b) == 0 && cb_digest_parse_hex(b.data, &id) ? id : *diff_id;
}

int cache_layer_find_diff(struct cache_store *s, const struct cb_digest *diff_id, struct cache_layer *ret, struct cb_error *err)
{
    struct cb_digest id = id_of_diff(s, diff_id);
    int r = cache_layer_find(s, &id, ret, err);
    if (r != 1)
        return r;
    return ret->has_diff_id && cb_digest_eq(&ret->diff_id, diff_id);
}

bool cache_layer_is_foreign(struct cache_store *s, const struct cb_digest *diff_id)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cb_digest id = id_of_diff(s, diff_id);
    struct cache_layer_dir l;
    return cache_layer_load(s, &id, &l, &ignored) == 1 && l.foreign;
}

int cache_layer_index(struct cache_store *s, const struct cb_digest *id, struct cache_index *ret, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir == -ENOENT)
        return cb_fail(err, CB_E_NOT_FOUND, "%s is not in the store", cache_layer_name(id).text);
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    if (cache_layer_read_index(dir, NULL, ret, err) == 0)
        return 0;
    cache_layer_drop(s, id);
    cb_hint(err, "the damaged layer was removed from the store: build again");
    return cb_prefix(err, "%s", cache_layer_name(id).text);
}

int cache_layer_entries(struct cache_store *s, const struct cb_digest *id, struct cache_index_cursor *ret, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    return cache_layer_read_entries(dir, ret, err);
}

int cache_layer_open_fs(struct cache_store *s, const struct cb_digest *id, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    int fd = dir < 0 ? -1 : openat(dir, "fs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir == -ENOENT || (dir >= 0 && fd < 0 && errno == ENOENT))
        return cb_fail(err, CB_E_NOT_FOUND, "%s is not unpacked in the store", cache_layer_name(id).text);
    if (fd < 0)
        return cb_fail_sys(err, dir < 0 ? dir : errno, "open '%s/%s/fs'", s->path, cache_layer_path(id).text);
    return fd;
}

/* In place: nothing is made in a directory that somebody may be removing. If it is only partly written, the layer is checked.
 * What another process has put there meanwhile stays: it may have changed the form. */
static void mark_durable(struct cache_store *s, int dir, struct cache_layer_state state)
{
    CB_AUTO(cb_buf) struct cb_buf now = CB_BUF_INIT;
    CB_AUTO(free) char *was = state_text(s, &state);
    state.durable = true;
    CB_AUTO(free) char *text = state_text(s, &state);
    CB_AUTO(close) int fd = openat(dir, "state", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && cb_read_fd(fd, 256, &now) == 0 && strcmp(now.data, was) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        (void)cb_write_full(fd, text, strlen(text));
}

struct cache_layer_present *cache_layer_look(struct cache_store *s, const struct cb_digest *ids, size_t n)
{
    struct cache_layer_present *p = cb_alloc((n + 1) * sizeof(*p));
    for (size_t i = 0; i < n; i++) {
        struct cache_layer_dir l;
        p[i].dir = cache_layer_open(s, &ids[i]);
        if (p[i].dir < 0 || load_from(s, p[i].dir, &ids[i], &l) != 1 || !l.trusted)
            p[i].dir = cb_close(p[i].dir);
        else
            p[i].state = l.state;
    }
    return p;
}

void cache_layer_mark(struct cache_store *s, struct cache_layer_present *p, size_t n, bool synced)
{
    for (size_t i = 0; i < n; i++) {
        if (synced && p[i].dir >= 0)
            mark_durable(s, p[i].dir, p[i].state);
        cb_close(p[i].dir);
    }
    free(p);
}

int cache_layer_settle(struct cache_store *s, const struct cb_digest *ids, size_t n, struct cb_error *err)
{
    if (n == 0)
        return 0;
    struct cache_layer_present *present = cache_layer_look(s, ids, n);
    int r = syncfs(s->root) < 0 ? cb_fail_sys(err, errno, "sync the file system of '%s'", s->path) : 0;
    cache_layer_mark(s, present, n, r == 0);
    return r;
}
