#include "builder/execute/schedule/log.h"

#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINE 65536
#define END_KEPT 65536 /* bytes */

static uint64_t limit(void)
{
    static uint64_t found;
    const char *text = getenv("BUILDKIT_STEP_LOG_MAX_SIZE");
    if (!found && text && strcmp(text, "-1") == 0)
        found = UINT64_MAX;
    else if (!found && !(text && cb_parse_u64(text, UINT64_MAX, &found) && found))
        found = BUILD_LOG_LIMIT;
    return found;
}

/* A NUL would end the text for all who show it, and hide what follows: it is written as they write control bytes. */
static void show_nuls(struct cb_buf *text)
{
    CB_AUTO(cb_buf) struct cb_buf shown = CB_BUF_INIT;
    const char *p = text->data, *end = p + text->len;
    if (strlen(p) == text->len)
        return;
    for (size_t n; p < end; p += n + 1) {
        n = strnlen(p, (size_t)(end - p));
        cb_buf_add(&shown, p, n);
        if (p + n < end)
            cb_buf_adds(&shown, "\\x00");
    }
    cb_buf_reset(text);
    cb_buf_add(text, shown.data, shown.len);
}

/* A line that goes on keeps its tail: half of a secret may stand there. */
static void give(struct build_log *l, bool ended, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    size_t done = build_mask_apply(mask, (struct cb_str){l->line.data, l->line.len}, ended, &text);
    show_nuls(&text);
    l->given += text.len + 1;
    fn(arg, l, text.data);
    memmove(l->line.data, l->line.data + done, l->line.len - done);
    cb_buf_truncate(&l->line, l->line.len - done);
}

static void add(struct build_log *l, const char *p, size_t n, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    while (n) {
        const char *end = memchr(p, '\n', n);
        size_t take = end ? (size_t)(end - p) : n;
        cb_buf_add(&l->line, p, take);
        if (end || l->line.len > MAX_LINE)
            give(l, end != NULL, mask, fn, arg);
        take += end != NULL;
        p += take;
        n -= take;
    }
}

/* ---- too much --------------------------------------------------------------------------------------------------- */

static void say(struct build_log *l, build_log_fn *fn, void *arg, char *text)
{
    fn(arg, l, text);
    free(text);
}

static void keep_end(struct build_log *l, const char *p, size_t n)
{
    cb_buf_add(&l->end, p, n);
    if (l->end.len <= 2 * (size_t)END_KEPT)
        return;
    size_t drop = l->end.len - END_KEPT;
    l->left_out += drop;
    memmove(l->end.data, l->end.data + drop, END_KEPT);
    cb_buf_truncate(&l->end, END_KEPT);
}

/* A line that had begun goes with what follows, in which half of a secret may stand. */
static void take(struct build_log *l, const char *p, size_t n, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    if (l->given < limit()) {
        add(l, p, n, mask, fn, arg);
        return;
    }
    if (!l->end.len && !l->left_out) {
        say(l, fn, arg, cb_printf("[output clipped: more than %llu bytes; its end follows]", (unsigned long long)limit()));
        cb_buf_add(&l->end, l->line.data, l->line.len);
        cb_buf_truncate(&l->line, 0);
    }
    keep_end(l, p, n);
}

/* From the first whole line on: a secret may have been cut in the one before it. */
static void give_end(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    const char *line = l->left_out ? memchr(l->end.data, '\n', l->end.len) : NULL;
    size_t from = line ? (size_t)(line + 1 - l->end.data) : l->left_out ? l->end.len : 0;
    if (l->left_out)
        say(l, fn, arg, cb_printf("[%llu bytes left out]", (unsigned long long)(l->left_out + from)));
    add(l, l->end.data + from, l->end.len - from, mask, fn, arg);
    cb_buf_done(&l->end);
}

static void read_blocks(struct build_log *l, int most, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    char block[16384];
    for (int i = 0; l->fd >= 0 && i < most; i++) {
        ssize_t n = read(l->fd, block, sizeof(block));
        if (n > 0) {
            take(l, block, (size_t)n, mask, fn, arg);
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        l->fd = cb_close(l->fd);
    }
}

/* No more than a pipe usually holds: signals wait until it has been shown. */
void build_log_read(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    read_blocks(l, 4, mask, fn, arg);
}

void build_log_finish(struct build_log *l, const struct build_mask *mask, build_log_fn *fn, void *arg)
{
    read_blocks(l, 64, mask, fn, arg);
    if (l->end.len)
        give_end(l, mask, fn, arg);
    if (l->line.len)
        give(l, true, mask, fn, arg);
    l->fd = cb_close(l->fd);
    cb_buf_done(&l->line);
    cb_buf_done(&l->end);
}
