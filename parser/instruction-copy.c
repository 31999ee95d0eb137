/* COPY and ADD (dockerfile.md §6, §12). */
#include "parser/instruction-internal.h"

#include "parser/lex-internal.h"

/* Heredocs by name: all of one name have the body of the last (§6). */
struct bodies {
    struct cb_map plain;   /* struct df_heredoc */
    struct cb_map chomped; /* struct cb_str, made once however many words want it */
};

static struct cb_str chomped_body(struct df_decoder *d, const struct df_heredoc *word, struct cb_str content,
                                  struct bodies *bodies)
{
    struct cb_str *kept = cb_map_getn(&bodies->chomped, word->name.p, word->name.n);
    if (!kept) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        df_chomp(content, &b);
        kept = cb_arena_alloc(&d->file->arena, sizeof(*kept));
        *kept = df_keep(&d->file->arena, (struct cb_str){b.data, b.len});
        cb_map_setn(&bodies->chomped, word->name.p, word->name.n, kept);
    }
    return *kept;
}

/* A name without a body (JSON form) is an empty file. */
static struct df_inline_file inline_file(struct df_decoder *d, const struct df_heredoc *word, struct bodies *bodies)
{
    const struct df_heredoc *h = cb_map_getn(&bodies->plain, word->name.p, word->name.n);
    struct cb_str content = h ? h->content : CB_STR("");
    if (word->chomp)
        content = chomped_body(d, word, content, bodies);
    return (struct df_inline_file){.name = word->name.p, .content = content, .expand = word->expand};
}

/* What cannot be lexed as a heredoc is a path. */
static bool heredoc_word(struct df_decoder *d, struct cb_str word, struct df_heredoc *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return df_heredoc_word(word, &d->file->arena, ret, &ignored) > 0;
}

static int sources_and_dest(struct df_decoder *d, const struct df_node *node, struct df_copy *c)
{
    struct cb_arena *arena = &d->file->arena;
    size_t n = node->args.n - 1, n_files = 0;
    struct df_heredoc h;
    if (heredoc_word(d, node->args.items[n], &h))
        return cb_fail(d->err, CB_E_DOCKERFILE, "%s cannot accept a heredoc as a destination", df_kind_name(node->kind));
    c->dest = node->args.items[n].p;
    c->sources.items = cb_arena_alloc(arena, n * sizeof(*c->sources.items));
    struct bodies bodies = {0};
    for (size_t i = 0; i < node->n_heredocs; i++)
        cb_map_setn(&bodies.plain, node->heredocs[i].name.p, node->heredocs[i].name.n, &node->heredocs[i]);
    struct df_inline_file *files = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < n; i++) {
        if (heredoc_word(d, node->args.items[i], &h))
            CB_PUSH(files, n_files, cap) = inline_file(d, &h, &bodies);
        else
            c->sources.items[c->sources.n++] = node->args.items[i].p;
    }
    if (n_files) {
        c->files = cb_arena_alloc(arena, n_files * sizeof(*files));
        memcpy(c->files, files, n_files * sizeof(*files));
        c->n_files = n_files;
    }
    free(files);
    cb_map_done(&bodies.plain);
    cb_map_done(&bodies.chomped);
    return 0;
}

static enum df_tri tri(const struct df_flag *f)
{
    return !f->used ? DF_UNSET : f->on ? DF_TRUE : DF_FALSE;
}

int df_decode_copy(struct df_decoder *d, const struct df_node *node, struct df_instruction *i)
{
    /* Those of both first, then COPY's and ADD's own. */
    enum { CHOWN, CHMOD, LINK, EXCLUDE, COMMON, FROM = COMMON, PARENTS, KEEP_GIT_DIR = COMMON, CHECKSUM, UNPACK };
    struct df_flag copy_flags[] = {
        [CHOWN] = {.name = "chown"},
        [CHMOD] = {.name = "chmod"},
        [LINK] = {.name = "link", .type = DF_FLAG_BOOL},
        [EXCLUDE] = {.name = "exclude", .type = DF_FLAG_LIST},
        [FROM] = {.name = "from"},
        [PARENTS] = {.name = "parents", .type = DF_FLAG_BOOL},
    };
    struct df_flag add_flags[] = {
        [CHOWN] = copy_flags[CHOWN],
        [CHMOD] = copy_flags[CHMOD],
        [LINK] = copy_flags[LINK],
        [EXCLUDE] = copy_flags[EXCLUDE],
        [KEEP_GIT_DIR] = {.name = "keep-git-dir", .type = DF_FLAG_BOOL},
        [CHECKSUM] = {.name = "checksum"},
        [UNPACK] = {.name = "unpack", .type = DF_FLAG_BOOL},
    };
    bool copy = node->kind == DF_COPY;
    struct df_flag *flags = copy ? copy_flags : add_flags;
    struct df_copy *c = &i->copy;
    if (node->args.n < 2)
        return cb_fail(d->err, CB_E_DOCKERFILE,
                       "%s requires at least two arguments, but only one was provided. Destination could not be determined",
                       df_kind_name(node->kind));
    if (df_flags_read(d, node, flags, copy ? CB_LEN(copy_flags) : CB_LEN(add_flags)) < 0 || sources_and_dest(d, node, c) < 0)
        return -1;
    c->chown = df_flag_text(&flags[CHOWN]);
    c->chmod = df_flag_text(&flags[CHMOD]);
    c->link = flags[LINK].on;
    c->excludes = flags[EXCLUDE].list;
    c->keep_git_dir = c->unpack = DF_UNSET;
    if (copy) {
        c->from = df_flag_text(&flags[FROM]);
        c->parents = flags[PARENTS].on;
    } else {
        c->keep_git_dir = tri(&flags[KEEP_GIT_DIR]);
        c->checksum = df_flag_text(&flags[CHECKSUM]);
        c->unpack = tri(&flags[UNPACK]);
    }
    return 0;
}
