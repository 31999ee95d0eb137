/* A cache mount goes into a shared cache: what is new there, in packs, and a list. */
#include "base/fd.h"
#include "base/map.h"
#include "base/pack.h"
#include "builder/share/mount-remote.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define DAY   86400
#define PIECE 65536

struct putting {
    const struct build_mount_job *job;
    struct build_mount_remote *remote;
    int dir; /* the mount's */
    struct cache_work work;
    struct build_mount_list *list;
    struct cb_map packed; /* digest -> the entry with which it was packed; of the list, whose entries do not move */
    /* the pack that is being made */
    int fd; /* -1: none */
    struct cb_encoder *encoder;
    struct cb_sha256 sha;
    uint64_t size, raw;
};

/* ---- one pack -------------------------------------------------------------------------------------------------------- */

static int take_packed(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct putting *u = arg;
    int r = cb_write_full(u->fd, p, n);
    cb_sha256_add(&u->sha, p, n);
    u->size += n;
    return r < 0 ? cb_fail_sys(err, r, "write a pack of a cache mount") : 0;
}

static int begin_pack(struct putting *u, struct cb_error *err)
{
    u->fd = openat(u->work.dir, "pack", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return cb_fail_sys(err, errno, "make a pack of a cache mount");
    u->encoder = cb_encoder_new(cb_codec_find("zstd"), -1, (int)CB_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1), take_packed, u);
    cb_sha256_init(&u->sha);
    u->size = u->raw = 0;
    return 0;
}

static void drop_pack(struct putting *u)
{
    cb_encoder_free(u->encoder);
    u->encoder = NULL;
    u->fd = cb_close(u->fd);
}

static int end_pack(struct putting *u, struct cb_error *err)
{
    struct build_mount_pack p = {.raw = u->raw};
    if (u->fd < 0)
        return 0;
    int r = cb_encoder_end(u->encoder, err);
    cb_sha256_end(&u->sha, &p.digest);
    p.size = u->size;
    if (r == 0)
        r = build_mount_remote_send(u->remote, BUILD_MOUNT_PACK, &p.digest, p.size, u->fd, err);
    drop_pack(u);
    if (r == 0)
        CB_PUSH(u->list->packs, u->list->n_packs, u->list->cap_packs) = p;
    return r;
}

static int put_bytes(struct putting *u, int fd, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(PIECE);
    struct cb_sha256 sha;
    struct cb_digest is;
    cb_sha256_init(&sha);
    for (uint64_t left = e->size; left;) {
        int n = cb_read_full(fd, block, (size_t)CB_MIN(left, (uint64_t)PIECE));
        if (n <= 0)
            return cb_fail_sys(err, n ? n : -ESTALE, "read '%s' of a cache mount", e->path);
        cb_sha256_add(&sha, block, (size_t)n);
        if (cb_encoder_add(u->encoder, block, (size_t)n, err) < 0)
            return -1;
        left -= (uint64_t)n;
    }
    cb_sha256_end(&sha, &is);
    return cb_digest_eq(&is, &e->digest) ? 0 : cb_fail_sys(err, -ESTALE, "read '%s' of a cache mount", e->path);
}

static int put_file(struct putting *u, const struct cache_entry *e, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf head = CB_BUF_INIT;
    CB_AUTO(close) int fd = cb_open_beneath(u->dir, e->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return cb_fail_sys(err, fd, "read '%s' of a cache mount", e->path);
    cb_put_digest(&head, &e->digest);
    cb_put_u64(&head, e->size);
    u->raw += e->size;
    return cb_encoder_add(u->encoder, head.data, head.len, err) < 0 ? -1 : put_bytes(u, fd, e, err);
}

/* ---- all that are new ------------------------------------------------------------------------------------------------ */

static int pack_one(struct putting *u, size_t i, struct cb_error *err)
{
    const struct cache_entry *e = &u->list->files.entries[i];
    const char *digest = (const char *)e->digest.b;
    const uint32_t *known = cb_map_getn(&u->packed, digest, sizeof(e->digest.b));
    if (known) {
        u->list->pack[i] = *known;
        return 0;
    }
    bool big = e->size >= BUILD_MOUNT_FILE_BIG;
    if ((big || u->raw >= BUILD_MOUNT_PACK_FULL) && end_pack(u, err) < 0)
        return -1;
    if (u->fd < 0 && begin_pack(u, err) < 0)
        return -1;
    u->list->pack[i] = (uint32_t)u->list->n_packs;
    cb_map_setn(&u->packed, digest, sizeof(e->digest.b), &u->list->pack[i]);
    if (put_file(u, e, err) < 0)
        return -1;
    return big ? end_pack(u, err) : 0;
}

static int pack_new(struct putting *u, struct cb_error *err)
{
    for (size_t i = 0; i < u->list->files.n; i++)
        if (u->list->files.entries[i].type == CB_FILE && u->list->pack[i] == BUILD_MOUNT_NO_PACK && pack_one(u, i, err) < 0)
            return -1;
    return end_pack(u, err);
}

static int send_new(struct putting *u, struct cb_error *err)
{
    if (cache_work_begin(u->job->session->store, &u->work, err) < 0)
        return -1;
    int r = pack_new(u, err);
    drop_pack(u);
    cb_map_done(&u->packed);
    cache_work_done(u->job->session->store, &u->work);
    if (r == 0 && u->list->n_packs > BUILD_MOUNT_MAX)
        return cb_fail(err, CB_E_UNSUPPORTED, "a cache mount of more than %u packs", BUILD_MOUNT_MAX);
    return r;
}

/* ---------------------------------------------------------------------------------------------------------------------- */

static struct build_mount_limits limits_of(const struct build_share *o)
{
    return (struct build_mount_limits){
        .max_size = o->mounts_max_size, .max_age = (uint32_t)(o->mounts_max_age / DAY), .today = (uint32_t)(time(NULL) / DAY)};
}

static int put_state(const struct build_mount_job *j, int dir, const struct cache_mount_state *here, struct cb_error *err)
{
    CB_AUTO(build_mount_remote) struct build_mount_remote remote = {NULL, NULL};
    CB_AUTO(build_mount_list) struct build_mount_list there = {0}, list = {0};
    CB_AUTO(cb_buf) struct cb_buf before = CB_BUF_INIT, now = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error unsound = CB_ERROR_INIT;
    struct build_mount_limits limits = limits_of(j->share);
    if (build_mount_remote_open(j, &remote, err) < 0)
        return -1;
    int known = build_mount_remote_get(&remote, &there, &before, &unsound); /* if not, all is put there anew */
    build_mount_plan(here, known > 0 ? &there : NULL, &limits, &list);
    struct putting u = {.job = j, .remote = &remote, .dir = dir, .work = CACHE_WORK_INIT, .list = &list, .fd = -1};
    if (send_new(&u, err) < 0)
        return -1;
    build_mount_list_write(&list, &now);
    if (known > 0 && now.len == before.len && memcmp(now.data, before.data, now.len) == 0)
        return 0;
    return build_mount_remote_put(&remote, &list, &now, err) < 0 ? -1 : 1;
}

int build_mount_put(const struct build_mount_job *j, struct cb_error *err)
{
    CB_AUTO(cache_mount_state) struct cache_mount_state here = {0};
    struct cache_store *s = j->session->store;
    struct cache_mount_held h;
    int r = cache_mount_hold(s, j->key, &h, err);
    if (r <= 0)
        return r;
    r = cache_mount_read_state(s, j->key, &h, &here, err);
    if (r == 0)
        r = put_state(j, h.dir, &here, err);
    cache_mount_let_go(s, &h);
    return r;
}
