/* Tars from registries and of ADD. The first byte chooses how they are read. What can be read is written and read again:
 * names, kinds and bytes must be the same. */
#include "base/stream/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_READ (64u << 20) /* of one input: a sparse map may claim much more than it has */

struct input {
    const uint8_t *p;
    size_t n;
};

static ssize_t feed(void *arg, void *p, size_t n, struct cb_error *err)
{
    struct input *in = arg;

    (void)err;
    n = CB_MIN(n, in->n);
    memcpy(p, in->p, n);
    in->p += n;
    in->n -= n;
    return (ssize_t)n;
}

static int keep(void *arg, const void *p, size_t n, struct cb_error *err)
{
    (void)err;
    cb_buf_add(arg, p, n);
    return 0;
}

/* Gives the archive as written by us; false when it is damaged or too large. */
static bool copy(struct input in, bool any, struct cb_buf *out)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(feed, &in, any, &err);
    CB_AUTO(cb_tar_writer) struct cb_tar_writer *w = cb_tar_writer_new(keep, out, &err);
    struct cb_tar_entry e;
    char part[4096];
    int r;

    while ((r = cb_tar_next(t, &e, &err)) > 0) {
        ssize_t n;

        if (e.size > MAX_READ || cb_tar_entry_begin(w, &e, &err) < 0)
            return false;
        while ((n = cb_tar_read(t, part, sizeof(part), &err)) > 0) {
            if (cb_tar_write(w, part, (size_t)n, &err) < 0)
                abort(); /* more bytes than the entry's size */
        }
        if (n < 0 || out->len > MAX_READ)
            return false;
    }
    if (r < 0)
        return false;
    if (cb_tar_end(w, &err) < 0)
        abort(); /* fewer */
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(cb_buf) struct cb_buf one = CB_BUF_INIT, two = CB_BUF_INIT;

    if (size == 0 || !copy((struct input){data + 1, size - 1}, data[0] & 1, &one))
        return 0;
    if (!copy((struct input){(const uint8_t *)one.data, one.len}, false, &two) || one.len != two.len ||
        memcmp(one.data, two.data, one.len) != 0)
        abort();
    return 0;
}
