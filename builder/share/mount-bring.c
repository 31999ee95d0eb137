/* A cache mount comes from a shared cache: the files of its list, from its packs. Whatever does not fit ends it, and the mount
 * stays empty. */
#include "base/fd.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "builder/share/mount-remote.h"

#include <unistd.h>

#define PIECE 65536
#define HEAD  40 /* bytes before each file: digest and size */

struct bringing {
    const struct build_mount_job *job;
    struct build_mount_remote *remote;
    struct cache_mount_draft draft;
    const struct build_mount_list *list;
    struct cb_map wanted; /* digest -> chain of entries, by their number + 1 */
    size_t *next;         /* of each entry, the next one with the same content + 1; 0: none */
    uint64_t missing;     /* files */
    /* the pack that is being read */
    int fd;
    struct cb_decoder *decoder;
    uint64_t left; /* bytes of files that may still come */
    uint64_t seen; /* files, wanted or not */
    char *block;
};

/* ---- without data ---------------------------------------------------------------------------------------------------- */

static void want(struct bringing *b, size_t i)
{
    const struct cache_entry *e = &b->list->files.entries[i];
    const char *digest = (const char *)e->digest.b;
    size_t before = (size_t)(uintptr_t)cb_map_getn(&b->wanted, digest, sizeof(e->digest.b));
    b->next[i] = before;
    cb_map_setn(&b->wanted, digest, sizeof(e->digest.b), (void *)(uintptr_t)(i + 1)); /* NOLINT(performance-no-int-to-ptr) */
    b->missing++;
}

static int make_others(struct bringing *b, bool links, struct cb_error *err)
{
    for (size_t i = 0; i < b->list->files.n; i++) {
        const struct cache_entry *e = &b->list->files.entries[i];
        if (e->type != CB_FILE && (e->type == CB_HARDLINK) == links && cache_directory_add(b->draft.to, e, err) < 0)
            return -1;
        if (e->type == CB_FILE && !links)
            want(b, i);
    }
    return 0;
}

/* ---- one pack -------------------------------------------------------------------------------------------------------- */

static ssize_t read_pack(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t got = cb_read(((struct bringing *)arg)->fd, p, n);
    return got < 0 ? cb_fail_sys(err, (int)got, "read a pack of a cache mount") : got;
}

/* All n bytes, or at the end none: 1, 0, -1. */
static int read_whole(struct bringing *b, void *p, size_t n, struct cb_error *err)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = cb_decoder_read(b->decoder, (char *)p + have, n - have, err);
        if (got < 0)
            return -1;
        if (got == 0)
            return have ? cb_fail(err, CB_E_CORRUPT, "a pack of a cache mount is cut off") : 0;
        have += (size_t)got;
    }
    return 1;
}

/* `e` NULL: nobody wants it. */
static int read_data(struct bringing *b, const struct cache_entry *e, uint64_t size, struct cb_error *err)
{
    struct cb_sha256 sha;
    struct cb_digest is;
    cb_sha256_init(&sha);
    for (uint64_t left = size; left;) {
        size_t n = (size_t)CB_MIN(left, (uint64_t)PIECE);
        int r = read_whole(b, b->block, n, err);
        if (r <= 0)
            return r < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "a pack of a cache mount is cut off");
        if (e)
            cb_sha256_add(&sha, b->block, n);
        if (e && cache_directory_write(b->draft.to, e, b->block, n, err) < 0)
            return -1;
        left -= n;
    }
    cb_sha256_end(&sha, &is);
    return !e || cb_digest_eq(&is, &e->digest)
               ? 0
               : cb_fail(err, CB_E_CORRUPT, "the bytes of '%s' of a cache mount do not have its digest", e->path);
}

/* The same content at another place. */
static int copy(struct bringing *b, const struct cache_entry *from, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_open_beneath(b->draft.dir, from->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "read '%s' of a cache mount", from->path);
    if (cache_directory_add(b->draft.to, e, err) < 0)
        return -1;
    for (int n; (n = cb_read_full(fd, b->block, PIECE)) != 0;)
        if (n < 0 || cache_directory_write(b->draft.to, e, b->block, (size_t)n, err) < 0)
            return n < 0 ? cb_fail_sys(err, n, "read '%s' of a cache mount", from->path) : -1;
    return cache_directory_end(b->draft.to, e, err);
}

