/* parser/lint.h and parser/excerpt.h: which warnings a Dockerfile gives, what switches them, how they look. */
#include "parser/lint.h"

#include "base/json.h"
#include "parser/excerpt.h"
#include "parser/instruction.h"
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* The warnings of parsing `text` under its `# check=` directive; false when something failed. */
static bool lint_text(const char *text, struct df_lint *lint, struct cb_error *err)
{
    CB_AUTO(df_file) struct df_file *f = NULL;
    CB_AUTO(df_errors) struct df_errors errors = {0};
    struct df_dockerfile df;
    if (df_parse(text, strlen(text), &f, err) < 0)
        return false;
    CB_AUTO(free) char *options = cb_memdup0(f->check.value.p ? f->check.value.p : "", f->check.value.n);
    if (df_lint_configure(lint, options, err) < 0)
        return false;
    if (df_decode(f, lint, &df, &errors) < 0) {
        cb_error_move(err, &errors.items[0]);
        return false;
    }
    return true;
}

static void short_list(const struct df_lint *lint, struct cb_buf *out)
{
    for (size_t i = 0; i < lint->n; i++) {
        df_warning_short(&lint->items[i], out);
        cb_buf_addc(out, '\n');
    }
}

/* ---- rules ------------------------------------------------------------------------------------ */

static void rules(void **state)
{
    static const struct {
        const char *text, *warnings;
    } cases[] = {
        {"FROM a\nRUN b\n", ""},
        {"FROM a AS Bc\n", "StageNameCasing: Stage name 'Bc' should be lowercase (line 1)\n"},
        {"FROM a as b\n", "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)\n"},
        {"from a AS b\n", "FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)\n"},
        {"FROM a As b\n", "FromAsCasing: 'As' and 'FROM' keywords' casing do not match (line 1)\n"},
        {"from a as b\n", ""},
        {"From a AS b\nRUN c\n",
         "ConsistentInstructionCasing: Command 'From' should match the case of the command majority (uppercase) (line 1)\n"},
        {"FROM a\nRUN b \\\n\n  c\n", "NoEmptyContinuation: Empty continuation line (line 4)\n"},
        {"FROM a\nRUN b \\\n\n\n", "NoEmptyContinuation: Empty continuation line (line 4)\n"},
        {"FROM a\nrun b\n",
         "ConsistentInstructionCasing: Command 'run' should match the case of the command majority (uppercase) (line 2)\n"},
        {"FROM a\nrun b\nuser c\n",
         "ConsistentInstructionCasing: Command 'FROM' should match the case of the command majority (lowercase) (line 1)\n"},
        {"arg a\narg b\nFROM a\n", ""},
        {"FROM a AS b\nFROM a AS b\nFROM c AS b\n",
         "DuplicateStageName: Duplicate stage name \"b\", stage names should be unique (line 2)\n"
         "DuplicateStageName: Duplicate stage name \"b\", stage names should be unique (line 3)\n"},
        {"FROM a AS scratch\nFROM a AS context\n",
         "ReservedStageName: Stage name should not use the same name as reserved stage \"scratch\" (line 1)\n"
         "ReservedStageName: Stage name should not use the same name as reserved stage \"context\" (line 2)\n"},
        {"FROM a\nMAINTAINER b\n",
         "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)\n"},
        {"# no such word\nARG a\n# and again\nFROM a AS b\n", ""},
        {"# check=experimental=all\n# no such word\nARG a\n# no\nARG b c\n# x\n# d yes\nARG d\n# and again\nFROM a AS b\n# no "
         "name\nFROM c\n",
         "InvalidDefinitionDescription: Comment for ARG should follow the format: `# a <description>` (line 3)\n"
         "InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key> <description>` (line 5)\n"
         "InvalidDefinitionDescription: Comment for FROM should follow the format: `# b <description>` (line 10)\n"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(df_lint) struct df_lint lint = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        if (!lint_text(cases[i].text, &lint, &err))
            fail_msg("case %zu: %s: %s", i, cases[i].text, err.msg);
        df_lint_sort(&lint);
        short_list(&lint, &got);
        if (strcmp(got.data, cases[i].warnings) != 0)
            fail_msg("case %zu:\n%s\ngave\n%s\nnot\n%s", i, cases[i].text, got.data, cases[i].warnings);
    }
}

/* The texts of all rules, with arguments as the builder gives them. */
static void messages(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    const struct cb_place at = {0};
    (void)state;
    df_lint_warn(&lint, DF_LINT_JSON_ARGS_RECOMMENDED, NULL, at, "CMD");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_ARG_IN_FROM, NULL, at, "v", " (did you mean V?)");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_ARG_IN_FROM, NULL, at, "w", "");
    df_lint_warn(&lint, DF_LINT_WORKDIR_RELATIVE_PATH, NULL, at, "a");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, at, "v", " (did you mean $V?)");
    df_lint_warn(&lint, DF_LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, NULL, at, "CMD");
    df_lint_warn(&lint, DF_LINT_LEGACY_KEY_VALUE_FORMAT, NULL, at, "ENV", "ENV");
    df_lint_warn(&lint, DF_LINT_INVALID_BASE_IMAGE_PLATFORM, NULL, at, "i", "linux/a", "linux/b");
    df_lint_warn(&lint, DF_LINT_REDUNDANT_TARGET_PLATFORM, NULL, at, "$TARGETPLATFORM");
    df_lint_warn(&lint, DF_LINT_SECRETS_USED_IN_ARG_OR_ENV, NULL, at, "ARG", "KEY");
    df_lint_warn(&lint, DF_LINT_INVALID_DEFAULT_ARG_IN_FROM, NULL, at, "$x");
    df_lint_warn(&lint, DF_LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, NULL, at, "linux/amd64");
    df_lint_warn(&lint, DF_LINT_COPY_IGNORED_FILE, NULL, at, "Copy", "f");
    df_lint_warn(&lint, DF_LINT_EXPOSE_PROTO_CASING, NULL, at, "80/TCP");
    df_lint_warn(&lint, DF_LINT_EXPOSE_INVALID_FORMAT, NULL, at, "1:2");
    short_list(&lint, &got);
    assert_string_equal(
        got.data, "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
                  "UndefinedArgInFrom: FROM argument 'v' is not declared (did you mean V?)\n"
                  "UndefinedArgInFrom: FROM argument 'w' is not declared\n"
                  "WorkdirRelativePath: Relative workdir \"a\" can have unexpected results if the base image changes\n"
                  "UndefinedVar: Usage of undefined variable '$v' (did you mean $V?)\n"
                  "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only "
                  "the last one will be used\n"
                  "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format\n"
                  "InvalidBaseImagePlatform: Base image i was pulled with platform \"linux/a\", expected \"linux/b\" for current "
                  "build\n"
                  "RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the "
                  "default behavior\n"
                  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG \"KEY\")\n"
                  "InvalidDefaultArgInFrom: Default value for ARG $x results in empty or invalid base image name\n"
                  "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\"\n"
                  "CopyIgnoredFile: Attempting to Copy file \"f\" that is excluded by .dockerignore\n"
                  "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase\n"
                  "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '1:2'\n");
}

