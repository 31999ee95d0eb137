/* Sections of ELF files of either width and byte order. Nothing in the file is trusted. */
#include "builder/attest/packages-internal.h"

#include <elf.h>

#define MAX_NAMES (1u << 20)

struct elf {
    const struct build_attest_file *file;
    bool wide, big;
    struct cb_buf headers, names;
    size_t entry; /* bytes of a section's header */
};

struct section {
    uint32_t name;
    uint64_t offset, size;
};

static uint64_t number(const struct elf *e, const char *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)p[e->big ? i : bytes - 1 - i];
    return v;
}

/* 1: all of it is in `to`. 0: the file ends before. */
static int read_all(const struct elf *e, uint64_t offset, uint64_t n, struct cb_buf *to, struct cb_error *err)
{
    if (offset > e->file->size || n > e->file->size - offset)
        return 0;
    cb_buf_reserve(to, (size_t)n);
    ssize_t got = build_attest_read_at(e->file, offset, to->data + to->len, (size_t)n);
    if (got < 0)
        return cb_fail_sys(err, (int)got, "read it");
    if ((uint64_t)got < n)
        return 0;
    to->len += (size_t)n;
    to->data[to->len] = '\0';
    return 1;
}

static struct section section_at(const struct elf *e, size_t i)
{
    const char *p = e->headers.data + i * e->entry;
    if (e->wide)
        return (struct section){(uint32_t)number(e, p, 4), number(e, p + 24, 8), number(e, p + 32, 8)};
    return (struct section){(uint32_t)number(e, p, 4), number(e, p + 16, 4), number(e, p + 20, 4)};
}

/* Reads the table of sections and their names. 1 / 0 / -1 as build_attest_elf_section. */
static int open_elf(struct elf *e, struct cb_error *err)
{
    char h[sizeof(Elf64_Ehdr)];
    ssize_t n = build_attest_read_at(e->file, 0, h, sizeof(h));
    if (n < (ssize_t)sizeof(h) || memcmp(h, ELFMAG, SELFMAG) != 0)
        return n < 0 ? cb_fail_sys(err, (int)n, "read it") : 0;
    e->wide = h[EI_CLASS] == ELFCLASS64;
    e->big = h[EI_DATA] == ELFDATA2MSB;
    e->entry = e->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    uint64_t at = e->wide ? number(e, h + 40, 8) : number(e, h + 32, 4);
    const char *counts = h + (e->wide ? 58 : 46); /* size of an entry, how many, which of them has the names */
    size_t many = (size_t)number(e, counts + 2, 2), names = (size_t)number(e, counts + 4, 2);
    if (number(e, counts, 2) != e->entry || names >= many)
        return 0;
    int r = read_all(e, at, many * e->entry, &e->headers, err);
    if (r <= 0)
        return r;
    struct section s = section_at(e, names);
    return s.size > MAX_NAMES ? 0 : read_all(e, s.offset, s.size, &e->names, err);
}

static bool has_name(const struct elf *e, const struct section *s, const char *name)
{
    return s->name < e->names.len && strcmp(e->names.data + s->name, name) == 0;
}

static int find(struct elf *e, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    int r = open_elf(e, err);
    for (size_t i = 0; r > 0 && i < e->headers.len / e->entry; i++) {
        struct section s = section_at(e, i);
        if (!has_name(e, &s, name))
            continue;
        if (s.size > max)
            return cb_fail(err, CB_E_UNSUPPORTED, "its section '%s' has more than %zu bytes", name, max);
        return read_all(e, s.offset, s.size, ret, err);
    }
    return r < 0 ? -1 : 0;
}

int build_attest_elf_section(const struct build_attest_file *f, const char *name, size_t max, struct cb_buf *ret,
                             struct cb_error *err)
{
    struct elf e = {.file = f, .headers = CB_BUF_INIT, .names = CB_BUF_INIT};
    int r = find(&e, name, max, ret, err);
    cb_buf_done(&e.headers);
    cb_buf_done(&e.names);
    return r;
}