static int take_file(struct bringing *b, size_t chain, uint64_t size, struct cb_error *err)
{
    const struct cache_entry *entries = b->list->files.entries, *first = &entries[chain - 1];
    if (size != first->size)
        return cb_fail(err, CB_E_CORRUPT, "'%s' of a cache mount has another size", first->path);
    if (cache_directory_add(b->draft.to, first, err) < 0 || read_data(b, first, size, err) < 0 ||
        cache_directory_end(b->draft.to, first, err) < 0)
        return -1;
    b->missing--;
    for (size_t i = b->next[chain - 1]; i; i = b->next[i - 1], b->missing--)
        if (entries[i - 1].size != size || copy(b, first, &entries[i - 1], err) < 0)
            return err->code ? -1 : cb_fail(err, CB_E_CORRUPT, "'%s' of a cache mount has another size", entries[i - 1].path);
    return 0;
}

/* 1; 0: there is no further one. */
static int take_next(struct bringing *b, struct cb_error *err)
{
    char head[HEAD];
    int r = read_whole(b, head, sizeof(head), err);
    if (r <= 0)
        return r;
    struct cb_unpack u = cb_unpack(head, sizeof(head));
    struct cb_digest d = cb_get_digest(&u);
    uint64_t size = cb_get_u64(&u);
    if (size > b->left || ++b->seen > CB_MAX_ENTRIES)
        return cb_fail(err, CB_E_CORRUPT, "a pack of a cache mount has more in it than it should");
    b->left -= size;
    size_t chain = (size_t)(uintptr_t)cb_map_getn(&b->wanted, (const char *)d.b, sizeof(d.b));
    cb_map_setn(&b->wanted, (const char *)d.b, sizeof(d.b), NULL);
    return (chain ? take_file(b, chain, size, err) : read_data(b, NULL, size, err)) < 0 ? -1 : 1;
}

static int take_pack(struct bringing *b, const struct build_mount_pack *p, struct cb_error *err)
{
    CB_AUTO(close) int fd = openat(b->draft.work.dir, "pack", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "make a pack of a cache mount");
    if (build_mount_remote_fetch(b->remote, p, fd, err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return cb_fail_sys(err, errno, "read a pack of a cache mount");
    b->fd = fd;
    b->left = p->raw;
    b->decoder = cb_decoder_new(read_pack, b, "a pack of a cache mount");
    int r;
    while ((r = take_next(b, err)) > 0)
        ;
    cb_decoder_free(b->decoder);
    b->decoder = NULL;
    return r;
}

/* ---------------------------------------------------------------------------------------------------------------------- */

static int fill(struct bringing *b, struct cb_error *err)
{
    uint64_t done = 0, total = 0;
    for (size_t i = 0; i < b->list->n_packs; i++)
        total += b->list->packs[i].size;
    if (make_others(b, false, err) < 0)
        return -1;
    for (size_t i = 0; i < b->list->n_packs; i++) {
        if (take_pack(b, &b->list->packs[i], err) < 0)
            return -1;
        done += b->list->packs[i].size;
        if (b->job->io)
            cb_job_progress(b->job->io, "cache mount", done, total);
    }
    if (b->missing)
        return cb_fail(err, CB_E_CORRUPT, "files of a cache mount are in none of its packs");
    return make_others(b, true, err);
}

static int bring_list(const struct build_mount_job *j, struct build_mount_remote *remote, const struct build_mount_list *l,
                      struct cb_error *err)
{
    struct cache_store *s = j->session->store;
    struct bringing b = {.job = j, .remote = remote, .list = l, .fd = -1};
    const struct cache_mount_state root = {.mode = l->mode, .uid = l->uid, .gid = l->gid};
    if (cache_index_size(&l->files) > j->share->mounts_max_size)
        return cb_fail(err, CB_E_UNSUPPORTED, "it is larger than cache-mounts-max-size=");
    int r = cache_mount_draft_begin(s, &b.draft, err);
    b.next = cb_alloc((l->files.n + 1) * sizeof(*b.next));
    b.block = cb_alloc_buffer(PIECE);
    if (r == 0)
        r = fill(&b, err);
    if (r == 0)
        r = cache_mount_draft_put(s, &b.draft, j->key, &root, "share", err);
    free(b.next);
    free(b.block);
    cb_map_done(&b.wanted);
    cache_mount_draft_done(s, &b.draft);
    return r < 0 ? -1 : 1;
}

int build_mount_bring(const struct build_mount_job *j, struct cb_error *err)
{
    CB_AUTO(build_mount_remote) struct build_mount_remote remote = {NULL, NULL};
    CB_AUTO(build_mount_list) struct build_mount_list list = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    if (!cache_mount_is_empty(j->session->store, j->key))
        return 1; /* somebody else was faster */
    if (build_mount_remote_open(j, &remote, err) < 0)
        return -1;
    int there = build_mount_remote_get(&remote, &list, &bytes, err);
    return there > 0 ? bring_list(j, &remote, &list, err) : there;
}
