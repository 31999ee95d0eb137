/* An option of a command: an entry of the table that parsing (arguments.h), --help (help.h) and "did you mean" read alike.
 * Here too is what several of them have in common: kinds of values. */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "base/buf.h"
#include "base/error.h"

/* Checks one value and puts it into the option's field, `to`. 0, or -1 with a message, to which the caller adds the option's
 * name. */
typedef int cli_set_fn(const char *value, void *to, struct cb_error *err);

/* Why an option that people pass to docker by habit cannot be honoured. */
struct cli_refusal {
    const char *fine; /* the values that mean what cbuild does anyway ("a|b"), or a field of it ("a=b"); "*": any; NULL: none */
    const char *why;  /* NULL: every value is fine */
    const char *hint; /* NULL: there is no other way */
    const char *done; /* for docs/flags.md: what is done anyway; NULL: the value says it */
    const char *note; /* a value is fine because the result is the same, but it is not done: what a build says; NULL: nothing */
};

struct cli_option {
    const char *name;    /* without dashes */
    char letter;         /* 0: none */
    const char *section; /* title in --help, the same for neighbours; NULL: not shown */
    const char *value;   /* what --help calls it; NULL: a switch, `--name` or `--name=BOOL` */
    const char *bare;    /* value of an option that may stand without one; NULL: it needs one */
    cli_set_fn *set;
    size_t field; /* offset in what the command's options fill */
    const char *help;
    void (*choices)(struct cb_buf *out); /* what stands behind `help`, from the tables that know; NULL: nothing */
    const struct cli_refusal *refusal;   /* instead of all from `set` on: the option is not shown and sets nothing */
};

struct cli_table {
    const struct cli_option *list;
    size_t n;
};
#define CLI_TABLE(array) (&(const struct cli_table){(array), CB_LEN(array)})

cli_set_fn cli_set_string; /* char *: replaced */
cli_set_fn cli_set_file;   /* char *: replaced; "" is an error */
cli_set_fn cli_set_switch; /* bool */
cli_set_fn cli_set_size;   /* uint64_t, bytes: 10g */
cli_set_fn cli_set_span;   /* int64_t, seconds: 24h */
cli_set_fn cli_add_pair;   /* struct cb_strv: NAME=VALUE is appended */

/* 0 when the value asks for what is done anyway; else -1 with the reason and the way out. */
int cli_refuse(const struct cli_option *o, const char *value, struct cb_error *err);

int cli_put(char **field, const char *value); /* replaces the string; always 0 */
/* One of a table of names; *ret is its place. `what` begins the message. */
int cli_choose(const char *what, const char *const *names, int n, const char *v, int *ret, struct cb_error *err);

#endif
