/* `--name[=value]` words of an instruction (dockerfile.md §4). */
#include "parser/instruction-internal.h"

#include "base/text.h"

static int unknown(struct df_decoder *d, const char *name, const struct df_flag *flags, size_t n)
{
    const char *names[16];
    for (size_t i = 0; i < n && i < CB_LEN(names); i++)
        names[i] = flags[i].name;
    const char *meant = cb_did_you_mean(name, names, CB_MIN(n, CB_LEN(names)), false);
    if (meant)
        return cb_fail(d->err, CB_E_DOCKERFILE, "unknown flag: --%s (did you mean %s?)", name, meant);
    return cb_fail(d->err, CB_E_DOCKERFILE, "unknown flag: --%s", name);
}

static int missing(struct df_decoder *d, const char *name)
{
    return cb_fail(d->err, CB_E_DOCKERFILE, "missing a value on flag: --%s", name);
}

static int read_bool(struct df_decoder *d, struct df_flag *f, const char *value)
{
    if (value && !*value)
        return missing(d, f->name);
    if (!value || strcasecmp(value, "true") == 0)
        f->on = true;
    else if (strcasecmp(value, "false") == 0)
        f->on = false;
    else
        return cb_fail(d->err, CB_E_DOCKERFILE, "expecting boolean value for flag --%s, not: %s", f->name, value);
    return 0;
}

static int read_flag(struct df_decoder *d, const char *name, const char *value, size_t n_words, struct df_flag *flags, size_t n)
{
    struct df_flag *f = NULL;
    for (size_t i = 0; i < n && !f; i++)
        f = strcmp(flags[i].name, name) == 0 ? &flags[i] : NULL;
    if (!f)
        return unknown(d, name, flags, n);
    if (f->used && f->type != DF_FLAG_LIST)
        return cb_fail(d->err, CB_E_DOCKERFILE, "duplicate flag specified: --%s", name);
    f->used = true;
    if (f->type == DF_FLAG_BOOL)
        return read_bool(d, f, value);
    if (!value)
        return missing(d, name);
    if (f->type == DF_FLAG_TEXT) {
        f->text = value;
        return 0;
    }
    if (!f->list.items) /* room for every word: no flag can have more values */
        f->list.items = cb_arena_alloc(&d->file->arena, n_words * sizeof(*f->list.items));
    f->list.items[f->list.n++] = value;
    return 0;
}

int df_flags_read(struct df_decoder *d, const struct df_node *node, struct df_flag *flags, size_t n)
{
    for (size_t i = 0; i < node->flags.n; i++) {
        const char *word = node->flags.items[i].p + 2;
        const char *equal = strchr(word, '=');
        CB_AUTO(free) char *name = cb_memdup0(word, equal ? (size_t)(equal - word) : strlen(word));
        if (read_flag(d, name, equal ? equal + 1 : NULL, node->flags.n, flags, n) < 0)
            return -1;
    }
    return 0;
}
