#include "builder/measure/advise.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/path.h"
#include "builder/measure/files.h"
#include "builder/session/request.h"
#include "parser/dockerfile.h"
#include "parser/match/ignore.h"

#include <unistd.h>

#define LEAST_PART 0.01 /* of what was spent, for what is worth a try, and a word */

void measure_advised_done(struct measure_advised *a)
{
    struct cb_buf *texts[] = {&a->before, &a->after, &a->ignore, &a->diff};
    measure_advices_done(&a->advices);
    for (size_t i = 0; i < CB_LEN(texts); i++)
        cb_buf_done(texts[i]);
}

struct work {
    struct measure_replay *r;
    const struct measure_report *report; /* of the history as it is */
    struct measure_report base;          /* of the builds whose files are compared; may be the report's own */
    struct measure_advised *to;
    struct cb_strv *changed;               /* a list for each build */
    struct cb_strv files, unstable;        /* of the newest context; paths that are not compared */
    const struct measure_advice *left_out; /* it does not count now; NULL: none */
};

static void work_done(struct work *w)
{
    for (size_t i = 0; w->changed && i < w->r->history.n; i++)
        cb_strv_done(&w->changed[i]);
    free(w->changed);
    cb_strv_done(&w->files);
    cb_strv_done(&w->unstable);
    measure_report_done(&w->base);
}
CB_DEFINE_AUTO(work, struct work, work_done)

/* ---- the context ------------------------------------------------------------------------------------------------- */

/* Of a commit, as it is checked out. */
struct source {
    struct cb_buf dockerfile, ignore;
    bool ignores; /* there is an ignore file */
};
#define SOURCE_INIT ((struct source){.dockerfile = CB_BUF_INIT, .ignore = CB_BUF_INIT})
static void source_done(struct source *s)
{
    cb_buf_done(&s->dockerfile);
    cb_buf_done(&s->ignore);
}
CB_DEFINE_AUTO(source, struct source, source_done)

static char *dockerfile_name(const struct build_request *q)
{
    return q->dockerfile ? cb_strdup(q->dockerfile) : cb_path_join(q->context, "Dockerfile");
}

/* A file of the commit, which is resolved inside of it whatever links it has; or one that the user named by its full path. 1; 0:
 * there is none. */
