/* Files of package managers: whatever is in them, packages come out as text that can be told on. The first byte chooses the kind.
 */
#include "builder/attest/licence.h"
#include "builder/attest/packages-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct build_attest_packages *p)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT, again = CB_BUF_INIT;
    CB_AUTO(build_attest_packages) struct build_attest_packages other = BUILD_ATTEST_PACKAGES_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    build_attest_packages_put(p, &bytes);
    if (build_attest_packages_get(bytes.data, bytes.len, &other, &err) < 0)
        abort();
    build_attest_packages_put(&other, &again);
    if (again.len != bytes.len || memcmp(again.data, bytes.data, bytes.len) != 0)
        abort();
    for (size_t i = 0; i < p->n; i++) {
        CB_AUTO(cb_buf) struct cb_buf purl = CB_BUF_INIT, ref = CB_BUF_INIT;
        build_attest_purl(p, &p->items[i], &purl);
        if (strpbrk(purl.data, " \n\"<>") || strlen(purl.data) != purl.len)
            abort();
        (void)build_attest_licence_is_spdx(p->items[i].licence, NULL);
        build_attest_licence_ref(p->items[i].licence, &ref);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t kinds = 0;
    CB_AUTO(build_attest_packages) struct build_attest_packages p = BUILD_ATTEST_PACKAGES_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    while (build_attest_ecosystems[kinds])
        kinds++;
    if (size == 0)
        return 0;
    const struct build_attest_ecosystem *e = build_attest_ecosystems[data[0] % kinds];
    struct build_attest_file f = {.path = "var/lib/rpm/rpmdb.sqlite", .fd = -1, .bytes = {(const char *)data + 1, size - 1}};
    f.size = f.bytes.n;
    if ((e->read(&f, &p, &err) < 0) != (err.msg != NULL))
        abort();
    build_attest_packages_sort(&p);
    check(&p);
    return 0;
}
