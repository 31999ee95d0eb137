/* Questions to whoever sits at the terminal. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "base/buf.h"
#include "base/error.h"

bool cli_somebody_is_there(void); /* standard input and error are a terminal */
/* Asks, and takes a line without its end. `secret`: what is typed is not shown. -1: there is no line. A signal that ends us ends
 * us here too, with the terminal as it was. */
int cli_ask(const char *question, bool secret, struct cb_buf *ret, struct cb_error *err);

#endif