static int read_text(const struct measure_replay *r, const char *name, size_t max, struct cb_buf *ret, struct cb_error *err)
{
    CB_AUTO(free) char *inside = cb_path_join(r->history.prefix, name);
    CB_AUTO(close) int tree = openat(r->dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CB_AUTO(close) int fd = *name == '/' ? open(name, O_RDONLY | O_CLOEXEC) : cb_open_in_root(tree, inside, O_RDONLY, 0);
    int e = *name == '/' && fd < 0 ? -errno : fd < 0 ? fd : cb_read_fd(fd, max, ret);
    if (e == -ENOENT)
        return 0;
    return e < 0 ? cb_fail_sys(err, e, "read '%s' of the commit", name) : 1;
}

static int read_source(const struct measure_replay *r, struct source *ret, struct cb_error *err)
{
    CB_AUTO(free) char *file = dockerfile_name(r->request);
    CB_AUTO(free) char *own = cb_printf("%s.dockerignore", file);
    CB_AUTO(free) char *general = cb_path_join(r->request->context, ".dockerignore");
    int found = read_text(r, own, CB_MAX_IGNOREFILE, &ret->ignore, err);
    if (found == 0)
        found = read_text(r, general, CB_MAX_IGNOREFILE, &ret->ignore, err);
    ret->ignores = found == 1;
    return found < 0 || read_text(r, file, CB_MAX_DOCKERFILE, &ret->dockerfile, err) < 0 ? -1 : 0;
}

/* Paths of the repository to those of the context; what is ignored is left out. */
static int keep_context(const struct measure_replay *r, const struct cb_buf *ignore, struct cb_strv *paths, struct cb_error *err)
{
    CB_AUTO(free) char *dir = cb_path_join(r->history.prefix, r->request->context);
    CB_AUTO(free) char *prefix = strcmp(dir, ".") == 0 ? cb_strdup("") : cb_printf("%s/", dir);
    CB_AUTO(cb_strv) struct cb_strv patterns = {0}, all = *paths;
    *paths = (struct cb_strv){0};
    df_ignore_read(ignore->data, ignore->len, &patterns);
    CB_AUTO(df_ignore) struct df_ignore *m = df_ignore_new(&patterns, err);
    if (!m)
        return -1;
    for (size_t i = 0; i < all.n; i++)
        if (cb_starts(all.items[i], prefix) && !df_ignore_match(m, all.items[i] + strlen(prefix)))
            cb_strv_push(paths, all.items[i] + strlen(prefix));
    return 0;
}

static int list_files(const struct measure_replay *r, size_t i, const struct cb_buf *ignore, struct cb_strv *ret,
                      struct cb_error *err)
{
    return measure_history_files(&r->history, i, ret, err) < 0 ? -1 : keep_context(r, ignore, ret, err);
}

static int list_changes(struct work *w, const struct cb_buf *ignore, struct cb_error *err)
{
    const struct measure_history *h = &w->r->history;
    w->changed = cb_alloc((h->n + 1) * sizeof(*w->changed));
    for (size_t i = 1; i < h->n; i++)
        if (measure_history_changed(h, i, &w->changed[i], err) < 0 || keep_context(w->r, ignore, &w->changed[i], err) < 0)
            return -1;
    return 0;
}

/* ---- what might help --------------------------------------------------------------------------------------------- */

static int find(struct work *w, struct cb_error *err)
{
    size_t last = w->r->history.n - 1;
    CB_AUTO(source) struct source s = SOURCE_INIT;
    if (measure_history_checkout(&w->r->history, last, err) < 0 || read_source(w->r, &s, err) < 0 ||
        list_files(w->r, last, &s.ignore, &w->files, err) < 0 || list_changes(w, &s.ignore, err) < 0)
        return -1;
    CB_AUTO(df_file) struct df_file *f = NULL;
    if (df_parse(s.dockerfile.data, s.dockerfile.len, &f, err) < 0)
        return cb_prefix(err, "the newest Dockerfile");
    const struct measure_subject subject = {f, w->report, &w->files, w->changed};
    measure_advices_find(&subject, &w->to->advices);
    cb_buf_add(&w->to->before, s.dockerfile.data, s.dockerfile.len);
    return 0;
}

/* ---- rewriting --------------------------------------------------------------------------------------------------- */

static bool counts(const struct work *w, const struct measure_advice *a, const struct measure_advice *tried)
{
    bool holds = a->outcome == MEASURE_PROVED || a->outcome == MEASURE_HARMLESS;
    return a == tried || (holds && a != w->left_out);
}

/* All proved advice, and the one that is tried, put into what a commit has. */
static int rewrite(const struct work *w, const struct measure_advice *tried, const struct cb_strv *present, struct source *s,
                   struct cb_error *err)
{
    for (size_t i = 0; i < w->to->advices.n; i++) {
        const struct measure_advice *a = &w->to->advices.items[i];
        if (!counts(w, a, tried))
            continue;
        CB_AUTO(cb_buf) struct cb_buf text = s->dockerfile;
        s->dockerfile = CB_BUF_INIT;
        if (measure_advice_apply(a, present, text.data, text.len, &s->dockerfile, err) < 0)
            return -1;
        const struct cb_strv *patterns = measure_advice_patterns(a);
        if (patterns && s->ignore.len && s->ignore.data[s->ignore.len - 1] != '\n')
            cb_buf_addc(&s->ignore, '\n');
        for (size_t k = 0; patterns && k < patterns->n; k++)
            cb_buf_printf(&s->ignore, "%s\n", patterns->items[k]);
        s->ignores |= patterns != NULL;
    }
    return 0;
}

static int put(const struct measure_replay *r, const char *name, const struct cb_buf *text, struct cb_error *err)
{
    int e = cb_publish_file(r->dir_fd, name, text->data, text->len, 0644);
    return e < 0 ? cb_fail_sys(err, e, "write '%s/%s'", r->dir, name) : 0;
}

/* The options that make the i-th commit, which is checked out, be built with it. */
static int prepare(const struct work *w, size_t i, const struct measure_advice *tried, struct cb_strv *more, struct cb_error *err)
{
    const struct measure_replay *r = w->r;
    CB_AUTO(source) struct source s = SOURCE_INIT;
    CB_AUTO(cb_strv) struct cb_strv present = {0};
    CB_AUTO(cb_error) struct cb_error bad = CB_ERROR_INIT;
    if (measure_history_checkout(&r->history, i, err) < 0 || read_source(r, &s, err) < 0 ||
        list_files(r, i, &s.ignore, &present, err) < 0)
        return -1;
    if (rewrite(w, tried, &present, &s, &bad) < 0)
        return 0; /* it cannot be built as it is, either */
    (void)unlinkat(r->dir_fd, "advised/Dockerfile.dockerignore", 0);
    if (put(r, "advised/Dockerfile", &s.dockerfile, err) < 0 ||
        (s.ignores && put(r, "advised/Dockerfile.dockerignore", &s.ignore, err) < 0))
        return -1;
    cb_strv_push(more, "-f");
    cb_strv_take(more, cb_path_join(r->dir, "advised/Dockerfile"));
    return 0;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static char *store_of(const struct work *w, const char *name)
{
    return cb_path_join(w->r->dir, name);
}

static void drop_unstable(const struct work *w, struct cb_strv *paths)
{
    CB_AUTO(cb_strv) struct cb_strv all = *paths;
    *paths = (struct cb_strv){0};
    for (size_t i = 0; i < all.n; i++)
        if (cb_strv_find(&w->unstable, all.items[i]) < 0)
            cb_strv_push(paths, all.items[i]);
}

/* A file of the context that is ignored now, or a directory in which such a one lay. */
static bool is_ignored(const struct work *w, const struct cb_strv *patterns, const char *path)
{
    CB_AUTO(cb_error) struct cb_error none = CB_ERROR_INIT;
    CB_AUTO(df_ignore) struct df_ignore *m = df_ignore_new(patterns, &none);
    CB_AUTO(free) char *inside = cb_printf("/%s/", cb_path_base(path));
    for (size_t i = 0; m && i < w->files.n; i++) {
        CB_AUTO(free) char *file = cb_printf("/%s/", w->files.items[i]);
        if (strstr(file, inside) && df_ignore_match(m, w->files.items[i]))
            return true;
    }
    return false;
}

static int differs(struct measure_advice *a, const char *commit, const struct cb_strv *paths)
{
    a->why = cb_printf("commit %.10s gives other files: %s%s", commit, paths->items[0], paths->n > 1 ? " and others" : "");
    return 0;
}

/* Of all advice that counts. */
static void add_patterns(const struct work *w, const struct measure_advice *tried, struct cb_strv *ret)
{
    for (size_t i = 0; i < w->to->advices.n; i++) {
        const struct cb_strv *patterns = measure_advice_patterns(&w->to->advices.items[i]);
        if (patterns && counts(w, &w->to->advices.items[i], tried))
            cb_strv_copy(ret, patterns);
    }
}

/* 1: the image of the i-th commit is as it was. 0: it is not, and a->why says so. */
static int compare(const struct work *w, struct measure_advice *a, const struct measure_build *was,
                   const struct measure_build *now, struct cb_strv *lacking, struct cb_error *err)
{
    CB_AUTO(measure_files) struct measure_files before = {0}, after = {0};
    CB_AUTO(cb_strv) struct cb_strv other = {0}, gone = {0};
    CB_AUTO(free) char *first = store_of(w, "store");
    CB_AUTO(free) char *second = store_of(w, "try");
    CB_AUTO(cb_strv) struct cb_strv patterns = {0};
    add_patterns(w, a, &patterns);
    if (measure_files_load(first, was->image, &before, err) < 0 || measure_files_load(second, now->image, &after, err) < 0)
        return -1;
    measure_files_compare(&before, &after, &other, &gone);
    drop_unstable(w, &other);
    drop_unstable(w, &gone);
    if (other.n)
        return differs(a, now->commit, &other);
    for (size_t i = 0; i < gone.n; i++) {
        if (!is_ignored(w, &patterns, gone.items[i]))
            return differs(a, now->commit, &gone);
        if (measure_advice_patterns(a) && cb_strv_find(lacking, gone.items[i]) < 0)
            cb_strv_push(lacking, gone.items[i]);
    }
    return 1;
}

/* What is not the same when the newest commit is built twice will not be the same for another reason, either. */
static int find_unstable(struct work *w, struct cb_error *err)
{
    size_t last = w->base.n_builds - 1;
    const char *image = w->base.builds[last].image;
    CB_AUTO(measure_report) struct measure_report again = {0};
    CB_AUTO(measure_files) struct measure_files first = {0}, second = {0};
    CB_AUTO(cb_strv) struct cb_strv more = {0};
    cb_strv_push(&more, "--no-cache");
    if (!image)
        return 0;
    if (measure_files_load(w->r->store, image, &first, err) < 0 || measure_replay_commit(w->r, last, &more, &again, err) < 0)
        return -1;
    if (!again.builds[0].image)
        return 0;
    if (measure_files_load(w->r->store, again.builds[0].image, &second, err) < 0)
        return -1;
    measure_files_compare(&first, &second, &w->unstable, NULL);
    w->to->n_unstable = w->unstable.n;
    return 0;
}

/* ---- trying ------------------------------------------------------------------------------------------------------ */

/* What the misses cost, with the same price for the same step in both histories: how busy the machine was is no advice. */
static double price(const struct work *w, const char *text, double own)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < w->report->n_builds; i++)
        for (size_t k = 0; k < w->report->builds[i].n; k++) {
            const struct measure_mark *m = &w->report->builds[i].marks[k];
            bool same = m->fate == MEASURE_MISS && strcmp(w->report->steps[m->step].text, text) == 0;
            sum += same ? m->cost : 0;
            n += same;
        }
    return n ? sum / (double)n : own;
}

