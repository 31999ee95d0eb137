/* Tables of a build context, whole and recent, in a damaged store: a file is read where they are wrong, and what is written
 * afterwards reads back. */
#include "tests/fuzz/fuzz-store.h"

#include "base/pack.h"
#include "cache/digests.h"
#include "cache/store/seal.h"

#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDENTITY "/context"
static const char *const files[] = {"a", "a-b", "b", "c"};
static int context;
static char *tables[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct cb_digest d;
    char hex[CB_DIGEST_HEX + 1];
    (void)argc, (void)argv;
    fuzz_store_make();
    CB_AUTO(free) char *tree = cb_printf("%s/tree", fuzz_top);
    CB_AUTO(free) char *dir = cb_printf("%s/context", fuzz_top);
    if (cb_mkdirs(AT_FDCWD, tree, 0700) < 0 || cb_mkdirs(AT_FDCWD, dir, 0700) < 0)
        abort();
    context = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < CB_LEN(files); i++)
        if (cb_publish_file(context, files[i], files[i], strlen(files[i]), 0600) < 0)
            abort();
    cb_sha256(IDENTITY, strlen(IDENTITY), &d);
    cb_digest_hex(&d, hex);
    tables[0] = cb_printf("%s/%s", dir, hex);
    tables[1] = cb_printf("%s/%s.recent", dir, hex);
    return 0;
}

static void digest_all(void)
{
    CB_AUTO(cache_digests) struct cache_digests *c = cache_digests_open(fuzz_store, IDENTITY);
    for (size_t i = 0; i < CB_LEN(files); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        struct stat st;
        struct cb_digest d;
        if (fstatat(context, files[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            cache_digests_digest(c, context, files[i], &st, &d, &err) < 0)
            abort();
    }
}

/* Its last eight bytes become the checksum of what is in front of them: else nothing in it is ever looked at. */
static int publish_table(const char *path, const uint8_t *p, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf table = CB_BUF_INIT;
    size_t body = n > 8 ? n - 8 : 0;
    cb_buf_add(&table, p, body);
    cb_put_u64(&table, cache_checksum(table.data, body));
    return cb_publish_file(AT_FDCWD, path, table.data, table.len, 0600);
}

/* The first byte says where the input is cut into the two tables. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t whole = (size - 1) * data[0] / 255;
    if (publish_table(tables[0], data + 1, whole) < 0 || publish_table(tables[1], data + 1 + whole, size - 1 - whole) < 0)
        abort();
    digest_all();
    digest_all();
    return 0;
}
