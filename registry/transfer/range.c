#include "registry/transfer/range.h"

#include "base/buf.h"
#include "base/text.h"
#include <strings.h>

bool reg_range_start(const char *value, uint64_t size, uint64_t *ret)
{
    uint64_t last, whole = size;
    if (strncasecmp(value, "bytes ", 6) != 0)
        return false;
    const char *dash = strchr(value + 6, '-'), *slash = dash ? strchr(dash, '/') : NULL;
    if (!slash)
        return false;
    CB_AUTO(free) char *from = cb_memdup0(value + 6, (size_t)(dash - value - 6));
    CB_AUTO(free) char *to = cb_memdup0(dash + 1, (size_t)(slash - dash - 1));
    bool known = strcmp(slash + 1, "*") != 0;
    return cb_parse_u64(from, size, ret) && cb_parse_u64(to, size, &last) && *ret <= last && last < size &&
           (!known || cb_parse_u64(slash + 1, UINT64_MAX, &whole)) && whole == size;
}
