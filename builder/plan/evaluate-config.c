/* Instructions that change nothing but the config and the variables of their stage (dockerfile.md §9, §14). */
#include "base/text.h"
#include "builder/plan/planner-internal.h"
#include "parser/value.h"

/* ---- ARG, ENV, LABEL ------------------------------------------------------------------------------ */

/* A `_`-delimited run of words that names a secret, and none that says it is public (lint-rules.md). */
static bool names_secret(const char *key)
{
    static const char *const secret[] = {"apikey",   "auth",  "credential", "credentials", "key",
                                         "password", "pword", "passwd",     "secret",      "token"};
    static const char *const harmless[] = {"public", "file", "version"};
    bool found = false;
    for (const char *p = key; *p;) {
        size_t n = strcspn(p, "_");
        for (size_t k = 0; k < CB_LEN(secret); k++)
            found |= strlen(secret[k]) == n && strncasecmp(p, secret[k], n) == 0;
        for (size_t k = 0; k < CB_LEN(harmless); k++)
            if (strlen(harmless[k]) == n && strncasecmp(p, harmless[k], n) == 0)
                return false;
        p += n + (p[n] == '_');
    }
    return found;
}

static int evaluate_arg(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_adds(&history, "ARG");
    for (size_t k = 0; k < i->args.n; k++) {
        const struct df_arg *a = &i->args.items[k];
        if (names_secret(a->name))
            df_lint_warn(&p->plan->lint, DF_LINT_SECRETS_USED_IN_ARG_OR_ENV, i->lint, i->at, "ARG", a->name);
        const char *given = build_vars_get(&p->build_args, a->name);
        CB_AUTO(free) char *value = cb_strdup(given);
        if (!given && a->value && build_expand(p, s, i, a->value, &value, err) < 0)
            return -1;
        if (!value)
            value = cb_strdup(build_vars_get(&p->globals, a->name));
        build_outline_arg(p, i, a, value, given || a->value);
        cb_buf_printf(&history, value ? " %s=%s" : " %s", a->name, value);
        if (cb_strv_find(&s->args, a->name) < 0)
            cb_strv_push(&s->args, a->name);
        if (!value || build_never_in_env(a->name))
            build_vars_set(&s->declared, a->name, value);
        else
            build_vars_set(&s->env, a->name, value);
    }
    build_history_add(s, cb_buf_detach(&history), NULL);
    return 0;
}

struct pairs {
    struct cb_strv names, values;
};

/* All words of one instruction see the environment as it was before it. */
static int expand_pairs(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct pairs *ret,
                        struct cb_error *err)
{
    for (size_t k = 0; k < i->pairs.n; k++) {
        CB_AUTO(free) char *name = NULL, *value = NULL;
        if (build_expand(p, s, i, i->pairs.items[k].name, &name, err) < 0 ||
            build_expand(p, s, i, i->pairs.items[k].value, &value, err) < 0)
            return -1;
        cb_strv_take(&ret->names, CB_TAKE(name));
        cb_strv_take(&ret->values, CB_TAKE(value));
    }
    return 0;
}

static int evaluate_pairs(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    struct pairs e = {0};
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    bool env = i->kind == DF_ENV;
    int r = expand_pairs(p, s, i, &e, err);
    cb_buf_adds(&history, df_kind_name(i->kind));
    for (size_t k = 0; r == 0 && k < e.names.n; k++) {
        const char *name = e.names.items[k], *value = e.values.items[k];
        cb_buf_printf(&history, " %s=%s", name, value);
        if (i->pairs.items[k].legacy)
            df_lint_warn(&p->plan->lint, DF_LINT_LEGACY_KEY_VALUE_FORMAT, i->lint, i->at, i->keyword, i->keyword, i->keyword);
        if (!env) {
            oci_label_set(&s->state.config, name, value);
            continue;
        }
        if (names_secret(name))
            df_lint_warn(&p->plan->lint, DF_LINT_SECRETS_USED_IN_ARG_OR_ENV, i->lint, i->at, "ENV", name);
        oci_env_set(&s->state.config, name, value);
        build_vars_set(&s->env, name, value);
    }
    if (r == 0)
        build_history_add(s, cb_buf_detach(&history), NULL);
    cb_strv_done(&e.names);
    cb_strv_done(&e.values);
    return r;
}

/* ---- CMD, ENTRYPOINT, SHELL, HEALTHCHECK ------------------------------------------------------------- */

static void join(struct cb_buf *out, const struct cb_strv *v)
{
    for (size_t k = 0; k < v->n; k++) {
        if (k)
            cb_buf_addc(out, ' ');
        cb_buf_adds(out, v->items[k]);
    }
}

static void quoted_list(struct cb_buf *out, const struct cb_strv *v)
{
    for (size_t k = 0; k < v->n; k++) {
        if (k)
            cb_buf_addc(out, ' ');
        cb_quote_go(out, v->items[k], strlen(v->items[k]));
    }
}

static const char *const default_shell[] = {"/bin/sh", "-c"};

