/* Planning as text against text: testdata/plan/NAME/ holds a Dockerfile, perhaps `options` (of the command line, one a line) and
 * `dockerignore`, and what is planned from them in `expected`. Images are the configs of testdata/plan/images/ (NAME-ARCH.json
 * where there is one for that architecture). Nothing is read or asked besides. PLAN_UPDATE=1 writes `expected` anew, to be looked
 * at in the diff. */
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "build-request.h"
#include "builder/plan/outline.h"
#include "builder/plan/plan.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_WORDS 32

static void read_text(int dir, const char *name, struct cb_buf *ret)
{
    if (cb_read_file(dir, name, CB_MAX_DOCKERFILE, ret) < 0)
        cb_buf_reset(ret);
}

/* ---- the world of a case ----------------------------------------------------------------------------------- */

struct world {
    int images; /* directory of configs */
    struct build_named named[4];
    size_t n_named;
    int last_number;
};

static int resolve_one(const struct world *w, struct build_want *want, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(free) char *name = cb_strdup(want->text);
    for (char *c = name; *c; c++)
        *c = *c == '/' || *c == ':' ? '-' : *c;
    CB_AUTO(free) char *file = cb_printf("%s.json", name), *own = cb_printf("%s-%s.json", name, want->platform.arch);
    if (cb_read_file(w->images, own, CB_MAX_CONFIG, &text) < 0 && cb_read_file(w->images, file, CB_MAX_CONFIG, &text) < 0) {
        cb_fail(err, CB_E_NOT_FOUND, "%s: not found%s%s", want->text, want->meant ? "; meant: " : "",
                want->meant ? want->meant : "");
        return cb_at(err, want->at.line, want->at.last_line);
    }
    if (oci_image_config_parse(text.data, text.len, &want->config, err) < 0)
        return -1;
    struct cache_image *image = &want->base.image;
    want->base.name = cb_strdup(want->text);
    cb_sha256(text.data, text.len, &image->config);
    for (size_t i = 0; i < want->config.n_diff_ids; i++)
        CB_PUSH(image->layers, image->n_layers, image->cap_layers) =
            (struct cache_image_layer){.id = want->config.diff_ids[i], .diff_id = want->config.diff_ids[i]};
    return 0;
}

static int resolve(void *arg, struct build_want *wants, size_t n, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (resolve_one(arg, &wants[i], err) < 0)
            return -1;
    return 0;
}

static int fetch(void *arg, const struct build_remote_request *r, struct build_remote **ret, struct cb_error *err)
{
    (void)arg, (void)err;
    *ret = CB_NEW(struct build_remote);
    (*ret)->git = strstr(r->url, ".git") != NULL;
    (*ret)->name = cb_strdup(cb_path_base(r->url));
    (*ret)->checkout.time = 1234567890;
    return 0;
}

static void release(void *arg, struct build_remote *r)
{
    (void)arg;
    free(r->name);
    free(r);
}

static struct build_named *find_context(void *arg, const char *name, const struct oci_platform *platform)
{
    (void)platform;
    struct world *w = arg;
    for (size_t i = 0; i < w->n_named; i++)
        if (strcmp(w->named[i].name, name) == 0)
            return &w->named[i];
    return NULL;
}

static int context_time(void *arg, const char *name, int64_t *ret)
{
    (void)arg, (void)ret;
    return strcmp(name, "context") == 0 ? 0 : -1;
}

static int number(void *arg)
{
    struct world *w = arg;
    return ++w->last_number;
}

static const struct build_plan_effects effects = {resolve, fetch, release, find_context, context_time, number};

static void add_context(struct world *w, const char *pair)
{
    struct build_named *n = &w->named[w->n_named++];
    const char *value = strchr(pair, '=') + 1;
    n->name = cb_memdup0(pair, (size_t)(value - 1 - pair));
    n->kind = BUILD_NAMED_LOCAL;
    if (cb_starts(value, "docker-image://")) {
        n->kind = BUILD_NAMED_IMAGE;
        value += strlen("docker-image://");
    }
    n->value = cb_strdup(value);
    n->local.path = n->value;
}

