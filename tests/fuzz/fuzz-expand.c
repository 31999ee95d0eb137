/* Word expansion. The first byte chooses the mode, then lines: variables as NAME=value up to an empty line, and
 * the word. Splitting may only drop text, never add any. */
#include "base/map.h"
#include "base/text.h"
#include "parser/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *arg, const char *name)
{
    return cb_map_get(arg, name);
}

/* Takes one line as a copy; NULL at the end. */
static char *take_line(const char **p, const char *end)
{
    if (*p == end)
        return NULL;
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    char *line = cb_memdup0(*p, (size_t)((nl ? nl : end) - *p));
    *p = nl ? nl + 1 : end;
    return line;
}

static void read_variables(const char **p, const char *end, struct cb_map *env, struct cb_strv *lines)
{
    char *line;
    while ((line = take_line(p, end))) {
        char *equals = strchr(line, '=');
        cb_strv_take(lines, line);
        if (!*line)
            return;
        if (equals) {
            *equals = '\0';
            cb_map_set(env, line, equals + 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    CB_AUTO(cb_map) struct cb_map env = {0};
    CB_AUTO(cb_map) struct cb_map unmatched = {0};
    CB_AUTO(cb_strv) struct cb_strv lines = {0};
    CB_AUTO(cb_strv) struct cb_strv words = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error bytes_error = CB_ERROR_INIT;
    CB_AUTO(cb_error) struct cb_error words_error = CB_ERROR_INIT;
    read_variables(&p, end, &env, &lines);
    struct df_expand x = {.escape = data[0] & 1 ? '`' : '\\',
                          .raw_quotes = data[0] & 2,
                          .raw_escapes = data[0] & 4,
                          .skip_quotes = data[0] & 8,
                          .skip_unset = data[0] & 16,
                          .lookup = lookup,
                          .lookup_arg = &env,
                          .unmatched = &unmatched};
    CB_AUTO(free) char *word = cb_memdup0(p, (size_t)(end - p));
    int r = df_expand_bytes(&x, cb_str(word), &out, &bytes_error);
    size_t total = 0;
    if (df_expand_words(&x, word, &words, &words_error) != r)
        abort();
    for (size_t i = 0; i < words.n; i++)
        total += strlen(words.items[i]);
    cb_utf8_sanitize(&clean, out.data, out.len); /* as words are */
    if (total > clean.len || (r < 0) != (bytes_error.msg != NULL) || (r < 0 && strcmp(bytes_error.msg, words_error.msg) != 0))
        abort();
    return 0;
}
