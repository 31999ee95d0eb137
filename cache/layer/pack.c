/* The packed forms of a layer: tar streams, compressed or not.
 *
 * A layer that a step made has one tar, made from its index (oci-image.md §6); its file bytes come from fs/, or, when
 * that is gone, from another packed form. A base layer's tar is not ours to make: it exists in the blob that it came in,
 * and in what was recompressed from that. */
#include "cache/layer/layer-internal.h"
#include "cache/layer/reader.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/stream/beside.h"
#include "base/threads.h"
#include "cache/store/blob.h"

#include <stdio.h>
#include <unistd.h>

#define NORMAL_LEVEL (-1)
#define MAX_PACKED   4096 /* bytes of packed-*.json */

/* ---- from index and files ------------------------------------------------------------------------ */

struct packer {
    struct cb_tar_writer *tar;
    const int64_t *latest; /* later times become this one; NULL: none does */
    struct cache_reader *reader;
    char *buffer;
};

static int damaged(struct cb_error *err, const char *path, const char *why)
{
    return cb_fail(err, CB_E_CORRUPT, "'/%s' in the layer's files %s", path, why);
}

/* The bytes of a file, verified on the way. A difference means that the layer is damaged. */
static int pack_data(struct packer *p, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(close) int fd = cache_reader_open(p->reader, 0, e->path, err);
    uint64_t left = e->size;
    if (fd < 0)
        return -1;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "look at '/%s' in the layer's files", e->path);
    if ((uint64_t)st.st_size != e->size)
        return damaged(err, e->path, "has a different size than in the index");
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    while (left > 0) {
        int n = cb_read_full(fd, p->buffer, (size_t)CB_MIN(left, (uint64_t)CACHE_LAYER_COPY_BUFFER));
        if (n < 0)
            return cb_fail_sys(err, n, "read '/%s' in the layer's files", e->path);
        if (n == 0)
            return damaged(err, e->path, "is shorter than in the index");
        cb_sha256_add(&sha, p->buffer, (size_t)n);
        if (cb_tar_write(p->tar, p->buffer, (size_t)n, err) < 0)
            return -1;
        left -= (uint64_t)n;
    }
    struct cb_digest have;
    cb_sha256_end(&sha, &have);
    return cb_digest_eq(&have, &e->digest) ? 0 : damaged(err, e->path, "has different bytes than in the index");
}

static int tar_mark(struct cb_tar_writer *tar, const struct cache_entry *e, struct cb_error *err)
{
    const char *base = cb_path_base(e->path);
    CB_AUTO(free)
    char *name = e->type == CACHE_OPAQUE ? cb_printf("%s/.wh..wh..opq", e->path)
                                         : cb_printf("%.*s.wh.%s", (int)(base - e->path), e->path, base);

    return cb_tar_entry_begin(tar, &(struct cb_tar_entry){.path = name, .type = CB_FILE}, err);
}

int cache_layer_tar_entry(struct cb_tar_writer *tar, const struct cache_entry *e, struct cb_error *err)
{
    const struct cb_tar_entry t = {.path = e->path,
                                   .type = (enum cb_ftype)e->type,
                                   .mode = e->mode,
                                   .uid = e->uid,
                                   .gid = e->gid,
                                   .size = e->size,
                                   .mtime = e->mtime,
                                   .link = e->link,
                                   .dev_major = e->dev_major,
                                   .dev_minor = e->dev_minor,
                                   .xattrs = e->xattrs,
                                   .n_xattrs = e->n_xattrs};
    bool mark = e->type == CACHE_WHITEOUT || e->type == CACHE_OPAQUE;
    return mark ? tar_mark(tar, e, err) : cb_tar_entry_begin(tar, &t, err);
}

static int pack_entry(struct packer *p, const struct cache_entry *e, struct cb_error *err)
{
    struct cache_entry in_time = *e;
    if (p->latest)
        in_time.mtime = CB_MIN(e->mtime, *p->latest);
    if (cache_layer_tar_entry(p->tar, &in_time, err) < 0)
        return -1;
    return e->type == CB_FILE && e->size ? pack_data(p, e, err) : 0;
}

