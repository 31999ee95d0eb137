/* What the files of the command line share: options.c has the table and the parsing, options-values.c the values that
 * have fields, options-refused.c what docker build has and cbuild cannot do. Nobody else includes this. */
#ifndef BUILD_OPTIONS_INTERNAL_H
#define BUILD_OPTIONS_INTERNAL_H

#include "builder/session/request.h"

/* Checks one value and puts it into the request. 0, or -1 with a message that names the option. */
typedef int build_option_fn(struct build_request *r, const char *value, struct cb_error *err);

build_option_fn build_option_set_secret, build_option_set_ssh, build_option_set_output, build_option_set_push,
    build_option_set_load, build_option_set_call, build_option_set_check;

int build_option_put(char **field, const char *value); /* replaces the string; always 0 */
/* One of a table of names; *ret is its place. */
int build_option_choose(const char *option, const char *const *names, int n, const char *v, int *ret, struct cb_error *err);

/* An option of docker or docker buildx that is not in our table. */
struct build_refused {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    bool takes_value; /* else a switch: `--name` or `--name=BOOL` */
    const char *fine; /* the value that means what cbuild does anyway ("false", "default"), "*": any; NULL: none */
    const char *why, *hint;
};
/* NULL: unknown. `name` has n bytes; `letter` 0: look for the name. */
const struct build_refused *build_refused_find(const char *name, size_t n, char letter);
/* 0 when the value asks for what is done anyway; else -1 with the reason and the way out. */
int build_refused_check(const struct build_refused *o, const char *value, struct cb_error *err);

#endif
