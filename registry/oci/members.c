#include "registry/oci/members.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/stream/tar.h"
#include <unistd.h>

#define BLOCK       (256u << 10)
#define MAX_MEMORY  (64u << 20) /* images of thousands of layers take some hundred kilobytes */
#define MEMBER_COST 192         /* of one, besides its name */
#define MAX_HOPS    8           /* docker save links a layer to an equal one of another image */

static void free_member(struct oci_member *m)
{
    if (!m)
        return;
    free(m->link);
    free(m->bytes);
    free(m);
}

void oci_members_done(struct oci_members *m)
{
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&m->map, it));)
        free_member(it->value);
    cb_map_done(&m->map);
    m->fd = cb_close(m->fd);
}

/* ---- the pass over the headers ---------------------------------------------------------------------------------- */

static ssize_t read_source(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = cb_read(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read the archive") : r;
}

static int skip_source(void *arg, uint64_t n, struct cb_error *err)
{
    if (n > INT64_MAX || lseek(*(int *)arg, (off_t)n, SEEK_CUR) < 0)
        return cb_fail(err, CB_E_CORRUPT, "tar: a size that no file has");
    return 0;
}

static int put(struct oci_members *m, char *path, struct oci_member member, struct cb_error *err)
{
    struct oci_member *own = CB_NEW(struct oci_member);
    *own = member;
    m->memory += strlen(path) + (member.link ? strlen(member.link) : 0) + (member.bytes ? member.size : 0) + MEMBER_COST;
    free_member(cb_map_set(&m->map, path, own));
    free(path);
    return m->memory > MAX_MEMORY ? cb_fail(err, CB_E_CORRUPT, "the archive has more members than any image needs") : 0;
}

/* A symlink is relative to where it lies, a hard link to the archive; neither leads out of that. */
static char *target_of(const struct cb_tar_entry *e)
{
    if (e->type == CB_HARDLINK || e->link[0] == '/')
        return cb_path_rel(e->link);
    CB_AUTO(free) char *path = cb_path_rel(e->path), *dir = cb_path_dir(path), *joined = cb_path_join(dir, e->link);
    return cb_path_rel(joined);
}

static int take_file(struct oci_members *m, const struct cb_tar_reader *t, const struct cb_tar_entry *e, uint64_t file_size,
                     struct cb_error *err)
{
    struct oci_member found = {.size = e->size};
    if (!cb_tar_offset(t, &found.offset))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' is a sparse member: image archives have none", e->path);
    if (found.offset > file_size || found.size > file_size - found.offset)
        return cb_fail(err, CB_E_CORRUPT, "truncated: the archive ends within '%s'", e->path);
    return put(m, cb_path_rel(e->path), found, err);
}

static int read_all(struct oci_members *m, struct cb_tar_reader *t, uint64_t file_size, struct cb_error *err)
{
    struct cb_tar_entry e;
    int r;
    while ((r = cb_tar_next(t, &e, err)) > 0) {
        bool link = e.type == CB_SYMLINK || e.type == CB_HARDLINK;
        if (link)
            r = put(m, cb_path_rel(e.path), (struct oci_member){.link = target_of(&e)}, err);
        else if (e.type == CB_FILE)
            r = take_file(m, t, &e, file_size, err);
        if (r < 0)
            return -1;
    }
    return r;
}

int oci_members_read(int fd, struct oci_members *ret, struct cb_error *err)
{
    struct stat st;
    *ret = (struct oci_members){.fd = fd};
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "stat the archive");
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_source, &ret->fd, false, err);
    if (!t)
        return -1;
    cb_tar_reader_skips(t, skip_source);
    return read_all(ret, t, (uint64_t)st.st_size, err);
}

/* ---- what was found --------------------------------------------------------------------------------------------- */

struct oci_member *oci_members_find(const struct oci_members *m, const char *path)
{
    CB_AUTO(free) char *clean = cb_path_rel(path);
    struct oci_member *found = cb_map_get(&m->map, clean);
    for (int hops = 0; found && found->link; hops++)
        found = hops < MAX_HOPS ? cb_map_get(&m->map, found->link) : NULL;
    return found;
}

int oci_members_add(struct oci_members *m, const char *path, const struct oci_member *member, struct cb_error *err)
{
    struct oci_member copy = {.offset = member->offset, .size = member->size};
    if (member->bytes)
        copy.bytes = cb_memdup0(member->bytes, (size_t)member->size);
    return put(m, cb_strdup(path), copy, err);
}

int oci_members_copy(const struct oci_members *m, const struct oci_member *member, cb_sink_fn *sink, void *arg,
                     struct cb_error *err)
{
    if (member->bytes)
        return sink(arg, member->bytes, (size_t)member->size, err);
    CB_AUTO(free) char *block = cb_alloc_buffer(BLOCK);
    for (uint64_t at = 0; at < member->size;) {
        ssize_t n =
            CB_RETRY(pread(m->fd, block, (size_t)CB_MIN((uint64_t)BLOCK, member->size - at), (off_t)(member->offset + at)));
        if (n < 0)
            return cb_fail_sys(err, errno, "read the archive");
        if (n == 0)
            return cb_fail(err, CB_E_CORRUPT, "the archive has become shorter while it was read");
        if (sink(arg, block, (size_t)n, err) < 0)
            return -1;
        at += (uint64_t)n;
    }
    return 0;
}

static int digest_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_sha256_add(arg, p, n);
    return 0;
}

int oci_members_digest(const struct oci_members *m, struct oci_member *member, struct cb_digest *ret, struct cb_error *err)
{
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    if (!member->hashed && oci_members_copy(m, member, digest_sink, &sha, err) < 0)
        return -1;
    if (!member->hashed)
        cb_sha256_end(&sha, &member->digest);
    member->hashed = true;
    *ret = member->digest;
    return 0;
}