static double spent(const struct work *w, const struct measure_report *r)
{
    double sum = 0;
    for (size_t i = 1; i < r->n_builds; i++)
        for (size_t k = 0; k < r->builds[i].n; k++) {
            const struct measure_mark *m = &r->builds[i].marks[k];
            if (m->fate == MEASURE_MISS)
                sum += price(w, r->steps[m->step].text, m->cost);
        }
    return sum;
}

/* 1: all commits give what they gave. 0: a->why says which does not. */
static int try_all(const struct work *w, struct measure_advice *a, struct measure_report *ret, struct cb_strv *lacking,
                   struct cb_error *err)
{
    for (size_t i = 0; i < w->r->history.n; i++) {
        CB_AUTO(cb_strv) struct cb_strv more = {0};
        const struct measure_build *was = &w->base.builds[i];
        if (prepare(w, i, a, &more, err) < 0 || measure_replay_commit(w->r, i, &more, ret, err) < 0)
            return -1;
        const struct measure_build *now = &ret->builds[i];
        if (was->error)
            continue;
        if (now->error) {
            a->why = cb_printf("commit %.10s cannot be built so: %s", now->commit, now->error);
            return 0;
        }
        int same = compare(w, a, was, now, lacking, err);
        if (same <= 0)
            return same;
    }
    return 1;
}