static void world_done(struct world *w)
{
    for (size_t i = 0; i < w->n_named; i++) {
        free(w->named[i].name);
        free(w->named[i].value);
    }
}

/* ---- the plan as text ------------------------------------------------------------------------------------- */

static void put_words(struct cb_buf *out, const char *title, const struct cb_strv *v)
{
    if (v->n)
        cb_buf_printf(out, "    %s", title);
    for (size_t i = 0; i < v->n; i++) {
        cb_buf_addc(out, ' ');
        cb_quote_go(out, v->items[i], strlen(v->items[i]));
    }
    if (v->n)
        cb_buf_addc(out, '\n');
}

static void put_text(struct cb_buf *out, const char *title, const char *text)
{
    if (!text || !*text)
        return;
    cb_buf_printf(out, "    %s ", title);
    cb_quote_go(out, text, strlen(text));
    cb_buf_addc(out, '\n');
}

static void put_files(struct cb_buf *out, const struct build_files *f)
{
    if (f->kind == BUILD_FILES_STEP)
        cb_buf_printf(out, " from step %zu", f->step->index);
    else
        cb_buf_printf(out, " from %s", f->kind == BUILD_FILES_EMPTY ? "nothing" : f->local->path);
}

static void put_mount(struct cb_buf *out, const struct build_run_mount *m)
{
    cb_buf_printf(out, "    mount %s %s", df_mount_type_names[m->m->type], m->target ? m->target : "(default)");
    if (m->m->type == DF_MOUNT_BIND || m->m->type == DF_MOUNT_CACHE)
        put_files(out, &m->from);
    if (*m->m->source)
        cb_buf_printf(out, " source %s", m->m->source);
    if (*m->m->id)
        cb_buf_printf(out, " id %s", m->m->id);
    cb_buf_printf(out, "%s%s%s\n", m->m->readonly ? " readonly" : "", m->m->required ? " required" : "",
                  m->fresh ? " fresh" : "");
}

static void put_run(struct cb_buf *out, const struct build_run *r)
{
    put_words(out, "argv", &r->argv);
    put_words(out, "env", &r->env);
    put_words(out, "args", &r->args);
    put_words(out, "proxies", &r->proxy_env);
    put_text(out, "cwd", r->cwd);
    put_text(out, "user", r->user);
    if (r->script_name) {
        put_text(out, "script", r->script_name);
        put_text(out, "script text", r->script);
    }
    if (strcmp(r->network->name, "default") != 0)
        cb_buf_printf(out, "    network %s\n", r->network->name);
    for (const struct build_run_mount *m = r->mounts; m; m = m->next)
        put_mount(out, m);
}

static void put_copy(struct cb_buf *out, const struct build_copy *c)
{
    cb_buf_adds(out, c->add ? "    add" : "    copy");
    put_files(out, &c->from);
    cb_buf_printf(out, " to %s in %s%s%s%s%s\n", c->dest, c->workdir, c->link ? " link" : "", c->parents ? " parents" : "",
                  c->unpack ? " unpack" : "", c->unpack_remote ? " unpack-remote" : "");
    put_words(out, "sources", &c->sources);
    put_words(out, "exclude", &c->excludes);
    for (size_t i = 0; i < c->n_entries; i++)
        if (c->remotes[i])
            cb_buf_printf(out, "    fetched %s %s\n", c->remotes[i]->git ? "git" : "file", c->remotes[i]->name);
    for (size_t i = 0; i < c->n_files; i++)
        put_text(out, c->files[i].name, c->files[i].bytes);
    put_text(out, "chown", c->chown);
    put_text(out, "chmod", c->chmod_text);
}

