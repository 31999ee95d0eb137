/* Layers made of entries: COPY, ADD, WORKDIR. Directories and all else without data are made as they come; files that may wait
 * are written by several threads, when there are enough of them. */
#include "cache/layer/layer-internal.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/stream/beside.h"
#include "base/threads.h"
#include "cache/store/blob.h"
#include "cache/store/seal.h"

#include <stdatomic.h>
#include <unistd.h>

#define MAX_WAITING 4096       /* files that wait to be written; what they take in memory is bounded */
#define WORTH_FILES 64         /* from here on, or */
#define WORTH_BYTES (1u << 20) /* from here on (and two files), threads are worth their start */
#define AT_ONCE     16         /* files that a thread takes at a time: neighbours, so that it stays in a directory */

struct waiting {
    size_t entry; /* in the index */
    struct cache_data data;
    bool in_model;
};

/* An earlier layer, read along with the entries that are added: where it has a file that is just so, that one is linked. */
struct model {
    int fs, index; /* -1: there is none */
    struct cache_index_cursor cursor;
    struct cache_entry at; /* the first that is not before the last one asked for */
    bool ended;
};

/* Entries that are not held: the index is written as they come. */
struct passing {
    int fd; /* the index; -1: entries are held */
    struct cb_buf out;
    struct cb_sha256 content;
    struct cache_layer_passed passed;
    uint64_t expected;
    struct cb_buf last;      /* path of the last one that was written */
    struct cache_index dirs; /* of layers with files: they are finished at the end */
};

struct cache_layer_writer {
    struct cache_layer_draft draft;
    struct cache_layer_hand hand; /* our own */
    struct model model;
    struct passing passing;
    struct cache_index index; /* of entries that pass, the last ones */
    struct waiting *waiting;
    size_t n_waiting, cap_waiting;
    uint64_t bytes_waiting;
    const void *culprit;
    struct cache_entry entry; /* the file of begin, write, end */
    /* of a packed layer: the tar is hashed and written beside the reading */
    struct cache_blob_writer blob;
    struct cb_beside *beside;
    struct cb_tar_writer *tar;
};

static struct cache_layer_writer *make_writer(void)
{
    struct cache_layer_writer *w = CB_NEW(struct cache_layer_writer);
    w->draft = CACHE_LAYER_DRAFT_INIT;
    w->model = (struct model){.fs = -1, .index = -1, .cursor = CACHE_INDEX_CURSOR_INIT, .ended = true};
    w->passing = (struct passing){.fd = -1, .out = CB_BUF_INIT, .last = CB_BUF_INIT};
    w->blob = CACHE_BLOB_WRITER_INIT;
    cache_layer_hand_init(&w->hand, -1, -1);
    return w;
}

int cache_layer_writer_new(struct cache_store *s, struct cache_layer_writer **ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = make_writer();
    if (cache_layer_draft_begin(s, true, &w->draft, err) < 0)
        return -1;
    cache_layer_cursor_set_root(&w->hand.disk.cursor, w->draft.fs);
    *ret = CB_TAKE(w);
    return 0;
}

