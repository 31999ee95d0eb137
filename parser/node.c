/* One logical line to a node: keyword, flags, and the argument form of its kind (dockerfile.md §4, §5). */
#include "parser/lex-internal.h"

#include "base/text.h"

enum form { FORM_STRING, FORM_LIST, FORM_WORDS, FORM_PAIRS, FORM_JSON_STRING, FORM_JSON_LIST, FORM_HEALTH, FORM_TRIGGER };

static const struct {
    const char *name;
    enum form form;
} kinds[DF_KIND_COUNT] = {
    [DF_ADD] = {"ADD", FORM_JSON_LIST},
    [DF_ARG] = {"ARG", FORM_WORDS},
    [DF_CMD] = {"CMD", FORM_JSON_STRING},
    [DF_COPY] = {"COPY", FORM_JSON_LIST},
    [DF_ENTRYPOINT] = {"ENTRYPOINT", FORM_JSON_STRING},
    [DF_ENV] = {"ENV", FORM_PAIRS},
    [DF_EXPOSE] = {"EXPOSE", FORM_LIST},
    [DF_FROM] = {"FROM", FORM_LIST},
    [DF_HEALTHCHECK] = {"HEALTHCHECK", FORM_HEALTH},
    [DF_LABEL] = {"LABEL", FORM_PAIRS},
    [DF_MAINTAINER] = {"MAINTAINER", FORM_STRING},
    [DF_ONBUILD] = {"ONBUILD", FORM_TRIGGER},
    [DF_RUN] = {"RUN", FORM_JSON_STRING},
    [DF_SHELL] = {"SHELL", FORM_JSON_STRING},
    [DF_STOPSIGNAL] = {"STOPSIGNAL", FORM_STRING},
    [DF_USER] = {"USER", FORM_STRING},
    [DF_VOLUME] = {"VOLUME", FORM_JSON_LIST},
    [DF_WORKDIR] = {"WORKDIR", FORM_STRING},
};

const char *df_kind_name(enum df_kind kind)
{
    return kinds[kind].name;
}

/* Letter case does not matter. DF_UNKNOWN: no such instruction. */
static enum df_kind kind_find(struct cb_str word)
{
    for (unsigned i = 0; i < DF_KIND_COUNT; i++)
        if (df_equal_fold(word, kinds[i].name))
            return (enum df_kind)i;
    return DF_UNKNOWN;
}

/* ---- argument forms ------------------------------------------------------------------------- */

static int maybe_json(struct cb_str text, struct df_node *node, struct df_collect *args, struct cb_error *err)
{
    switch (df_json_array(text, args)) {
    case DF_JSON_STRINGS:
        node->json = true;
        return 1;
    case DF_JSON_OTHER:
        return cb_fail(err, CB_E_DOCKERFILE, "when using JSON array syntax, arrays must be comprised of strings only");
    case DF_JSON_NOT:
        break;
    }
    return 0;
}

static int json_string(struct cb_str text, struct df_node *node, struct df_collect *args, struct cb_error *err)
{
    if (!text.n)
        return 0;
    int r = maybe_json(text, node, args, err);
    if (r == 0)
        df_collect_add(args, text.p, text.n);
    return r < 0 ? -1 : 0;
}

static int json_list(struct cb_str text, struct df_node *node, struct df_collect *args, struct cb_error *err)
{
    int r = maybe_json(text, node, args, err);
    if (r == 0)
        df_lex_list(text, args);
    return r < 0 ? -1 : 0;
}

/* The type, then the command. */
static int health(struct cb_str text, struct df_node *node, struct df_collect *args, struct cb_error *err)
{
    struct cb_str type, command;
    if (!text.n)
        return 0;
    df_split_ws(text, &type, &command);
    df_collect_add(args, type.p, type.n);
    return json_string(command, node, args, err);
}

static int not_a_pair(struct cb_str word, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, word.p, word.n);
    return cb_fail(err, CB_E_DOCKERFILE, "Syntax error - can't find = in %s. Must be of the form: name=value", quoted.data);
}

