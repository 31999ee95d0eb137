/* rpm's packages: its SQLite database. Those of other kinds, which older systems have, are told of and not read. */
#include "builder/attest/packages-internal.h"
#include "base/path.h"

/* Where it is: the last is that of systems whose /usr is all there is. */
static const char *const places[] = {"var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"};
/* Packages: Berkeley DB; Packages.db: ndb; a log that is not empty holds what the database lacks. */
static const char *const names[] = {"rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db"};

static bool wants(const char *path, bool executable)
{
    (void)executable;
    for (size_t i = 0; i < CB_LEN(places); i++)
        for (size_t n = 0; n < CB_LEN(names); n++)
            if (cb_starts(path, places[i]) && strcmp(path + strlen(places[i]), names[n]) == 0)
                return true;
    return false;
}

/* Tags of a header, and the types that these have (rpm's header format). */
enum { TAG_NAME = 1000, TAG_VERSION, TAG_RELEASE, TAG_EPOCH, TAG_LICENCE = 1014, TAG_ARCH = 1022, TAG_SOURCE = 1044 };
enum { TYPE_INT32 = 4, TYPE_STRING = 6 };

static uint32_t number(const char *p)
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

struct header {
    struct cb_str index, data;
};

/* The value of a tag: a string, or the four bytes of a number; false: it has none. */
static bool value_of(const struct header *h, uint32_t tag, uint32_t type, struct cb_str *ret)
{
    for (size_t i = 0; i + 16 <= h->index.n; i += 16) {
        const char *e = h->index.p + i;
        uint32_t offset = number(e + 8);
        if (number(e) != tag || number(e + 4) != type || offset > h->data.n)
            continue;
        *ret = (struct cb_str){h->data.p + offset, h->data.n - offset};
        if (type == TYPE_STRING)
            *ret = build_attest_cut(ret, '\0');
        return type == TYPE_STRING || ret->n >= 4;
    }
    return false;
}

static struct cb_str string_of(const struct header *h, uint32_t tag)
{
    struct cb_str s = {0};
    return value_of(h, tag, TYPE_STRING, &s) ? s : (struct cb_str){0};
}

struct reading {
    const struct build_attest_file *file;
    struct build_attest_packages *to;
};

static void add(const struct reading *r, const struct header *h)
{
    CB_AUTO(cb_buf) struct cb_buf version = CB_BUF_INIT, epoch = CB_BUF_INIT;
    struct cb_str v = string_of(h, TAG_VERSION), release = string_of(h, TAG_RELEASE), n;
    struct build_attest_facts facts = {.name = string_of(h, TAG_NAME),
                                       .arch = string_of(h, TAG_ARCH),
                                       .licence = string_of(h, TAG_LICENCE),
                                       .source = string_of(h, TAG_SOURCE)};
    cb_buf_add(&version, v.p, v.n);
    cb_buf_addc(&version, '-');
    cb_buf_add(&version, release.p, release.n);
    if (value_of(h, TAG_EPOCH, TYPE_INT32, &n))
        cb_buf_printf(&epoch, "%u", number(n.p));
    facts.version = (struct cb_str){version.data, version.len};
    facts.epoch = (struct cb_str){epoch.data, epoch.len};
    if (!cb_str_eq(facts.name, CB_STR("gpg-pubkey"))) /* a key, kept as if it were a package */
        build_attest_add(r->to, &build_attest_rpm, r->file, &facts);
}

/* Columns: number, header. How many entries its index has, how many bytes follow the index, then both. */
static int row(void *arg, struct cb_str record, struct cb_error *err)
{
    struct cb_str blob;
    if (!build_attest_sqlite_column(record, 1, &blob) || blob.n < 8)
        return cb_fail(err, CB_E_CORRUPT, "a package's header is damaged");
    uint64_t index = 16ull * number(blob.p), data = number(blob.p + 4);
    if (index > blob.n - 8 || data > blob.n - 8 - index)
        return cb_fail(err, CB_E_CORRUPT, "a package's header is damaged");
    add(arg, &(struct header){{blob.p + 8, (size_t)index}, {blob.p + 8 + index, (size_t)data}});
    return 0;
}

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    struct reading r = {f, to};
    const char *name = cb_path_base(f->path);
    if (strcmp(name, names[0]) == 0)
        return build_attest_sqlite_rows(f, "Packages", row, &r, err);
    if (f->size == 0)
        return 0;
    return cb_fail(err, CB_E_UNSUPPORTED,
                   strcmp(name, names[1]) == 0 ? "it was not merged into the database"
                                               : "databases of rpm are read in their SQLite form only");
}

const struct build_attest_ecosystem build_attest_rpm = {.name = "rpm", .type = "rpm", .vendor = "", .wants = wants, .read = read};
