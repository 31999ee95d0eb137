/* Any text as an image reference and as a platform: no crash; what is taken is written and read back the same. */
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_reference(const char *text)
{
    CB_AUTO(oci_ref) struct oci_ref r = {0};
    CB_AUTO(oci_ref) struct oci_ref again = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_ref_parse(text, &r, &err) < 0) {
        assert(err.msg && !r.domain);
        return;
    }
    assert(!err.msg && (r.tag || r.digest));
    CB_AUTO(free) char *full = oci_ref_full(&r);
    CB_AUTO(free) char *familiar = oci_ref_familiar(&r);
    assert(oci_ref_parse(full, &again, &err) == 0);
    CB_AUTO(free) char *full_again = oci_ref_full(&again);
    assert(strcmp(full, full_again) == 0);
    oci_ref_done(&again);
    assert(oci_ref_parse(familiar, &again, &err) == 0);
    CB_AUTO(free) char *from_familiar = oci_ref_full(&again);
    assert(strcmp(full, from_familiar) == 0);
}

static void try_platform(const char *text)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    CB_AUTO(oci_platform) struct oci_platform again = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (oci_platform_parse(text, &p, &err) < 0) {
        assert(err.msg && !p.os);
        return;
    }
    CB_AUTO(free) char *written = oci_platform_text(&p);
    assert(oci_platform_rank(&p, &p) == 0);
    assert(oci_platform_parse(written, &again, &err) == 0);
    CB_AUTO(free) char *twice = oci_platform_text(&again);
    assert(strcmp(written, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    try_reference(text);
    try_platform(text);
    return 0;
}
