#include "cache/fetch.h"

#include "base/json.h"
#include "base/limits.h"
#include "cache/store/blob.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"

void cache_fetch_done(struct cache_fetch *f)
{
    free(f->etag);
    *f = (struct cache_fetch){0};
}

struct fetch_name {
    char text[CB_DIGEST_HEX + 1];
};
static struct fetch_name name_of(const char *url)
{
    struct fetch_name n;
    struct cb_digest d;
    cb_sha256(url, strlen(url), &d);
    cb_digest_hex(&d, n.text);
    return n;
}

/* An fd of the file, or -1. */
static int read_memory(struct cache_store *s, const char *name, struct cache_fetch *ret)
{
    CB_AUTO(free) char *path = cb_printf("fetch/%s", name);
    CB_AUTO(close) int fd = openat(s->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    const char *etag = NULL, *digest = "", *boot = "";
    int64_t mtime = 0;
    if (fd < 0 || cb_read_fd(fd, CB_MAX_HTTP_BODY, &text) < 0)
        return -1;
    CB_AUTO(json) json_t *j = cb_json_parse(text.data, cache_unseal(text.data, text.len), path, &ignored);
    if (!j || cb_json_str(j, "etag", "", &etag, &ignored) < 0 || cb_json_str(j, "digest", "", &digest, &ignored) < 0 ||
        cb_json_str(j, "boot", "", &boot, &ignored) < 0 || cb_json_int(j, "mtime", "", &mtime, &ignored) < 0)
        return -1;
    if (!cb_digest_parse(digest, &ret->digest) || !cache_store_is_this_boot(s, boot) ||
        cache_blob_has(s, &ret->digest, &ret->size) != 1)
        return -1;
    ret->mtime = mtime;
    ret->etag = etag ? cb_strdup(etag) : NULL;
    return cb_take_fd(&fd);
}

int cache_fetch_load(struct cache_store *s, const char *url, struct cache_fetch *ret)
{
    struct stat st;
    CB_AUTO(close) int fd = read_memory(s, name_of(url).text, ret);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0)
        cache_note_use(fd, &st);
    return 1;
}

void cache_fetch_store(struct cache_store *s, const char *url, const struct cache_fetch *f)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    char digest[CB_DIGEST_TEXT + 1];
    cb_digest_text(&f->digest, digest);
    CB_AUTO(json)
    json_t *j = json_pack("{s:s,s:I,s:s}", "digest", digest, "mtime", (json_int_t)f->mtime, "boot", cache_store_boot_id(s));
    if (f->etag)
        json_object_set_new(j, "etag", json_string(f->etag)); /* one that is not UTF-8 counts as none */
    cb_json_dump(j, CB_JSON_COMPACT, &out);
    cache_seal(&out);
    (void)cache_store_publish(s, "fetch", name_of(url).text, out.data, out.len, &ignored);
}

bool cache_fetch_peek(struct cache_store *s, const char *name, struct cb_digest *ret)
{
    CB_AUTO(cache_fetch) struct cache_fetch f = {0};
    CB_AUTO(close) int fd = read_memory(s, name, &f);
    *ret = f.digest;
    return fd >= 0;
}
