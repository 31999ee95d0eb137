/* A store in a scratch directory, for the tests of cache/. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cache/store/store.h"
#include <stdio.h>
#include <unistd.h>

struct fixture {
    char *dir;   /* scratch; the store is dir/store */
    char *path;  /* of the store */
    int scratch; /* fd of dir */
    struct cache_store *s;
    struct cb_error err;
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = CB_NEW(struct fixture);
    f->dir = cb_strdup("/tmp/cbuild-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->path = cb_printf("%s/store", f->dir);
    f->scratch = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cache_store_open(f->path, &f->s, &f->err) < 0)
        fail_msg("%s", f->err.msg);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    cache_store_free(f->s);
    cb_error_done(&f->err);
    cb_close(f->scratch);
    cb_remove_tree(AT_FDCWD, f->dir);
    free(f->path);
    free(f->dir);
    free(f);
    return 0;
}

/* An expression that must be `want`; else the test ends with the error's text. */
#define OK_IS(f, want, expr)                                                                                                     \
    do {                                                                                                                         \
        int ok_got = (expr);                                                                                                     \
        if (ok_got != (want))                                                                                                    \
            fail_msg("%s:%d: %s gives %d: %s", __FILE__, __LINE__, #expr, ok_got, (f)->err.msg ? (f)->err.msg : "no error");     \
    } while (0)

static inline void write_file(int dir, const char *name, const char *text)
{
    CB_AUTO(close) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(cb_write_full(fd, text, strlen(text)), 0);
}

static inline bool exists(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
