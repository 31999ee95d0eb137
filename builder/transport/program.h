/* docker and podman, started to give an archive or to take one. */
#ifndef BUILD_PROGRAM_H
#define BUILD_PROGRAM_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct build_program {
    const char *const *argv; /* borrowed */
    pid_t pid;
    int errors; /* a file with what it wrote to standard error */
};
#define BUILD_PROGRAM_INIT ((struct build_program){.errors = -1})
/* *ret_pipe: what it writes (`gives`), or where it reads. -1: with CB_E_NOT_FOUND it is not installed. */
int build_program_start(const char *const *argv, bool gives, struct build_program *ret, int *ret_pipe, struct cb_error *err);
/* Waits for it; its pipe must be closed. `result` is what came of the other side of that: below 0, err says what, and the program
 * is ended; but if it failed itself, its own words help more. Gives 0, or -1. */
int build_program_end(struct build_program *p, int result, struct cb_error *err);

#endif