static void table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DF_RULE_COUNT; i++) {
        CB_AUTO(cb_buf) struct cb_buf url = CB_BUF_INIT;
        assert_non_null(df_rules[i].name);
        assert_true(df_rules[i].description && df_rules[i].format);
        df_rule_url((enum df_rule)i, &url);
        assert_int_equal(url.len == 0, i == DF_LINT_INVALID_BASE_IMAGE_PLATFORM);
        assert_int_equal(df_rules[i].experimental, i == DF_LINT_INVALID_DEFINITION_DESCRIPTION);
    }
}

/* ---- configuration ---------------------------------------------------------------------------- */

static void configuration(void **state)
{
    /* The text gives StageNameCasing, FromAsCasing and, when asked for, InvalidDefinitionDescription. */
    static const struct {
        const char *options, *rules;
        bool error;
    } cases[] = {
        {"", "SF", false},
        {"skip=all", "", false},
        {"skip=StageNameCasing", "F", false},
        {"skip=StageNameCasing,FromAsCasing", "", false},
        {" skip = StageNameCasing , FromAsCasing ", "", false},
        {"skip=stagenamecasing,Nonsense", "SF", false},
        {"skip=FromAsCasing;skip=StageNameCasing", "F", false},
        {"skip=all;experimental=InvalidDefinitionDescription", "I", false},
        {"experimental=all", "SFI", false},
        {"experimental=all;skip=InvalidDefinitionDescription", "SFI", false},
        {"error=true", "SF", true},
        {"error=1;skip=StageNameCasing", "F", true},
        {"error=true;skip=all", "", false},
        {"error=f", "SF", false},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        static const char text[] = "# nothing of it\nFROM a as Bc\n";
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_lint) struct df_lint lint = {0};
        CB_AUTO(df_errors) struct df_errors errors = {0};
        CB_AUTO(df_file) struct df_file *f = NULL;
        struct df_dockerfile df;
        char got[8] = "";
        assert_int_equal(df_lint_configure(&lint, cases[i].options, &err), 0);
        assert_int_equal(df_parse(text, sizeof(text) - 1, &f, &err), 0);
        assert_int_equal(df_decode(f, &lint, &df, &errors), 0);
        for (size_t k = 0; k < lint.n; k++)
            got[k] = df_rules[lint.items[k].rule].name[0];
        if (strcmp(got, cases[i].rules) != 0)
            fail_msg("case %zu, %s: %s", i, cases[i].options, got);
        if ((df_lint_check(&lint, &err) < 0) != cases[i].error)
            fail_msg("case %zu, %s: error %s", i, cases[i].options, err.msg ? err.msg : "none");
    }
}

