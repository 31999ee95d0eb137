#include "parser/instruction.h"

#include "base/text.h"
#include "parser/instruction-internal.h"
#include "parser/lex-internal.h"

/* ---- helpers -------------------------------------------------------------------------------- */

struct df_list df_list_of(struct df_decoder *d, const struct cb_str *items, size_t n)
{
    struct df_list l = {NULL, n};
    if (n)
        l.items = cb_arena_alloc(&d->file->arena, n * sizeof(*l.items));
    for (size_t i = 0; i < n; i++)
        l.items[i] = items[i].p;
    return l;
}

struct df_command df_command_of(struct df_decoder *d, const struct df_node *node, size_t from)
{
    static const struct cb_str nothing = {"", 0};
    if (!node->json && node->args.n == from)
        return (struct df_command){.args = df_list_of(d, &nothing, 1)};
    const struct cb_str *first = node->args.n ? node->args.items + from : NULL; /* CMD [] has none */
    return (struct df_command){.exec = node->json, .args = df_list_of(d, first, node->args.n - from)};
}

static int needs_one(struct df_decoder *d, const struct df_node *node)
{
    if (node->args.n == 1)
        return 0;
    return cb_fail(d->err, CB_E_DOCKERFILE, "%s requires exactly one argument", df_kind_name(node->kind));
}

static int needs_some(struct df_decoder *d, const struct df_node *node)
{
    if (node->args.n)
        return 0;
    return cb_fail(d->err, CB_E_DOCKERFILE, "%s requires at least one argument", df_kind_name(node->kind));
}

static int no_flags(struct df_decoder *d, const struct df_node *node)
{
    return df_flags_read(d, node, NULL, 0);
}

static int blank_name(struct df_decoder *d, const struct df_node *node)
{
    return cb_fail(d->err, CB_E_DOCKERFILE, "%s names can not be blank", df_kind_name(node->kind));
}

/* The description that a comment `# <name> <description>` gives (dockerfile.md §1); NULL: none. */
static const char *description(const struct df_node *node, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < node->comments.n; i++) {
        struct cb_str c = node->comments.items[i];
        if (c.n > n && memcmp(c.p, name, n) == 0 && c.p[n] == ' ')
            return c.p + n + 1;
    }
    return NULL;
}

/* InvalidDefinitionDescription: the last comment line must start with one of the names. */
static void lint_description(struct df_decoder *d, const struct df_instruction *i, const char *const *names, size_t n)
{
    const struct df_strs *c = &i->node->comments;
    if (!c->n || !n)
        return;
    struct cb_str last = c->items[c->n - 1];
    const char *blank = memchr(last.p, ' ', last.n);
    struct cb_str first = {last.p, blank ? (size_t)(blank - last.p) : last.n};
    for (size_t k = 0; k < n; k++)
        if (cb_str_eq(first, cb_str(names[k])))
            return;
    df_lint_warn(d->lint, DF_LINT_INVALID_DEFINITION_DESCRIPTION, i->lint, i->at, df_kind_name(i->kind),
                 n > 1 ? "<arg_key>" : names[0]);
}

/* ---- FROM ----------------------------------------------------------------------------------- */

