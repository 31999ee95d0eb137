/* Alpine's packages: apk's database. */
#include "builder/attest/packages-internal.h"

static bool wants(const char *path, bool executable)
{
    (void)executable;
    return strcmp(path, "lib/apk/db/installed") == 0 || strcmp(path, "usr/lib/apk/db/installed") == 0;
}

static const struct build_attest_key keys[] = {
    BUILD_ATTEST_KEY("P:", name),    BUILD_ATTEST_KEY("V:", version), BUILD_ATTEST_KEY("A:", arch),
    BUILD_ATTEST_KEY("L:", licence), BUILD_ATTEST_KEY("o:", source),
};

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    struct cb_str rest = f->bytes;
    struct build_attest_facts facts;
    (void)err;
    while (build_attest_stanza(&rest, keys, CB_LEN(keys), &facts))
        build_attest_add(to, &build_attest_apk, f, &facts);
    return 0;
}

const struct build_attest_ecosystem build_attest_apk = {
    .name = "apk", .type = "apk", .vendor = "alpine", .wants = wants, .max = 64u << 20, .read = read};
