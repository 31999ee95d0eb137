#include "cache/store/found.h"
#include "cache/store/seal.h"

#include <sys/statfs.h>
#include <sys/utsname.h>

#define MAX_FOUND 4096

/* Of the file system and the kernel. A device's number alone may be another's after the next boot. */
static char *place_of(const struct cache_store *s)
{
    struct stat st;
    struct statfs fs;
    struct utsname kernel;
    if (fstat(s->root, &st) < 0 || fstatfs(s->root, &fs) < 0 || uname(&kernel) < 0)
        return NULL;
    return cb_printf("%llx %llx %s\n", (unsigned long long)st.st_dev, (unsigned long long)fs.f_type, kernel.release);
}

int cache_found_get(struct cache_store *s, const char *name, struct cb_buf *ret)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(free) char *place = place_of(s);
    if (!place || cb_read_file(s->root, name, MAX_FOUND, &b) < 0)
        return 0;
    cb_buf_truncate(&b, cache_unseal(b.data, b.len));
    if (!cb_starts(b.data, place))
        return 0;
    cb_buf_adds(ret, b.data + strlen(place));
    return 1;
}

void cache_found_keep(struct cache_store *s, const char *name, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(free) char *place = place_of(s);
    if (!place)
        return;
    cb_buf_adds(&b, place);
    cb_buf_adds(&b, text);
    cache_seal(&b);
    (void)cb_publish_file(s->root, name, b.data, b.len, 0600);
}
