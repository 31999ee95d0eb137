/* A program that is run and timed: a build. */
#ifndef MEASURE_CHILD_H
#define MEASURE_CHILD_H

#include "base/error.h"

struct measure_child {
    const char *const *argv; /* argv[0] is looked up in PATH */
    int cwd;                 /* descriptor of the directory it runs in */
    int output;              /* descriptor that gets what it says; it reads nothing */
};
/* Runs it to its end. *ret_status: its exit status, 128 + signal when it was killed. A signal that is to end us is handed on, and
 * then -1 with CB_E_CANCELED. -1 too when it cannot be started (CB_E_NOT_FOUND: no such program). */
int measure_child_run(const struct measure_child *c, int *ret_status, double *ret_seconds, struct cb_error *err);

#endif
