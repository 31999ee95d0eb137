/* COPY, ADD and WORKDIR: words, flags and history (dockerfile.md §6, §12, §13). What is selected and where it
 * goes is worked out later, by builder/copy/select.h and builder/copy/place.h. */
#include "base/path.h"
#include "base/text.h"
#include "builder/plan/planner-internal.h"
#include "parser/gitref.h"

static int expand_optional(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, const char *word,
                           char **ret, struct cb_error *err)
{
    if (!word)
        return 0;
    if (build_expand(p, s, i, word, ret, err) < 0)
        return -1;
    if (!**ret) { /* empty after expansion: not given */
        free(*ret);
        *ret = NULL;
    }
    return 0;
}

static bool is_url(const char *word)
{
    return cb_starts(word, "http://") || cb_starts(word, "https://");
}

/* 1: git or http(s). 0: a path. */
static int classify(const struct df_instruction *i, const char *word, struct cb_error *err)
{
    struct df_gitref git = {0};
    int r = df_gitref_parse(word, &git, err);
    bool remote = r > 0 && !git.like_local;
    df_gitref_done(&git);
    if (r < 0)
        return -1;
    if (remote && i->kind == DF_COPY)
        return cb_fail(err, CB_E_DOCKERFILE, "source can't be a git ref for COPY");
    if (!remote && is_url(word) && i->kind == DF_COPY)
        return cb_fail(err, CB_E_DOCKERFILE, "source can't be a URL for COPY");
    return remote || is_url(word);
}

/* CopyIgnoredFile. A path is matched as it is written, so a leading '/' keeps all patterns but those for everything from
 * matching; for "." and "/", only patterns that leave nothing over count. */
static void lint_ignored(struct build_planner *p, const struct df_instruction *i, const char *source)
{
    static const char *const everything[] = {"*", "**", "**/*"};
    const struct build_local *main = p->in->context;
    if (!main->ignore || df_ignore_has_exceptions(main->ignore))
        return;
    CB_AUTO(free) char *clean = cb_path_clean(source);
    bool root = strcmp(clean, ".") == 0 || strcmp(clean, "/") == 0, counts = !root;
    for (size_t k = 0; root && k < CB_LEN(everything); k++)
        counts |= cb_strv_find(&main->ignore_patterns, everything[k]) >= 0;
    bool hit = df_ignore_match(main->ignore, clean) || (*clean == '/' && df_ignore_match(main->ignore, ""));
    if (counts && hit)
        df_lint_warn(&p->plan->lint, DF_LINT_COPY_IGNORED_FILE, i->lint, i->at, i->kind == DF_COPY ? "Copy" : "Add", clean);
}

static int expand_words(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct build_copy *c,
                        char **ret_checksum, struct cb_error *err)
{
    if (expand_optional(p, s, i, i->copy.chown, &c->chown, err) < 0 ||
        expand_optional(p, s, i, i->copy.chmod, &c->chmod_text, err) < 0 ||
        expand_optional(p, s, i, i->copy.checksum, ret_checksum, err) < 0)
        return -1;
    for (size_t k = 0; k < i->copy.sources.n; k++) {
        char *word = NULL;
        if (build_expand(p, s, i, i->copy.sources.items[k], &word, err) < 0)
            return -1;
        cb_strv_take(&c->sources, word);
        CB_PUSH(c->remotes, c->n_entries, c->cap_remotes) = NULL;
    }
    return build_expand(p, s, i, i->copy.dest, &c->dest, err);
}

static int classify_sources(struct build_planner *p, const struct df_instruction *i, struct build_copy *c, struct cb_error *err)
{
    for (size_t k = 0; k < c->sources.n && !i->copy.from; k++) {
        int remote = classify(i, c->sources.items[k], err);
        if (remote < 0)
            return -1;
        if (!remote)
            lint_ignored(p, i, c->sources.items[k]);
        c->n_remote += (size_t)remote;
    }
    return 0;
}

static int add_inline(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct build_copy *c,
                      struct cb_error *err)
{
    for (size_t k = 0; k < i->copy.n_files; k++) {
        const struct df_inline_file *f = &i->copy.files[k];
        CB_AUTO(cb_buf) struct cb_buf body = CB_BUF_INIT;
        if (f->expand) {
            CB_AUTO(cb_map) struct cb_map unmatched = {0};
            struct df_expand stage = build_expander(p, s, &unmatched), x = df_expand_heredoc_body;
            x.lookup = stage.lookup;
            x.lookup_arg = stage.lookup_arg;
            x.unmatched = &unmatched;
            int r = df_expand_bytes(&x, f->content, &body, err);
            build_report_undefined(p, s, i, &unmatched);
            if (r < 0)
                return -1;
        } else {
            cb_buf_add(&body, f->content.p, f->content.n);
        }
        size_t len = body.len;
        CB_PUSH(c->files, c->n_files, c->cap_files) = (struct build_inline){cb_strdup(f->name), cb_buf_detach(&body), len};
    }
    return 0;
}

