/* Tar streams. Reading takes ustar, pax and GNU archives; nothing is written to disk here. Writing gives pax
 * with SCHILY.xattr records, whole-second times, no user or group names: equal entries give equal bytes
 * (oci-image.md §6). */
#ifndef CB_TAR_H
#define CB_TAR_H

#include "base/stream/codec.h"

enum cb_ftype { CB_FILE, CB_DIR, CB_SYMLINK, CB_CHAR, CB_BLOCK, CB_FIFO, CB_HARDLINK, CB_FTYPE_COUNT };

struct cb_xattr {
    char *name;
    char *value;
    size_t len;
};

struct cb_tar_entry {
    const char *path; /* as it is in the archive when read, even ""; no leading '/' when written */
    enum cb_ftype type;
    uint32_t mode; /* permission bits with set-id and sticky */
    uint32_t uid, gid;
    uint64_t size;    /* of a CB_FILE */
    int64_t mtime;    /* seconds */
    const char *link; /* of a symlink or hard link */
    uint32_t dev_major, dev_minor;
    const struct cb_xattr *xattrs;
    size_t n_xattrs;
};

struct cb_tar_reader;
/* `any_format`: also accept gzip, zstd, bzip2 and xz (ADD); else plain tar only. */
struct cb_tar_reader *cb_tar_reader_new(cb_source_fn *source, void *arg, bool any_format, struct cb_error *err);
/* 1: *ret is filled, borrowed until the next call. 0: end. -1: damaged. */
int cb_tar_next(struct cb_tar_reader *t, struct cb_tar_entry *ret, struct cb_error *err);
ssize_t cb_tar_read(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err); /* 0: end of the entry */
/* For a plain tar that can be read at any place: `skip` has the source go on n bytes further, and what a member holds need not
 * be read to come to the next one. A skip beyond the end succeeds; the source ends there. */
typedef int cb_tar_skip_fn(void *arg, uint64_t n, struct cb_error *err);
void cb_tar_reader_skips(struct cb_tar_reader *t, cb_tar_skip_fn *skip);
/* Where in the archive the bytes of the member begin that cb_tar_next has just given. False: they do not lie there in one piece,
 * because it is sparse. */
bool cb_tar_offset(const struct cb_tar_reader *t, uint64_t *ret);
/* Instead of the members, before any was asked for: the archive's own bytes, with its compression taken off. 0: end. */
ssize_t cb_tar_reader_bytes(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err);
void cb_tar_reader_free(struct cb_tar_reader *t);
CB_DEFINE_AUTO_PTR(cb_tar_reader, struct cb_tar_reader, cb_tar_reader_free)

struct cb_tar_writer;
struct cb_tar_writer *cb_tar_writer_new(cb_sink_fn *sink, void *arg, struct cb_error *err);
int cb_tar_entry_begin(struct cb_tar_writer *t, const struct cb_tar_entry *e, struct cb_error *err);
int cb_tar_write(struct cb_tar_writer *t, const void *p, size_t n, struct cb_error *err);
int cb_tar_end(struct cb_tar_writer *t, struct cb_error *err); /* the two zero blocks; call once */
void cb_tar_writer_free(struct cb_tar_writer *t);
CB_DEFINE_AUTO_PTR(cb_tar_writer, struct cb_tar_writer, cb_tar_writer_free)

#endif
