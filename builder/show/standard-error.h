/* The one way to standard error of all that shows a build, in the order in which it comes. Whoever reads there may be slow, or
 * not read at all (a pager, Ctrl-S): waiting for him heeds the signals. Once one has asked us to end, he is waited for no longer
 * than a moment in all, and then nothing more is written. What cannot be written is no failure of a build. */
#ifndef BUILD_STANDARD_ERROR_H
#define BUILD_STANDARD_ERROR_H

#include "base/buf.h"
#include "builder/session/session.h"

/* Whose signals are heeded from now on: borrowed, until this is called with NULL. */
void build_show_heed(struct build_session *s);

/* Writes the text, behind all that was kept. */
void build_show(const struct cb_buf *text);
/* Keeps the text, for lines that come in great numbers: it is written with the next text of build_show, or when there is much. */
void build_show_later(const struct cb_buf *text);

#endif
