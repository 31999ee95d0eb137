#include "parser/lint.h"

#include "base/text.h"
#include "parser/value.h"

/* Names, pages and texts are BuildKit's: tools and `skip=` lists rely on them (lint-rules.md). */
const struct df_rule_info df_rules[DF_RULE_COUNT] = {
    [DF_LINT_STAGE_NAME_CASING] = {.name = "StageNameCasing",
                                   .slug = "stage-name-casing",
                                   .description = "Stage names should be lowercase",
                                   .format = "Stage name '%s' should be lowercase"},
    [DF_LINT_FROM_AS_CASING] = {.name = "FromAsCasing",
                                .slug = "from-as-casing",
                                .description = "The 'as' keyword should match the case of the 'from' keyword",
                                .format = "'%s' and '%s' keywords' casing do not match"},
    [DF_LINT_NO_EMPTY_CONTINUATION] = {.name = "NoEmptyContinuation",
                                       .slug = "no-empty-continuation",
                                       .description = "Empty continuation lines will become errors in a future release",
                                       .format = "Empty continuation line"},
    [DF_LINT_CONSISTENT_INSTRUCTION_CASING] =
        {.name = "ConsistentInstructionCasing",
         .slug = "consistent-instruction-casing",
         .description = "All commands within the Dockerfile should use the same casing (either upper or lower)",
         .format = "Command '%s' should match the case of the command majority (%s)"},
    [DF_LINT_DUPLICATE_STAGE_NAME] = {.name = "DuplicateStageName",
                                      .slug = "duplicate-stage-name",
                                      .description = "Stage names should be unique",
                                      .format = "Duplicate stage name %q, stage names should be unique"},
    [DF_LINT_RESERVED_STAGE_NAME] = {.name = "ReservedStageName",
                                     .slug = "reserved-stage-name",
                                     .description = "Reserved words should not be used as stage names",
                                     .format = "Stage name should not use the same name as reserved stage %q"},
    [DF_LINT_JSON_ARGS_RECOMMENDED] =
        {.name = "JSONArgsRecommended",
         .slug = "json-args-recommended",
         .description = "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
         .format = "JSON arguments recommended for %s to prevent unintended behavior related to OS signals"},
    [DF_LINT_MAINTAINER_DEPRECATED] =
        {.name = "MaintainerDeprecated",
         .slug = "maintainer-deprecated",
         .description = "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
         .format = "Maintainer instruction is deprecated in favor of using label"},
    [DF_LINT_UNDEFINED_ARG_IN_FROM] = {.name = "UndefinedArgInFrom",
                                       .slug = "undefined-arg-in-from",
                                       .description = "FROM command must use declared ARGs",
                                       .format = "FROM argument '%s' is not declared%s"},
    [DF_LINT_WORKDIR_RELATIVE_PATH] =
        {.name = "WorkdirRelativePath",
         .slug = "workdir-relative-path",
         .description = "Relative workdir without an absolute workdir declared within the build can have unexpected results "
                        "if the base image changes",
         .format = "Relative workdir %q can have unexpected results if the base image changes"},
    [DF_LINT_UNDEFINED_VAR] = {.name = "UndefinedVar",
                               .slug = "undefined-var",
                               .description = "Variables should be defined before their use",
                               .format = "Usage of undefined variable '$%s'%s"},
    [DF_LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] =
        {.name = "MultipleInstructionsDisallowed",
         .slug = "multiple-instructions-disallowed",
         .description = "Multiple instructions of the same type should not be used in the same stage",
         .format = "Multiple %s instructions should not be used in the same stage because only the last one will be used"},
    [DF_LINT_LEGACY_KEY_VALUE_FORMAT] = {.name = "LegacyKeyValueFormat",
                                         .slug = "legacy-key-value-format",
                                         .description = "Legacy key/value format with whitespace separator should not be used",
                                         .format = "\"%s key=value\" should be used instead of legacy \"%s key value\" format"},
    [DF_LINT_INVALID_BASE_IMAGE_PLATFORM] = {.name = "InvalidBaseImagePlatform",
                                             .description = "Base image platform does not match expected target platform",
                                             .format =
                                                 "Base image %s was pulled with platform %q, expected %q for current build"},
    [DF_LINT_REDUNDANT_TARGET_PLATFORM] =
        {.name = "RedundantTargetPlatform",
         .slug = "redundant-target-platform",
         .description = "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
         .format = "Setting platform to predefined %s in FROM is redundant as this is the default behavior"},
    [DF_LINT_SECRETS_USED_IN_ARG_OR_ENV] = {.name = "SecretsUsedInArgOrEnv",
                                            .slug = "secrets-used-in-arg-or-env",
                                            .description = "Sensitive data should not be used in the ARG or ENV commands",
                                            .format = "Do not use ARG or ENV instructions for sensitive data (%s %q)"},
    [DF_LINT_INVALID_DEFAULT_ARG_IN_FROM] = {.name = "InvalidDefaultArgInFrom",
                                             .slug = "invalid-default-arg-in-from",
                                             .description =
                                                 "Default value for global ARG results in an empty or invalid base image name",
                                             .format = "Default value for ARG %s results in empty or invalid base image name"},
    [DF_LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {.name = "FromPlatformFlagConstDisallowed",
                                                     .slug = "from-platform-flag-const-disallowed",
                                                     .description = "FROM --platform flag should not use a constant value",
                                                     .format = "FROM --platform flag should not use constant value %q"},
    [DF_LINT_COPY_IGNORED_FILE] = {.name = "CopyIgnoredFile",
                                   .slug = "copy-ignored-file",
                                   .description = "Attempting to Copy file that is excluded by .dockerignore",
                                   .format = "Attempting to %s file %q that is excluded by .dockerignore"},
    [DF_LINT_INVALID_DEFINITION_DESCRIPTION] =
        {.name = "InvalidDefinitionDescription",
         .slug = "invalid-definition-description",
         .description = "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If "
                        "this is not intended to be a description comment, add an empty line or comment between the "
                        "instruction and the comment.",
         .format = "Comment for %s should follow the format: `# %s <description>`",
         .experimental = true},
    [DF_LINT_EXPOSE_PROTO_CASING] = {.name = "ExposeProtoCasing",
                                     .slug = "expose-proto-casing",
                                     .description = "Protocol in EXPOSE instruction should be lowercase",
                                     .format = "Defined protocol '%s' in EXPOSE instruction should be lowercase"},
    [DF_LINT_EXPOSE_INVALID_FORMAT] =
        {.name = "ExposeInvalidFormat",
         .slug = "expose-invalid-format",
         .description = "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error "
                        "in a future release",
         .format = "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'"},
};

void df_rule_url(enum df_rule rule, struct cb_buf *out)
{
    if (df_rules[rule].slug)
        cb_buf_printf(out, "https://docs.docker.com/go/dockerfile/rule/%s/", df_rules[rule].slug);
}

/* ---- configuration -------------------------------------------------------------------------- */

/* Up to the separator; *rest is what follows. False when `s` has no separator. */
static bool cut(struct cb_str s, char separator, struct cb_str *first, struct cb_str *rest)
{
    const char *at = s.n ? memchr(s.p, separator, s.n) : NULL;
    *first = (struct cb_str){s.p, at ? (size_t)(at - s.p) : s.n};
    *rest = at ? (struct cb_str){at + 1, s.n - first->n - 1} : (struct cb_str){s.p + s.n, 0};
    return at != NULL;
}

static struct cb_str trim(struct cb_str s)
{
    while (s.n && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r'))) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || (s.p[s.n - 1] >= '\t' && s.p[s.n - 1] <= '\r')))
        s.n--;
    return s;
}

/* Names of no rule are ignored: a later version may know them. */
static void parse_rules(struct cb_str value, bool *all, df_rule_set *set)
{
    struct cb_str name;
    bool more;
    if (cb_str_eq(value, CB_STR("all"))) {
        *all = true;
        return;
    }
    *set = 0;
    do {
        more = cut(value, ',', &name, &value);
        for (unsigned i = 0; i < DF_RULE_COUNT; i++)
            if (cb_str_eq(trim(name), cb_str(df_rules[i].name)))
                *set |= (df_rule_set)1 << i;
    } while (more);
}

static int invalid_option(struct cb_str option, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, option.p, option.n);
    cb_fail(err, CB_E_DOCKERFILE, "invalid check option %s", quoted.data);
    return cb_hint(err, "use skip=Rule,..., error=true or experimental=Rule,..., separated by ';'");
}

static int invalid_bool(struct cb_str option, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf what = CB_BUF_INIT, quoted = CB_BUF_INIT;
    cb_quote_go(&what, option.p, option.n);
    cb_quote_go(&quoted, value, strlen(value));
    return cb_fail(err, CB_E_DOCKERFILE, "failed to parse check option %s: strconv.ParseBool: parsing %s: invalid syntax",
                   what.data, quoted.data);
}

static int parse_options(struct cb_str options, struct df_lint_skip *skip, bool *error, struct cb_error *err)
{
    options = trim(options);
    bool more = options.n > 0;
    for (int parts = 0; more; parts++) {
        struct cb_str part = options, key, value;
        more = parts < 2 && cut(options, ';', &part, &options);
        if (!cut(part, '=', &key, &value))
            return invalid_option(part, err);
        key = trim(key);
        value = trim(value);
        if (cb_str_eq(key, CB_STR("skip"))) {
            parse_rules(value, &skip->skip_all, &skip->skip);
        } else if (cb_str_eq(key, CB_STR("experimental"))) {
            parse_rules(value, &skip->experimental_all, &skip->experimental);
        } else if (cb_str_eq(key, CB_STR("error"))) {
            CB_AUTO(free) char *text = cb_memdup0(value.p, value.n);
            if (!df_parse_bool(text, error))
                return invalid_bool(part, text, err);
        } else {
            return invalid_option(key, err);
        }
    }
    return 0;
}

int df_lint_configure(struct df_lint *l, const char *options, struct cb_error *err)
{
    struct df_lint_skip config = {0};
    bool error = false;
    if (parse_options(cb_str(options), &config, &error, err) < 0)
        return cb_prefix(err, "failed to parse check options");
    l->config = config;
    l->error = error;
    return 0;
}

bool df_lint_parse_skip(const char *options, size_t n, struct df_lint_skip *ret)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    struct df_lint_skip skip = {0};
    bool error;
    if (parse_options((struct cb_str){options, n}, &skip, &error, &ignored) < 0)
        return false;
    *ret = skip;
    return true;
}