static int pack_entries(struct packer *p, struct cache_index_cursor *from, uint64_t total, struct cb_job_io *io,
                        struct cb_error *err)
{
    struct cache_entry e;
    uint64_t done = 0;
    for (int r; (r = cache_index_cursor_next(from, &e, err)) != 0;) {
        if (r < 0 || pack_entry(p, &e, err) < 0)
            return -1;
        done += e.type == CB_FILE ? e.size : 0;
        if (io)
            cb_job_progress(io, "packing", done, total);
    }
    return cb_tar_end(p->tar, err);
}

int cache_layer_tar_files(struct cache_store *s, const struct cache_layer *l, const int64_t *latest, struct cb_job_io *io,
                          cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    CB_AUTO(cache_index_cursor) struct cache_index_cursor entries = CACHE_INDEX_CURSOR_INIT;
    CB_AUTO(cache_reader) struct cache_reader *reader = cache_reader_new(s, &l->id, 1);
    CB_AUTO(free) char *buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *tar = cb_tar_writer_new(sink, arg, err);
    struct packer p = {.tar = tar, .buffer = buffer, .reader = reader, .latest = latest};
    CB_AUTO(close) int index = tar ? cache_layer_entries(s, &l->id, &entries, err) : -1;
    if (index >= 0 && pack_entries(&p, &entries, l->size, io, err) == 0)
        return 0;
    if (err->code == CB_E_CORRUPT)
        cache_layer_drop(s, &l->id);
    return -1;
}

/* ---- from another packed form --------------------------------------------------------------------- */

/* A blob as it is read, verified at its end: nothing from it is used for good before that. */
struct blob_source {
    struct cache_store *store;
    const struct cache_packed *packed;
    struct cb_sha256 sha;
    uint64_t bytes;
    int fd;
};

static ssize_t read_blob(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct blob_source *b = arg;
    int got = cb_read_full(b->fd, p, CB_MIN(n, (size_t)1 << 20));
    if (got < 0)
        return cb_fail_sys(err, got, "read a blob of the store");
    cb_sha256_add(&b->sha, p, (size_t)got);
    b->bytes += (uint64_t)got;
    return got;
}

static int verify_blob(struct blob_source *b, struct cb_error *err)
{
    char rest[4096];
    ssize_t n;
    while ((n = read_blob(b, rest, sizeof(rest), err)) > 0) /* what follows the end of the compressed stream */
        ;
    if (n < 0)
        return -1;
    struct cb_digest have;
    cb_sha256_end(&b->sha, &have);
    if (cb_digest_eq(&have, &b->packed->digest))
        return 0;
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(&b->packed->digest, text);
    cache_blob_damaged(b->store, &b->packed->digest, b->fd);
    cb_fail(err, CB_E_CORRUPT, "blob '%s' is damaged", text);
    return cb_hint(err, "it was removed from the store: run the build again");
}

/* A failure while decoding means first of all that the blob is damaged. */
static int blame_blob(struct blob_source *b, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error blob = CB_ERROR_INIT;
    if (err->code == CB_E_CORRUPT && verify_blob(b, &blob) < 0) {
        cb_error_done(err);
        cb_error_move(err, &blob);
    }
    return -1;
}

static int open_blob(struct cache_store *s, const struct cache_packed *from, struct blob_source *ret, struct cb_error *err)
{
    *ret = (struct blob_source){.store = s, .packed = from, .fd = cache_blob_open(s, &from->digest, err)};
    cb_sha256_init(&ret->sha);
    return ret->fd < 0 ? -1 : 0;
}

static int unpack_blob(struct cache_store *s, const struct cache_packed *from, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    CB_AUTO(free) char *buffer = cb_alloc_buffer(CACHE_LAYER_COPY_BUFFER);
    struct blob_source b;
    if (open_blob(s, from, &b, err) < 0)
        return -1;
    CB_AUTO(close) int fd = b.fd;
    CB_AUTO(cb_decoder) struct cb_decoder *d = cb_decoder_new(read_blob, &b, "layer");
    ssize_t n;
    while ((n = cb_decoder_read(d, buffer, CACHE_LAYER_COPY_BUFFER, err)) > 0) {
        if (sink(arg, buffer, (size_t)n, err) < 0)
            return -1;
    }
    (void)fd;
    return n < 0 ? blame_blob(&b, err) : verify_blob(&b, err);
}

