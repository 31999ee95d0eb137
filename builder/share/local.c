/* type=local: a directory, an OCI image layout, in which a document is an entry of index.json whose tag is made of the key. What
 * carries directories from job to job in a CI service can carry it. Writers exclude each other by a lock, so none loses what
 * another has entered. */
#include "base/fd.h"
#include "base/limits.h"
#include "builder/pull/place.h"
#include "builder/share/artifact.h"
#include "builder/share/share-internal.h"
#include "registry/oci/layout.h"

#include <unistd.h>

struct build_share_link {
    struct cb_job_io *io;
    int dir; /* -1: there is nothing */
};

static const struct build_share_key key_src = {.name = "src", .from = true, .set = build_share_set_place};
static const struct build_share_key key_dest = {.name = "dest", .to = true, .set = build_share_set_place};
static const struct build_share_key *const keys[] = {&key_src, &key_dest, NULL};

/* Layers that are elsewhere are looked for by their place, whatever the directory is then. */
static int check(struct build_share *o, struct cb_error *err)
{
    if (!o->place)
        return cb_fail(err, CB_E_USAGE, "%s= is missing", o->writes ? "dest" : "src");
    if (o->place[0] == '/')
        return 0;
    CB_AUTO(free) char *here = getcwd(NULL, 0), *name = CB_TAKE(o->place);
    o->place = cb_printf("%s/%s", here ? here : ".", name);
    return 0;
}

static int open_directory(const struct build_share *o, struct cb_error *err)
{
    int made = o->writes ? cb_mkdirs(AT_FDCWD, o->place, 0777) : 0;
    CB_AUTO(close) int dir = open(o->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, made < 0 ? made : errno, "open '%s'", o->place);
    return o->writes && oci_layout_begin(dir, o->place, err) < 0 ? -1 : cb_take_fd(&dir);
}

/* Where the build itself is going to make it, that it is not there yet is no news. */
static bool is_made(const struct build_session *s, const struct build_share *o)
{
    bool made = false;
    for (size_t i = 0; i < s->request->n_shares; i++) {
        const struct build_share *to = &s->request->shares[i];
        made |= to->writes && to->ops == o->ops && strcmp(to->place, o->place) == 0;
    }
    return made;
}

static void warn_missing(const struct build_session *s, const struct build_share *o, struct cb_job_io *io)
{
    CB_AUTO(free) char *line = cb_printf("the cache local '%s': there is no such directory", o->place);
    if (io && !is_made(s, o))
        cb_job_warn(io, line);
}

static int open_link(struct build_session *s, const struct build_share *o, struct cb_job_io *io, struct build_share_link **ret,
                     struct cb_error *err)
{
    bool nothing = !o->writes && access(o->place, F_OK) < 0 && errno == ENOENT;
    int dir = nothing ? -1 : open_directory(o, err);
    if (dir < 0 && !nothing)
        return -1;
    if (nothing)
        warn_missing(s, o, io);
    *ret = CB_NEW(struct build_share_link);
    **ret = (struct build_share_link){io, dir};
    return 0;
}

static void close_link(struct build_share_link *l)
{
    cb_close(l->dir);
    free(l);
}

/* One that is damaged does not stand in the way of others. */
static bool read_document(struct build_share_link *l, const struct oci_descriptor *d, struct cb_buf *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_layout_read(OCI_FILES_IN(l->dir), d, CB_MAX_MANIFEST, ret, &err) == 0)
        return true;
    if (l->io)
        cb_job_warn(l->io, err.msg);
    return false;
}

static int get_documents(struct build_share_link *l, const struct cb_digest *digests, size_t n, build_share_document_fn *fn,
                         void *arg, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    int there = l->dir < 0 ? 0 : oci_layout_list(l->dir, &x, err);
    for (size_t i = 0; there > 0 && i < n; i++) {
        char tag[BUILD_SHARE_TAG_MAX];
        build_share_tag(&digests[i], tag);
        const struct oci_descriptor *d = oci_layout_tagged(&x, tag);
        CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
        if (d && read_document(l, d, &bytes) && fn(arg, i, bytes.data, bytes.len, err) < 0)
            return -1;
    }
    return there < 0 ? -1 : 0;
}

/* An entry whose document is damaged or gone is in nobody's way. */
static bool is_damaged(struct build_share_link *l, const char *tag)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const struct oci_descriptor *d = oci_layout_list(l->dir, &x, &ignored) > 0 ? oci_layout_tagged(&x, tag) : NULL;
    return d && oci_layout_read(OCI_FILES_IN(l->dir), d, CB_MAX_MANIFEST, &bytes, &ignored) < 0;
}

static int put_document(struct build_share_link *l, const struct cb_digest *key, const void *bytes, size_t n, bool replace,
                        struct cb_error *err)
{
    struct oci_archive_blob blob = {.size = n, .bytes = bytes};
    struct oci_descriptor d = {.media_type = (char *)OCI_TYPE_MANIFEST, .artifact_type = (char *)BUILD_ARTIFACT_TYPE, .size = n};
    char tag[BUILD_SHARE_TAG_MAX];
    cb_sha256(bytes, n, &blob.digest);
    d.digest = blob.digest;
    build_share_tag(key, tag);
    return oci_layout_put_blob(l->dir, &blob, err) < 0 ? -1 : oci_layout_tag(l->dir, tag, &d, replace || is_damaged(l, tag), err);
}

static struct oci_descriptor descriptor(const struct build_share_blob *b)
{
    return (struct oci_descriptor){.media_type = (char *)b->media_type, .digest = b->digest, .size = b->size};
}

static int get_blob(struct build_share_link *l, const struct build_share_blob *b, uint64_t offset, cb_sink_fn *sink, void *arg,
                    struct cb_error *err)
{
    struct oci_descriptor d = descriptor(b);
    CB_AUTO(close) int fd = oci_layout_open_blob(l->dir, &d, err);
    if (fd < 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0)
        return fd < 0 ? -1 : cb_fail_sys(err, errno, "read a blob of the image layout");
    CB_AUTO(free) char *block = cb_alloc_buffer(65536);
    ssize_t n;
    while ((n = cb_read(fd, block, 65536)) > 0)
        if (sink(arg, block, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? cb_fail_sys(err, (int)n, "read a blob of the image layout") : 0;
}

static int has_blob(struct build_share_link *l, const struct build_share_blob *b, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    struct oci_descriptor d = descriptor(b);
    CB_AUTO(close) int fd = oci_layout_open_blob(l->dir, &d, &why);
    if (fd >= 0)
        return 1;
    if (why.code == CB_E_NOT_FOUND || why.code == CB_E_CORRUPT)
        return 0;
    cb_error_move(err, &why);
    return -1;
}

static int put_blob(struct build_share_link *l, const struct build_share_blob *b, build_share_open_fn *open_bytes, void *arg,
                    struct cb_error *err)
{
    struct oci_archive_blob blob = {.digest = b->digest, .size = b->size, .open = open_bytes, .arg = arg};
    return oci_layout_put_blob(l->dir, &blob, err);
}

const struct build_share_ops build_share_local = {
    .name = "local",
    .keys = keys,
    .replaces = true,
    .from = BUILD_PLACE_LAYOUT,
    .check = check,
    .open = open_link,
    .close = close_link,
    .get_documents = get_documents,
    .put_document = put_document,
    .get_blob = get_blob,
    .has_blob = has_blob,
    .put_blob = put_blob,
};
