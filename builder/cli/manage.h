/* The commands besides build: images of the store, transfers, clean-up. Each takes what stands behind its
 * name and gives the exit status. */
#ifndef BUILD_MANAGE_H
#define BUILD_MANAGE_H

#include "base/buf.h"
#include "base/error.h"

int manage_images(int argc, char **argv);
int manage_inspect(int argc, char **argv);
int manage_tag(int argc, char **argv);
int manage_rmi(int argc, char **argv);
int manage_push(int argc, char **argv);
int manage_pull(int argc, char **argv);
int manage_du(int argc, char **argv);
int manage_prune(int argc, char **argv);

/* Prints the error and its hint, frees it, gives the exit status. */
int manage_report(struct cb_error *err);
/* A line for each library that is loaded on demand. */
void manage_library_versions(struct cb_buf *out);

#endif
