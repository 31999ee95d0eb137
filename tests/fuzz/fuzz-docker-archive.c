/* Any bytes as the manifest.json of a docker archive, and as such an archive: no crash, an error exactly when there is no result,
 * and what was found is read without one. */
#include "base/fd.h"
#include "registry/oci/docker-archive.h"
#include "registry/oci/layout.h"

#include <assert.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)p, (void)err;
    *(uint64_t *)arg += n;
    return 0;
}

static void try_archive(const uint8_t *data, size_t size)
{
    struct oci_members m = OCI_MEMBERS_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int fd = cb_memory_file("fuzz");
    assert(fd >= 0 && cb_write_full(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    int r = oci_members_read(fd, &m, &err);
    if (r == 0)
        r = oci_docker_archive_translate(&m, &err);
    assert(r == 0 || err.msg);
    for (struct cb_map_item *it = NULL; r == 0 && (it = cb_map_next(&m.map, it));) {
        const struct oci_member *found = oci_members_find(&m, it->key);
        uint64_t n = 0;
        assert(!found || (oci_members_copy(&m, found, count, &n, &err) == 0 && n == found->size));
    }
    oci_members_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(oci_docker_images) struct oci_docker_images x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    int r = oci_docker_manifest_parse((const char *)data, size, &x, &err);
    assert(r == 0 ? !err.msg : err.msg && !x.list);
    try_archive(data, size);
    return 0;
}
