/* What a program prints, for people who read it line by line. Pure: bytes in, text out.
 *
 * A line is shown as it stands on a terminal when it is complete: a CR goes back to its beginning, what follows covers what was
 * there, and "erase in line" (CSI K) erases. Colours and emphasis (SGR) are kept where they are wanted. Nothing else has a
 * meaning: sequences that move the cursor or set a mode are left out, and every other control byte, and what is not UTF-8,
 * becomes visible as cb_escape_terminal writes it. So the result holds no control byte but tabs and the ESC of an SGR that we
 * wrote ourselves, its styles end with it, and reading it again gives the same text. */
#ifndef BUILD_TERMINAL_TEXT_H
#define BUILD_TERMINAL_TEXT_H

#include "base/buf.h"

#define BUILD_STYLE_FAINT (1u << 2)

struct build_style {
    uint32_t foreground, background; /* 0: the terminal's own */
    unsigned emphasis;               /* bit n: what SGR n sets */
};

/* One stream of output. Zero: no colours. */
struct build_terminal {
    bool colours;
    struct build_style style; /* with which the next line begins: a program may set it in one line and end it in another */
};

#define BUILD_ANY_WIDTH SIZE_MAX

/* Appends a line, given without its end. If it takes more than `width` columns (at least 1), its end is cut off, which an
 * ellipsis shows; tabs become blanks. Gives the columns it takes; with BUILD_ANY_WIDTH a tab stays and counts as one. */
size_t build_terminal_line(struct build_terminal *t, struct cb_str text, size_t width, struct cb_buf *out);

#endif
