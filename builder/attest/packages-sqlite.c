/* Tables of an SQLite database, read where they are (SQLite file format). Nothing in the file is trusted: no page is visited more
 * often than there are pages, and no more bytes of rows are read than the file has. */
#include "builder/attest/packages-internal.h"

#define MAX_DEPTH 20 /* of a tree: more than any file can need */

struct database {
    const struct build_attest_file *file;
    size_t page_size, usable;
    uint64_t pages, visits; /* how many there are, and may still be visited */
    uint64_t left;          /* bytes of rows that may still be read */
    build_attest_row_fn *row;
    void *arg;
};

static int damaged(struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "the database is damaged");
}

static uint32_t number(const char *p, size_t bytes)
{
    uint32_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* A number of 7 bits a byte, the highest first; a ninth byte has 8. */
static bool take_varint(struct cb_str *rest, uint64_t *ret)
{
    uint64_t v = 0;
    for (int i = 0; i < 9 && rest->n; i++) {
        unsigned char c = (unsigned char)*rest->p;
        *rest = (struct cb_str){rest->p + 1, rest->n - 1};
        v = i == 8 ? v << 8 | c : v << 7 | (c & 0x7f);
        if (i == 8 || !(c & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static int read_page(struct database *d, uint32_t number, char *to, struct cb_error *err)
{
    if (number == 0 || number > d->pages || d->visits == 0)
        return damaged(err);
    d->visits--;
    ssize_t n = build_attest_read_at(d->file, (uint64_t)(number - 1) * d->page_size, to, d->page_size);
    if (n < 0)
        return cb_fail_sys(err, (int)n, "read the database");
    return (size_t)n < d->page_size ? damaged(err) : 0;
}

/* How much of a row's `size` bytes is in its own page (1.6 of the format). */
static size_t local_size(const struct database *d, uint64_t size)
{
    size_t most = d->usable - 35, least = (d->usable - 12) * 32 / 255 - 23;
    if (size <= most)
        return (size_t)size;
    size_t k = least + (size_t)((size - least) % (d->usable - 4));
    return k <= most ? k : least;
}

/* Appends what of a row lies in pages of its own. */
static int read_overflow(struct database *d, uint32_t next, uint64_t missing, struct cb_buf *to, struct cb_error *err)
{
    CB_AUTO(free) char *page = cb_alloc_buffer(d->page_size);
    while (missing > 0) {
        if (read_page(d, next, page, err) < 0)
            return -1;
        size_t n = (size_t)CB_MIN(missing, (uint64_t)d->usable - 4);
        cb_buf_add(to, page + 4, n);
        missing -= n;
        next = number(page, 4);
    }
    return 0;
}

static int visit_row(struct database *d, struct cb_str cell, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf record = CB_BUF_INIT;
    uint64_t size, id;
    if (!take_varint(&cell, &size) || !take_varint(&cell, &id) || size > d->left)
        return damaged(err);
    d->left -= size;
    size_t here = local_size(d, size);
    if (here > cell.n || (here < size && cell.n - here < 4))
        return damaged(err);
    cb_buf_add(&record, cell.p, here);
    if (here < size && read_overflow(d, number(cell.p + here, 4), size - here, &record, err) < 0)
        return -1;
    return d->row(d->arg, (struct cb_str){record.data, record.len}, err);
}

enum { INNER = 5, LEAF = 13 };

static int visit_tree(struct database *d, uint32_t at, int depth, struct cb_error *err) // NOLINT(misc-no-recursion)
{
    CB_AUTO(free) char *page = cb_alloc_buffer(d->page_size);
    if (depth == MAX_DEPTH)
        return damaged(err);
    if (read_page(d, at, page, err) < 0)
        return -1;
    const char *head = page + (at == 1 ? 100 : 0);
    size_t cells = number(head + 3, 2), pointers = (size_t)(head - page) + (head[0] == INNER ? 12 : 8);
    if ((head[0] != INNER && head[0] != LEAF) || pointers + 2 * cells > d->usable)
        return damaged(err);
    for (size_t i = 0; i < cells; i++) {
        size_t offset = number(page + pointers + 2 * i, 2);
        if (offset + 4 > d->usable)
            return damaged(err);
        int r = head[0] == LEAF ? visit_row(d, (struct cb_str){page + offset, d->usable - offset}, err)
                                : visit_tree(d, number(page + offset, 4), depth + 1, err);
        if (r < 0)
            return -1;
    }
    return head[0] == INNER ? visit_tree(d, number(head + 8, 4), depth + 1, err) : 0;
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

static uint64_t column_size(uint64_t type)
{
    static const uint8_t fixed[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return type < CB_LEN(fixed) ? fixed[type] : (type - 12) / 2;
}

/* The bytes of a column, and its type. */
static bool find_column(struct cb_str record, unsigned column, uint64_t *type, struct cb_str *ret)
{
    struct cb_str head = record;
    uint64_t head_size, offset, size = 0;
    if (!take_varint(&head, &head_size) || head_size > record.n || head_size < (uint64_t)(head.p - record.p))
        return false;
    head.n = (size_t)head_size - (size_t)(head.p - record.p);
    offset = head_size;
    for (unsigned i = 0; i <= column; i++) {
        offset += size;
        if (!take_varint(&head, type) || offset > record.n)
            return false;
        size = column_size(*type);
        if (size > record.n - offset)
            return false;
    }
    *ret = (struct cb_str){record.p + offset, (size_t)size};
    return true;
}

bool build_attest_sqlite_column(struct cb_str record, unsigned column, struct cb_str *ret)
{
    uint64_t type;
    return find_column(record, column, &type, ret) && type >= 12;
}

/* ---- the table of tables ----------------------------------------------------------------------------------------------- */

struct lookup {
    const char *table;
    uint32_t root; /* 0: not found */
};

/* Columns: type, name, table, root page, SQL. */
static int look(void *arg, struct cb_str record, struct cb_error *err)
{
    struct lookup *l = arg;
    struct cb_str kind, name, root;
    uint64_t type;
    (void)err;
    if (build_attest_sqlite_column(record, 0, &kind) && cb_str_eq(kind, CB_STR("table")) &&
        build_attest_sqlite_column(record, 1, &name) && cb_str_eq(name, cb_str(l->table)) &&
        find_column(record, 3, &type, &root) && root.n <= 4)
        l->root = type == 9 ? 1 : number(root.p, root.n);
    return 0;
}

static int open_database(const struct build_attest_file *f, struct database *d, struct cb_error *err)
{
    char h[100];
    ssize_t n = build_attest_read_at(f, 0, h, sizeof(h));
    if (n < 0)
        return cb_fail_sys(err, (int)n, "read the database");
    if (n < (ssize_t)sizeof(h) || memcmp(h, "SQLite format 3", 16) != 0)
        return cb_fail(err, CB_E_CORRUPT, "it is no SQLite database");
    size_t size = number(h + 16, 2) == 1 ? 65536 : number(h + 16, 2);
    if (size < 512 || (size & (size - 1)) != 0 || (unsigned char)h[20] > size - 480)
        return damaged(err);
    *d = (struct database){.file = f,
                           .page_size = size,
                           .usable = size - (unsigned char)h[20],
                           .pages = f->size / size,
                           .visits = 2 * (f->size / size), /* for the table of tables, and the table */
                           .left = 2 * f->size};
    return 0;
}

int build_attest_sqlite_rows(const struct build_attest_file *f, const char *table, build_attest_row_fn *row, void *arg,
                             struct cb_error *err)
{
    struct database d;
    struct lookup l = {.table = table};
    if (open_database(f, &d, err) < 0)
        return -1;
    d.row = look;
    d.arg = &l;
    if (visit_tree(&d, 1, 0, err) < 0)
        return -1;
    if (!l.root)
        return cb_fail(err, CB_E_CORRUPT, "the database has no table '%s'", table);
    d.row = row;
    d.arg = arg;
    return visit_tree(&d, l.root, 0, err);
}
