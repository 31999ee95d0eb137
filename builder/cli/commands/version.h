/* The versions of cbuild and of the libraries it stands on. */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <stdbool.h>

/* Prints them on standard output. A library that is loaded on demand has to be loaded to be asked: that is done only with
 * `all`. */
void cli_print_version(bool all);

#endif
