/* Character classes of ignore patterns, read as Go's regexp package reads them. Only parser/match/ignore-regex.c uses
 * this. */
#ifndef DF_IGNORE_CLASS_H
#define DF_IGNORE_CLASS_H

#include "base/buf.h"

struct df_range {
    uint32_t low, high;
};
struct df_class {
    struct df_range *ranges;
    size_t n, cap;
    bool negated;
    uint64_t ascii[2]; /* the answer for the first 128, filled when the class is complete */
};

/* Takes a class, after its '['. False: malformed. */
bool df_class_parse(const char **p, struct df_class *ret);
/* \d \D \s \S \w \W: takes the letter. False: it is not one of them. */
bool df_class_perl(const char **p, struct df_class *ret);
void df_class_complete(struct df_class *c);
void df_class_done(struct df_class *c);
bool df_class_has(const struct df_class *c, uint32_t cp);

/* An escape that stands for one character, after its backslash. False: Go knows no such escape. */
bool df_escape_char(const char **p, uint32_t *ret);
/* One character of the expression; false at its end. */
bool df_regex_char(const char **p, uint32_t *ret);

#endif
