/* type=tar and type=local: the files of the image alone. */
#include "base/fd.h"
#include "base/pack.h"
#include "base/path.h"
#include "builder/output/out-file.h"
#include "builder/output/output-internal.h"
#include "builder/session/jobs.h"
#include "cache/export.h"

static int rootfs_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io;
    struct cache_export_left left = {0};
    struct build_session *session = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    bool tar = cb_get_u8(&u), has_epoch = cb_get_u8(&u);
    int64_t epoch = (int64_t)cb_get_u64(&u), *times = has_epoch ? &epoch : NULL;
    size_t n = (size_t)cb_get_u64(&u);
    CB_AUTO(free) struct cb_digest *ids = cb_alloc((n + 1) * sizeof(*ids));
    for (size_t i = 0; i < n; i++)
        ids[i] = cb_get_digest(&u);
    int fd = req->fds[0];
    int r = tar ? cache_export_tar(session->store, ids, n, times, build_output_write_fd, &fd, err)
                : cache_export_directory(session->store, ids, n, times, fd, &left, err);
    cb_put_u64(answer, left.devices);
    cb_put_u64(answer, left.set_ids);
    return r;
}

static void tell_what_is_left_out(struct build_session *s, const char *dest, const struct cb_buf *answer)
{
    struct cb_unpack u = cb_unpack(answer->data, answer->len);
    unsigned long long devices = cb_get_u64(&u), set_ids = cb_get_u64(&u);
    if (devices || set_ids)
        build_warning(
            s, "'%s' is without %llu device node%s and the set-user-ID and set-group-ID bits of %llu file%s; type=tar keeps them",
            dest, devices, devices == 1 ? "" : "s", set_ids, set_ids == 1 ? "" : "s");
}

static int export_to(struct build_session *s, const struct build_output *o, const struct build_image *image, int fd,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT, req = CB_BUF_INIT;
    cb_put_u8(&req, o->ops == &build_output_tar);
    cb_put_u8(&req, image->has_epoch);
    cb_put_u64(&req, (uint64_t)image->epoch);
    cb_put_u64(&req, image->stored.n_layers);
    for (size_t i = 0; i < image->stored.n_layers; i++)
        cb_put_digest(&req, &image->stored.layers[i].id);
    struct rt_job_request r = {req.data, req.len, &fd, 1};
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_FILES, rootfs_job, &r, &job, err) < 0 || build_wait_job(s, &job, NULL, &answer, err) < 0)
        return -1;
    tell_what_is_left_out(s, o->dest, &answer);
    return 0;
}

static int write_tar(struct build_session *s, const struct build_output *o, const struct build_images *images,
                     struct build_result *ret, struct cb_error *err)
{
    (void)ret;
    const struct build_image *image = &images->items[0];
    if (build_image_fetch_files(s, image, err) < 0)
        return -1;
    struct build_out_file f;
    int r = build_out_open(&f, o->dest, err);
    if (r == 0)
        r = export_to(s, o, image, f.fd, err);
    return build_out_close(&f, r, err);
}

static int write_directory(struct build_session *s, const struct build_output *o, const struct build_images *images,
                           struct build_result *ret, struct cb_error *err)
{
    (void)ret;
    const struct build_image *image = &images->items[0];
    if (build_image_fetch_files(s, image, err) < 0)
        return -1;
    int e = cb_mkdirs(AT_FDCWD, o->dest, 0755);
    CB_AUTO(close) int dir = e < 0 ? -1 : open(o->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, e < 0 ? e : errno, "open output directory '%s'", o->dest);
    return export_to(s, o, image, dir, err);
}

static const struct build_output_key *const keys[] = {&build_output_key_dest, NULL};

const struct build_output_ops build_output_tar = {
    .name = "tar", .keys = keys, .dest = BUILD_DEST_FILE, .takes_files = true, .write = write_tar};
const struct build_output_ops build_output_local = {
    .name = "local", .keys = keys, .dest = BUILD_DEST_DIRECTORY, .takes_files = true, .write = write_directory};
