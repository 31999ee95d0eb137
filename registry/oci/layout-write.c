/* A layout as a directory. Files are not synced: it is an output, and after a crash it is made again. */
#include "registry/oci/layout-internal.h"

#include "base/dir.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "registry/oci/emit.h"
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define TEMPORARY_NAME 32

static void temporary_name(char out[TEMPORARY_NAME])
{
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) < 0)
        salt = (uint64_t)getpid();
    snprintf(out, TEMPORARY_NAME, ".tmp-%016llx", (unsigned long long)salt);
}

/* ---- blobs --------------------------------------------------------------------------------- */

static int fd_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_write_full(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, r, "write a blob") : 0;
}

static int null_sink(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)arg, (void)p, (void)n, (void)err; /* only the digest is wanted */
    return 0;
}

static int reopen(void *arg, struct cb_error *err)
{
    (void)err; /* the fd is there already */
    return cb_take_fd(arg);
}

/* Reading what is there costs less than writing it again, and finds out whether it is whole. */
static bool is_there(int blobs, const char *hex, const struct oci_archive_blob *b)
{
    CB_AUTO(close) int fd = cb_open_beneath(blobs, hex, O_RDONLY | O_NONBLOCK, 0);
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != b->size)
        return false;
    struct oci_archive_blob there = {.digest = b->digest, .size = b->size, .open = reopen, .arg = &fd};
    return oci_blob_copy(&there, null_sink, NULL, &ignored) == 0;
}

