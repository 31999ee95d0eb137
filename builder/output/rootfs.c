/* type=tar and type=local: the files of the image alone. */
#include "base/fd.h"
#include "base/pack.h"
#include "base/path.h"
#include "builder/output/out-file.h"
#include "builder/output/output-internal.h"
#include "builder/session/jobs.h"
#include "cache/export.h"

/* The images of a request, as bytes: to the helper, and there. */
struct rootfs {
    struct cache_export_part *parts;
    size_t n;
};

static void rootfs_done(struct rootfs *r)
{
    for (size_t i = 0; r->parts && i < r->n; i++) {
        free((char *)r->parts[i].folder);
        free((struct cb_digest *)r->parts[i].layers);
    }
    free(r->parts);
}
CB_DEFINE_AUTO(rootfs, struct rootfs, rootfs_done)

static void read_part(struct cb_unpack *u, struct cache_export_part *ret)
{
    CB_AUTO(free) char *folder = cb_get_str(u);
    ret->folder = *folder ? CB_TAKE(folder) : NULL;
    ret->n = (size_t)cb_get_u64(u);
    struct cb_digest *ids = cb_alloc((ret->n + 1) * sizeof(*ids));
    for (size_t i = 0; i < ret->n; i++)
        ids[i] = cb_get_digest(u);
    ret->layers = ids;
}

static int rootfs_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io;
    struct cache_export_left left = {0};
    struct build_session *session = world;
    struct cb_unpack u = cb_unpack(req->bytes, req->len);
    bool tar = cb_get_u8(&u), has_epoch = cb_get_u8(&u);
    int64_t epoch = (int64_t)cb_get_u64(&u), *times = has_epoch ? &epoch : NULL;
    CB_AUTO(rootfs) struct rootfs all = {.n = (size_t)cb_get_u64(&u)};
    all.parts = cb_alloc((all.n + 1) * sizeof(*all.parts));
    for (size_t i = 0; i < all.n; i++)
        read_part(&u, &all.parts[i]);
    int fd = req->fds[0];
    int r = tar ? cache_export_tar(session->store, all.parts, all.n, times, build_output_write_fd, &fd, err)
                : cache_export_directory(session->store, all.parts, all.n, times, fd, &left, err);
    cb_put_u64(answer, left.devices);
    cb_put_u64(answer, left.set_ids);
    return r;
}

/* "linux_arm64", "linux_arm_v7" */
static char *folder_of(const struct build_output *o, const struct build_images *images, const struct build_image *image)
{
    bool split = o->platform_split < 0 ? images->listed : o->platform_split;
    char *text = split ? oci_platform_text(&image->platform) : NULL;
    for (char *c = text; c && *c; c++)
        *c = *c == '/' ? '_' : *c;
    return text;
}

static void put_request(struct cb_buf *req, const struct build_output *o, const struct build_images *images)
{
    const struct build_image *first = &images->items[0];
    cb_put_u8(req, o->ops == &build_output_tar);
    cb_put_u8(req, first->has_epoch);
    cb_put_u64(req, (uint64_t)first->epoch);
    cb_put_u64(req, images->n);
    for (size_t i = 0; i < images->n; i++) {
        const struct cache_image *image = &images->items[i].stored;
        CB_AUTO(free) char *folder = folder_of(o, images, &images->items[i]);
        cb_put_str(req, folder);
        cb_put_u64(req, image->n_layers);
        for (size_t k = 0; k < image->n_layers; k++)
            cb_put_digest(req, &image->layers[k].id);
    }
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

static int export_to(struct build_session *s, const struct build_output *o, const struct build_images *images, int fd,
                     struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT, req = CB_BUF_INIT;
    put_request(&req, o, images);
    struct rt_job_request r = {req.data, req.len, &fd, 1};
    struct cb_job job;
    if (build_ns_job(s, RT_HELPER_FILES, rootfs_job, &r, &job, err) < 0 || build_wait_job(s, &job, NULL, &answer, err) < 0)
        return -1;
    tell_what_is_left_out(s, o->dest, &answer);
    return 0;
}

static int fetch_files(struct build_session *s, const struct build_images *images, struct cb_error *err)
{
    for (size_t i = 0; i < images->n; i++)
        if (build_image_fetch_files(s, &images->items[i], err) < 0)
            return -1;
    return 0;
}

static int write_tar(struct build_session *s, const struct build_output *o, const struct build_images *images,
                     struct build_result *ret, struct cb_error *err)
{
    (void)ret;
    if (fetch_files(s, images, err) < 0)
        return -1;
    struct build_out_file f;
    int r = build_out_open(&f, o->dest, err);
    if (r == 0)
        r = export_to(s, o, images, f.fd, err);
    return build_out_close(&f, r, err);
}

static int write_directory(struct build_session *s, const struct build_output *o, const struct build_images *images,
                           struct build_result *ret, struct cb_error *err)
{
    (void)ret;
    if (fetch_files(s, images, err) < 0)
        return -1;
    int e = cb_mkdirs(AT_FDCWD, o->dest, 0755);
    CB_AUTO(close) int dir = e < 0 ? -1 : open(o->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, e < 0 ? e : errno, "open output directory '%s'", o->dest);
    return export_to(s, o, images, dir, err);
}

static const struct build_output_key *const keys[] = {&build_output_key_dest, &build_output_key_split, NULL};

const struct build_output_ops build_output_tar = {
    .name = "tar", .keys = keys, .dest = BUILD_DEST_FILE, .takes_files = true, .write = write_tar};
const struct build_output_ops build_output_local = {
    .name = "local", .keys = keys, .dest = BUILD_DEST_DIRECTORY, .takes_files = true, .write = write_directory};