/* ---- the tar and its digest ------------------------------------------------------------------------ */

struct hashing_sink {
    cb_sink_fn *sink;
    void *arg;
    struct cb_sha256 sha;
};

static int hash_and_pass(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct hashing_sink *h = arg;
    cb_sha256_add(&h->sha, p, n);
    return h->sink(h->arg, p, n, err);
}

static int load(struct cache_store *s, const struct cb_digest *id, struct cache_layer_dir *ret, struct cb_error *err)
{
    int r = cache_layer_load(s, id, ret, err);
    return r == 0 ? cb_fail(err, CB_E_NOT_FOUND, "%s is not in the store", cache_layer_name(id).text) : r < 0 ? -1 : 0;
}

static int no_source(const struct cache_layer_dir *l, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "%s: the blob it came in is not in the store", cache_layer_name(&l->l.id).text);
    return cb_hint(err, "pull the image again");
}

/* What was just read was compared with the index, or with the digest of its blob, so it is the noted digest that is wrong. */
static int correct_diff(struct cache_store *s, const struct cache_layer_dir *l, const struct cb_digest *diff,
                        struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    cb_fail(err, CB_E_CORRUPT, "%s: its tar has another digest than before", cache_layer_name(&l->l.id).text);
    if (l->base || cache_layer_remember_diff(s, &l->l.id, diff, &ignored) < 0)
        return -1;
    return cb_hint(err, "the digest in the store was damaged and has been corrected: run the build again");
}

static int write_tar(struct cache_store *s, const struct cache_layer_dir *l, struct cb_job_io *io, cb_sink_fn *sink, void *arg,
                     struct cb_digest *ret_diff, struct cb_error *err)
{
    struct hashing_sink h = {.sink = sink, .arg = arg};
    CB_AUTO(cb_beside) struct cb_beside *beside = cb_beside_new(hash_and_pass, &h); /* while the next files are read */
    struct cache_packed from;
    bool own = !l->base && l->l.has_files;
    int r = own ? 1 : cache_layer_packed(s, &l->l.id, cb_codecs[0], NORMAL_LEVEL, true, &from, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return no_source(l, err);
    cb_sha256_init(&h.sha);
    r = own ? cache_layer_tar_files(s, &l->l, NULL, io, cb_beside_add, beside, err)
            : unpack_blob(s, &from, cb_beside_add, beside, err);
    if (r < 0 || cb_beside_end(beside, err) < 0)
        return cb_prefix(err, "%s", cache_layer_name(&l->l.id).text);
    cb_sha256_end(&h.sha, ret_diff);
    if (l->l.has_diff_id && !cb_digest_eq(ret_diff, &l->l.diff_id))
        return correct_diff(s, l, ret_diff, err);
    return l->l.has_diff_id ? 0 : cache_layer_remember_diff(s, &l->l.id, ret_diff, err);
}

int cache_layer_tar(struct cache_store *s, const struct cb_digest *id, cb_sink_fn *sink, void *arg, struct cb_digest *ret_diff_id,
                    struct cb_error *err)
{
    struct cache_layer_dir l;
    return load(s, id, &l, err) < 0 ? -1 : write_tar(s, &l, NULL, sink, arg, ret_diff_id, err);
}

static int drop_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)arg;
    (void)p;
    (void)n;
    (void)err;
    return 0;
}

int cache_layer_diff_id(struct cache_store *s, const struct cb_digest *id, struct cb_digest *ret, struct cb_error *err)
{
    struct cache_layer l;
    int found = cache_layer_find(s, id, &l, err);
    if (found <= 0)
        return found;
    if (!l.has_diff_id)
        return cache_layer_tar(s, id, drop_bytes, NULL, ret, err) < 0 ? -1 : 1;
    *ret = l.diff_id;
    return 1;
}