static void bad_configuration(void **state)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"skip", "failed to parse check options: invalid check option \"skip\""},
        {"foo=bar", "failed to parse check options: invalid check option \"foo\""},
        {"skip=all;", "failed to parse check options: invalid check option \"\""},
        {"error=yes", "failed to parse check options: failed to parse check option \"error=yes\": strconv.ParseBool: parsing "
                      "\"yes\": invalid syntax"},
        {"skip=a;error=1;experimental=b;x", NULL}, /* the fourth part belongs to the third */
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(df_lint) struct df_lint lint = {.error = true};
        int r = df_lint_configure(&lint, cases[i].options, &err);
        if (r < 0 ? !cases[i].message || strcmp(err.msg, cases[i].message) != 0 : cases[i].message != NULL)
            fail_msg("case %zu, %s: %s", i, cases[i].options, r < 0 ? err.msg : "taken");
        assert_true(lint.error);
    }
}

static void comments_above(void **state)
{
    static const struct {
        const char *text, *warnings;
    } cases[] = {
        {"FROM x\n# check=skip=MaintainerDeprecated\nMAINTAINER a\n", ""},
        {"FROM x\n# note\n# Check = skip=MaintainerDeprecated because\n\n# more\nMAINTAINER a\n", ""},
        {"FROM x\n# check=skip=all\n#\nMAINTAINER a\n", "M"},
        {"FROM x\n# check=skip=JSONArgsRecommended\n# check=skip=all\nMAINTAINER a\n", "M"},
        {"FROM x\n# check=nonsense\n# check=skip=all\nMAINTAINER a\n", "M"},
        {"FROM x\n# check=skip=all\nUSER b\nMAINTAINER a\n", "M"},
        {"FROM x\n# check=skip=all;error=true\nMAINTAINER a\n", ""},
        {"# c\n# check=experimental=all\nFROM x AS y\n", "I"},
        {"# c\n# check=skip=all\nFROM x as Y\n", ""},
        {"FROM a\n# check=skip=InvalidDefinitionDescription\nMAINTAINER b\n", "M"},
        /* What is checked over the whole file does not ask. */
        {"# c\n# check=skip=all\nFrom x\n", "C"},
        {"# c\n# check=skip=all\nFROM x AS scratch\n# check=skip=all\nFROM x AS scratch\n", "RRD"},
        {"FROM x\n# check=skip=all\nUSER \\\n\n  b\n", "N"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(df_lint) struct df_lint lint = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        char got[8] = "";
        if (!lint_text(cases[i].text, &lint, &err))
            fail_msg("case %zu: %s", i, err.msg);
        for (size_t k = 0; k < lint.n; k++)
            got[k] = df_rules[lint.items[k].rule].name[0];
        if (strcmp(got, cases[i].warnings) != 0)
            fail_msg("case %zu:\n%s\ngave %s", i, cases[i].text, got);
    }
}

static void violations(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {.error = true};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    assert_int_equal(df_lint_check(&lint, &err), 0);
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){1, 1}, "a", "");
    df_lint_warn(&lint, DF_LINT_COPY_IGNORED_FILE, NULL, (struct cb_place){1, 1}, "Copy", "b");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){2, 2}, "a", "");
    assert_int_equal(df_lint_check(&lint, &err), -1);
    assert_string_equal(err.msg, "lint violation found for rules: CopyIgnoredFile, UndefinedVar");
}