static const char saves_nothing[] = "it would have saved nothing";

static void judge(struct work *w, struct measure_advice *a, int same, const struct measure_report *tried, double *now,
                  const struct cb_strv *lacking)
{
    double then = spent(w, tried);
    a->outcome = MEASURE_DROPPED;
    a->differs = !same;
    if (!same)
        return;
    if (*now - then <= w->to->spent * LEAST_PART) {
        a->outcome = measure_advice_enables(a) ? MEASURE_HARMLESS : MEASURE_DROPPED;
        a->why = a->outcome == MEASURE_DROPPED ? cb_strdup(saves_nothing) : NULL;
        return;
    }
    a->outcome = MEASURE_PROVED;
    a->saved = *now - then;
    *now = then;
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    for (size_t i = 0; i < lacking->n; i++)
        cb_buf_printf(&names, " %s", lacking->items[i]);
    if (lacking->n)
        a->why = cb_printf("the image has no more:%s", names.data);
}

/* Whether what it is about has been said already. */
static bool is_part(const struct measure_advised *to, const struct measure_advice *a)
{
    const struct cb_strv *patterns = measure_advice_patterns(a);
    for (size_t i = 0; i < to->advices.n; i++) {
        const struct measure_advice *other = &to->advices.items[i];
        if (patterns && other->outcome == MEASURE_PROVED && measure_advice_patterns(other) &&
            cb_strv_find(&other->files, patterns->items[0]) >= 0)
            return true;
    }
    return false;
}

