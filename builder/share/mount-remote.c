#include "builder/share/mount-remote.h"
#include "base/fd.h"
#include "base/pack.h"
#include "builder/share/artifact.h"
#include "builder/share/share-internal.h"
#include "registry/oci/document.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400
/* Where a document cannot be put over another one, a mount has one for each day, of which the newest counts. */
#define DAYS 14

static const struct build_share_ops *ops_of(const struct build_mount_remote *r)
{
    return r->job->share->ops;
}

int build_mount_remote_open(const struct build_mount_job *j, struct build_mount_remote *ret, struct cb_error *err)
{
    *ret = (struct build_mount_remote){j, NULL};
    return j->share->ops->open(j->session, j->share, j->io, &ret->link, err);
}

void build_mount_remote_close(struct build_mount_remote *r)
{
    if (r->link)
        ops_of(r)->close(r->link);
    r->link = NULL;
}

/* `back`: days ago. */
static void key_of(const struct build_mount_remote *r, int back, struct cb_digest *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_put_str(&b, "cache mount");
    cb_put_str(&b, r->job->key);
    cb_put_str(&b, r->job->platform);
    if (!ops_of(r)->replaces)
        cb_put_u64(&b, (uint64_t)(time(NULL) / DAY - back));
    cb_sha256(b.data, b.len, ret);
}

/* ---- getting --------------------------------------------------------------------------------------------------------- */

struct newest {
    size_t number;
    struct cb_buf document;
    bool any;
};

static int take_document(void *arg, size_t number, const void *bytes, size_t n, struct cb_error *err)
{
    (void)err; /* looked at later */
    struct newest *d = arg;
    if (d->any && number >= d->number)
        return 0;
    d->any = true;
    d->number = number;
    cb_buf_reset(&d->document);
    cb_buf_add(&d->document, bytes, n);
    return 0;
}

static int check_document(const struct cb_buf *document, struct oci_manifest *ret, struct cb_error *err)
{
    if (oci_manifest_parse(document->data, document->len, ret, err) < 0)
        return -1;
    if (!ret->artifact_type || strcmp(ret->artifact_type, BUILD_MOUNT_TYPE) != 0 || !ret->n_layers ||
        strcmp(ret->layers[0].media_type, BUILD_MOUNT_LIST) != 0 || ret->layers[0].size > BUILD_MOUNT_MAX_LIST)
        return cb_fail(err, CB_E_CORRUPT, "the document of a cache mount is none");
    return 0;
}

struct taking {
    struct cb_sha256 sha;
    uint64_t left;
    struct cb_buf *to; /* NULL: into fd */
    int fd;
};

static int take_bytes(void *arg, const void *p, size_t n, struct cb_error *err)
{
    struct taking *t = arg;
    if (n > t->left)
        return cb_fail(err, CB_E_CORRUPT, "a blob of a cache mount is larger than it should be");
    t->left -= n;
    cb_sha256_add(&t->sha, p, n);
    if (t->to)
        cb_buf_add(t->to, p, n);
    int r = t->to ? 0 : cb_write_full(t->fd, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write a pack of a cache mount") : 0;
}

static int get_blob(struct build_mount_remote *r, const struct build_share_blob *b, struct taking *t, struct cb_error *err)
{
    struct cb_digest is;
    t->left = b->size;
    cb_sha256_init(&t->sha);
    if (ops_of(r)->get_blob(r->link, b, 0, take_bytes, t, err) < 0)
        return -1;
    cb_sha256_end(&t->sha, &is);
    return cb_digest_eq(&is, &b->digest) ? 0 : cb_fail(err, CB_E_CORRUPT, "a blob of a cache mount does not have its digest");
}

int build_mount_remote_fetch(struct build_mount_remote *r, const struct build_mount_pack *p, int fd, struct cb_error *err)
{
    const struct build_share_blob b = {p->digest, p->size, BUILD_MOUNT_PACK};
    struct taking t = {.fd = fd};
    return get_blob(r, &b, &t, err);
}

static int get_list(struct build_mount_remote *r, const struct cb_buf *document, struct build_mount_list *ret,
                    struct cb_buf *ret_bytes, struct cb_error *err)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    CB_AUTO(cb_buf) struct cb_buf packed = CB_BUF_INIT;
    if (check_document(document, &m, err) < 0)
        return -1;
    const struct build_share_blob b = {m.layers[0].digest, m.layers[0].size, BUILD_MOUNT_LIST};
    struct taking t = {.to = &packed};
    if (get_blob(r, &b, &t, err) < 0 ||
        build_share_unpack(packed.data, packed.len, BUILD_MOUNT_MAX_LIST, "the list of a cache mount", ret_bytes, err) < 0)
        return -1;
    return build_mount_list_read(ret_bytes->data, ret_bytes->len, ret, err);
}