static void order(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    (void)state;
    df_lint_warn(NULL, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){3, 3}, "a", "");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){3, 3}, "b", "");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){3, 3}, "a", "");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){3, 3}, "b", "");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){1, 2}, "b", "");
    df_lint_warn(&lint, DF_LINT_WORKDIR_RELATIVE_PATH, NULL, (struct cb_place){0, 0}, "w");
    df_lint_warn(&lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){0, 0}, "z", "");
    df_lint_sort(&lint);
    short_list(&lint, &got);
    assert_string_equal(got.data, "UndefinedVar: Usage of undefined variable '$z'\n"
                                  "WorkdirRelativePath: Relative workdir \"w\" can have unexpected results if the base image "
                                  "changes\n"
                                  "UndefinedVar: Usage of undefined variable '$b' (line 1)\n"
                                  "UndefinedVar: Usage of undefined variable '$b' (line 3)\n"
                                  "UndefinedVar: Usage of undefined variable '$a' (line 3)\n"
                                  "UndefinedVar: Usage of undefined variable '$b' (line 3)\n");
}

/* Warnings from behind the first mistake are not part of the answer. */
static void before_a_mistake(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    (void)state;
    assert_false(lint_text("FROM a as b\nUSER\nMAINTAINER c\n", &lint, &err));
    assert_int_equal(lint.n, 1);
    assert_int_equal(lint.items[0].rule, DF_LINT_FROM_AS_CASING);
}

/* ---- renderings ------------------------------------------------------------------------------- */

#define RULER "--------------------\n"

