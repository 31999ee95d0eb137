#include "builder/output/out-archive.h"
#include "base/fd.h"
#include "base/path.h"
#include "builder/output/out-file.h"

/* Directories on the way are made, as for type=local. */
static int write_layout(const char *dest, const struct oci_archive *a, struct cb_error *err)
{
    size_t n = strlen(dest);
    while (n > 1 && dest[n - 1] == '/')
        n--;
    CB_AUTO(free) char *path = cb_memdup0(dest, n), *parent = cb_path_dir(path);
    int e = cb_mkdirs(AT_FDCWD, parent, 0755);
    CB_AUTO(close) int dir = e < 0 ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, e < 0 ? e : errno, "open '%s'", parent);
    return oci_layout_write(a, dir, cb_path_base(path), err);
}

static int write_fd(void *fd, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(*(int *)fd, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write the output") : 0;
}

int build_out_archive(const char *dest, bool directory, const struct oci_archive *a, struct cb_error *err)
{
    if (directory)
        return write_layout(dest, a, err);
    struct build_out_file f;
    int r = build_out_open(&f, dest, err);
    if (r == 0)
        r = oci_archive_write(a, write_fd, &f.fd, err);
    return build_out_close(&f, r, err);
}