int build_mount_remote_get(struct build_mount_remote *r, struct build_mount_list *ret, struct cb_buf *ret_bytes,
                           struct cb_error *err)
{
    struct cb_digest keys[DAYS];
    struct newest d = {.document = CB_BUF_INIT};
    size_t n = ops_of(r)->replaces ? 1 : DAYS;
    for (size_t i = 0; i < n; i++)
        key_of(r, (int)i, &keys[i]);
    int result = ops_of(r)->get_documents(r->link, keys, n, take_document, &d, err);
    if (result == 0 && d.any)
        result = get_list(r, &d.document, ret, ret_bytes, err) < 0 ? -1 : 1;
    cb_buf_done(&d.document);
    return result;
}

/* ---- putting --------------------------------------------------------------------------------------------------------- */

/* Another descriptor, with a position of its own. */
static int open_again(void *arg, struct cb_error *err)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", *(int *)arg);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "read a pack of a cache mount") : fd;
}

int build_mount_remote_send(struct build_mount_remote *r, const char *type, const struct cb_digest *digest, uint64_t size, int fd,
                            struct cb_error *err)
{
    const struct build_share_blob b = {*digest, size, type};
    int there = ops_of(r)->has_blob(r->link, &b, err);
    if (there)
        return there < 0 ? -1 : 0;
    return ops_of(r)->put_blob(r->link, &b, open_again, &fd, err);
}

static int send_bytes(struct build_mount_remote *r, const char *type, const void *p, size_t n, struct cb_digest *ret,
                      struct cb_error *err)
{
    CB_AUTO(close) int fd = cb_memory_file("list");
    int e = fd < 0 ? fd : cb_write_full(fd, p, n);
    if (e < 0)
        return cb_fail_sys(err, e, "keep the list of a cache mount");
    cb_sha256(p, n, ret);
    return build_mount_remote_send(r, type, ret, n, fd, err);
}

static void add_blob(struct oci_manifest *m, const char *type, const struct cb_digest *digest, uint64_t size)
{
    CB_PUSH(m->layers, m->n_layers, m->cap_layers) =
        (struct oci_descriptor){.media_type = cb_strdup(type), .digest = *digest, .size = size};
}

/* Whoever keeps the document keeps what it names. */
static void write_document(const struct build_mount_list *l, const struct cb_digest *empty, const struct cb_digest *list,
                           uint64_t list_size, struct cb_buf *out)
{
    CB_AUTO(oci_manifest) struct oci_manifest m = {.artifact_type = cb_strdup(BUILD_MOUNT_TYPE)};
    m.config =
        (struct oci_descriptor){.media_type = cb_strdup(OCI_TYPE_EMPTY), .digest = *empty, .size = 2, .data = cb_strdup("e30=")};
    add_blob(&m, BUILD_MOUNT_LIST, list, list_size);
    for (size_t i = 0; i < l->n_packs; i++)
        add_blob(&m, BUILD_MOUNT_PACK, &l->packs[i].digest, l->packs[i].size);
    oci_manifest_write(&m, out);
}

int build_mount_remote_put(struct build_mount_remote *r, const struct build_mount_list *l, const struct cb_buf *bytes,
                           struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf packed = CB_BUF_INIT, document = CB_BUF_INIT;
    struct cb_digest empty, list, key;
    if (build_share_pack(bytes, &packed, err) < 0 || send_bytes(r, OCI_TYPE_EMPTY, "{}", 2, &empty, err) < 0 ||
        send_bytes(r, BUILD_MOUNT_LIST, packed.data, packed.len, &list, err) < 0)
        return -1;
    write_document(l, &empty, &list, packed.len, &document);
    key_of(r, 0, &key);
    return ops_of(r)->put_document(r->link, &key, document.data, document.len, ops_of(r)->replaces, err) < 0 ? -1 : 0;
}