static int write_blob(int blobs, const struct oci_archive_blob *b, struct cb_error *err)
{
    char hex[CB_DIGEST_HEX + 1], tmp[TEMPORARY_NAME];
    cb_digest_hex(&b->digest, hex);
    if (is_there(blobs, hex, b))
        return 0;
    temporary_name(tmp);
    CB_AUTO(close) int fd = openat(blobs, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create blob sha256:%s", hex);
    int r = oci_blob_copy(b, fd_sink, &fd, err);
    if (r == 0 && renameat(blobs, tmp, blobs, hex) < 0)
        r = cb_fail_sys(err, errno, "name blob sha256:%s", hex);
    if (r < 0)
        unlinkat(blobs, tmp, 0);
    return r;
}

/* Makes `name` in `dir` when it is missing and opens it; a symlink in its place is refused. */
static int open_subdir(int dir, const char *name, struct cb_error *err)
{
    if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
        return cb_fail_sys(err, errno, "create directory '%s' of the image layout", name);
    int fd = cb_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? cb_fail_sys(err, fd, "open directory '%s' of the image layout", name) : fd;
}

static int open_blobs(int dir, struct cb_error *err)
{
    CB_AUTO(close) int blobs = open_subdir(dir, "blobs", err);
    return blobs < 0 ? -1 : open_subdir(blobs, "sha256", err);
}

static int write_blobs(int dir, const struct oci_archive *a, struct cb_error *err)
{
    CB_AUTO(free) bool *distinct = oci_archive_distinct(a);
    CB_AUTO(close) int sha256 = open_blobs(dir, err);
    if (sha256 < 0)
        return -1;
    for (size_t i = 0; i < a->n_blobs; i++)
        if (distinct[i] && write_blob(sha256, &a->blobs[i], err) < 0)
            return -1;
    return 0;
}

int oci_layout_put_blob(int dirfd, const struct oci_archive_blob *b, struct cb_error *err)
{
    CB_AUTO(close) int sha256 = open_blobs(dirfd, err);
    return sha256 < 0 ? -1 : write_blob(sha256, b, err);
}

/* ---- index.json ---------------------------------------------------------------------------- */

static const char *text_of(json_t *entry, const char *key)
{
    return json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Does `new` take the place of `old`? By its full name; by the tag where the old entry has no full name (other
 * tools write only that); an unnamed image only in place of itself. */
static bool replaces(json_t *new, json_t *old)
{
    const char *name = text_of(new, OCI_CONTAINERD_NAME), *old_name = text_of(old, OCI_CONTAINERD_NAME);
    const char *tag = text_of(new, OCI_REF_NAME), *old_tag = text_of(old, OCI_REF_NAME);
    if (old_name)
        return same_text(name, old_name);
    if (old_tag)
        return same_text(tag, old_tag);
    return same_text(json_string_value(json_object_get(new, "digest")), json_string_value(json_object_get(old, "digest")));
}

static bool replaced_by_any(json_t *list, json_t *old)
{
    size_t i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        if (replaces(entry, old))
            return true;
    }
    return false;
}

/* The index that is there, with our entries put in. It is changed as JSON, so what we do not know in it stays. */
static int merge_index(const struct cb_buf *old, const struct cb_buf *new, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index checked = {0};
    if (oci_index_parse(old->data, old->len, &checked, err) < 0)
        return cb_prefix(err, "index.json");
    CB_AUTO(json) json_t *doc = cb_json_parse(old->data, old->len, "index.json", err);
    CB_AUTO(json) json_t *ours = cb_json_parse(new->data, new->len, "index.json", err);
    if (!doc || !ours)
        return -1;
    json_t *add = json_object_get(ours, "manifests"), *was = json_object_get(doc, "manifests"), *merged = json_array(), *entry;
    size_t i;
    json_array_foreach (was, i, entry) {
        if (!replaced_by_any(add, entry))
            oci_emit_append(merged, json_incref(entry));
    }
    json_array_foreach (add, i, entry) {
        oci_emit_append(merged, json_incref(entry));
    }
    oci_emit_set(doc, "manifests", merged);
    cb_json_dump(doc, CB_JSON_INDENT, out);
    if (out->len > CB_MAX_MANIFEST)
        return cb_fail(err, CB_E_FAILED, "index.json would be larger than the %u bytes that readers must accept",
                       CB_MAX_MANIFEST);
    return 0;
}

static int publish(int dir, const char *name, const void *p, size_t n, struct cb_error *err)
{
    int r = cb_publish_file(dir, name, p, n, 0644);
    return r < 0 ? cb_fail_sys(err, r, "write '%s' of the image layout", name) : 0;
}

static int write_index(int dir, const struct oci_archive *a, bool merge, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf ours = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf old = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf merged = CB_BUF_INIT;
    if (oci_archive_index(a, &x, err) < 0)
        return -1;
    oci_index_write(&x, &ours);
    if (!merge)
        return publish(dir, "index.json", ours.data, ours.len, err);
    if (oci_layout_read_file(OCI_FILES_IN(dir), "index.json", CB_MAX_MANIFEST, &old, err) < 0 ||
        merge_index(&old, &ours, &merged, err) < 0)
        return -1;
    return publish(dir, "index.json", merged.data, merged.len, err);
}

/* ---- the directory ------------------------------------------------------------------------- */

static int write_all(int dir, const struct oci_archive *a, bool merge, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf docker = CB_BUF_INIT;
    if (write_blobs(dir, a, err) < 0 ||
        (!merge && publish(dir, "oci-layout", OCI_LAYOUT_HEADER, strlen(OCI_LAYOUT_HEADER), err) < 0))
        return -1;
    if (a->docker &&
        (oci_archive_docker_manifest(a, &docker, err) < 0 || publish(dir, "manifest.json", docker.data, docker.len, err) < 0))
        return -1;
    return write_index(dir, a, merge, err);
}

/* Makes it beside and renames. An empty directory in its place is replaced by the rename; anything else that appeared
 * in the meantime is not. */
static int write_new(const struct oci_archive *a, int parent, const char *name, struct cb_error *err)
{
    char tmp[TEMPORARY_NAME];
    temporary_name(tmp);
    if (mkdirat(parent, tmp, 0755) < 0)
        return cb_fail_sys(err, errno, "create the directory of '%s'", name);
    CB_AUTO(close) int dir = openat(parent, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = dir < 0 ? cb_fail_sys(err, errno, "open the directory of '%s'", name) : write_all(dir, a, false, err);
    if (r == 0 && renameat(parent, tmp, parent, name) < 0)
        r = cb_fail_sys(err, errno, "rename the image layout to '%s'", name);
    if (r < 0)
        (void)cb_remove_tree(parent, tmp); /* what failed before is what is reported */
    return r;
}

/* 1: nothing in it. 0: something. Negative: -errno. */
static int is_empty(int dirfd)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dirfd, ".");
    bool empty = !cb_dir_next(&d);
    return d.error ? d.error : empty;
}

static int fail_not_layout(const char *name, struct cb_error *err)
{
    cb_fail(err, CB_E_FAILED, "'%s' is a directory that holds something other than an image layout", name);
    return cb_hint(err, "name a directory that does not exist yet, an empty one, or an image layout");
}