static int try_one(struct work *w, struct measure_advice *a, double *now, struct cb_error *err)
{
    CB_AUTO(measure_report) struct measure_report tried = {0};
    CB_AUTO(cb_strv) struct cb_strv lacking = {0};
    int same = try_all(w, a, &tried, &lacking, err);
    if (same >= 0)
        judge(w, a, same, &tried, now, &lacking);
    measure_replay_empty(w->r);
    return same;
}

/* How many were proved, or may be needed by others; or -1. */
static int try_round(struct work *w, measure_tell_fn *tell, double *now, struct cb_error *err)
{
    struct measure_advices *all = &w->to->advices;
    int proved = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct measure_advice *a = &all->items[i];
        if (a->outcome != MEASURE_UNTRIED || a->estimate <= w->to->spent * LEAST_PART || is_part(w->to, a))
            continue;
        tell(a, i + 1, all->n);
        if (try_one(w, a, now, err) < 0)
            return -1;
        proved += a->outcome != MEASURE_DROPPED;
    }
    return proved;
}

/* What saved nothing may do so once something else is out of its way: an ARG above it, say. */
static void try_again_later(struct measure_advice *a)
{
    if (a->outcome != MEASURE_DROPPED || a->differs)
        return;
    a->outcome = MEASURE_UNTRIED;
    free(CB_TAKE(a->why));
}

/* It stays if the others save less without it, or do not hold. */
static int try_without(struct work *w, struct measure_advice *a, double now, struct cb_error *err)
{
    CB_AUTO(measure_report) struct measure_report tried = {0};
    CB_AUTO(cb_strv) struct cb_strv lacking = {0};
    struct measure_advice rest = {.rule = a->rule};
    w->left_out = a;
    int same = try_all(w, &rest, &tried, &lacking, err);
    w->left_out = NULL;
    measure_replay_empty(w->r);
    free(rest.why);
    if (same < 0)
        return -1;
    bool needed = !same || spent(w, &tried) - now > w->to->spent * LEAST_PART;
    a->outcome = needed ? MEASURE_PROVED : MEASURE_DROPPED;
    a->why = cb_strdup(needed ? "nothing by itself, but others would save less without it" : saves_nothing);
    return 0;
}