/* ---- reporting ------------------------------------------------------------------------------ */

static bool enabled(const struct df_lint_skip *c, enum df_rule rule)
{
    df_rule_set bit = (df_rule_set)1 << rule;
    return df_rules[rule].experimental ? c->experimental_all || (c->experimental & bit) : !c->skip_all && !(c->skip & bit);
}

/* On: an experimental rule switched on by either, any other switched off by neither. */
static bool reports(const struct df_lint *l, enum df_rule rule, const struct df_lint_skip *skip)
{
    if (!skip)
        return enabled(&l->config, rule);
    if (df_rules[rule].experimental)
        return enabled(&l->config, rule) || enabled(skip, rule);
    return enabled(&l->config, rule) && enabled(skip, rule);
}

static void format_arg(struct cb_buf *out, char conversion, const char *arg)
{
    if (conversion == 'q')
        cb_quote_go(out, arg, strlen(arg));
    else
        cb_buf_adds(out, arg);
}

static void format_message(struct cb_buf *out, const struct df_rule_info *info, va_list *ap)
{
    for (const char *f = info->format; *f; f++)
        if (*f == '%')
            format_arg(out, *++f, va_arg(*ap, const char *));
        else
            cb_buf_addc(out, *f);
}

void df_lint_warn(struct df_lint *l, enum df_rule rule, const struct df_lint_skip *skip, struct cb_place at, ...)
{
    if (!l || l->closed || !reports(l, rule, skip))
        return;
    CB_AUTO(cb_buf) struct cb_buf message = CB_BUF_INIT;
    va_list ap;
    va_start(ap, at);
    format_message(&message, &df_rules[rule], &ap);
    va_end(ap);
    struct df_warning w = {.rule = rule, .at = at, .message = cb_buf_detach(&message), .order = l->n};
    CB_PUSH(l->items, l->n, l->cap) = w;
}