static void put_step(struct cb_buf *out, const struct build_step *s)
{
    cb_buf_printf(out, "step %zu %s\n    line %d", s->index, s->name, s->at.line);
    if (s->parent)
        cb_buf_printf(out, ", on %zu", s->parent->index);
    for (size_t i = 0; i < s->n_inputs; i++)
        cb_buf_printf(out, i ? " %zu" : ", takes from %zu", s->inputs[i]->index);
    cb_buf_printf(out, "%s%s%s%s%s\n", s->in_target ? ", in target" : "", s->needs_fs ? ", needs files" : "",
                  s->no_cache ? ", no cache" : "", s->renewed ? ", renewed" : "", s->inputs_renewed ? ", inputs renewed" : "");
    switch (s->op) {
    case BUILD_OP_BASE:
        cb_buf_printf(out, "    layers %zu\n", s->base.image.n_layers);
        break;
    case BUILD_OP_RUN:
        put_run(out, &s->run);
        break;
    case BUILD_OP_COPY:
        put_copy(out, &s->copy);
        break;
    case BUILD_OP_WORKDIR:
        put_text(out, "directory", s->workdir.path);
        put_text(out, "user", s->workdir.user);
        break;
    }
}

static void put_target(struct cb_buf *out, const struct build_plan *p, const struct build_target *t)
{
    CB_AUTO(cb_buf) struct cb_buf config = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *platform = oci_platform_text(&t->platform);
    cb_buf_printf(out, "target %s for %s", p->target_name, platform);
    if (p->has_epoch)
        cb_buf_printf(out, ", epoch %lld", (long long)p->epoch);
    cb_buf_adds(out, "\nhistory\n");
    for (size_t i = 0; i < t->state.n_history; i++) {
        const struct build_history *h = &t->state.history[i];
        cb_buf_adds(out, "    ");
        cb_quote_go(out, h->created_by, strlen(h->created_by));
        if (h->step)
            cb_buf_printf(out, " step %zu", h->step->index);
        cb_buf_addc(out, '\n');
    }
    oci_image_config_write(&t->state.config, &config);
    CB_AUTO(json) json_t *j = cb_json_parse(config.data, config.len, "config", &err);
    cb_buf_adds(out, "config ");
    cb_json_dump(j, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

static void put_error(struct cb_buf *out, const struct cb_error *e)
{
    cb_buf_printf(out, "error, line %d: %s\n", e->at.line, e->msg);
    if (e->hint)
        cb_buf_printf(out, "    hint: %s\n", e->hint);
}

static void put_warnings(struct cb_buf *out, struct df_lint *lint)
{
    df_lint_sort(lint);
    for (size_t i = 0; i < lint->n; i++)
        cb_buf_printf(out, "warning %s, line %d: %s\n", df_rules[lint->items[i].rule].name, lint->items[i].at.line,
                      lint->items[i].message);
}

static void put_outline(struct cb_buf *out, const struct build_outline *o)
{
    cb_buf_printf(out, "outline of %s: %s\n", *o->name ? o->name : "(default)", o->description);
    for (struct cb_map_item *it = NULL; (it = cb_map_next(&o->args, it));) {
        const struct build_outline_arg *a = it->value;
        cb_buf_printf(out, "    %s = %s, line %d%s\n", it->key, a->value ? a->value : "(none)", a->at.line,
                      cb_map_has(&o->used, it->key) ? "" : ", not used");
    }
}

/* ---- cases ------------------------------------------------------------------------------------------------- */

static void parse_options(struct cb_buf *lines, struct build_request *ret)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    char *argv[MAX_WORDS + 2], platform[] = "--platform=linux/amd64", context[] = ".";
    int n = 0;
    if (!strstr(lines->data, "--platform"))
        argv[n++] = platform; /* not this machine's */
    for (char *line = strtok(lines->data, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(n < MAX_WORDS);
        argv[n++] = line;
    }
    argv[n++] = context;
    argv[n] = NULL;
    if (parse_build(n, argv, ret, &err) < 0)
        fail_msg("options: %s", err.msg);
}

static void make_plan(struct world *w, const struct build_request *q, struct build_local *context, const struct cb_buf *text,
                      struct cb_buf *out)
{
    struct build_plan plan = {0};
    CB_AUTO(df_errors) struct df_errors more = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_plan_input in = {
        .request = q, .dockerfile = {text->data, text->len}, .context = context, .effects = &effects, .arg = w};
    int r = build_plan_make(&in, &plan, &more, &err);
    put_warnings(out, &plan.lint);
    if (r < 0)
        put_error(out, &err);
    for (size_t i = 0; i < more.n; i++)
        put_error(out, &more.items[i]);
    for (size_t i = 0; r == 0 && i < plan.n_steps; i++)
        put_step(out, plan.steps[i]);
    if (r == 0)
        for (size_t i = 0; i < plan.n_targets; i++)
            put_target(out, &plan, &plan.targets[i]);
    if (r == 0 && plan.outline)
        put_outline(out, plan.outline);
    build_plan_done(&plan);
}

static void run_case(int dir, int images, struct cb_buf *out)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, options = CB_BUF_INIT, ignore = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    struct build_request q = {0};
    struct world w = {.images = images};
    char name[] = "the context";
    struct build_local context = BUILD_LOCAL_INIT;
    context.path = name;
    read_text(dir, "Dockerfile", &text);
    read_text(dir, "options", &options);
    read_text(dir, "dockerignore", &ignore);
    df_ignore_read(ignore.data, ignore.len, &context.ignore_patterns);
    if (ignore.len)
        context.ignore = df_ignore_new(&context.ignore_patterns, &err);
    parse_options(&options, &q);
    for (size_t i = 0; i < q.contexts.n; i++)
        add_context(&w, q.contexts.items[i]);
    make_plan(&w, &q, &context, &text, out);
    df_ignore_free(context.ignore);
    cb_strv_done(&context.ignore_patterns);
    world_done(&w);
    build_request_done(&q);
}

static void update(int dir, const struct cb_buf *out)
{
    CB_AUTO(close) int fd = openat(dir, "expected", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, out->data, out->len), (ssize_t)out->len);
}

