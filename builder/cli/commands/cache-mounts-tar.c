/* cache mounts export, import: a cache mount as a tar. */
#include "base/fd.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/mounts-list.h"
#include "builder/output/out-file.h"
#include "builder/session/jobs.h"

#include <unistd.h>

/* ---- export ---------------------------------------------------------------------------------------------------------- */

struct packed {
    struct cb_encoder *encoder; /* NULL: as it is */
    int fd;
};

static int write_fd(void *arg, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(((struct packed *)arg)->fd, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write the tar") : 0;
}

static int write_packed(void *arg, const void *p, size_t n, struct cb_error *err)
{
    return cb_encoder_add(((struct packed *)arg)->encoder, p, n, err);
}

/* By the end of the name. */
static const struct cb_codec *codec_of(const char *file)
{
    static const struct {
        const char *end, *codec;
    } ends[] = {{".zst", "zstd"}, {".tzst", "zstd"}, {".gz", "gzip"}, {".tgz", "gzip"}};
    for (size_t i = 0; i < CB_LEN(ends); i++)
        if (cb_ends(file, ends[i].end))
            return cb_codec_find(ends[i].codec);
    return &cb_codec_none;
}

static int export_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io, (void)answer;
    struct build_session *s = world;
    const char *hex = req->bytes, *file = hex + CB_DIGEST_HEX + 1;
    struct packed out = {.fd = req->fds[0]};
    const struct cb_codec *codec = codec_of(file);
    out.encoder = cb_encoder_new(codec, -1, (int)CB_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1), write_fd, &out);
    int r = cache_mounts_export(s->store, hex, write_packed, &out, err);
    if (r == 0)
        r = cb_encoder_end(out.encoder, err);
    cb_encoder_free(out.encoder);
    return r;
}

static int export_to(struct build_session *s, const char *hex, const char *file, struct cb_error *err)
{
    struct build_out_file f;
    CB_AUTO(cb_buf) struct cb_buf req = CB_BUF_INIT;
    cb_buf_add(&req, hex, CB_DIGEST_HEX + 1);
    cb_buf_add(&req, file, strlen(file) + 1);
    int r = build_out_open(&f, file, err);
    struct rt_job_request job = {req.data, req.len, &f.fd, 1};
    if (r == 0)
        r = build_ns_call(s, export_job, &job, NULL, err);
    return build_out_close(&f, r, err);
}

static int export(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    const char *file = v->args.items[1];
    const struct cache_mount_about *a = NULL;
    CB_AUTO(cli_mounts) struct cli_mounts l = {0};
    if (strcmp(file, "-") == 0 && isatty(STDOUT_FILENO))
        return cb_fail(err, CB_E_USAGE, "a tar is nothing for a terminal: name a file");
    if (cli_open(v, err) < 0 || cli_mounts_get(&v->session, &l, err) < 0 ||
        cli_mounts_find_one(&l, v->args.items[0], &a, err) < 0)
        return -1;
    return export_to(&v->session, a->hex, file, err);
}

const struct cli_command cli_mounts_export = {
    .name = "cache mounts export",
    .arguments = "ID FILE|-",
    .help = "write a cache mount as a tar; FILE.zst and FILE.gz are compressed",
    .min = 2,
    .max = 2,
    .size = sizeof(struct cli_invocation),
    .run = export,
};

/* ---- import ---------------------------------------------------------------------------------------------------------- */

static ssize_t read_fd(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t got = cb_read(*(int *)arg, p, n);
    return got < 0 ? cb_fail_sys(err, (int)got, "read the tar") : got;
}

static int import_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                      struct cb_error *err)
{
    (void)io, (void)answer;
    struct build_session *s = world;
    int fd = req->fds[0];
    return cache_mounts_import(s->store, req->len ? req->bytes : NULL, read_fd, &fd, err);
}

/* The key of the mount that is meant: one that is there, or else a new one of this id. */
static int key_of(const struct cli_mounts *l, const char *id, struct cb_buf *ret, struct cb_error *err)
{
    const struct cache_mount_about *a = NULL;
    const struct cache_mount_name new = {.ns = (char *)"", .id = (char *)id};
    int found = cli_mounts_find(l, id, &a, err);
    if (found >= 0)
        cache_mount_name_key(found && a->name.id ? &a->name : &new, ret);
    return found < 0 ? -1 : 0;
}

static int import(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    const char *file = v->args.items[0];
    bool std = strcmp(file, "-") == 0;
    CB_AUTO(cli_mounts) struct cli_mounts l = {0};
    CB_AUTO(cb_buf) struct cb_buf key = CB_BUF_INIT;
    CB_AUTO(close) int fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open '%s'", file);
    if (cli_open(v, err) < 0 || cli_mounts_get(&v->session, &l, err) < 0 ||
        (v->args.n > 1 && key_of(&l, v->args.items[1], &key, err) < 0))
        return -1;
    struct rt_job_request req = {key.data, key.len ? key.len + 1 : 0, &fd, 1};
    return build_ns_call(&v->session, import_job, &req, NULL, err);
}

const struct cli_command cli_mounts_import = {
    .name = "cache mounts import",
    .arguments = "FILE|- [ID]",
    .help = "make a cache mount of a tar, in the place of what it has",
    .min = 1,
    .max = 2,
    .size = sizeof(struct cli_invocation),
    .run = import,
};
