/* From a draft under work/ to layers/<id>: whole, by one rename. */
#include "cache/layer/layer-internal.h"
#include "base/json.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int make_draft(struct cache_layer_draft *d, bool want_fs)
{
    if (mkdirat(d->base, "layer", 0700) < 0)
        return -errno;
    d->dir = openat(d->base, "layer", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (d->dir < 0)
        return -errno;
    if (!want_fs)
        return 0;
    if (mkdirat(d->dir, "fs", 0755) < 0)
        return -errno;
    d->fs = openat(d->dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return d->fs < 0 ? -errno : cache_layer_plain_root(d->fs);
}

int cache_layer_draft_begin_in(struct cache_store *s, int base, bool want_fs, struct cache_layer_draft *ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    d.store = s;
    d.base = base;
    int r = make_draft(&d, want_fs);

    if (r < 0)
        return cb_fail_sys(err, r, "make a layer in '%s/work'", s->path);
    *ret = d;
    d = CACHE_LAYER_DRAFT_INIT;
    return 0;
}

int cache_layer_draft_begin(struct cache_store *s, bool want_fs, struct cache_layer_draft *ret, struct cb_error *err)
{
    struct cache_work work = CACHE_WORK_INIT;
    if (cache_work_begin(s, &work, err) < 0)
        return -1;
    if (cache_layer_draft_begin_in(s, work.dir, want_fs, ret, err) < 0) {
        cache_work_done(s, &work);
        return -1;
    }
    ret->work = work;
    return 0;
}

void cache_layer_draft_done(struct cache_layer_draft *d)
{
    d->fs = cb_close(d->fs);
    if (d->dir >= 0 && d->work.dir < 0) /* what was not published, or what ours has replaced */
        (void)cb_remove_tree(d->base, "layer");
    d->dir = cb_close(d->dir);
    if (d->store)
        cache_work_done(d->store, &d->work);
    d->store = NULL;
}

/* ---- the small files ------------------------------------------------------------------------- */

static int write_file(int dir, const char *name, const void *p, size_t n)
{
    CB_AUTO(close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : cb_write_full(fd, p, n);
}

static int write_meta(struct cache_layer_draft *d, const struct cache_layer_dir *l)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    char content[CB_DIGEST_TEXT + 1], created[CB_TIME_MAX];
    cb_digest_text(&l->content, content);
    cb_time_rfc3339(l->l.created, created);
    CB_AUTO(json)
    json_t *j = json_pack("{s:s, s:b, s:s, s:I, s:I}", "content", content, "base", l->base, "created", created, "size",
                          (json_int_t)l->l.size, "entries", (json_int_t)l->l.entries);
    cb_json_dump(j, CB_JSON_COMPACT, &text);
    cache_seal(&text);
    return write_file(d->dir, "meta.json", text.data, text.len);
}

static void diff_text(const struct cb_digest *diff, struct cb_buf *ret)
{
    char hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(diff, hex);
    cb_buf_adds(ret, hex);
    cache_seal(ret);
}

/* Of files that this process has written. */
static enum cache_layer_form form_of(const struct cache_layer_draft *d, const struct cache_index *x)
{
    return x ? cache_layer_form_here(x) : cache_layer_form_of(d->passed->owned_links);
}

static int write_index(struct cache_layer_draft *d, const struct cache_index *x)
{
    CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
    cache_index_write(x, &index);
    cache_seal(&index);
    return write_file(d->dir, "index", index.data, index.len);
}

static int write_documents(struct cache_layer_draft *d, const struct cache_index *x, struct cache_layer_dir *l)
{
    CB_AUTO(cb_buf) struct cb_buf diff = CB_BUF_INIT;
    int r = x ? write_index(d, x) : 0;
    if (r == 0)
        r = write_meta(d, l);
    if (r == 0 && l->base) {
        diff_text(&l->l.diff_id, &diff);
        r = write_file(d->dir, "diff", diff.data, diff.len);
    }
    struct stat st;
    if (r == 0 && d->fs >= 0) {
        r = fstat(d->fs, &st) < 0 ? -errno : 0;
        if (r == 0)
            l->state = (struct cache_layer_state){.fs_ino = st.st_ino, .form = form_of(d, x)};
    }
    return r ? r : cache_layer_write_state(d->store, d->dir, &l->state);
}

/* ---- what a layer learns later ----------------------------------------------------------------- */

static int name_diff(struct cache_store *s, const struct cb_digest *id, const struct cb_digest *diff, struct cb_error *err)
{
    char name[CB_DIGEST_HEX + 1], hex[CB_DIGEST_HEX + 1];
    cb_digest_hex(diff, name);
    cb_digest_hex(id, hex);
    return cache_store_publish(s, "diffs", name, hex, CB_DIGEST_HEX, err);
}

int cache_layer_remember_diff(struct cache_store *s, const struct cb_digest *id, const struct cb_digest *diff,
                              struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    diff_text(diff, &text);
    if (cache_store_publish(s, cache_layer_path(id).text, "diff", text.data, text.len, err) < 0)
        return -1;
    return name_diff(s, id, diff, err);
}

/* -EEXIST: somebody else was faster. Anything there but a directory is damage, and is removed; files of another form are of no
 * use here. */
static int move_fs(struct cache_layer_draft *d, int dir)
{
    struct stat st;
    struct cache_layer_state state = {.fs_ino = 0};
    bool there = fstatat(dir, "fs", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISDIR(st.st_mode))
        (void)unlinkat(dir, "fs", 0);
    else if (there)
        (void)cache_layer_read_state(d->store, dir, st.st_ino, &state);
    if (state.form != CACHE_FORM_UNKNOWN && !cache_layer_form_fits(state.form)) /* theirs goes with the draft */
        return cache_rename_over(d->dir, "fs", dir, "fs");
    return cache_rename_new(d->dir, "fs", dir, "fs");
}

/* Until `state` is rewritten, its inode is not that of fs/: if we are killed in between, the layer is checked. */
int cache_layer_give_fs(struct cache_layer_draft *d, const struct cb_digest *id, const struct cache_index *x,
                        struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(d->store, id);
    int r = dir < 0 ? dir : 0;
    struct stat st;
    if (r == 0 && fstat(d->fs, &st) < 0)
        r = -errno;
    if (r == 0)
        r = move_fs(d, dir);
    if (r == -EEXIST)
        return 0;
    if (r == 0)
        r = cache_layer_write_state(d->store, dir, &(struct cache_layer_state){.fs_ino = st.st_ino, .form = form_of(d, x)});
    return r < 0 ? cb_fail_sys(err, r, "move files into '%s/%s'", d->store->path, cache_layer_path(id).text) : 0;
}

/* ---- publishing -------------------------------------------------------------------------------- */

/* The name is taken. 1: by a layer that is as good as ours, which *ret describes. 0: ours took its place. */
static int meet_existing(struct cache_layer_draft *d, const char *path, const struct cache_index *x, struct cache_layer_dir *ours,
                         struct cb_error *err)
{
    struct cache_layer_dir theirs;
    int r = cache_layer_load(d->store, &ours->l.id, &theirs, err);
    if (r < 0)
        return -1;
    struct cache_layer found;
    if (r == 1 && theirs.trusted && cb_digest_eq(&theirs.content, &ours->content)) {
        if (d->fs >= 0 && !theirs.l.has_files && cache_layer_give_fs(d, &ours->l.id, x, err) < 0)
            return -1;
        r = cache_layer_find(d->store, &ours->l.id, &found, err);
        if (r < 0)
            return -1;
        if (r == 1) {
            ours->l = found;
            return 1;
        }
    }
    r = cache_rename_over(d->base, "layer", d->store->root, path);
    return r < 0 ? cb_fail_sys(err, r, "replace '%s/%s'", d->store->path, path) : 0;
}

int cache_layer_exists(struct cache_store *s, const struct cb_digest *content, struct cache_layer *ret, struct cb_error *err)
{
    struct cache_layer_dir l;
    int r = cache_layer_load(s, content, &l, err);
    if (r <= 0 || l.base || !l.trusted || !l.l.has_files || !cb_digest_eq(&l.content, content))
        return r < 0 ? -1 : 0;
    *ret = l.l;
    return 1;
}

int cache_layer_publish(struct cache_layer_draft *d, const struct cache_index *x, const struct cb_digest *content,
                        const struct cb_digest *diff_id, struct cache_layer *ret, struct cb_error *err)
{
    struct cache_store *s = d->store;
    struct cache_layer_dir l = {.base = diff_id != NULL, .content = *content};
    l.l.id = diff_id ? *diff_id : l.content;
    l.l.has_diff_id = diff_id != NULL;
    if (diff_id)
        l.l.diff_id = *diff_id;
    l.l.has_files = d->fs >= 0;
    l.l.size = x ? cache_index_size(x) : d->passed->size;
    l.l.entries = x ? x->n : d->passed->n;
    clock_gettime(CLOCK_REALTIME, &l.l.created);
    struct cache_layer_path path = cache_layer_path(&l.l.id);
    int r = write_documents(d, x, &l);
    if (r < 0)
        return cb_fail_sys(err, r, "write a layer into '%s/work'", s->path);
    r = cb_mkdirs(s->root, "layers", 0700);
    if (r == 0)
        r = cache_rename_new(d->base, "layer", s->root, path.text);
    if (r < 0 && r != -EEXIST)
        return cb_fail_sys(err, r, "publish '%s/%s'", s->path, path.text);
    if (r == -EEXIST && meet_existing(d, path.text, x, &l, err) < 0)
        return -1;
    if (diff_id && name_diff(s, &l.l.id, diff_id, err) < 0)
        return -1;
    *ret = l.l;
    return 0;
}