/* ---- remembered blobs ------------------------------------------------------------------------------ */

struct packed_name {
    char text[48];
};

/* `level` < 0: the blob that a base layer came in, whatever its level. */
static struct packed_name packed_name(const struct cb_codec *codec, int level)
{
    struct packed_name n;
    if (level < 0)
        snprintf(n.text, sizeof(n.text), "packed-%s.json", codec->name);
    else
        snprintf(n.text, sizeof(n.text), "packed-%s%s-%d.json", codec->name, codec->edition, level);
    return n;
}

/* Only what can be used: the blob must be there, whole by its size. */
static bool read_packed(struct cache_store *s, int dir, const struct cb_codec *codec, int level, struct cache_packed *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *digest = "";
    struct packed_name name = packed_name(codec, level);
    if (cb_read_file(dir, name.text, MAX_PACKED, &b) < 0)
        return false;
    CB_AUTO(json) json_t *j = cb_json_parse(b.data, cache_unseal(b.data, b.len), name.text, &ignored);
    int64_t size = -1;
    if (!j || cb_json_str(j, "blob", "packed", &digest, &ignored) < 0 || cb_json_int(j, "size", "packed", &size, &ignored) < 0 ||
        size < 0 || !cb_digest_parse(digest, &ret->digest))
        return false;
    ret->size = (uint64_t)size;
    ret->codec = codec;
    return cache_blob_fits(s, &ret->digest, ret->size);
}

/* Any blob of this kind, however it was made. */
static bool any_level(struct cache_store *s, int dir, const struct cb_codec *codec, struct cache_packed *ret)
{
    if (read_packed(s, dir, codec, -1, ret))
        return true;
    for (int level = codec->min_level; level <= codec->max_level; level++)
        if (read_packed(s, dir, codec, level, ret))
            return true;
    return false;
}

int cache_layer_packed(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level, bool any,
                       struct cache_packed *ret, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir == -ENOENT)
        return 0;
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    struct cache_packed p;
    bool found = read_packed(s, dir, codec, cb_codec_level(codec, level), &p) || read_packed(s, dir, codec, -1, &p) ||
                 (any && any_level(s, dir, codec, &p));
    for (const struct cb_codec *const *c = cb_codecs; any && !found && *c; c++)
        found = any_level(s, dir, *c, &p);
    if (found)
        *ret = p;
    return found;
}

static int remember_packed(struct cache_store *s, const struct cb_digest *id, const struct cache_packed *p, int level,
                           struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&p->digest, digest);
    CB_AUTO(json) json_t *j = json_pack("{s:s, s:I}", "blob", digest, "size", (json_int_t)p->size);
    cb_json_dump(j, CB_JSON_COMPACT, &text);
    cache_seal(&text);
    return cache_store_publish(s, cache_layer_path(id).text, packed_name(p->codec, level).text, text.data, text.len, err);
}

int cache_layer_set_packed(struct cache_store *s, const struct cb_digest *id, const struct cache_packed *p, struct cb_error *err)
{
    CB_AUTO(close) int dir = cache_layer_open(s, id);
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s/%s'", s->path, cache_layer_path(id).text);
    return remember_packed(s, id, p, -1, err);
}

/* The tar of a layer of ours is not needed beside its files, or beside another packed form. The blob is removed with what nothing
 * names. */
static void forget_tar(struct cache_store *s, const struct cache_layer_dir *l)
{
    CB_AUTO(close) int dir = l->base ? -1 : cache_layer_open(s, &l->l.id);
    if (dir >= 0)
        (void)unlinkat(dir, packed_name(&cb_codec_none, -1).text, 0);
}

/* ---- packing ---------------------------------------------------------------------------------------- */

static int to_blob(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cache_blob_write(arg, p, n, err);
}

static int to_encoder(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cb_encoder_add(arg, p, n, err);
}