static int settle_harmless(struct work *w, double now, struct cb_error *err)
{
    struct measure_advices *all = &w->to->advices;
    bool any = now < w->to->spent;
    for (size_t i = 0; i < all->n; i++) {
        struct measure_advice *a = &all->items[i];
        if (a->outcome != MEASURE_HARMLESS)
            continue;
        if (any && try_without(w, a, now, err) < 0)
            return -1;
        if (!any) {
            a->outcome = MEASURE_DROPPED;
            a->why = cb_strdup(saves_nothing);
        }
    }
    return 0;
}

static int try_each(struct work *w, measure_tell_fn *tell, struct cb_error *err)
{
    struct measure_advices *all = &w->to->advices;
    double now = w->to->spent;
    if (mkdirat(w->r->dir_fd, "advised", 0755) < 0)
        return cb_fail_sys(err, errno, "make '%s/advised'", w->r->dir);
    measure_replay_set_store(w->r, "try");
    int proved = 1;
    while (proved > 0) {
        proved = try_round(w, tell, &now, err);
        for (size_t i = 0; i < all->n && proved > 0; i++)
            try_again_later(&all->items[i]);
    }
    if (proved == 0)
        proved = settle_harmless(w, now, err);
    measure_replay_set_store(w->r, "store");
    return proved;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* The newest, with all that was proved. */
static int put_result(const struct work *w, struct cb_error *err)
{
    struct measure_advised *to = w->to;
    CB_AUTO(source) struct source s = SOURCE_INIT;
    if (measure_history_checkout(&w->r->history, w->r->history.n - 1, err) < 0 || read_source(w->r, &s, err) < 0)
        return -1;
    size_t before = s.ignore.len;
    if (rewrite(w, NULL, &w->files, &s, err) < 0)
        return -1;
    cb_buf_add(&to->after, s.dockerfile.data, s.dockerfile.len);
    if (s.ignore.len > before)
        cb_buf_add(&to->ignore, s.ignore.data, s.ignore.len);
    if (put(w->r, "Dockerfile", &to->before, err) < 0 || put(w->r, "advised/Dockerfile", &to->after, err) < 0)
        return -1;
    return measure_history_diff(&w->r->history, "Dockerfile", "advised/Dockerfile", &to->diff, err);
}

/* A report that was read has to be of these commits. */
static int check_report(const struct measure_replay *r, const struct measure_report *report, struct cb_error *err)
{
    bool same = report->n_builds == r->history.n;
    for (size_t i = 0; same && i < report->n_builds; i++)
        same = strcmp(report->builds[i].commit, r->history.commits[i].id) == 0;
    if (same)
        return 0;
    cb_fail(err, CB_E_USAGE, "the report is of other commits than '%s' names here", report->range);
    return cb_hint(err, "measure anew: --git RANGE instead of --from FILE");
}

/* The files of a report that was read are gone: they are made again. */
static int build_base(struct work *w, struct measure_report *report, bool given, struct cb_error *err)
{
    if (!given) {
        w->base = *report;
        return 0;
    }
    return measure_replay_run(w->r, &w->base, err);
}

static int advise(struct work *w, struct measure_report *report, measure_tell_fn *tell, struct cb_error *err)
{
    bool given = report->n_builds > 0;
    if ((given ? check_report(w->r, report, err) : measure_replay_run(w->r, report, err)) < 0 || find(w, err) < 0)
        return -1;
    w->to->spent = spent(w, report);
    w->to->n_builds = report->n_builds;
    if (!w->to->advices.n)
        return 0;
    int r = build_base(w, report, given, err);
    if (r == 0)
        r = find_unstable(w, err);
    if (r == 0)
        r = try_each(w, tell, err);
    if (r == 0)
        r = put_result(w, err);
    if (!given)
        w->base = (struct measure_report){0};
    return r;
}

int measure_advise(struct measure_replay *r, struct measure_report *report, measure_tell_fn *tell, struct measure_advised *ret,
                   struct cb_error *err)
{
    CB_AUTO(work) struct work w = {.r = r, .report = report, .to = ret};
    return advise(&w, report, tell, err);
}