/* The first line that differs, for people: the whole texts are long. */
static void compare(const char *name, const struct cb_buf *have, const struct cb_buf *want)
{
    const char *a = have->data, *b = want->data;
    for (int line = 1;; line++) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0)
            fail_msg("%s: expected:%d is '%.*s', not '%.*s'", name, line, (int)m, b, (int)n, a);
        if (!a[n] || !b[m])
            return;
        a += n + 1;
        b += m + 1;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_cases(int root, struct cb_strv *ret)
{
    DIR *d = fdopendir(fcntl(root, F_DUPFD_CLOEXEC, 3));
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && strcmp(e->d_name, "images") != 0)
            cb_strv_push(ret, e->d_name);
    closedir(d);
    qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
}

static void test_cases(void **state)
{
    (void)state;
    CB_AUTO(cb_strv) struct cb_strv names = {0};
    CB_AUTO(free) char *path = cb_printf("%s/plan", getenv("CBUILD_TESTDATA"));
    CB_AUTO(close) int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CB_AUTO(close) int images = openat(root, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0 && images >= 0);
    list_cases(root, &names);
    for (size_t i = 0; i < names.n; i++) {
        CB_AUTO(close) int dir = openat(root, names.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CB_AUTO(cb_buf) struct cb_buf have = CB_BUF_INIT, want = CB_BUF_INIT;
        run_case(dir, images, &have);
        if (getenv("PLAN_UPDATE"))
            update(dir, &have);
        read_text(dir, "expected", &want);
        compare(names.items[i], &have, &want);
    }
    assert_true(names.n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