void build_shell_command(const struct build_stage *s, const struct df_command *c, struct cb_strv *ret)
{
    if (!c->exec && s->state.config.shell.n)
        cb_strv_copy(ret, &s->state.config.shell);
    else if (!c->exec)
        for (size_t k = 0; k < CB_LEN(default_shell); k++)
            cb_strv_push(ret, default_shell[k]);
    for (size_t k = 0; k < c->args.n; k++)
        cb_strv_push(ret, c->args.items[k]);
}

/* The earlier of two that exclude each other is what the warning points at. */
static void only_last(struct build_planner *p, const struct df_instruction **last, const struct df_instruction *i)
{
    if (*last)
        df_lint_warn(&p->plan->lint, DF_LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, i->lint, (*last)->at, i->keyword);
    *last = i;
}

static void evaluate_command(struct build_planner *p, struct build_stage *s, const struct df_instruction *i)
{
    struct oci_image_config *c = &s->state.config;
    bool cmd = i->kind == DF_CMD;
    struct cb_strv *list = cmd ? &c->cmd : &c->entrypoint;
    only_last(p, cmd ? &s->last_cmd : &s->last_entrypoint, i);
    if (!i->command.exec && !c->shell.n)
        df_lint_warn(&p->plan->lint, DF_LINT_JSON_ARGS_RECOMMENDED, i->lint, i->at, i->keyword);
    cb_strv_done(list);
    build_shell_command(s, &i->command, list);
    *(cmd ? &c->has_cmd : &c->has_entrypoint) = list->n > 0;
    if (cmd) {
        c->args_escaped = true;
        s->cmd_given = true;
    } else if (!s->cmd_given) {
        cb_strv_done(&c->cmd);
        c->has_cmd = false;
    }
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_printf(&history, "%s [", df_kind_name(i->kind));
    quoted_list(&history, list);
    cb_buf_addc(&history, ']');
    build_history_add(s, cb_buf_detach(&history), NULL);
}

static void evaluate_shell(struct build_stage *s, const struct df_instruction *i)
{
    struct oci_image_config *c = &s->state.config;
    cb_strv_done(&c->shell);
    for (size_t k = 0; k < i->words.n; k++)
        cb_strv_push(&c->shell, i->words.items[k]);
    c->has_shell = true;
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_adds(&history, "SHELL [");
    join(&history, &c->shell);
    cb_buf_addc(&history, ']');
    build_history_add(s, cb_buf_detach(&history), NULL);
}

/* Go's time.Duration.String. */
static void go_duration(struct cb_buf *out, int64_t ns)
{
    if (ns == 0) {
        cb_buf_adds(out, "0s");
        return;
    }
    if (ns < 1000000000) {
        static const struct {
            int64_t unit;
            const char *name;
        } small[] = {{1000000, "ms"}, {1000, "µs"}, {1, "ns"}};
        for (size_t k = 0; k < CB_LEN(small); k++) {
            if (ns < small[k].unit)
                continue;
            CB_AUTO(free) char *fraction = cb_printf("%06lld", (long long)(ns % small[k].unit * (1000000 / small[k].unit)));
            size_t n = strlen(fraction);
            while (n && fraction[n - 1] == '0')
                n--;
            cb_buf_printf(out, n ? "%lld.%.*s%s" : "%lld%.*s%s", (long long)(ns / small[k].unit), (int)n, fraction,
                          small[k].name);
            return;
        }
    }
    int64_t s = ns / 1000000000, rest = ns % 1000000000;
    if (s >= 3600)
        cb_buf_printf(out, "%lldh", (long long)(s / 3600));
    if (s >= 60)
        cb_buf_printf(out, "%lldm", (long long)(s / 60 % 60));
    cb_buf_printf(out, "%lld", (long long)(s % 60));
    if (rest) {
        CB_AUTO(free) char *fraction = cb_printf("%09lld", (long long)rest);
        size_t n = strlen(fraction);
        while (fraction[n - 1] == '0')
            n--;
        cb_buf_printf(out, ".%.*s", (int)n, fraction);
    }
    cb_buf_addc(out, 's');
}

static void evaluate_healthcheck(struct build_planner *p, struct build_stage *s, const struct df_instruction *i)
{
    struct oci_healthcheck *h = &s->state.config.healthcheck;
    const struct df_healthcheck *d = &i->healthcheck;
    only_last(p, &s->last_healthcheck, i);
    cb_strv_done(&h->test);
    *h = (struct oci_healthcheck){.set = true};
    cb_strv_push(&h->test, d->none ? "NONE" : d->exec ? "CMD" : "CMD-SHELL");
    for (size_t k = 0; !d->none && k < d->args.n; k++)
        cb_strv_push(&h->test, d->args.items[k]);
    if (!d->none) {
        h->interval = d->interval;
        h->timeout = d->timeout;
        h->start_period = d->start_period;
        h->start_interval = d->start_interval;
        h->retries = d->retries;
    }
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_adds(&history, "HEALTHCHECK {Test:[");
    join(&history, &h->test);
    const struct {
        const char *name;
        int64_t ns;
    } times[] = {{"] Interval:", h->interval},
                 {" Timeout:", h->timeout},
                 {" StartPeriod:", h->start_period},
                 {" StartInterval:", h->start_interval}};
    for (size_t k = 0; k < CB_LEN(times); k++) {
        cb_buf_adds(&history, times[k].name);
        go_duration(&history, times[k].ns);
    }
    cb_buf_printf(&history, " Retries:%lld}", (long long)h->retries);
    build_history_add(s, cb_buf_detach(&history), NULL);
}

