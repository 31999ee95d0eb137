/* bzip2 and xz, which only the archives of ADD may use: libarchive decompresses them, loaded when the first one is met. Its
 * "raw" format hands out the bytes as they are; the tar in them is read by base/stream/tar.c like any other. */
#include "base/stream/tar-internal.h"
#include "base/lazy.h"
#include <archive.h>
#include <archive_entry.h>

#define LA(X)                                                                                                                    \
    X(archive_read_new)                                                                                                          \
    X(archive_read_free)                                                                                                         \
    X(archive_read_support_filter_bzip2)                                                                                         \
    X(archive_read_support_filter_xz)                                                                                            \
    X(archive_read_support_format_raw)                                                                                           \
    X(archive_read_open)                                                                                                         \
    X(archive_read_next_header)                                                                                                  \
    X(archive_read_data)                                                                                                         \
    X(archive_error_string)
CB_LAZY_TABLE(la, LA)

struct cb_tar_filter {
    struct archive *archive;
    cb_source_fn *source;
    void *arg;
    struct cb_error source_error; /* what the source said; libarchive only learns that it failed */
    bool opened, source_ended;
    uint8_t buf[65536];
};

bool cb_tar_filter_wanted(const uint8_t *p, size_t n)
{
    static const uint8_t xz[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return (n >= 4 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9') ||
           (n >= sizeof(xz) && memcmp(p, xz, sizeof(xz)) == 0);
}

static la_ssize_t feed(struct archive *a, void *arg, const void **ret)
{
    struct cb_tar_filter *f = arg;
    ssize_t n = f->source(f->arg, f->buf, sizeof(f->buf), &f->source_error);
    (void)a;
    f->source_ended = n == 0;
    *ret = f->buf;
    return n < 0 ? ARCHIVE_FATAL : n;
}

struct cb_tar_filter *cb_tar_filter_new(cb_source_fn *source, void *arg, struct cb_error *err)
{
    if (CB_LAZY_LOAD(la, LA, "libarchive.so.13", "libarchive13", err) < 0)
        return NULL;
    struct cb_tar_filter *f = CB_NEW(struct cb_tar_filter);
    f->source = source;
    f->arg = arg;
    f->archive = la.archive_read_new();
    if (!f->archive || la.archive_read_support_filter_bzip2(f->archive) != ARCHIVE_OK ||
        la.archive_read_support_filter_xz(f->archive) != ARCHIVE_OK ||
        la.archive_read_support_format_raw(f->archive) != ARCHIVE_OK) {
        cb_fail(err, CB_E_UNSUPPORTED, "libarchive here cannot read bzip2 and xz");
        cb_tar_filter_free(f);
        return NULL;
    }
    return f;
}

static int filter_fail(struct cb_tar_filter *f, struct cb_error *err)
{
    const char *why = la.archive_error_string(f->archive);
    if (f->source_error.code != CB_E_NONE) {
        cb_error_move(err, &f->source_error);
        return -1;
    }
    if (f->source_ended) /* libarchive's words for it differ, and do not say so */
        return cb_fail(err, CB_E_CORRUPT, "decompress archive: truncated or damaged at the end");
    return cb_fail(err, CB_E_CORRUPT, "decompress archive: %s", why ? why : "damaged");
}

ssize_t cb_tar_filter_read(struct cb_tar_filter *f, void *p, size_t n, struct cb_error *err)
{
    if (!f->opened) {
        f->opened = true;
        struct archive_entry *entry;
        if (la.archive_read_open(f->archive, f, NULL, feed, NULL) != ARCHIVE_OK ||
            la.archive_read_next_header(f->archive, &entry) != ARCHIVE_OK)
            return filter_fail(f, err);
    }
    la_ssize_t got = la.archive_read_data(f->archive, p, n);
    return got < 0 ? filter_fail(f, err) : got;
}

void cb_tar_filter_free(struct cb_tar_filter *f)
{
    if (!f)
        return;
    if (f->archive)
        la.archive_read_free(f->archive);
    cb_error_done(&f->source_error);
    free(f);
}