static int to_blob(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

int cache_layer_writer_packed(struct cache_store *s, struct cache_layer_writer **ret, struct cb_error *err)
{
    CB_AUTO(cache_layer_writer) struct cache_layer_writer *w = make_writer();
    if (cache_layer_draft_begin(s, false, &w->draft, err) < 0 || cache_blob_begin(s, &w->blob, err) < 0)
        return -1;
    w->blob.replaces = true; /* a tar that was forgotten may have lain there for long */
    w->beside = cb_beside_new(to_blob, &w->blob);
    w->tar = cb_tar_writer_new(cb_beside_add, w->beside, err);
    if (!w->tar)
        return -1;
    w->hand.tar = w->tar;
    *ret = CB_TAKE(w);
    return 0;
}

void cache_layer_writer_free(struct cache_layer_writer *w)
{
    if (!w)
        return;
    cache_layer_hand_done(&w->hand);
    cb_tar_writer_free(w->tar);
    cb_beside_free(w->beside);
    cache_blob_abort(&w->blob);
    cache_layer_draft_done(&w->draft);
    cache_index_done(&w->index);
    cache_index_cursor_done(&w->model.cursor);
    cb_close(w->model.index);
    cb_close(w->model.fs);
    cb_close(w->passing.fd);
    cb_buf_done(&w->passing.out);
    cb_buf_done(&w->passing.last);
    cache_index_done(&w->passing.dirs);
    free(w->waiting);
    free(w);
}

void cache_layer_writer_like(struct cache_layer_writer *w, const struct cb_digest *earlier)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct cache_store *s = w->draft.store;
    struct cache_layer l;
    enum cache_layer_form form;
    if (cache_layer_find(s, earlier, &l, &ignored) != 1 || !l.has_files)
        return;
    CB_AUTO(close) int fs = cache_layer_open_own(s, earlier, &form, &ignored);
    w->model.index = fs < 0 ? -1 : cache_layer_entries(s, earlier, &w->model.cursor, &ignored);
    if (w->model.index < 0)
        return;
    w->model.ended = cache_index_cursor_next(&w->model.cursor, &w->model.at, &ignored) <= 0;
    w->model.fs = cb_take_fd(&fs);
    w->hand.model = w->model.fs;
    cache_layer_cursor_set_root(&w->hand.model_cursor, w->model.fs);
}

/* Files mostly come in the order of the index; of one that does not, nothing is known. */
static bool is_in_model(struct cache_layer_writer *w, const struct cache_entry *e)
{
    struct model *m = &w->model;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    while (!m->ended && cache_index_compare(m->at.path, e->path) < 0)
        m->ended = cache_index_cursor_next(&m->cursor, &m->at, &ignored) <= 0;
    return !m->ended && strcmp(m->at.path, e->path) == 0 && cache_layer_same_file(&m->at, e);
}

/* ---- entries that pass ------------------------------------------------------------------------- */

#define HELD_AT_MOST 4096 /* entries, before they are written */

