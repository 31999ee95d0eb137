/* What the ecosystems share: each has a file of its own, packages.c has the table. */
#ifndef BUILD_ATTEST_PACKAGES_INTERNAL_H
#define BUILD_ATTEST_PACKAGES_INTERNAL_H

#include "builder/attest/packages.h"

#include <sys/types.h>

/* All of them. A further one is a file that defines build_attest_NAME, and its name here. */
#define ECOSYSTEMS(X)                                                                                                            \
    X(apk)                                                                                                                       \
    X(cargo)                                                                                                                     \
    X(dpkg)                                                                                                                      \
    X(go)                                                                                                                        \
    X(npm)                                                                                                                       \
    X(python)                                                                                                                    \
    X(rpm)

/* A file of the image. */
struct build_attest_file {
    const char *path; /* without a '/' in front */
    int fd;           /* -1: all of it is in `bytes` */
    struct cb_str bytes;
    uint64_t size;
};
/* Reads at an offset: how many bytes, fewer where the file ends; -errno. */
ssize_t build_attest_read_at(const struct build_attest_file *f, uint64_t offset, void *p, size_t n);

struct build_attest_ecosystem {
    const char *name;
    const char *type; /* of package URLs */
    const char
        *vendor; /* in package URLs, where they name the system and the image does not say which it is; NULL: they do not */
    /* Does this file tell of packages? `executable`: somebody may execute it. */
    bool (*wants)(const char *path, bool executable);
    size_t max; /* bytes of such a file, which are then in memory; 0: any number, they are read where they are */
    /* Adds what the file tells of. -1: it cannot be read, or not to its end. */
    int (*read)(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err);
};
#define ECOSYSTEM_DECLARE(name) extern const struct build_attest_ecosystem build_attest_##name;
ECOSYSTEMS(ECOSYSTEM_DECLARE)
extern const struct build_attest_ecosystem *const build_attest_ecosystems[]; /* a NULL ends it */

/* What a file says of one package. */
struct build_attest_facts {
    struct cb_str name, version, epoch, arch, licence, source, status;
};
/* Adds a copy; one without a name is none. */
void build_attest_add(struct build_attest_packages *to, const struct build_attest_ecosystem *e, const struct build_attest_file *f,
                      const struct build_attest_facts *facts);

/* ---- text ----------------------------------------------------------------------------------------------------------- */

/* Takes a line off *rest, without its end; false: there is none left. */
bool build_attest_line(struct cb_str *rest, struct cb_str *line);
bool build_attest_begins(struct cb_str text, const char *with);
struct cb_str build_attest_trim(struct cb_str text); /* without blanks around it */
/* Cuts *text at the first `at`, which stands in neither part; what is before it is returned. */
struct cb_str build_attest_cut(struct cb_str *text, char at);

struct build_attest_key {
    const char *key; /* what a line begins with, "Package:" */
    size_t field;    /* of struct build_attest_facts */
};
#define BUILD_ATTEST_KEY(key, member)                                                                                            \
    {                                                                                                                            \
        key, offsetof(struct build_attest_facts, member)                                                                         \
    }
/* Reads lines up to an empty one into the fields of their keys. False: there is nothing left. */
bool build_attest_stanza(struct cb_str *rest, const struct build_attest_key *keys, size_t n, struct build_attest_facts *ret);

/* ---- containers of bytes -------------------------------------------------------------------------------------------- */

/* The bytes of an ELF file's section. 1: appended to `ret`. 0: it is no such file, or has no such section. -1: too large, or
 * unreadable. */
int build_attest_elf_section(const struct build_attest_file *f, const char *name, size_t max, struct cb_buf *ret,
                             struct cb_error *err);

/* Calls `row` for each row of a table of an SQLite database with the row's record (SQLite file format, 2.1). */
typedef int build_attest_row_fn(void *arg, struct cb_str record, struct cb_error *err);
int build_attest_sqlite_rows(const struct build_attest_file *f, const char *table, build_attest_row_fn *row, void *arg,
                             struct cb_error *err);
/* The text or bytes of a column; false: it has none, or none of that kind. */
bool build_attest_sqlite_column(struct cb_str record, unsigned column, struct cb_str *ret);

#endif
