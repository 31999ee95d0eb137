/* Records of a damaged store: taken for what they say or for none, never more. */
#include "tests/fuzz/fuzz-store.h"

#include "cache/record.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cb_digest key;
static char *path;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char hex[CB_DIGEST_HEX + 1];
    (void)argc, (void)argv;
    fuzz_store_make();
    cb_sha256("key", 3, &key);
    cb_digest_hex(&key, hex);
    CB_AUTO(free) char *dir = cb_printf("%s/records/%.2s", fuzz_top, hex);
    if (cb_mkdirs(AT_FDCWD, dir, 0700) < 0)
        abort();
    path = cb_printf("%s/%s", dir, hex);
    return 0;
}

/* Only what has a layer's digest, a time and inputs of two texts each counts. */
static void expect_complete(const struct cache_record *r)
{
    for (size_t i = 0; i < r->n_inputs; i++)
        if (!r->inputs[i].name || !r->inputs[i].value)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(cache_record) struct cache_record loaded = {0};
    CB_AUTO(cache_record) struct cache_record with_inputs = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct cb_digest layer;
    int64_t used;
    if (cb_publish_file(AT_FDCWD, path, data, size, 0600) < 0)
        abort();
    (void)cache_record_peek(fuzz_store, &key, &layer, &used, NULL);
    if (cache_record_load(fuzz_store, &key, &loaded, &err) > 0) /* the store has no layer */
        abort();
    cb_error_done(&err);
    if (cache_record_load_inputs(fuzz_store, &key, &with_inputs, &err) > 0)
        expect_complete(&with_inputs);
    return 0;
}