int cache_layer_writer_pass(struct cache_layer_writer *w, size_t n, struct cb_error *err)
{
    struct passing *p = &w->passing;
    if (n > CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_UNSUPPORTED, "a layer cannot have more than %u entries", CB_MAX_ENTRIES);
    p->fd = openat(w->draft.dir, "index", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return cb_fail_sys(err, errno, "write a layer into '%s/work'", w->draft.store->path);
    p->expected = n;
    w->draft.passed = &p->passed;
    cache_index_put_head(n, &p->out);
    cb_sha256_init(&p->content);
    cb_sha256_add(&p->content, p->out.data, p->out.len);
    return 0;
}

static int write_out(struct cache_layer_writer *w, struct cb_error *err)
{
    int r = cb_write_full(w->passing.fd, w->passing.out.data, w->passing.out.len);
    cb_buf_reset(&w->passing.out);
    return r < 0 ? cb_fail_sys(err, r, "write a layer into '%s/work'", w->draft.store->path) : 0;
}

/* All of the entries that are held are known now: none waits. */
static int let_pass(struct cache_layer_writer *w, struct cb_error *err)
{
    struct passing *p = &w->passing;
    CB_AUTO(cb_buf) struct cb_buf content = CB_BUF_INIT;
    for (size_t i = 0; i < w->index.n; i++) {
        const struct cache_entry *e = &w->index.entries[i];
        cache_index_put(e, true, &p->out);
        cache_index_put(e, false, &content);
        p->passed.n++;
        p->passed.size += e->size;
        p->passed.owned_links = p->passed.owned_links || cache_layer_is_owned_link(e);
        if (e->type == CB_DIR && !w->tar)
            cache_index_add(&p->dirs, e);
    }
    if (w->index.n) {
        cb_buf_reset(&p->last);
        cb_buf_adds(&p->last, w->index.entries[w->index.n - 1].path);
    }
    cb_sha256_add(&p->content, content.data, content.len);
    cache_index_done(&w->index);
    return write_out(w, err);
}

/* After an entry was added. */
static int go_on(struct cache_layer_writer *w, struct cb_error *err)
{
    return w->passing.fd >= 0 && !w->n_waiting && w->index.n >= HELD_AT_MOST ? let_pass(w, err) : 0;
}

static int end_passing(struct cache_layer_writer *w, struct cb_digest *ret_content, struct cb_error *err)
{
    struct passing *p = &w->passing;
    if (let_pass(w, err) < 0)
        return -1;
    if (p->passed.n != p->expected)
        return cb_fail(err, CB_E_FAILED, "internal error: a layer has %llu entries instead of %llu",
                       (unsigned long long)p->passed.n, (unsigned long long)p->expected);
    int r = cache_seal_file(p->fd);
    cb_sha256_end(&p->content, ret_content);
    return r < 0 ? cb_fail_sys(err, r, "write a layer into '%s/work'", w->draft.store->path) : 0;
}

/* ---- files that wait --------------------------------------------------------------------------- */

/* What the threads share. */
struct sharing {
    struct cache_layer_writer *writer;
    atomic_size_t next; /* the first file that nobody has taken */
    atomic_bool failed;
};

struct worker {
    struct sharing *sharing;
    struct cache_layer_hand *hand;
    struct cb_error err;
    const void *culprit;
};

static int write_waiting(struct cache_layer_writer *w, struct cache_layer_hand *h, size_t i, struct cb_error *err)
{
    const struct waiting *f = &w->waiting[i];
    return cache_layer_hand_file(h, &w->index.entries[f->entry], &f->data, f->in_model, err);
}

static void work(void *arg)
{
    struct worker *me = arg;
    struct sharing *s = me->sharing;
    size_t n = s->writer->n_waiting, at;
    while (!s->failed && (at = atomic_fetch_add(&s->next, AT_ONCE)) < n)
        for (size_t i = at; i < CB_MIN(at + AT_ONCE, n) && !s->failed; i++)
            if (write_waiting(s->writer, me->hand, i, &me->err) < 0) {
                me->culprit = s->writer->waiting[i].data.source;
                s->failed = true;
            }
}

/* One of several errors is as good as the others. */
static int result_of(struct cache_layer_writer *w, struct worker *workers, size_t n, struct cb_error *err)
{
    int r = 0;
    for (size_t i = 0; i < n; i++) {
        if (r == 0 && workers[i].err.code) {
            cb_error_move(err, &workers[i].err);
            w->culprit = workers[i].culprit;
            r = -1;
        }
        cb_error_done(&workers[i].err);
    }
    return r;
}

static int write_side_by_side(struct cache_layer_writer *w, struct cb_error *err)
{
    size_t n = cb_threads_worth();
    CB_AUTO(free) struct worker *workers = cb_alloc(n * sizeof(*workers));
    CB_AUTO(free) struct cache_layer_hand *hands = cb_alloc(n * sizeof(*hands));
    struct sharing s = {.writer = w};
    for (size_t i = 0; i < n; i++) {
        if (i)
            cache_layer_hand_init(&hands[i], w->draft.fs, w->model.fs);
        workers[i] = (struct worker){.sharing = &s, .hand = i ? &hands[i] : &w->hand};
    }
    cb_threads_run(work, workers, sizeof(*workers), n);
    for (size_t i = 1; i < n; i++)
        cache_layer_hand_done(&hands[i]);
    return result_of(w, workers, n, err);
}

static int write_in_turn(struct cache_layer_writer *w, struct cb_error *err)
{
    for (size_t i = 0; i < w->n_waiting; i++)
        if (write_waiting(w, &w->hand, i, err) < 0) {
            w->culprit = w->waiting[i].data.source;
            return -1;
        }
    return 0;
}

static int write_all_waiting(struct cache_layer_writer *w, struct cb_error *err)
{
    bool worth = w->n_waiting >= WORTH_FILES || (w->n_waiting > 1 && w->bytes_waiting >= WORTH_BYTES);
    int r = worth ? write_side_by_side(w, err) : write_in_turn(w, err);
    w->n_waiting = 0;
    w->bytes_waiting = 0;
    return r < 0 ? -1 : go_on(w, err);
}

const void *cache_layer_culprit(const struct cache_layer_writer *w)
{
    return w->culprit;
}

/* ---- the interface --------------------------------------------------------------------------- */

static int check(const struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err)
{
    if (w->index.n >= CB_MAX_ENTRIES) /* of those that pass the number was known before */
        return cb_fail(err, CB_E_UNSUPPORTED, "a layer cannot have more than %u entries", CB_MAX_ENTRIES);
    if (strlen(e->path) > CB_MAX_PATH)
        return cb_fail(err, CB_E_UNSUPPORTED, "a path of %zu bytes is too long for a layer", strlen(e->path));
    if (cb_starts(cb_path_base(e->path), ".wh."))
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s': names that begin with '.wh.' cannot be stored in a layer", e->path);
    if (e->type == CB_CHAR && e->dev_major == 0 && e->dev_minor == 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "'/%s' is a device 0:0, which would hide what is below", e->path);
    return e->type == CB_FILE ? cache_check_size(e->path, e->size, err) : 0;
}

static bool out_of_order(const struct cache_layer_writer *w, const struct cache_entry *e)
{
    bool ordered = w->tar || w->passing.fd >= 0;
    const char *last = w->index.n ? w->index.entries[w->index.n - 1].path : w->passing.last.data;
    return ordered && *last && cache_index_compare(last, e->path) >= (e->type != CACHE_OPAQUE);
}

static int too_late(const struct cache_entry *e, struct cb_error *err)
{
    return cb_fail(err, CB_E_FAILED, "internal error: '/%s' comes too late for the index of a layer", e->path);
}

/* A link says what the file says that it is another name of. */
static void join_file(const struct cache_index *x, struct cache_entry *link)
{
    const struct cache_index before = {.entries = x->entries, .n = x->n - 1};
    const struct cache_entry *file = cache_index_find(&before, link->link);
    if (file && file->type == CB_HARDLINK)
        file = cache_index_find(&before, file->link);
    if (!file)
        return;
    link->link = file->path;
    link->mode = file->mode;
    link->uid = file->uid;
    link->gid = file->gid;
    link->mtime = file->mtime;
}

/* As the index has it: what a type does not have is not written into a tar either. */
static int write_entry(struct cache_layer_writer *w, struct cache_entry *e, const struct cache_data *data, struct cb_error *err)
{
    if (e->type == CB_FILE)
        return cache_layer_hand_file(&w->hand, e, data, is_in_model(w, e), err);
    if (w->tar && e->type == CB_HARDLINK)
        join_file(&w->index, e);
    return w->tar ? cache_layer_tar_entry(w->tar, e, err) : cache_layer_disk_make(&w->hand.disk, e, err);
}

int cache_layer_add(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                    struct cb_error *err)
{
    if (check(w, e, err) < 0)
        return -1;
    if (out_of_order(w, e))
        return too_late(e, err);
    cache_index_add(&w->index, e);
    if (write_entry(w, &w->index.entries[w->index.n - 1], data, err) == 0)
        return go_on(w, err);
    w->index.n--;
    w->culprit = data ? data->source : NULL;
    return -1;
}

int cache_layer_add_soon(struct cache_layer_writer *w, const struct cache_entry *e, const struct cache_data *data,
                         struct cb_error *err)
{
    if (e->type != CB_FILE) {
        bool names_another = e->type == CB_HARDLINK && w->n_waiting;
        return names_another && write_all_waiting(w, err) < 0 ? -1 : cache_layer_add(w, e, data, err);
    }
    if (check(w, e, err) < 0)
        return -1;
    if (out_of_order(w, e))
        return too_late(e, err);
    cache_index_add(&w->index, e);
    struct waiting *f = &CB_PUSH(w->waiting, w->n_waiting, w->cap_waiting);
    *f = (struct waiting){w->index.n - 1, *data, is_in_model(w, e)};
    if (w->passing.fd >= 0)
        f->data.path = cb_arena_strdup(&w->index.arena, data->path);
    w->bytes_waiting += e->size;
    return w->n_waiting < MAX_WAITING ? 0 : write_all_waiting(w, err);
}

int cache_layer_file_begin(struct cache_layer_writer *w, const struct cache_entry *e, struct cb_error *err)
{
    if (check(w, e, err) < 0 || cache_layer_hand_begin(&w->hand, e, err) < 0)
        return -1;
    cache_index_add(&w->index, e); /* keeps the strings; digest and size follow */
    w->entry = w->index.entries[w->index.n - 1];
    return 0;
}

int cache_layer_file_write(struct cache_layer_writer *w, const void *p, size_t n, struct cb_error *err)
{
    if (n > w->entry.size || w->hand.size > w->entry.size - n)
        return cb_fail(err, CB_E_CORRUPT, "'/%s' is longer than its header says", w->entry.path);
    return cache_layer_hand_put(&w->hand, &w->entry, p, n, err);
}

int cache_layer_file_end(struct cache_layer_writer *w, struct cb_error *err)
{
    if (cache_layer_hand_end(&w->hand, &w->entry, err) < 0)
        return -1;
    w->index.entries[w->index.n - 1].digest = w->entry.digest;
    return 0;
}

static const struct cache_index *index_of(const struct cache_layer_writer *w)
{
    return w->passing.fd >= 0 ? NULL : &w->index;
}

static int end_entries(struct cache_layer_writer *w, struct cb_digest *ret_content, struct cb_error *err)
{
    if (w->passing.fd >= 0)
        return end_passing(w, ret_content, err);
    cache_index_content_id(&w->index, ret_content);
    return 0;
}

/* What is there already is the result, when its bytes are. */
static int exists_packed(struct cache_store *s, const struct cb_digest *content, struct cache_layer *ret, struct cb_error *err)
{
    struct cache_packed packed;
    int found = cache_layer_find(s, content, ret, err);
    if (found <= 0 || ret->has_files)
        return found;
    return ret->has_diff_id && cache_layer_packed(s, content, &cb_codec_none, -1, true, &packed, err) == 1;
}

static int commit_packed(struct cache_layer_writer *w, struct cache_layer *ret, struct cb_error *err)
{
    struct cache_packed packed = {.codec = &cb_codec_none};
    struct cache_store *s = w->draft.store;
    struct cb_digest content;
    if (cb_tar_end(w->tar, err) < 0 || cb_beside_end(w->beside, err) < 0)
        return -1;
    if (end_entries(w, &content, err) < 0)
        return -1;
    int found = exists_packed(s, &content, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    packed.size = w->blob.size;
    if (cache_blob_commit(&w->blob, NULL, &packed.digest, err) < 0 ||
        cache_layer_publish(&w->draft, index_of(w), &content, NULL, ret, err) < 0 ||
        cache_layer_remember_diff(s, &content, &packed.digest, err) < 0 || cache_layer_set_packed(s, &content, &packed, err) < 0)
        return -1;
    ret->has_diff_id = true;
    ret->diff_id = packed.digest;
    return 0;
}

static int commit_files(struct cache_layer_writer *w, struct cache_layer *ret, struct cb_error *err)
{
    if (w->n_waiting && write_all_waiting(w, err) < 0)
        return -1;
    bool passing = w->passing.fd >= 0;
    struct cb_digest content;
    if (!passing)
        cache_layer_settle_links(&w->index);
    if (end_entries(w, &content, err) < 0 ||
        cache_layer_disk_finish(&w->hand.disk, passing ? &w->passing.dirs : &w->index, err) < 0)
        return -1;
    int found = cache_layer_exists(w->draft.store, &content, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    return cache_layer_publish(&w->draft, index_of(w), &content, NULL, ret, err);
}

int cache_layer_commit(struct cache_layer_writer *w, struct cache_layer *ret, struct cb_error *err)
{
    return w->tar ? commit_packed(w, ret, err) : commit_files(w, ret, err);
}
