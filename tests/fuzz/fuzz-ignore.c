/* Ignore files: the text up to a NUL, then a path. Both ways of asking must agree, and a directory that need not be
 * walked must not hold a path that is kept. */
#include "base/path.h"
#include "parser/match/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks down to `path`. */
static void check(const struct df_ignore *m, const char *path)
{
    CB_AUTO(df_ignore_state) struct df_ignore_state above = {0};
    CB_AUTO(df_ignore_state) struct df_ignore_state own = {0};
    bool skipped = false, none_below = false, any = false;
    for (size_t n = 0; n <= strlen(path); n++) {
        if (path[n] != '/' && path[n] != '\0')
            continue;
        CB_AUTO(free) char *part = cb_memdup0(path, n);
        bool verdict = df_ignore_test(m, part, any ? &above : NULL, &own);
        if (verdict != df_ignore_match(m, part) || (skipped && !verdict) || (none_below && verdict))
            abort();
        skipped = skipped || df_ignore_can_skip_dir(m, part, &own);
        none_below = none_below || !df_ignore_may_match_below(m, part, &own);
        struct df_ignore_state swap = above;
        above = own;
        own = swap;
        any = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    size_t n = strlen(text);
    CB_AUTO(free) char *path = cb_path_rel(n < size ? text + n + 1 : "a/b/c");
    CB_AUTO(cb_strv) struct cb_strv patterns = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    df_ignore_read(text, n, &patterns);
    CB_AUTO(df_ignore) struct df_ignore *m = df_ignore_new(&patterns, &err);
    if (!m != (err.msg != NULL))
        abort();
    if (m && *path)
        check(m, path);
    return 0;
}