static int pairs(struct cb_str text, char escape, struct df_node *node, struct df_collect *args, struct cb_error *err)
{
    struct df_collect words = {.arena = args->arena};
    df_lex_words(text, escape, &words);
    int r = 0;
    if (words.n && !memchr(words.items[0].p, '=', words.items[0].n)) {
        struct cb_str name, value;
        node->legacy = true;
        if (df_split_ws(text, &name, &value)) {
            df_collect_add(args, name.p, name.n);
            df_collect_add(args, value.p, value.n);
        } else {
            r = cb_fail(err, CB_E_DOCKERFILE, "%s must have two arguments", kinds[node->kind].name);
        }
    }
    for (size_t i = 0; i < words.n && !node->legacy && r == 0; i++) {
        struct cb_str w = words.items[i];
        const char *equal = memchr(w.p, '=', w.n);
        if (!equal) {
            r = not_a_pair(w, err);
            break;
        }
        df_collect_add(args, w.p, (size_t)(equal - w.p));
        df_collect_add(args, equal + 1, w.n - (size_t)(equal - w.p) - 1);
    }
    free(words.items);
    return r;
}

/* All forms except that of ONBUILD. */
static int arguments(struct df_file *f, struct df_node *node, struct cb_error *err)
{
    struct df_collect args = {.arena = &f->arena};
    struct cb_str text = node->text;
    int r = 0;
    if (node->kind == DF_UNKNOWN)
        return 0;
    switch (kinds[node->kind].form) {
    case FORM_STRING:
        if (text.n)
            df_collect_add(&args, text.p, text.n);
        break;
    case FORM_LIST:
        df_lex_list(text, &args);
        break;
    case FORM_WORDS:
        df_lex_words(text, f->escape, &args);
        break;
    case FORM_PAIRS:
        r = pairs(text, f->escape, node, &args, err);
        break;
    case FORM_JSON_STRING:
        r = json_string(text, node, &args, err);
        break;
    case FORM_JSON_LIST:
        r = json_list(text, node, &args, err);
        break;
    case FORM_HEALTH:
        r = health(text, node, &args, err);
        break;
    case FORM_TRIGGER:
        break;
    }
    node->args = df_collect_end(&args);
    return r;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

/* Keyword and flags; `source` has been kept, and the text after the flags is its tail when it ends the
 * same way, so that nested ONBUILDs do not copy the line again and again. */
static void split(struct df_file *f, struct cb_str source, struct df_node *node)
{
    struct df_collect flags = {.arena = &f->arena};
    struct cb_str text;
    *node = (struct df_node){.source = source};
    df_split_ws(df_trim(source), &node->keyword, &text);
    node->kind = kind_find(node->keyword);
    text = df_lex_flags(text, f->escape, &flags);
    node->flags = df_collect_end(&flags);
    node->text = text.p[text.n] ? df_keep(&f->arena, text) : text;
    node->keyword = df_keep(&f->arena, node->keyword);
}

int df_node_parse(struct df_file *f, struct cb_str line, struct df_node *ret, struct cb_error *err)
{
    split(f, df_keep(&f->arena, line), ret);
    struct df_node *node = ret, deeper;
    while (node->kind == DF_ONBUILD && node->text.n) {
        struct cb_str text = node->text;
        if (node == ret) {
            node->trigger = cb_arena_alloc(&f->arena, sizeof(*node));
            node = (struct df_node *)node->trigger;
        } else {
            /* Refused by the next phase; until then only the innermost one's lexical mistakes count. */
            node = &deeper;
        }
        split(f, text, node);
    }
    return arguments(f, node, err);
}

bool df_node_takes_heredocs(const struct df_node *node)
{
    if (node->trigger)
        node = node->trigger;
    return !node->json && (node->kind == DF_RUN || node->kind == DF_COPY || node->kind == DF_ADD);
}