static int by_place(const void *a, const void *b)
{
    const struct df_warning *x = a, *y = b;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    int c = x->at.line ? 0 : strcmp(df_rules[x->rule].name, df_rules[y->rule].name);
    return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

void df_lint_sort(struct df_lint *l)
{
    if (l->n)
        qsort(l->items, l->n, sizeof(*l->items), by_place);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int df_lint_check(const struct df_lint *l, struct cb_error *err)
{
    const char *names[DF_RULE_COUNT];
    size_t n = 0;
    df_rule_set found = 0;
    if (!l->error || !l->n)
        return 0;
    for (size_t i = 0; i < l->n; i++)
        found |= (df_rule_set)1 << l->items[i].rule;
    for (unsigned i = 0; i < DF_RULE_COUNT; i++)
        if (found & (df_rule_set)1 << i)
            names[n++] = df_rules[i].name;
    qsort(names, n, sizeof(*names), by_text);
    CB_AUTO(cb_buf) struct cb_buf list = CB_BUF_INIT;
    for (size_t i = 0; i < n; i++)
        cb_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    return cb_fail(err, CB_E_DOCKERFILE, "lint violation found for rules: %s", list.data);
}

void df_lint_done(struct df_lint *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].message);
    free(l->items);
    *l = (struct df_lint){0};
}
