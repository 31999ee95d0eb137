/* The files of an image layout, in a directory or in an archive, and what they have to be. */
#include "registry/oci/layout-internal.h"

#include "base/fd.h"
#include "base/json.h"
#include "registry/oci/docker-archive.h"
#include <unistd.h>

#define BLOCK (256u << 10)

void oci_blob_path(const struct cb_digest *d, char out[OCI_BLOB_PATH + 1])
{
    memcpy(out, "blobs/sha256/", 13);
    cb_digest_hex(d, out + 13);
}

/* ---- files of a layout --------------------------------------------------------------------- */

/* O_NONBLOCK: a FIFO put in a file's place must not hang us. Gives the fd and its size, or -1. */
static int open_regular(int dirfd, const char *path, uint64_t *ret_size, struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_open_beneath(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    if (fd == -ENOENT || fd == -ENOTDIR)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s' is missing in the image layout", path);
    if (fd == -ELOOP || fd == -EXDEV)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is reached through a symbolic link", path);
    if (fd < 0)
        return cb_fail_sys(err, fd, "open '%s' of the image layout", path);
    if (fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "stat '%s' of the image layout", path);
    if (!S_ISREG(st.st_mode))
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is not a regular file", path);
    *ret_size = (uint64_t)st.st_size;
    return cb_take_fd(&fd);
}

/* One file: open in a directory, or a member of an archive. */
struct file {
    int fd;
    const struct oci_member *member;
    uint64_t size;
};
static void file_done(struct file *x)
{
    x->fd = cb_close(x->fd);
}
CB_DEFINE_AUTO(file, struct file, file_done)

static int open_file(const struct oci_files *f, const char *path, struct file *ret, struct cb_error *err)
{
    *ret = (struct file){.fd = -1};
    if (!f->tar) {
        ret->fd = open_regular(f->dir, path, &ret->size, err);
        return ret->fd < 0 ? -1 : 0;
    }
    ret->member = oci_members_find(f->tar, path);
    if (!ret->member)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s' is missing in the image archive", path);
    ret->size = ret->member->size;
    return 0;
}

static int copy_fd(int fd, uint64_t size, const char *path, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    CB_AUTO(free) char *block = cb_alloc_buffer(BLOCK);
    while (size > 0) {
        ssize_t n = cb_read(fd, block, (size_t)CB_MIN(size, (uint64_t)BLOCK));
        if (n < 0)
            return cb_fail_sys(err, (int)n, "read '%s' of the image layout", path);
        if (n == 0)
            return cb_fail(err, CB_E_CORRUPT, "'%s' of the image layout has become shorter while it was read", path);
        if (sink(arg, block, (size_t)n, err) < 0)
            return -1;
        size -= (uint64_t)n;
    }
    return 0;
}

static int copy_file(const struct oci_files *f, const struct file *x, const char *path, cb_sink_fn *sink, void *arg,
                     struct cb_error *err)
{
    return x->member ? oci_members_copy(f->tar, x->member, sink, arg, err) : copy_fd(x->fd, x->size, path, sink, arg, err);
}

static int buf_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

static int read_file(const struct oci_files *f, const struct file *x, const char *path, size_t max, struct cb_buf *ret,
                     struct cb_error *err)
{
    if (x->size > max)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout is larger than %zu bytes", path, max);
    return copy_file(f, x, path, buf_sink, ret, err);
}

int oci_layout_read_file(const struct oci_files *f, const char *path, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(file) struct file x;
    return open_file(f, path, &x, err) < 0 ? -1 : read_file(f, &x, path, max, ret, err);
}

int oci_layout_check(const struct oci_files *f, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    const char *version = NULL;
    if (oci_layout_read_file(f, "oci-layout", 4096, &bytes, err) < 0)
        return -1;
    CB_AUTO(json) json_t *j = cb_json_parse(bytes.data, bytes.len, "oci-layout", err);
    if (!j || cb_json_str(j, "imageLayoutVersion", "oci-layout", &version, err) < 0)
        return -1;
    if (!version || !cb_starts(version, "1."))
        return cb_fail(err, CB_E_UNSUPPORTED, "oci-layout: expected imageLayoutVersion 1.0.0, found '%.40s'",
                       version ? version : "");
    return 0;
}

/* The blob of a descriptor, which has the size that it says. */
static int open_blob(const struct oci_files *f, const struct oci_descriptor *d, char path[OCI_BLOB_PATH + 1], struct file *ret,
                     struct cb_error *err)
{
    *ret = (struct file){.fd = -1};
    if (d->foreign_digest)
        return cb_fail(err, CB_E_UNSUPPORTED, "the digest '%.200s' is of an algorithm that is not supported, only sha256 is",
                       d->foreign_digest);
    oci_blob_path(&d->digest, path);
    if (open_file(f, path, ret, err) < 0)
        return -1;
    if (ret->size == d->size)
        return 0;
    file_done(ret);
    return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout has %llu bytes, not the %llu of its descriptor", path,
                   (unsigned long long)ret->size, (unsigned long long)d->size);
}