int cache_layer_pack(struct cache_store *s, const struct cb_digest *id, const struct cb_codec *codec, int level,
                     struct cb_job_io *io, struct cache_packed *ret, struct cb_error *err)
{
    CB_AUTO(cache_blob_writer) struct cache_blob_writer blob = CACHE_BLOB_WRITER_INIT;
    CB_AUTO(cb_encoder) struct cb_encoder *encoder = NULL;
    struct cache_packed p = {.codec = codec};
    level = cb_codec_level(codec, level);
    struct cache_layer_dir l;
    if (load(s, id, &l, err) < 0 || cache_blob_begin(s, &blob, err) < 0)
        return -1;
    encoder = cb_encoder_new(codec, level, (int)cb_threads_worth(), to_blob, &blob);
    struct cb_digest diff;
    if (write_tar(s, &l, io, to_encoder, encoder, &diff, err) < 0 || cb_encoder_end(encoder, err) < 0)
        return -1;
    p.size = blob.size;
    if (cache_blob_commit(&blob, NULL, &p.digest, err) < 0 || remember_packed(s, id, &p, level, err) < 0)
        return -1;
    if (codec != &cb_codec_none)
        forget_tar(s, &l);
    *ret = p;
    return 0;
}

/* ---- unpacking what we have --------------------------------------------------------------------------- */

int cache_layer_read_as(const struct cache_layer_dir *l, const struct cache_layer_stream *from, int fs, struct cache_index *ret,
                        struct cb_error *err)
{
    struct cb_digest diff, content;
    if (cache_layer_read_tar(from, fs, ret, &diff, err) < 0)
        return -1;
    cache_index_content_id(ret, &content);
    if (cb_digest_eq(&content, &l->content) && (!l->l.has_diff_id || cb_digest_eq(&diff, &l->l.diff_id)))
        return 0;
    return cb_fail(err, CB_E_CORRUPT, "the blob does not hold the layer that it should");
}

static int unpack_packed(struct cache_store *s, const struct cache_layer_dir *l, const struct cache_packed *from,
                         struct cache_layer_draft *d, struct cb_job_io *io, struct cache_index *ret, struct cb_error *err)
{
    struct blob_source b;
    if (open_blob(s, from, &b, err) < 0)
        return -1;
    CB_AUTO(close) int fd = b.fd;
    const struct cache_layer_name name = cache_layer_name(&l->l.id);
    const struct cache_layer_stream tar = {read_blob, &b, name.text, io};
    int r = cache_layer_read_as(l, &tar, d->fs, ret, err);
    (void)fd;
    return r < 0 ? blame_blob(&b, err) : verify_blob(&b, err);
}

/* From files that others own. */
static int copy_foreign(struct cache_store *s, const struct cache_layer_dir *l, struct cache_layer_draft *d,
                        struct cache_index *ret, struct cb_error *err)
{
    CB_AUTO(close) int fs = cache_layer_open_fs(s, &l->l.id, err);
    if (fs < 0 || cache_layer_index(s, &l->l.id, ret, err) < 0)
        return -1;
    return cache_layer_copy_files(fs, d->fs, ret, err);
}

int cache_layer_materialize(struct cache_store *s, const struct cb_digest *id, struct cb_job_io *io, struct cb_error *err)
{
    CB_AUTO(cache_layer_draft) struct cache_layer_draft d = CACHE_LAYER_DRAFT_INIT;
    CB_AUTO(cache_index) struct cache_index x = {0};
    struct cache_layer_dir l;
    struct cache_packed from;
    if (load(s, id, &l, err) < 0)
        return -1;
    if (l.l.has_files)
        return 0;
    int r = cache_layer_packed(s, id, cb_codecs[0], NORMAL_LEVEL, true, &from, err);
    if (r < 0 || (r == 0 && !l.foreign))
        return r < 0 ? -1 : no_source(&l, err);
    if (cache_layer_draft_begin(s, true, &d, err) < 0)
        return -1;
    if ((r ? unpack_packed(s, &l, &from, &d, io, &x, err) : copy_foreign(s, &l, &d, &x, err)) < 0)
        return cb_prefix(err, "%s %s", r ? "unpack" : "copy", cache_layer_name(id).text);
    if (cache_layer_give_fs(&d, id, &x, err) < 0)
        return -1;
    forget_tar(s, &l);
    return 0;
}
