/* Layer indexes from damaged stores: refused, or read and written back byte by byte. */
#include "cache/store/index.h"
#include "cache/store/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(cache_index) struct cache_index x = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;
    CB_AUTO(cache_tree) struct cache_tree *t = NULL;

    if (cache_index_read(data, size, &x, &err) < 0)
        return 0;
    cache_index_write(&x, &again);
    if (again.len != size || memcmp(again.data, data, size) != 0)
        abort();
    t = cache_tree_new();
    cache_tree_apply(t, &x, 0);
    cache_tree_apply(t, &x, 1);
    return 0;
}