/* ---- EXPOSE, VOLUME, USER, STOPSIGNAL, … --------------------------------------------------------------- */

static int evaluate_expose(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv words = {0}, ports = {0};
    struct df_expand x = build_expander(p, s, NULL); /* the one instruction without UndefinedVar */
    for (size_t k = 0; k < i->words.n; k++)
        if (df_expand_words(&x, i->words.items[k], &words, err) < 0)
            return -1;
    for (size_t k = 0; k < words.n; k++) {
        struct df_expose_lint lint = {0};
        if (df_expose_parse(words.items[k], &ports, &lint, err) < 0)
            return -1;
        if (lint.proto_casing)
            df_lint_warn(&p->plan->lint, DF_LINT_EXPOSE_PROTO_CASING, i->lint, i->at, words.items[k]);
        if (lint.host_part)
            df_lint_warn(&p->plan->lint, DF_LINT_EXPOSE_INVALID_FORMAT, i->lint, i->at, words.items[k]);
    }
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_adds(&history, "EXPOSE [");
    join(&history, &ports);
    cb_buf_addc(&history, ']');
    build_history_add(s, cb_buf_detach(&history), NULL);
    for (size_t k = 0; k < ports.n; k++)
        oci_port_add(&s->state.config, ports.items[k]);
    return 0;
}

static int evaluate_volume(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv paths = {0};
    for (size_t k = 0; k < i->words.n; k++) {
        CB_AUTO(free) char *path = NULL;
        if (build_expand(p, s, i, i->words.items[k], &path, err) < 0)
            return -1;
        if (!*path)
            return cb_fail(err, CB_E_DOCKERFILE, "VOLUME specified can not be an empty string");
        cb_strv_take(&paths, CB_TAKE(path));
    }
    CB_AUTO(cb_buf) struct cb_buf history = CB_BUF_INIT;
    cb_buf_adds(&history, "VOLUME [");
    join(&history, &paths);
    cb_buf_addc(&history, ']');
    build_history_add(s, cb_buf_detach(&history), NULL);
    for (size_t k = 0; k < paths.n; k++)
        oci_volume_add(&s->state.config, paths.items[k]);
    return 0;
}

/* USER and STOPSIGNAL: one expanded word into one field. */
static int evaluate_word(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, char **field,
                         struct cb_error *err)
{
    CB_AUTO(free) char *word = NULL;
    if (build_expand(p, s, i, i->text, &word, err) < 0)
        return -1;
    if (i->kind == DF_STOPSIGNAL && df_signal_check(word, err) < 0)
        return -1;
    build_history_add(s, cb_printf("%s %s", df_kind_name(i->kind), word), NULL);
    free(*field);
    *field = CB_TAKE(word);
    return 0;
}

static int evaluate_maintainer(struct build_stage *s, const struct df_instruction *i)
{
    free(s->state.config.author);
    s->state.config.author = cb_strdup(i->text);
    build_history_add(s, cb_printf("MAINTAINER %s", i->text), NULL);
    return 0;
}

int build_evaluate_config(struct build_planner *p, struct build_stage *s, const struct df_instruction *i, struct cb_error *err)
{
    switch (i->kind) {
    case DF_ARG:
        return evaluate_arg(p, s, i, err);
    case DF_ENV:
    case DF_LABEL:
        return evaluate_pairs(p, s, i, err);
    case DF_CMD:
    case DF_ENTRYPOINT:
        evaluate_command(p, s, i);
        return 0;
    case DF_SHELL:
        evaluate_shell(s, i);
        return 0;
    case DF_HEALTHCHECK:
        evaluate_healthcheck(p, s, i);
        return 0;
    case DF_EXPOSE:
        return evaluate_expose(p, s, i, err);
    case DF_VOLUME:
        return evaluate_volume(p, s, i, err);
    case DF_USER:
        return evaluate_word(p, s, i, &s->state.config.user, err);
    case DF_STOPSIGNAL:
        return evaluate_word(p, s, i, &s->state.config.stop_signal, err);
    case DF_MAINTAINER:
        return evaluate_maintainer(s, i);
    case DF_ONBUILD:
        cb_strv_push(&s->on_build, i->text);
        return 0;
    case DF_RUN: /* those that make a step are not ours */
    case DF_COPY:
    case DF_ADD:
    case DF_WORKDIR:
    case DF_FROM:
    case DF_UNKNOWN:
        break;
    }
    return cb_fail(err, CB_E_DOCKERFILE, "unknown instruction: %s", i->keyword);
}
