/* A RUN that stands below a COPY of a whole directory and does not need it, or needs few files of it: `COPY . .`, `RUN npm ci`.
 * It goes above the COPY, after a COPY of the files that it needs. */
#include "base/path.h"
#include "builder/measure/advice-internal.h"

/* What a program reads besides the files that its command names. */
static const struct {
    const char *program;
    const char *files[7];
} manifests[] = {
    {"npm", {"package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"}},
    {"yarn", {"package.json", "yarn.lock", ".yarnrc", ".yarnrc.yml", ".npmrc"}},
    {"pnpm", {"package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"}},
    {"bun", {"package.json", "bun.lock", "bun.lockb"}},
    {"pip", {"requirements.txt", "constraints.txt"}},
    {"pip3", {"requirements.txt", "constraints.txt"}},
    {"uv", {"pyproject.toml", "uv.lock"}},
    {"poetry", {"pyproject.toml", "poetry.lock", "poetry.toml"}},
    {"pipenv", {"Pipfile", "Pipfile.lock"}},
    {"go", {"go.mod", "go.sum", "go.work", "go.work.sum"}},
    {"cargo", {"Cargo.toml", "Cargo.lock", "rust-toolchain.toml"}},
    {"bundle", {"Gemfile", "Gemfile.lock", ".ruby-version"}},
    {"composer", {"composer.json", "composer.lock"}},
    {"mvn", {"pom.xml"}},
    {"gradle", {"build.gradle", "settings.gradle", "build.gradle.kts", "settings.gradle.kts", "gradle.properties"}},
    {"mix", {"mix.exs", "mix.lock"}},
    {"swift", {"Package.swift", "Package.resolved"}},
    {"make", {"Makefile", "GNUmakefile", "makefile"}},
};

/* ---- what is copied ---------------------------------------------------------------------------------------------- */

struct copied {
    char *from; /* owned: the directory of the context, "" or "src/" */
    char *to;   /* owned: where it goes as it is written, with a '/' at its end */
};
static void copied_done(struct copied *c)
{
    free(c->from);
    free(c->to);
}
CB_DEFINE_AUTO(copied, struct copied, copied_done)

static void read_copy(const struct df_node *n, struct copied *ret)
{
    const char *to = n->args.items[1].p;
    CB_AUTO(free) char *from = cb_path_rel(n->args.items[0].p);
    ret->from = cb_printf("%s%s", from, *from ? "/" : "");
    ret->to = cb_printf("%s%s", to, cb_ends(to, "/") ? "" : "/");
}

static bool is_directory(const struct cb_strv *files, const char *prefix)
{
    for (size_t i = 0; i < files->n; i++)
        if (cb_starts(files->items[i], prefix))
            return true;
    return false;
}

/* A COPY of one directory of the context, in words that can be written again. */
static bool whole_directory(const struct df_node *n, const struct cb_strv *files, struct copied *ret)
{
    if (n->kind != DF_COPY || n->args.n != 2 || n->n_heredocs)
        return false;
    for (size_t i = 0; i < n->flags.n; i++)
        if (!cb_starts(n->flags.items[i].p, "--chown=") && !cb_starts(n->flags.items[i].p, "--chmod=") &&
            !cb_starts(n->flags.items[i].p, "--link"))
            return false;
    if (strpbrk(n->args.items[0].p, "$*?[\\ \"'") || strpbrk(n->args.items[1].p, " \"'\\"))
        return false;
    read_copy(n, ret);
    return is_directory(files, ret->from);
}

/* ---- what a command needs ---------------------------------------------------------------------------------------- */

static void need(struct cb_strv *ret, const struct cb_strv *files, const char *name)
{
    if (cb_strv_find(files, name) >= 0 && cb_strv_find(ret, name) < 0)
        cb_strv_push(ret, name);
}

static void need_of_program(struct cb_strv *ret, const struct cb_strv *files, const struct copied *c, const char *word)
{
    for (size_t i = 0; i < CB_LEN(manifests); i++)
        for (size_t k = 0; strcmp(cb_path_base(word), manifests[i].program) == 0 && k < CB_LEN(manifests[i].files); k++) {
            CB_AUTO(free) char *name = manifests[i].files[k] ? cb_printf("%s%s", c->from, manifests[i].files[k]) : NULL;
            if (name)
                need(ret, files, name);
        }
}

/* A word that is the path of a copied file, from the destination on or relative to it. */
static void need_of_path(struct cb_strv *ret, const struct cb_strv *files, const struct copied *c, const char *word)
{
    const char *rest = cb_starts(word, c->to) ? word + strlen(c->to) : word;
    CB_AUTO(free) char *path = cb_path_clean(*rest ? rest : ".");
    CB_AUTO(free) char *name = cb_printf("%s%s", c->from, path);
    if (*path != '/')
        need(ret, files, name);
}

