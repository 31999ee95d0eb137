/* ISA-L reads gzip several times as fast as zlib. It is loaded where something is read, and done without where it is not
 * installed. It does not write here: what it gives depends on the processor. */
#include "base/stream/gunzip.h"
#include "base/lazy.h"
#include "base/mem.h"

#include <isa-l/igzip_lib.h>

#define ISAL(X) X(isal_inflate) X(isal_inflate_reset) X(isal_inflate_init)
CB_LAZY_TABLE(isal, ISAL)

static void *isal_open(void)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* zlib is always there */
    if (CB_LAZY_LOAD(isal, ISAL, "libisal.so.2", "libisal2", &ignored) < 0)
        return NULL;
    struct inflate_state *z = CB_NEW(struct inflate_state);
    isal.isal_inflate_init(z);
    z->crc_flag = ISAL_GZIP;
    return z;
}

static void isal_begin(void *state)
{
    struct inflate_state *z = state;
    isal.isal_inflate_reset(z);
    z->crc_flag = ISAL_GZIP;
}

static int isal_step(void *state, struct cb_gunzip_step *s, const char **ret_why)
{
    struct inflate_state *z = state;
    size_t in = CB_MIN(s->in_left, (size_t)1 << 30), out = CB_MIN(s->out_left, (size_t)1 << 30);
    z->next_in = (unsigned char *)s->in;
    z->avail_in = (uint32_t)in;
    z->next_out = s->out;
    z->avail_out = (uint32_t)out;
    int r = isal.isal_inflate(z);
    s->in_left -= in - z->avail_in;
    s->out_left -= out - z->avail_out;
    s->in = z->next_in;
    s->out = z->next_out;
    *ret_why = r == ISAL_INCORRECT_CHECKSUM ? "incorrect data check" : "invalid data";
    return r < 0 ? -1 : z->block_state == ISAL_BLOCK_FINISH;
}

const struct cb_gunzip_ops cb_gunzip_isal = {isal_open, isal_begin, isal_step, free};