static char *lower(struct df_decoder *d, const char *s)
{
    char *r = cb_arena_strdup(&d->file->arena, s);
    for (char *p = r; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    return r;
}

static bool has_case(const char *s, char first, char last)
{
    for (; *s; s++)
        if (*s >= first && *s <= last)
            return true;
    return false;
}
#define HAS_UPPER(s) has_case(s, 'A', 'Z')
#define HAS_LOWER(s) has_case(s, 'a', 'z')

static void lint_from(struct df_decoder *d, const struct df_instruction *i, const struct df_strs *words)
{
    if (words->n == 3 && HAS_UPPER(words->items[2].p))
        df_lint_warn(d->lint, DF_LINT_STAGE_NAME_CASING, i->lint, i->at, words->items[2].p);
    if (words->n < 3)
        return;
    const char *as = words->items[1].p;
    bool lower_from = !HAS_UPPER(i->keyword), upper_from = !HAS_LOWER(i->keyword);
    if ((lower_from && HAS_UPPER(as)) || (upper_from && !lower_from && HAS_LOWER(as)))
        df_lint_warn(d->lint, DF_LINT_FROM_AS_CASING, i->lint, i->at, as, i->keyword);
}

static bool valid_stage_name(const char *s)
{
    return *s >= 'a' && *s <= 'z' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(s);
}

static int stage_name(struct df_decoder *d, const struct df_strs *words, struct df_from *from)
{
    if (words->n == 3 && df_equal_fold(words->items[1], "as")) {
        from->name_written = words->items[2].p;
        from->name = lower(d, from->name_written);
        if (valid_stage_name(from->name))
            return 0;
        CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
        cb_quote_go(&quoted, words->items[2].p, words->items[2].n);
        return cb_fail(d->err, CB_E_DOCKERFILE,
                       "invalid name for build stage: %s, name can't start with a number or contain symbols", quoted.data);
    }
    if (words->n != 1)
        return cb_fail(d->err, CB_E_DOCKERFILE, "FROM requires either one or three arguments");
    return 0;
}

static int decode_from(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    struct df_flag flags[] = {{.name = "platform"}};
    lint_from(d, i, &node->args);
    if (stage_name(d, &node->args, &i->from) < 0 || df_flags_read(d, node, flags, CB_LEN(flags)) < 0)
        return -1;
    i->from.image = node->args.items[0].p;
    i->from.platform = df_flag_text(&flags[0]);
    if (i->from.name) {
        i->from.doc = description(node, i->from.name);
        lint_description(d, i, &i->from.name, 1);
    }
    return 0;
}

/* ---- ENV, LABEL, ARG ------------------------------------------------------------------------ */

static int decode_pairs(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (no_flags(d, node) < 0 || needs_some(d, node) < 0)
        return -1;
    i->pairs.n = node->args.n / 2;
    i->pairs.items = cb_arena_alloc(&d->file->arena, i->pairs.n * sizeof(*i->pairs.items));
    for (size_t k = 0; k < i->pairs.n; k++) {
        if (!node->args.items[2 * k].n)
            return blank_name(d, node);
        i->pairs.items[k] =
            (struct df_pair){.name = node->args.items[2 * k].p, .value = node->args.items[2 * k + 1].p, .legacy = node->legacy};
    }
    return 0;
}

static int decode_arg(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    struct cb_arena *arena = &d->file->arena;
    if (needs_some(d, node) < 0)
        return -1;
    i->args.n = node->args.n;
    i->args.items = cb_arena_alloc(arena, i->args.n * sizeof(*i->args.items));
    const char **names = cb_arena_alloc(arena, i->args.n * sizeof(*names));
    for (size_t k = 0; k < i->args.n; k++) {
        const char *word = node->args.items[k].p, *equal = strchr(word, '=');
        struct df_arg *a = &i->args.items[k];
        if (equal == word)
            return blank_name(d, node);
        a->name = names[k] = equal ? cb_arena_memdup0(arena, word, (size_t)(equal - word)) : word;
        a->value = equal ? equal + 1 : NULL;
        a->doc = description(node, a->name);
    }
    lint_description(d, i, names, i->args.n);
    return 0;
}

/* ---- single texts and lists ----------------------------------------------------------------- */

static int decode_text(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (i->kind == DF_MAINTAINER)
        df_lint_warn(d->lint, DF_LINT_MAINTAINER_DEPRECATED, i->lint, i->at);
    if (needs_one(d, node) < 0 || no_flags(d, node) < 0)
        return -1;
    i->text = node->args.items[0].p;
    return 0;
}

/* BuildKit never looks at the flags of STOPSIGNAL and ARG. */
static int decode_stopsignal(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (needs_one(d, node) < 0)
        return -1;
    i->text = node->args.items[0].p;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int decode_expose(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (needs_some(d, node) < 0 || no_flags(d, node) < 0)
        return -1;
    i->words = df_list_of(d, node->args.items, node->args.n);
    qsort(i->words.items, i->words.n, sizeof(*i->words.items), by_bytes);
    return 0;
}

static int decode_volume(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (needs_some(d, node) < 0 || no_flags(d, node) < 0)
        return -1;
    i->words = df_list_of(d, node->args.items, node->args.n);
    for (size_t k = 0; k < i->words.n; k++) {
        struct cb_str word = df_trim(node->args.items[k]);
        if (!word.n)
            return cb_fail(d->err, CB_E_DOCKERFILE, "VOLUME specified can not be an empty string");
        i->words.items[k] = df_keep(&d->file->arena, word).p;
    }
    return 0;
}

static int decode_shell(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (no_flags(d, node) < 0 || needs_some(d, node) < 0)
        return -1;
    if (!node->json)
        return cb_fail(d->err, CB_E_DOCKERFILE, "SHELL requires the arguments to be in JSON form");
    i->words = df_list_of(d, node->args.items, node->args.n);
    return 0;
}

static int decode_command(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (no_flags(d, node) < 0)
        return -1;
    i->command = df_command_of(d, node, 0);
    return 0;
}

/* ---- ONBUILD -------------------------------------------------------------------------------- */

/* The logical line without ONBUILD and blanks around it, heredocs put back (dockerfile.md §14). */
static const char *trigger_text(struct df_decoder *d, const struct df_node *node)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    const char *p = node->source.p;
    while (df_is_regex_space(*p))
        p++;
    if (strncasecmp(p, "ONBUILD", 7) == 0) {
        p += 7;
        while (df_is_regex_space(*p))
            p++;
    } else { /* another blank in front: BuildKit then keeps the whole line */
        p = node->source.p;
    }
    cb_buf_adds(&b, p);
    for (size_t k = 0; k < node->n_heredocs; k++) {
        cb_buf_addc(&b, '\n');
        cb_buf_add(&b, node->heredocs[k].content.p, node->heredocs[k].content.n);
        cb_buf_add(&b, node->heredocs[k].name.p, node->heredocs[k].name.n);
    }
    return cb_arena_memdup0(&d->file->arena, b.data, b.len);
}

int df_check_trigger(enum df_kind kind, struct cb_error *err)
{
    if (kind == DF_ONBUILD)
        return cb_fail(err, CB_E_DOCKERFILE, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (kind == DF_FROM || kind == DF_MAINTAINER)
        return cb_fail(err, CB_E_DOCKERFILE, "%s isn't allowed as an ONBUILD trigger", df_kind_name(kind));
    return 0;
}

static int decode_onbuild(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    if (!node->trigger)
        return needs_some(d, node);
    if (no_flags(d, node) < 0)
        return -1;
    if (df_check_trigger(node->trigger->kind, d->err) < 0)
        return -1;
    i->text = trigger_text(d, node);
    return 0;
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static int unknown(struct df_decoder *d, const char *keyword)
{
    const char *names[DF_KIND_COUNT];
    size_t n = 0;
    /* Of equally near ones the first is taken: those with the same first letter come first. */
    for (unsigned k = 0; k < 2 * DF_KIND_COUNT; k++) {
        const char *name = df_kind_name((enum df_kind)(k % DF_KIND_COUNT));
        if ((strncasecmp(name, keyword, 1) == 0) == (k < DF_KIND_COUNT))
            names[n++] = name;
    }
    const char *meant = cb_did_you_mean(keyword, names, n, true);
    if (!meant)
        return cb_fail(d->err, CB_E_DOCKERFILE, "unknown instruction: %s", keyword);
    meant = HAS_LOWER(keyword) ? lower(d, meant) : meant;
    return cb_fail(d->err, CB_E_DOCKERFILE, "unknown instruction: %s (did you mean %s?)", keyword, meant);
}

static bool any_nul(const struct cb_str *items, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (strlen(items[k].p) != items[k].n)
            return true;
    return false;
}

/* Words become C strings, in processes, file names and the image's config alike. Files from heredocs may hold
 * anything. */
static int refuse_nul(struct df_decoder *d, const struct df_node *node)
{
    bool found = any_nul(&node->source, 1) || any_nul(node->args.items, node->args.n);
    for (size_t k = 0; k < node->n_heredocs && node->kind == DF_ONBUILD; k++)
        found |= any_nul(&node->heredocs[k].content, 1);
    return found ? cb_fail(d->err, CB_E_DOCKERFILE, "a NUL byte cannot be part of an instruction") : 0;
}

/* Which rules the comments above `node` switch: the first `# check=…` counts, and switches nothing when it is
 * malformed (lint-rules.md). NULL: none. */
static const struct df_lint_skip *skip_of(struct df_decoder *d, const struct df_node *node)
{
    for (size_t k = 0; k < node->comments.n; k++) {
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        struct df_directives one = {.prefix = ""};
        enum df_directive_kind kind;
        struct cb_str value;
        struct df_lint_skip skip;
        if (df_directive_line(&one, node->comments.items[k], &kind, &value, &ignored) <= 0 || kind != DF_DIRECTIVE_CHECK)
            continue;
        const char *blank = memchr(value.p, ' ', value.n);
        if (!df_lint_parse_skip(value.p, blank ? (size_t)(blank - value.p) : value.n, &skip))
            return NULL;
        struct df_lint_skip *kept = cb_arena_alloc(&d->file->arena, sizeof(*kept));
        *kept = skip;
        return kept;
    }
    return NULL;
}

int df_decode_node(struct df_decoder *d, const struct df_node *node, struct df_instruction *ret)
{
    typedef int decode_fn(struct df_decoder *, const struct df_node *, struct df_instruction *);
    static decode_fn *const decoders[DF_KIND_COUNT] = {
        [DF_ADD] = df_decode_copy,
        [DF_ARG] = decode_arg,
        [DF_CMD] = decode_command,
        [DF_COPY] = df_decode_copy,
        [DF_ENTRYPOINT] = decode_command,
        [DF_ENV] = decode_pairs,
        [DF_EXPOSE] = decode_expose,
        [DF_FROM] = decode_from,
        [DF_HEALTHCHECK] = df_decode_healthcheck,
        [DF_LABEL] = decode_pairs,
        [DF_MAINTAINER] = decode_text,
        [DF_ONBUILD] = decode_onbuild,
        [DF_RUN] = df_decode_run,
        [DF_SHELL] = decode_shell,
        [DF_STOPSIGNAL] = decode_stopsignal,
        [DF_USER] = decode_text,
        [DF_VOLUME] = decode_volume,
        [DF_WORKDIR] = decode_text,
    };
    *ret = (struct df_instruction){.kind = node->kind, .keyword = node->keyword.p, .at = node->at, .node = node};
    if (refuse_nul(d, node) < 0)
        return -1;
    if (node->kind == DF_UNKNOWN)
        return unknown(d, node->keyword.p);
    ret->source = df_keep(&d->file->arena, df_trim(node->source)).p;
    ret->lint = skip_of(d, node);
    return decoders[node->kind](d, node, ret);
}