static void add_copy_history(struct build_stage *s, struct build_step *step)
{
    const struct build_copy *c = &step->copy;
    CB_AUTO(cb_buf) struct cb_buf h = CB_BUF_INIT;
    cb_buf_adds(&h, c->add ? "ADD" : "COPY");
    if (c->parents)
        cb_buf_adds(&h, " --parents");
    if (c->chown)
        cb_buf_printf(&h, " --chown=%s", c->chown);
    if (c->chmod_text)
        cb_buf_printf(&h, " --chmod=%s", c->chmod_text);
    for (size_t k = 0; k < c->sources.n; k++)
        cb_buf_printf(&h, " %s", c->sources.items[k]);
    for (size_t k = 0; k < c->n_files; k++)
        cb_buf_printf(&h, " <<%s", c->files[k].name);
    cb_buf_printf(&h, " %s # buildkit", c->dest);
    build_history_add(s, cb_buf_detach(&h), step);
}

static int check_add(const struct build_copy *c, const char *checksum, struct cb_error *err)
{
    if (!checksum)
        return 0;
    if (c->sources.n != 1)
        return cb_fail(err, CB_E_DOCKERFILE, "checksum can't be specified for multiple sources");
    if (!c->n_remote)
        return cb_fail(err, CB_E_DOCKERFILE, "checksum requires HTTP(S) or Git sources");
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Once, however many ask for it. */
static int fetch(struct build_planner *p, const struct build_remote_request *r, struct build_remote **ret, struct cb_error *err)
{
    struct build_plan *plan = p->plan;
    for (size_t i = 0; i < plan->n_fetched; i++) {
        const struct build_fetched *f = &plan->fetched[i];
        if (f->remote && strcmp(f->url, r->url) == 0 && same_text(f->checksum, r->checksum) &&
            f->keep_git_dir == r->keep_git_dir) {
            *ret = f->remote;
            return 0;
        }
    }
    struct build_fetched *new = &CB_PUSH(plan->fetched, plan->n_fetched, plan->cap_fetched);
    *new = (struct build_fetched){cb_strdup(r->url), cb_strdup(r->checksum), r->keep_git_dir, NULL};
    if (p->in->effects->fetch(p->in->arg, r, &new->remote, err) < 0)
        return -1;
    *ret = new->remote;
    return 0;
}

/* What ADD fetches is part of its key, so it is fetched now. */
static int fetch_sources(struct build_planner *p, const struct df_instruction *i, struct build_copy *c, const char *checksum,
                         struct cb_error *err)
{
    for (size_t k = 0; k < c->sources.n && c->n_remote; k++) {
        if (i->copy.from || classify(i, c->sources.items[k], err) <= 0)
            continue;
        struct build_remote_request r = {c->sources.items[k], checksum, i->copy.keep_git_dir};
        if (fetch(p, &r, &c->remotes[k], err) < 0)
            return -1;
    }
    return 0;
}

int build_evaluate_copy(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    s->number++;
    struct build_step *step = build_step_new(p, s, BUILD_OP_COPY, i);
    struct build_copy *c = &step->copy;
    const char *dir = s->state.config.working_dir;
    c->add = i->kind == DF_ADD;
    c->workdir = cb_path_abs("/", dir && *dir ? dir : "/");
    c->parents = i->copy.parents;
    c->unpack = c->add && i->copy.unpack != DF_FALSE;
    c->unpack_remote = c->add && i->copy.unpack == DF_TRUE;
    for (size_t k = 0; k < i->copy.excludes.n; k++)
        cb_strv_push(&c->excludes, i->copy.excludes.items[k]);
    CB_AUTO(free) char *checksum = NULL;
    if (expand_words(p, s, i, c, &checksum, err) < 0 || add_inline(p, s, i, c, err) < 0)
        return -1;
    if (c->chmod_text) {
        if (df_chmod_parse(c->chmod_text, &c->chmod, err) < 0)
            return -1;
        c->has_chmod = true;
    }
    if (classify_sources(p, i, c, err) < 0 || check_add(c, checksum, err) < 0 || fetch_sources(p, i, c, checksum, err) < 0)
        return -1;
    c->link = i->copy.link && !c->has_chmod; /* --link is ignored when --chmod is set (§12.4) */
    c->from = (struct build_files){BUILD_FILES_CONTEXT, p->in->context, NULL};
    if (i->copy.from && build_resolve_from(p, s, i, i->copy.from, NULL, &c->from, err) < 0)
        return -1;
    add_copy_history(s, step);
    return 0;
}

int build_evaluate_workdir(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    CB_AUTO(free) char *word = NULL;
    struct oci_image_config *c = &s->state.config;
    s->number++;
    if (build_expand(p, s, i, i->text, &word, err) < 0)
        return -1;
    const char *current = c->working_dir && *c->working_dir ? c->working_dir : "/";
    if (*word && *word != '/' && !s->workdir_given)
        df_lint_warn(&p->plan->lint, DF_LINT_WORKDIR_RELATIVE_PATH, i->lint, i->at, word);
    s->workdir_given = true;
    /* An absolute value is kept as it is written (§13). */
    char *dir = !*word ? cb_strdup(current) : *word == '/' ? cb_strdup(word) : cb_path_join(current, word);
    free(c->working_dir);
    c->working_dir = dir;
    struct build_step *step = NULL;
    if (strcmp(dir, "/") != 0) {
        step = build_step_new(p, s, BUILD_OP_WORKDIR, i);
        step->workdir = (struct build_workdir){cb_strdup(dir), cb_strdup(c->user ? c->user : "")};
    }
    build_history_add(s, cb_printf("WORKDIR %s", dir), step);
    return 0;
}
