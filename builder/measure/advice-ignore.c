/* Files that people and CI work on and a build mostly does not need: they changed, and steps were made anew for nothing else. */
#include "builder/measure/advice-internal.h"
#include "parser/match/ignore.h"

static const char *const patterns[] = {
    ".git",          ".github",      ".gitlab",       ".gitlab-ci.yml", ".circleci",
    ".travis.yml",   "Jenkinsfile",  ".gitignore",    ".gitattributes", ".editorconfig",
    ".vscode",       ".idea",        ".dockerignore", "Dockerfile*",    "docker-compose*.y*ml",
    "compose*.y*ml", "**/*.md",      "README*",       "LICENSE*",       "CHANGELOG*",
    "CONTRIBUTING*", "docs",         "doc",           "test",           "tests",
    "**/*_test.go",  "**/*.test.js", "**/*.spec.ts",  "**/*.swp",       "**/.DS_Store",
};

static bool matches(const char *pattern, const char *file)
{
    CB_AUTO(cb_strv) struct cb_strv one = {0};
    CB_AUTO(cb_error) struct cb_error none = CB_ERROR_INIT;
    cb_strv_push(&one, pattern);
    CB_AUTO(df_ignore) struct df_ignore *m = df_ignore_new(&one, &none);
    return m && df_ignore_match(m, file);
}

static const char *pattern_of(const char *file)
{
    for (size_t i = 0; i < CB_LEN(patterns); i++)
        if (matches(patterns[i], file))
            return patterns[i];
    return NULL;
}

/* What missed in a build for which nothing else was changed. */
static double cost_of(const struct measure_build *b)
{
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->marks[i].fate == MEASURE_MISS && (b->marks[i].cause == MEASURE_FILES || b->marks[i].cause == MEASURE_BELOW))
            sum += b->marks[i].cost;
    return sum;
}

/* The patterns of all that changed; false: something else did, too. */
static bool patterns_of(const struct cb_strv *changed, struct cb_strv *ret)
{
    for (size_t i = 0; i < changed->n; i++) {
        const char *pattern = pattern_of(changed->items[i]);
        if (!pattern)
            return false;
        if (cb_strv_find(ret, pattern) < 0)
            cb_strv_push(ret, pattern);
    }
    return changed->n > 0;
}

static void add(const struct measure_rule *rule, double most, const struct cb_strv *files, struct measure_advices *ret)
{
    struct measure_advice *a = &CB_PUSH(ret->items, ret->n, ret->cap);
    *a = (struct measure_advice){.rule = rule, .estimate = most};
    cb_strv_copy(&a->files, files);
}

/* All together, and each alone: where one of them is needed after all, the others may still hold. */
static void find(const struct measure_rule *rule, const struct measure_subject *s, struct measure_advices *ret)
{
    CB_AUTO(cb_strv) struct cb_strv all = {0};
    double sum = 0;
    double alone[CB_LEN(patterns)] = {0};
    for (size_t i = 1; i < s->report->n_builds; i++) {
        CB_AUTO(cb_strv) struct cb_strv found = {0};
        double cost = cost_of(&s->report->builds[i]);
        if (cost <= 0 || !patterns_of(&s->changed[i], &found))
            continue;
        sum += cost;
        for (size_t k = 0; k < found.n; k++)
            if (cb_strv_find(&all, found.items[k]) < 0)
                cb_strv_push(&all, found.items[k]);
        if (found.n == 1)
            alone[cb_strv_find(&all, found.items[0])] += cost;
    }
    if (all.n)
        add(rule, sum, &all, ret);
    for (size_t k = 0; all.n > 1 && k < all.n; k++) {
        CB_AUTO(cb_strv) struct cb_strv one = {0};
        cb_strv_push(&one, all.items[k]);
        if (alone[k] > 0)
            add(rule, alone[k], &one, ret);
    }
}

static void say(const struct measure_advice *a, struct cb_buf *out)
{
    cb_buf_adds(out, "put into .dockerignore:");
    for (size_t i = 0; i < a->files.n; i++)
        cb_buf_printf(out, " %s", a->files.items[i]);
}

const struct measure_rule measure_rule_ignore = {"ignore", find, NULL, say, true, false};
