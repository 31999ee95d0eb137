/* Output of a program: the first byte says whether with colours and how wide, the rest are lines of one stream. Nothing that a
 * terminal obeys comes out but SGR, no line is wider than it may be, and what came out gives itself. */
#include "builder/show/terminal-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(const char *p, bool colours)
{
    for (; *p; p++) {
        bool style = colours && p[0] == '\033' && p[1] == '[' && p[2 + strspn(p + 2, "0123456789;")] == 'm';
        if ((unsigned char)*p < ' ' && *p != '\t' && !style)
            abort();
    }
}

static void check_line(struct build_terminal *t, struct cb_str line, size_t width)
{
    struct build_terminal again = {.colours = true};
    CB_AUTO(cb_buf) struct cb_buf first = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf second = CB_BUF_INIT;
    if (build_terminal_line(t, line, width, &first) > width || strlen(first.data) != first.len)
        abort();
    check_bytes(first.data, t->colours);
    build_terminal_line(&again, (struct cb_str){first.data, first.len}, width, &second);
    if (strcmp(first.data, second.data) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct build_terminal t = {.colours = data[0] & 1};
    size_t width = data[0] & 2 ? BUILD_ANY_WIDTH : (size_t)(data[0] >> 2) + 1;
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = newline ? (size_t)(newline - p) : (size_t)(end - p);
        check_line(&t, (struct cb_str){p, n}, width);
        p += n + 1;
    }
    return 0;
}
