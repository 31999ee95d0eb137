/* Our own terminal while a command has it. Internal to builder/attach/. */
#ifndef BUILD_TERMINAL_H
#define BUILD_TERMINAL_H

#include "base/error.h"
#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

struct build_terminal {
    bool raw; /* `before` is to be set again */
    struct termios before;
};

/* Every key goes to the command from now on, those for signals too. Nothing happens when standard input is no terminal. */
int build_terminal_enter(struct build_terminal *t, struct cb_error *err);
void build_terminal_leave(struct build_terminal *t);
bool build_terminal_size(struct winsize *ret); /* of ours; false: we have none */
/* Gives the terminal behind `master` the size of ours, which tells its processes. */
void build_terminal_resize(int master);

#endif
