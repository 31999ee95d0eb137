/* Go's modules: what the linker notes in each program (debug/buildinfo). */
#include "builder/attest/packages-internal.h"

#define MAX_INFO (16u << 20)

static bool wants(const char *path, bool executable)
{
    (void)path;
    return executable;
}

/* A string with its length before it, 7 bits a byte, the lowest first. */
static bool take_string(struct cb_str *rest, struct cb_str *ret)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 35 && rest->n; shift += 7) {
        unsigned char c = (unsigned char)*rest->p;
        *rest = (struct cb_str){rest->p + 1, rest->n - 1};
        n |= (uint64_t)(c & 0x7f) << shift;
        if (c & 0x80)
            continue;
        if (n > rest->n)
            return false;
        *ret = (struct cb_str){rest->p, (size_t)n};
        *rest = (struct cb_str){rest->p + n, rest->n - (size_t)n};
        return true;
    }
    return false;
}

/* "go1.21.3", perhaps with words behind it: the standard library is in every program. */
static void add_standard_library(const struct build_attest_file *f, struct cb_str version, struct build_attest_packages *to)
{
    struct cb_str first = build_attest_cut(&version, ' ');
    if (build_attest_begins(first, "go"))
        build_attest_add(to, &build_attest_go, f,
                         &(struct build_attest_facts){.name = CB_STR("stdlib"), .version = {first.p + 2, first.n - 2}});
}

/* "PATH\tVERSION\tSUM". A directory that stands in for a module has no version. */
static struct build_attest_facts module_of(struct cb_str line, struct cb_str instead_of)
{
    struct build_attest_facts m = {.name = build_attest_cut(&line, '\t')};
    m.version = build_attest_cut(&line, '\t');
    if (instead_of.n && (build_attest_begins(m.name, ".") || build_attest_begins(m.name, "/")))
        return (struct build_attest_facts){.name = instead_of};
    if (cb_str_eq(m.version, CB_STR("(devel)")))
        m.version.n = 0;
    return m;
}

/* Lines "dep\tPATH\tVERSION\tSUM"; "=>" in place of the word says what stands in for the one before. */
static void add_modules(const struct build_attest_file *f, struct cb_str info, struct build_attest_packages *to)
{
    struct build_attest_facts waiting = {0};
    struct cb_str line;
    while (build_attest_line(&info, &line)) {
        struct cb_str word = build_attest_cut(&line, '\t');
        bool replaces = cb_str_eq(word, CB_STR("=>"));
        if (!replaces && !cb_str_eq(word, CB_STR("dep")) && !cb_str_eq(word, CB_STR("mod")))
            continue;
        if (!replaces)
            build_attest_add(to, &build_attest_go, f, &waiting);
        waiting = module_of(line, replaces ? waiting.name : (struct cb_str){0});
    }
    build_attest_add(to, &build_attest_go, f, &waiting);
}

enum { HEADER = 32, MAGIC = 14, MARK = 16 };

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf section = CB_BUF_INIT;
    struct cb_str version, info;
    int found = build_attest_elf_section(f, ".go.buildinfo", MAX_INFO, &section, err);
    if (found <= 0)
        return found;
    if (section.len < HEADER || memcmp(section.data, "\xff Go buildinf:", MAGIC) != 0)
        return cb_fail(err, CB_E_CORRUPT, "its build information is damaged");
    if (!(section.data[15] & 2))
        return cb_fail(err, CB_E_UNSUPPORTED, "it was made by Go before 1.18");
    struct cb_str rest = {section.data + HEADER, section.len - HEADER};
    if (!take_string(&rest, &version) || !take_string(&rest, &info))
        return cb_fail(err, CB_E_CORRUPT, "its build information is damaged");
    add_standard_library(f, version, to);
    if (info.n > 2 * MARK) /* marks around it help to find it without sections */
        add_modules(f, (struct cb_str){info.p + MARK, info.n - 2 * MARK}, to);
    return 0;
}

const struct build_attest_ecosystem build_attest_go = {.name = "go", .type = "golang", .wants = wants, .read = read};
