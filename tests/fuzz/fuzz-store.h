/* A store on a file system in memory, for fuzzers of its files; removed at the end. */
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

#include "base/fd.h"
#include "cache/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *fuzz_top;
static struct cache_store *fuzz_store;

static void fuzz_store_remove(void)
{
    cache_store_free(fuzz_store);
    cb_remove_tree(AT_FDCWD, fuzz_top);
    free(fuzz_top);
}

static inline void fuzz_store_make(void)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    fuzz_top = cb_printf("%s/cbuild-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(fuzz_top) || cache_store_open(fuzz_top, &fuzz_store, &err) < 0)
        abort();
    atexit(fuzz_store_remove);
}

#endif