int oci_layout_open_blob(int dirfd, const struct oci_descriptor *d, struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    struct file x;
    return open_blob(OCI_FILES_IN(dirfd), d, path, &x, err) < 0 ? -1 : x.fd;
}

int oci_layout_copy(const struct oci_files *f, const struct oci_descriptor *d, cb_sink_fn *sink, void *arg, struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    CB_AUTO(file) struct file x;
    return open_blob(f, d, path, &x, err) < 0 ? -1 : copy_file(f, &x, path, sink, arg, err);
}

int oci_layout_read(const struct oci_files *f, const struct oci_descriptor *d, size_t max, struct cb_buf *ret,
                    struct cb_error *err)
{
    char path[OCI_BLOB_PATH + 1];
    struct cb_digest is;
    size_t start = ret->len;
    CB_AUTO(file) struct file x = {.fd = -1};
    oci_blob_path(&d->digest, path);
    if (!d->foreign_digest && d->size > max)
        return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout: a document of %llu bytes, more than the %zu allowed", path,
                       (unsigned long long)d->size, max);
    if (open_blob(f, d, path, &x, err) < 0 || read_file(f, &x, path, max, ret, err) < 0)
        return -1;
    cb_sha256(ret->data + start, ret->len - start, &is);
    if (ret->len - start == d->size && cb_digest_eq(&is, &d->digest))
        return 0;
    cb_buf_truncate(ret, start);
    return cb_fail(err, CB_E_CORRUPT, "'%s' in the image layout does not have the digest it is named after", path);
}

/* ---- opening one --------------------------------------------------------------------------- */

static int open_archive(int fd, struct oci_files *ret, struct cb_error *err)
{
    ret->tar = CB_NEW(struct oci_members);
    if (oci_members_read(fd, ret->tar, err) < 0)
        return -1;
    if (oci_members_find(ret->tar, "index.json"))
        return 0;
    ret->made = true;
    if (oci_members_find(ret->tar, "manifest.json"))
        return oci_docker_archive_translate(ret->tar, err);
    cb_fail(err, CB_E_CORRUPT, "it has neither index.json nor manifest.json");
    return cb_hint(err, "an image archive is what 'docker save', 'podman save', 'skopeo copy' and -o type=oci write");
}

int oci_files_open(const char *path, struct oci_files *ret, struct cb_error *err)
{
    struct stat st;
    *ret = OCI_FILES_INIT;
    CB_AUTO(close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return cb_fail_sys(err, errno, "open '%s'", path);
    if (S_ISDIR(st.st_mode)) {
        ret->dir = cb_take_fd(&fd);
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return cb_fail(err, CB_E_UNSUPPORTED, "'%s' is neither a directory nor a file", path);
    if (open_archive(cb_take_fd(&fd), ret, err) == 0)
        return 0;
    oci_files_done(ret);
    return cb_prefix(err, "image archive '%s'", path);
}

void oci_files_done(struct oci_files *f)
{
    if (f->tar)
        oci_members_done(f->tar);
    free(f->tar);
    cb_close(f->dir);
    *f = OCI_FILES_INIT;
}

int oci_layout_size(const struct oci_files *f, const char *path, uint64_t *ret, struct cb_error *err)
{
    CB_AUTO(file) struct file x = {.fd = -1};
    if (open_file(f, path, &x, err) < 0)
        return -1;
    *ret = x.size;
    return 0;
}