static void needs_of(const struct df_node *run, const struct cb_strv *files, const struct copied *c, struct cb_strv *ret)
{
    static const char ends[] = " \t\n;&|<>()\"'`=,[]";
    for (const char *p = run->source.p; *p;) {
        size_t n = strcspn(p, ends);
        CB_AUTO(free) char *word = cb_memdup0(p, n);
        if (n) {
            need_of_program(ret, files, c, word);
            need_of_path(ret, files, c, word);
        }
        p += n + (p[n] != 0);
    }
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static bool any_of(const struct cb_strv *changed, const struct cb_strv *files)
{
    for (size_t i = 0; i < files->n; i++)
        if (cb_strv_find(changed, files->items[i]) >= 0)
            return true;
    return false;
}

/* It would have been known wherever nothing that it needs was changed. */
static double estimate(const struct measure_subject *s, const struct df_node *run, const struct cb_strv *files)
{
    size_t step = measure_step_of(s->report, run);
    double sum = 0;
    for (size_t i = 1; step != SIZE_MAX && i < s->report->n_builds; i++)
        if (!any_of(&s->changed[i], files))
            sum += measure_miss_cost(s->report, i, step);
    return sum;
}

static bool passable(const struct df_node *n)
{
    return n->kind == DF_RUN || n->kind == DF_COPY || n->kind == DF_ADD;
}

/* A declaration between them would stay behind. */
static bool may_pass(const struct df_file *f, size_t copy, size_t run)
{
    size_t i = copy + 1;
    while (i < run && passable(&f->nodes[i]))
        i++;
    return i == run;
}

static void consider(const struct measure_rule *rule, const struct measure_subject *s, size_t stage, const struct df_node *copy,
                     const struct copied *c, const struct df_node *run, struct measure_advices *ret)
{
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    needs_of(run, s->files, c, &files);
    double most = estimate(s, run, &files);
    if (most <= 0 || (files.n > 0) != (rule == &measure_rule_split))
        return;
    struct measure_advice *a = &CB_PUSH(ret->items, ret->n, ret->cap);
    *a = (struct measure_advice){
        .rule = rule, .stage = stage, .moved = cb_strdup(run->source.p), .copy = cb_strdup(copy->source.p), .estimate = most};
    cb_strv_copy(&a->files, &files);
}

static void find(const struct measure_rule *rule, const struct measure_subject *s, struct measure_advices *ret)
{
    const struct df_file *f = s->dockerfile;
    size_t first, end;
    for (size_t stage = 0; measure_stage_nodes(f, stage, &first, &end); stage++)
        for (size_t i = first; i < end; i++) {
            CB_AUTO(copied) struct copied c = {0};
            if (!whole_directory(&f->nodes[i], s->files, &c))
                continue;
            for (size_t k = i + 1; k < end && passable(&f->nodes[k]); k++)
                if (f->nodes[k].kind == DF_RUN)
                    consider(rule, s, stage, &f->nodes[i], &c, &f->nodes[k], ret);
        }
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

/* A COPY as `copy` of the files of one directory. */
static void put_copy(const struct df_node *copy, const char *to, const struct cb_strv *files, const char *from, size_t depth,
                     struct cb_buf *out)
{
    cb_buf_adds(out, "COPY");
    for (size_t i = 0; i < copy->flags.n; i++)
        cb_buf_printf(out, " %s", copy->flags.items[i].p);
    for (size_t i = 0; i < files->n; i++)
        cb_buf_printf(out, " %s", files->items[i]);
    cb_buf_printf(out, " %s%.*s\n", to, (int)(depth - strlen(from)), files->items[0] + strlen(from));
}

static size_t dir_length(const char *path)
{
    return (size_t)(cb_path_base(path) - path);
}

/* COPY puts files beside each other: one for each directory. */
static void put_copies(const struct cb_strv *files, const struct df_node *copy, const struct copied *c, struct cb_buf *out)
{
    for (size_t i = 0; i < files->n; i++) {
        CB_AUTO(cb_strv) struct cb_strv same = {0};
        size_t depth = dir_length(files->items[i]);
        bool first = true;
        for (size_t k = 0; k < files->n; k++)
            if (dir_length(files->items[k]) == depth && memcmp(files->items[k], files->items[i], depth) == 0) {
                first = first && k >= i;
                cb_strv_push(&same, files->items[k]);
            }
        if (first)
            put_copy(copy, c->to, &same, c->from, depth, out);
    }
}

static bool apply(const struct measure_advice *a, const struct df_file *f, const struct cb_strv *present, struct cb_buf *out)
{
    size_t first, end;
    CB_AUTO(copied) struct copied c = {0};
    CB_AUTO(cb_buf) struct cb_buf insert = CB_BUF_INIT;
    CB_AUTO(cb_strv) struct cb_strv files = {0};
    for (size_t i = 0; i < a->files.n; i++)
        if (cb_strv_find(present, a->files.items[i]) >= 0)
            cb_strv_push(&files, a->files.items[i]);
    if (a->files.n && !files.n)
        return false;
    if (!measure_stage_nodes(f, a->stage, &first, &end))
        return false;
    size_t copy = measure_find_node(f, first, end, a->copy);
    size_t run = copy == SIZE_MAX ? SIZE_MAX : measure_find_node(f, copy, end, a->moved);
    if (run == SIZE_MAX || !may_pass(f, copy, run))
        return false;
    read_copy(&f->nodes[copy], &c);
    put_copies(&files, &f->nodes[copy], &c, &insert);
    measure_move_node(f, run, copy, insert.data, out);
    return true;
}

static void say_order(const struct measure_advice *a, struct cb_buf *out)
{
    cb_buf_adds(out, "move ");
    measure_quote(a->moved, out);
    cb_buf_adds(out, " above ");
    measure_quote(a->copy, out);
}

static void say_split(const struct measure_advice *a, struct cb_buf *out)
{
    cb_buf_adds(out, "copy");
    for (size_t i = 0; i < a->files.n; i++)
        cb_buf_printf(out, " %s", a->files.items[i]);
    cb_buf_adds(out, " first, and ");
    say_order(a, out);
}

const struct measure_rule measure_rule_order = {"run-first", find, apply, say_order, false, false};
const struct measure_rule measure_rule_split = {"copy-less-first", find, apply, say_split, false, false};