static void excerpts(void **state)
{
    static const char text[] = "1\n2\n3\n4\n5\n6\n7";
    static const struct {
        struct cb_place at;
        const char *want;
    } cases[] = {
        {{4, 4}, "D:4\n" RULER "   2 |     2\n   3 |     3\n   4 | >>> 4\n   5 |     5\n   6 |     6\n" RULER},
        {{1, 1}, "D:1\n" RULER "   1 | >>> 1\n   2 |     2\n   3 |     3\n" RULER},
        {{7, 7}, "D:7\n" RULER "   5 |     5\n   6 |     6\n   7 | >>> 7\n" RULER},
        {{2, 3}, "D:2\n" RULER "   1 |     1\n   2 | >>> 2\n   3 | >>> 3\n   4 |     4\n" RULER},
        {{6, 99}, "D:6\n" RULER "   5 |     5\n   6 | >>> 6\n   7 | >>> 7\n" RULER},
        {{3, 0}, "D:3\n" RULER "   1 |     1\n   2 |     2\n   3 | >>> 3\n   4 |     4\n   5 |     5\n" RULER},
        {{8, 8}, ""},
        {{0, 0}, ""},
        {{-1, 4}, ""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        df_excerpt(cb_str(text), "D", cases[i].at, &got);
        if (strcmp(got.data, cases[i].want) != 0)
            fail_msg("case %zu gave\n%s\nnot\n%s", i, got.data, cases[i].want);
    }
}

static void hostile_excerpts(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, got = CB_BUF_INIT;
    (void)state;
    df_excerpt(CB_STR("\x1b[31mred\r\n"), "a\nb", (struct cb_place){1, 1}, &got);
    assert_string_equal(got.data, "a\\x0ab:1\n" RULER "   1 | >>> \\x1b[31mred\n   2 |     \n" RULER);
    for (int i = 0; i < 1000000; i++)
        cb_buf_adds(&text, "0123456789\n");
    cb_buf_reset(&got);
    df_excerpt((struct cb_str){text.data, text.len}, "D", (struct cb_place){2, 900000}, &got);
    assert_true(got.len < 4000);
    assert_non_null(strstr(got.data, "\n ... | (899956 lines)\n"));
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = 'x';
    cb_buf_reset(&got);
    df_excerpt((struct cb_str){text.data, text.len}, "D", (struct cb_place){1, 1}, &got);
    assert_true(got.len < 4000);
}

static void make(struct df_lint *lint)
{
    df_lint_warn(lint, DF_LINT_INVALID_BASE_IMAGE_PLATFORM, NULL, (struct cb_place){1, 1}, "a", "b", "c");
    df_lint_warn(lint, DF_LINT_UNDEFINED_VAR, NULL, (struct cb_place){2, 3}, "x\xFF", "");
}

static void text_form(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    (void)state;
    make(&lint);
    df_lint_text(&lint, "Dockerfile", CB_STR("FROM a\nUSER \\\n$x"), &got);
    assert_string_equal(got.data, "\nWARNING: InvalidBaseImagePlatform\n"
                                  "Base image a was pulled with platform \"b\", expected \"c\" for current build\n"
                                  "Dockerfile:1\n" RULER "   1 | >>> FROM a\n   2 |     USER \\\n   3 |     $x\n" RULER
                                  "\nWARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/\n"
                                  "Usage of undefined variable '$x\\xff'\n"
                                  "Dockerfile:2\n" RULER "   1 |     FROM a\n   2 | >>> USER \\\n   3 | >>> $x\n" RULER);
}

static json_t *path(json_t *j, const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    for (const char *key = first; key; key = va_arg(ap, const char *))
        j = *key >= '0' && *key <= '9' ? json_array_get(j, (size_t)(*key - '0')) : json_object_get(j, key);
    va_end(ap);
    return j;
}

static void json_form(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error failure = CB_ERROR_INIT;
    (void)state;
    make(&lint);
    cb_fail(&failure, CB_E_DOCKERFILE, "broken");
    cb_at(&failure, 7, 8);
    df_lint_json(&lint, "Dockerfile", CB_STR("FROM a\n"), &failure, &got);
    CB_AUTO(json) json_t *j = json_loads(got.data, 0, NULL);
    assert_non_null(j);
    assert_int_equal(json_array_size(path(j, "warnings", NULL)), 2);
    assert_null(path(j, "warnings", "0", "url", NULL));
    assert_string_equal(json_string_value(path(j, "warnings", "1", "ruleName", NULL)), "UndefinedVar");
    assert_string_equal(json_string_value(path(j, "warnings", "1", "detail", NULL)),
                        "Usage of undefined variable '$x\xEF\xBF\xBD'");
    assert_int_equal(json_integer_value(path(j, "warnings", "1", "location", "ranges", "0", "start", "line", NULL)), 2);
    assert_int_equal(json_integer_value(path(j, "warnings", "1", "location", "ranges", "0", "end", "line", NULL)), 2);
    assert_int_equal(json_integer_value(path(j, "warnings", "1", "location", "ranges", "1", "start", "line", NULL)), 3);
    assert_int_equal(json_integer_value(path(j, "warnings", "1", "location", "ranges", "1", "end", "line", NULL)), 3);
    assert_int_equal(json_array_size(path(j, "warnings", "0", "location", "ranges", NULL)), 1);
    assert_string_equal(json_string_value(path(j, "sources", "0", "data", NULL)), "RlJPTSBhCg==");
    assert_string_equal(json_string_value(path(j, "buildError", "message", NULL)), "broken");
    assert_int_equal(json_integer_value(path(j, "buildError", "location", "ranges", "0", "start", "line", NULL)), 7);

    CB_AUTO(df_lint) struct df_lint none = {0};
    cb_buf_reset(&got);
    df_lint_json(&none, "D", CB_STR("ab"), NULL, &got);
    CB_AUTO(json) json_t *empty = json_loads(got.data, 0, NULL);
    assert_int_equal(json_array_size(path(empty, "warnings", NULL)), 0);
    assert_string_equal(json_string_value(path(empty, "sources", "0", "data", NULL)), "YWI=");
    assert_null(path(empty, "buildError", NULL));
}

static void sarif_form(void **state)
{
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error failure = CB_ERROR_INIT;
    (void)state;
    make(&lint);
    cb_fail(&failure, CB_E_DOCKERFILE, "broken");
    df_lint_sarif(&lint, "a/Dockerfile", &failure, "1.2", &got);
    CB_AUTO(json) json_t *j = json_loads(got.data, 0, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(path(j, "version", NULL)), "2.1.0");
    json_t *run = path(j, "runs", "0", NULL);
    assert_int_equal(json_array_size(path(run, "tool", "driver", "rules", NULL)), DF_RULE_COUNT);
    assert_int_equal(json_array_size(path(run, "results", NULL)), 3);
    json_t *result = path(run, "results", "1", NULL);
    assert_string_equal(json_string_value(path(result, "ruleId", NULL)), "UndefinedVar");
    json_t *place = path(result, "locations", "0", "physicalLocation", NULL);
    assert_string_equal(json_string_value(path(place, "artifactLocation", "uri", NULL)), "a/Dockerfile");
    assert_int_equal(json_integer_value(path(place, "region", "endLine", NULL)), 3);
    assert_string_equal(json_string_value(path(run, "results", "2", "level", NULL)), "error");
    assert_null(path(run, "results", "2", "locations", "0", "physicalLocation", "region", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(messages),
        cmocka_unit_test(table),
        cmocka_unit_test(configuration),
        cmocka_unit_test(bad_configuration),
        cmocka_unit_test(comments_above),
        cmocka_unit_test(violations),
        cmocka_unit_test(order),
        cmocka_unit_test(before_a_mistake),
        cmocka_unit_test(excerpts),
        cmocka_unit_test(hostile_excerpts),
        cmocka_unit_test(text_form),
        cmocka_unit_test(json_form),
        cmocka_unit_test(sarif_form),
    };
    return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
