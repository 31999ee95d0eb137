/* Debian's packages: dpkg's database, and the one file a package that images without dpkg (distroless) have instead. */
#include "builder/attest/packages-internal.h"

static bool wants(const char *path, bool executable)
{
    (void)executable;
    return strcmp(path, "var/lib/dpkg/status") == 0 || (cb_starts(path, "var/lib/dpkg/status.d/") && !cb_ends(path, ".md5sums"));
}

static const struct build_attest_key keys[] = {
    BUILD_ATTEST_KEY("Package:", name),      BUILD_ATTEST_KEY("Version:", version), BUILD_ATTEST_KEY("Source:", source),
    BUILD_ATTEST_KEY("Architecture:", arch), BUILD_ATTEST_KEY("Status:", status),
};

/* "want ok installed"; files of a distroless image have no such line. */
static bool is_installed(struct cb_str status)
{
    return !status.n || (status.n > 10 && memcmp(status.p + status.n - 10, " installed", 10) == 0);
}

/* "NAME", or "NAME (VERSION)" when that is not the package's. */
static struct cb_str source_of(struct cb_str text, struct cb_buf *out)
{
    struct cb_str rest = text, name = build_attest_trim(build_attest_cut(&rest, '('));
    struct cb_str version = build_attest_cut(&rest, ')');
    cb_buf_reset(out);
    cb_buf_add(out, name.p, name.n);
    if (version.n)
        cb_buf_printf(out, "@%.*s", (int)CB_MIN(version.n, (size_t)BUILD_ATTEST_MAX_TEXT), version.p);
    return (struct cb_str){out->data, out->len};
}

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf source = CB_BUF_INIT;
    struct cb_str rest = f->bytes;
    struct build_attest_facts facts;
    (void)err;
    while (build_attest_stanza(&rest, keys, CB_LEN(keys), &facts)) {
        if (!is_installed(facts.status))
            continue;
        facts.source = source_of(facts.source, &source);
        build_attest_add(to, &build_attest_dpkg, f, &facts);
    }
    return 0;
}

const struct build_attest_ecosystem build_attest_dpkg = {
    .name = "dpkg", .type = "deb", .vendor = "debian", .wants = wants, .max = 64u << 20, .read = read};