static int add_to_existing(const struct oci_archive *a, int dir, const char *name, struct cb_error *err)
{
    if (faccessat(dir, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_not_layout(name, err);
    if (oci_layout_check(OCI_FILES_IN(dir), err) < 0)
        return cb_prefix(err, "'%s'", name);
    if (CB_RETRY(flock(dir, LOCK_EX)) < 0)
        return cb_fail_sys(err, errno, "lock '%s'", name);
    return write_all(dir, a, true, err);
}

int oci_layout_write(const struct oci_archive *a, int parent_dir, const char *name, struct cb_error *err)
{
    if (!*name || strchr(name, '/') || strcmp(name, "..") == 0)
        return cb_fail(err, CB_E_USAGE, "'%s' cannot be the name of an image layout's directory", name);
    CB_AUTO(close) int dir = openat(parent_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT)
        return write_new(a, parent_dir, name, err);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open '%s'", name);
    int empty = is_empty(dir);
    if (empty < 0)
        return cb_fail_sys(err, empty, "read '%s'", name);
    /* "." and a symlink to an empty directory cannot be replaced by a rename: the layout is written in place. */
    struct stat st;
    if (empty && strcmp(name, ".") != 0 && fstatat(parent_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return write_new(a, parent_dir, name, err);
    return empty ? write_all(dir, a, false, err) : add_to_existing(a, dir, name, err);
}

/* ---- entry by entry ---------------------------------------------------------------------------- */

static int lock_layout(int dirfd, struct cb_error *err)
{
    CB_AUTO(close) int lock = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || CB_RETRY(flock(lock, LOCK_EX)) < 0)
        return cb_fail_sys(err, errno, "lock the image layout");
    return cb_take_fd(&lock);
}

static const char no_entries[] = "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}";

/* What somebody has left who died here below: nothing, files on their way to a name, the index without entries. As is_empty. */
static int is_begun(int dirfd)
{
    CB_AUTO(cb_dir) struct cb_dir d = cb_dir_open(dirfd, ".");
    const struct dirent *e;
    bool begun = true;
    while (begun && (e = cb_dir_next(&d))) {
        CB_AUTO(cb_buf) struct cb_buf index = CB_BUF_INIT;
        begun = cb_starts(e->d_name, ".tmp-") ||
                (strcmp(e->d_name, "index.json") == 0 && cb_read_file(dirfd, e->d_name, sizeof(no_entries), &index) == 0 &&
                 strcmp(index.data, no_entries) == 0);
    }
    return d.error ? d.error : begun;
}

int oci_layout_begin(int dirfd, const char *name, struct cb_error *err)
{
    CB_AUTO(close) int lock = lock_layout(dirfd, err);
    if (lock < 0)
        return -1;
    if (faccessat(dirfd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return oci_layout_check(OCI_FILES_IN(dirfd), err) < 0 ? cb_prefix(err, "'%s'", name) : 0;
    int begun = is_begun(dirfd);
    if (begun < 0)
        return cb_fail_sys(err, begun, "read '%s'", name);
    if (!begun)
        return fail_not_layout(name, err);
    /* A directory that has oci-layout has the other, too. */
    return publish(dirfd, "index.json", no_entries, strlen(no_entries), err) < 0
               ? -1
               : publish(dirfd, "oci-layout", OCI_LAYOUT_HEADER, strlen(OCI_LAYOUT_HEADER), err);
}

int oci_layout_list(int dirfd, struct oci_index *ret, struct cb_error *err)
{
    if (faccessat(dirfd, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;
    return oci_layout_index(OCI_FILES_IN(dirfd), ret, err) < 0 ? -1 : 1;
}

const struct oci_descriptor *oci_layout_tagged(const struct oci_index *x, const char *tag)
{
    for (size_t i = 0; i < x->n_manifests; i++)
        if (same_text(oci_annotation_get(&x->manifests[i].annotations, OCI_REF_NAME), tag))
            return &x->manifests[i];
    return NULL;
}

static int add_entry(int dirfd, const char *tag, const struct oci_descriptor *d, struct cb_error *err)
{
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(cb_buf) struct cb_buf old = CB_BUF_INIT, ours = CB_BUF_INIT, merged = CB_BUF_INIT;
    struct oci_descriptor *entry = &CB_PUSH(x.manifests, x.n_manifests, x.cap_manifests);
    oci_descriptor_copy(entry, d);
    cb_strv_take(&entry->annotations, cb_printf("%s=%s", OCI_REF_NAME, tag));
    oci_index_write(&x, &ours);
    if (oci_layout_read_file(OCI_FILES_IN(dirfd), "index.json", CB_MAX_MANIFEST, &old, err) < 0 ||
        merge_index(&old, &ours, &merged, err) < 0)
        return -1;
    return publish(dirfd, "index.json", merged.data, merged.len, err);
}

int oci_layout_tag(int dirfd, const char *tag, const struct oci_descriptor *d, bool replace, struct cb_error *err)
{
    CB_AUTO(close) int lock = lock_layout(dirfd, err);
    CB_AUTO(oci_index) struct oci_index x = {0};
    if (lock < 0 || oci_layout_list(dirfd, &x, err) < 0)
        return -1;
    if (!replace && oci_layout_tagged(&x, tag))
        return 0;
    return add_entry(dirfd, tag, d, err) < 0 ? -1 : 1;
}
