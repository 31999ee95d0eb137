/* Only for base/stream/tar*.c: the shape of a tar block and the bounds that reader and writer share. */
#ifndef CB_TAR_INTERNAL_H
#define CB_TAR_INTERNAL_H

#include "base/stream/tar.h"

#define TAR_BLOCK       512
#define TAR_READ_AHEAD  65536
#define TAR_MAX_PAX     (4u << 20)   /* one extended header: a few dozen xattrs of the kernel's largest size */
#define TAR_MAX_EXTENTS (1u << 20)   /* of one sparse file */
#define TAR_MAX_SPARSE  (1ull << 40) /* what a sparse map may claim: the bytes are not in the archive */
#define TAR_OCTAL7      07777777u    /* largest uid, gid, device number in seven octal digits */
#define TAR_OCTAL11     077777777777ll

struct cb_tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char uname[32], gname[32];
    char dev_major[8], dev_minor[8];
    char prefix[155];
    char pad[12];
};
_Static_assert(sizeof(struct cb_tar_header) == TAR_BLOCK, "a tar header is one block");

/* ---- header blocks (tar-header.c) ------------------------------------------------------------ */

uint32_t cb_tar_checksum(const struct cb_tar_header *h, bool as_signed);
/* Octal digits between blanks and NULs, or base-256 when the first bit is set. Empty: 0. False: damaged. */
bool cb_tar_get_number(const char *p, size_t n, int64_t *ret);
/* The same within bounds; the error says `what` it is. */
int cb_tar_header_number(const char *p, size_t n, const char *what, int64_t min, uint64_t max, int64_t *ret,
                         struct cb_error *err);

/* ---- extended headers (tar-pax.c) ---------------------------------------------------------- */

struct cb_tar_extent {
    uint64_t offset, len;
};

/* What extended headers said about the next member. Strings are empty when nothing was said. */
struct cb_tar_ext {
    struct cb_buf path, link;  /* pax path, linkpath; else GNU L and K */
    struct cb_buf sparse_name; /* GNU.sparse.name: the real name of a sparse member */
    bool has_size, has_uid, has_gid, has_mtime, has_major, has_minor, has_real;
    uint64_t size, uid, gid, dev_major, dev_minor;
    int64_t mtime;
    uint64_t real_size;    /* of a sparse file */
    uint64_t sparse_major; /* 1: the map comes before the data */
    bool has_offset;       /* sparse 0.0: an offset waits for its length */
    struct cb_tar_extent *map;
    size_t n_map, cap_map;
    struct cb_xattr *xattrs; /* owned; after cb_tar_ext_finish sorted by name, each name once */
    size_t n_xattrs, cap_xattrs;
};
void cb_tar_ext_init(struct cb_tar_ext *x);
void cb_tar_ext_reset(struct cb_tar_ext *x);
void cb_tar_ext_done(struct cb_tar_ext *x);
/* Reads the records of one pax header; later ones override earlier ones. */
int cb_tar_pax_parse(struct cb_tar_ext *x, const char *p, size_t n, struct cb_error *err);
void cb_tar_ext_finish(struct cb_tar_ext *x);
int cb_tar_add_extent(struct cb_tar_ext *x, uint64_t offset, uint64_t len, struct cb_error *err);

/* ---- compressions that only archives of ADD use (tar-filter.c) ----------------------------- */

struct cb_tar_filter;
/* Do these first bytes belong to bzip2 or xz? */
bool cb_tar_filter_wanted(const uint8_t *p, size_t n);
struct cb_tar_filter *cb_tar_filter_new(cb_source_fn *source, void *arg, struct cb_error *err);
ssize_t cb_tar_filter_read(struct cb_tar_filter *f, void *p, size_t n, struct cb_error *err);
void cb_tar_filter_free(struct cb_tar_filter *f);

/* ---- the reader (tar.c) ---------------------------------------------------------------------- */

struct cb_tar_reader {
    cb_source_fn *pull; /* what the tar's own bytes come from */
    void *pull_arg;
    cb_source_fn *source;
    void *arg;
    struct cb_decoder *decoder;   /* any_format: gzip and zstd */
    struct cb_tar_filter *filter; /* any_format: bzip2 and xz */
    uint8_t first[16];            /* bytes taken from the decoder to look at, given to the filter again */
    size_t n_first, first_at;
    bool any_format, broken, ended;

    uint8_t *in; /* TAR_READ_AHEAD bytes: [pos, len) are not consumed */
    size_t pos, len;
    uint64_t taken;       /* bytes of the stream up to in[len] */
    cb_tar_skip_fn *skip; /* NULL: what is passed over is read */

    uint64_t left; /* bytes of the member's data still in the stream */
    uint32_t pad;  /* and what fills its last block */
    struct cb_tar_ext ext;
    struct cb_buf path, link;

    bool sparse;
    uint64_t at;   /* sparse: position in the file as it is read */
    uint64_t real; /* sparse: its size */
    size_t extent; /* sparse: the first piece that does not end before `at` */
};

/* ---- its stream (tar-stream.c) --------------------------------------------------------------- */

/* Makes `n` <= TAR_READ_AHEAD bytes available at in[pos]. 1; 0: the stream ends here; -1: it ends within them, or failed. */
int cb_tar_need(struct cb_tar_reader *t, size_t n, struct cb_error *err);
/* Up to n bytes of the stream, at least one; -1 at its end. */
ssize_t cb_tar_take(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err);
int cb_tar_skip(struct cb_tar_reader *t, uint64_t n, struct cb_error *err);
int cb_tar_truncated(struct cb_error *err); /* the error; -1 */
uint32_t cb_tar_padding(uint64_t size);     /* bytes that fill the last block of that much data */

/* ---- sparse members (tar-sparse.c) ------------------------------------------------------------ */

/* Both read a map into t->ext; the second one out of the member's data. */
int cb_tar_old_sparse_map(struct cb_tar_reader *t, const struct cb_tar_header *h, struct cb_error *err);
int cb_tar_leading_sparse_map(struct cb_tar_reader *t, struct cb_error *err);
/* Checks the map and sets the entry's size. */
int cb_tar_begin_sparse(struct cb_tar_reader *t, struct cb_tar_entry *e, struct cb_error *err);
ssize_t cb_tar_read_sparse(struct cb_tar_reader *t, void *p, size_t n, struct cb_error *err); /* t->at < t->real */

#endif
