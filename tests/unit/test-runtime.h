/* The bench on which test-runtime.c works: roots, sources, one helper per run. */
#ifndef TEST_RUNTIME_H
#define TEST_RUNTIME_H

#include "base/limits.h"
#include "runtime/helper.h"
#include "runtime/sandbox/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define FX_MTIME   1000000000 /* of every directory of the root */
#define FX_OUTSIDE "/tmp/cbuild-test-outside"

extern struct fixture {
    char dir[64];
    const struct rt_rung_ops *rung;
    int root; /* a small system with users */
    int bare; /* busybox alone */
    int next_work;
} fx;

struct outcome {
    bool failed; /* err says why; else result */
    struct cb_error err;
    struct rt_result result;
    char *out, *errout;
    char *changes; /* what the upper directory holds, "path path/ path(whiteout) " */
    struct timespec root_mtime;
    bool etc_mtime_changed;
};

const char *fx_set_up(void); /* NULL, or why this machine cannot */
void fx_tear_down(void);
struct rt_sandbox fx_sandbox(const char *script); /* on fx.root; the caller changes what it likes */
struct outcome fx_run(struct rt_sandbox *s);
struct outcome fx_run_killed(struct rt_sandbox *s); /* killed from outside after a moment */
void outcome_done(struct outcome *o);
void fx_expect_error(struct rt_sandbox *s, const char *pattern);
int fx_source(const char *name);                   /* below the directory of sources */
int fx_evil(const char *link, const char *target); /* a root with a symlink in the place of `link` */
int fx_layer(int i);                               /* a layer with one file layers/<i> */
int fx_count(const char *what);                    /* processes whose command line holds it */

struct fx_running {
    struct rt_privilege privilege;
    struct rt_helper *helper;
    struct cb_job jobs[2];
};
struct fx_running fx_start(struct rt_sandbox *s, int n); /* n jobs at once; output thrown away */
rt_job_fn fx_hello_job, fx_sleep_job, fx_count_job;

int fx_again_as(const char *variable, const char *program); /* number of failures */
int fx_bench(void);                                         /* -1: RUNS is not set */

#endif
