/* Python's packages: the metadata that installers leave beside the modules. */
#include "builder/attest/packages-internal.h"

static bool wants(const char *path, bool executable)
{
    (void)executable;
    return cb_ends(path, ".dist-info/METADATA") || cb_ends(path, ".egg-info/PKG-INFO") ||
           (cb_ends(path, ".egg-info") && strstr(path, "-packages/"));
}

static const struct build_attest_key keys[] = {
    BUILD_ATTEST_KEY("Name:", name),
    BUILD_ATTEST_KEY("Version:", version),
    BUILD_ATTEST_KEY("License-Expression:", licence),
};
static const struct build_attest_key old_keys[] = {BUILD_ATTEST_KEY("License:", licence)};

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    struct cb_str rest = f->bytes, again = f->bytes;
    struct build_attest_facts facts, old;
    (void)err;
    if (!build_attest_stanza(&rest, keys, CB_LEN(keys), &facts)) /* a description follows the first empty line */
        return 0;
    if (!facts.licence.n && build_attest_stanza(&again, old_keys, CB_LEN(old_keys), &old) &&
        !cb_str_eq(old.licence, CB_STR("UNKNOWN")))
        facts.licence = old.licence;
    build_attest_add(to, &build_attest_python, f, &facts);
    return 0;
}

const struct build_attest_ecosystem build_attest_python = {
    .name = "python", .type = "pypi", .wants = wants, .max = 8u << 20, .read = read};
