#include "runtime/rung/sysctl.h"
#include "base/fd.h"
#include "base/text.h"

#include <string.h>

#define MAX_SETTING 256

uint64_t rt_sysctl(const char *path, uint64_t missing)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    uint64_t v;
    if (cb_read_file(AT_FDCWD, path, MAX_SETTING, &b) < 0)
        return missing;
    cb_buf_truncate(&b, strcspn(b.data, "\n"));
    return cb_parse_u64(b.data, UINT64_MAX, &v) ? v : missing;
}
