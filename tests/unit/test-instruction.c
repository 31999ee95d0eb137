/* parser/instruction.h: nodes to typed instructions and stages, and the mistakes on the way. */
#include "parser/instruction.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

/* ---- one line for each instruction ------------------------------------------------------------ */

static void put(struct cb_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    cb_buf_printf(b, " %s=", name);
    cb_quote_go(b, value, strlen(value));
}

static void put_bytes(struct cb_buf *b, const char *name, struct cb_str value)
{
    cb_buf_printf(b, " %s=", name);
    cb_quote_go(b, value.p, value.n);
}

static void put_list(struct cb_buf *b, const char *name, const struct df_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        put(b, name, l->items[i]);
}

static void put_command(struct cb_buf *b, const struct df_command *c)
{
    cb_buf_adds(b, c->exec ? " exec" : " shell");
    put_list(b, "a", &c->args);
}

static void put_run(struct cb_buf *b, const struct df_run *run)
{
    put_command(b, &run->command);
    if (run->script_name) {
        put(b, "script", run->script_name);
        put_bytes(b, "text", run->script);
    }
    put_list(b, "mount", &run->mounts);
    put_list(b, "device", &run->devices);
    if (run->network_given)
        put(b, "network", df_network_names[run->network]);
    if (run->security)
        put(b, "security", df_security_names[run->security]);
}

static void put_copy(struct cb_buf *b, const struct df_copy *c)
{
    put_list(b, "src", &c->sources);
    for (size_t i = 0; i < c->n_files; i++) {
        put(b, c->files[i].expand ? "file" : "FILE", c->files[i].name);
        put_bytes(b, "text", c->files[i].content);
    }
    put(b, "dest", c->dest);
    put(b, "from", c->from);
    put(b, "chown", c->chown);
    put(b, "chmod", c->chmod);
    put(b, "checksum", c->checksum);
    put_list(b, "exclude", &c->excludes);
    cb_buf_printf(b, "%s%s", c->link ? " link" : "", c->parents ? " parents" : "");
    if (c->keep_git_dir != DF_UNSET)
        cb_buf_printf(b, " git=%d", c->keep_git_dir);
    if (c->unpack != DF_UNSET)
        cb_buf_printf(b, " unpack=%d", c->unpack);
}

static void put_healthcheck(struct cb_buf *b, const struct df_healthcheck *h)
{
    const int64_t times[] = {h->interval, h->timeout, h->start_period, h->start_interval, h->retries};
    cb_buf_adds(b, h->none ? " none" : h->exec ? " exec" : " shell");
    put_list(b, "a", &h->args);
    for (size_t i = 0; i < CB_LEN(times) && !h->none; i++)
        cb_buf_printf(b, " %lld", (long long)times[i]);
}

static void put_instruction(struct cb_buf *b, const struct df_instruction *i)
{
    cb_buf_adds(b, df_kind_name(i->kind));
    switch (i->kind) {
    case DF_FROM:
        put(b, "image", i->from.image);
        put(b, "platform", i->from.platform);
        put(b, "name", i->from.name);
        put(b, "doc", i->from.doc);
        break;
    case DF_RUN:
        put_run(b, &i->run);
        break;
    case DF_COPY:
    case DF_ADD:
        put_copy(b, &i->copy);
        break;
    case DF_ENV:
    case DF_LABEL:
        for (size_t k = 0; k < i->pairs.n; k++)
            put(b, i->pairs.items[k].name, i->pairs.items[k].value);
        if (i->pairs.items[0].legacy)
            cb_buf_adds(b, " legacy");
        break;
    case DF_ARG:
        for (size_t k = 0; k < i->args.n; k++) {
            cb_buf_printf(b, " %s", i->args.items[k].name);
            put(b, "default", i->args.items[k].value);
            put(b, "doc", i->args.items[k].doc);
        }
        break;
    case DF_EXPOSE:
    case DF_VOLUME:
    case DF_SHELL:
        put_list(b, "a", &i->words);
        break;
    case DF_CMD:
    case DF_ENTRYPOINT:
        put_command(b, &i->command);
        break;
    case DF_HEALTHCHECK:
        put_healthcheck(b, &i->healthcheck);
        break;
    case DF_MAINTAINER:
    case DF_ONBUILD:
    case DF_STOPSIGNAL:
    case DF_USER:
    case DF_WORKDIR:
        put(b, "text", i->text);
        break;
    case DF_KIND_COUNT:
        fail();
    }
}

/* What a Dockerfile in the tables was decoded to, or the first mistake. */
struct decoded {
    struct df_file *file;
    struct df_dockerfile df;
    struct df_errors errors;
    int result;
};

static void decode(const char *text, size_t n, struct decoded *d)
{
    struct cb_error err = CB_ERROR_INIT;
    *d = (struct decoded){0};
    d->result = df_parse(text, n, &d->file, &err);
    if (d->result < 0)
        cb_error_move(&CB_PUSH(d->errors.items, d->errors.n, d->errors.cap), &err);
    else
        d->result = df_decode(d->file, NULL, &d->df, &d->errors);
    assert_true((d->result < 0) == (d->errors.n > 0));
}

static void decoded_done(struct decoded *d)
{
    df_errors_done(&d->errors);
    df_file_free(d->file);
}

/* ---- what is decoded -------------------------------------------------------------------------- */

static void instructions(void **state)
{
    static const struct {
        const char *text, *want; /* one instruction behind FROM */
    } cases[] = {
        {"RUN a  b", "RUN shell a=\"a  b\""},
        {"RUN", "RUN shell a=\"\""},
        {"RUN []", "RUN exec"},
        {"RUN [\"a\",\"b c\"]", "RUN exec a=\"a\" a=\"b c\""},
        {"RUN --mount=type=cache,target=/x --mount=type=ssh --network=none --security=insecure a",
         "RUN shell a=\"a\" mount=\"type=cache,target=/x\" mount=\"type=ssh\" network=\"none\" security=\"insecure\""},
        {"RUN --network=default a", "RUN shell a=\"a\" network=\"default\""},
        {"RUN --device=a.com/b=c,required a", "RUN shell a=\"a\" device=\"a.com/b=c,required\""},
        {"RUN <<E\na\n b\nE\n", "RUN shell a=\"a\\n b\\n\""},
        {"RUN << E\na\nE\n", "RUN shell a=\"a\\n\""},
        {"RUN <<-'E'\n\ta\n\t\tb\n\tE\n", "RUN shell a=\"a\\nb\\n\""},
        {"RUN <<E\nE\n", "RUN shell a=\"\""},
        {"RUN <<E\n#!/bin/x\na\nE\n", "RUN shell a=\"/dev/pipes/E\" script=\"E\" text=\"#!/bin/x\\na\\n\""},
        {"RUN <<-E\n\t#!/bin/x\n\ta\nE\n", "RUN shell a=\"/dev/pipes/E\" script=\"E\" text=\"#!/bin/x\\na\\n\""},
        {"RUN <<E cat\na\nE\n", "RUN shell a=\"<<E cat\\na\\nE\""},
        {"RUN cat <<-A <<B\n\ta\n\tA\nb\nB\n", "RUN shell a=\"cat <<-A <<B\\n\\ta\\nA\\nb\\nB\""},
        {"COPY a b c/", "COPY src=\"a\" src=\"b\" dest=\"c/\""},
        {"COPY --from=x --chown=1:2 --chmod=7 --link --parents=false --exclude=a --exclude=b [\"a b\",\"c\"]",
         "COPY src=\"a b\" dest=\"c\" from=\"x\" chown=\"1:2\" chmod=\"7\" exclude=\"a\" exclude=\"b\" link"},
        {"COPY --from= --chown= --chmod= --link=False --parents=TRUE a b", "COPY src=\"a\" dest=\"b\" parents"},
        {"COPY a <<A <<-\"B\" c/\nA\n\tx\nB\n", "COPY src=\"a\" file=\"A\" text=\"\" FILE=\"B\" text=\"x\\n\" dest=\"c/\""},
        {"COPY <<A <<-A c/\n\ta\nA\n\tb\nA\n", "COPY file=\"A\" text=\"\\tb\\n\" file=\"A\" text=\"b\\n\" dest=\"c/\""},
        {"COPY [\"<<A\",\"c\"]", "COPY file=\"A\" text=\"\" dest=\"c\""},
        {"COPY << A c\nA\n", "COPY src=\"<<\" src=\"A\" dest=\"c\""},
        {"ADD a b", "ADD src=\"a\" dest=\"b\""},
        {"ADD --checksum=x --unpack --keep-git-dir=false --link=true a b",
         "ADD src=\"a\" dest=\"b\" checksum=\"x\" link git=0 unpack=1"},
        {"ENV a=b c=", "ENV a=\"b\" c=\"\""},
        {"ENV a  b c", "ENV a=\"b c\" legacy"},
        {"LABEL \"a\"='b c'", "LABEL \"a\"=\"'b c'\""},
        {"# b the b\n# a  the a\nARG a b=1 c", "ARG a doc=\" the a\" b default=\"1\" doc=\"the b\" c"},
        {"ARG --x a=", "ARG a default=\"\""},
        {"EXPOSE 80 8080 $x 443/tcp", "EXPOSE a=\"$x\" a=\"443/tcp\" a=\"80\" a=\"8080\""},
        {"VOLUME /a  /b", "VOLUME a=\"/a\" a=\"/b\""},
        {"VOLUME [\" /a b \"]", "VOLUME a=\"/a b\""},
        {"USER a b ", "USER text=\"a b\""},
        {"WORKDIR /a b", "WORKDIR text=\"/a b\""},
        {"STOPSIGNAL --x 9", "STOPSIGNAL text=\"9\""},
        {"MAINTAINER me <x>", "MAINTAINER text=\"me <x>\""},
        {"SHELL [\"a\",\"-c\"]", "SHELL a=\"a\" a=\"-c\""},
        {"CMD a", "CMD shell a=\"a\""},
        {"CMD", "CMD shell a=\"\""},
        {"CMD -- --a", "CMD shell a=\"--a\""},
        {"ENTRYPOINT []", "ENTRYPOINT exec"},
        {"HEALTHCHECK NONE", "HEALTHCHECK none"},
        {"HEALTHCHECK --x=y none", "HEALTHCHECK none"},
        {"HEALTHCHECK --interval=5m --timeout=3s --start-period=0s --start-interval=1ms --retries=3 CMD a b",
         "HEALTHCHECK shell a=\"a b\" 300000000000 3000000000 0 1000000 3"},
        {"HEALTHCHECK --retries= --interval= cmd [\"a\"]", "HEALTHCHECK exec a=\"a\" 0 0 0 0 0"},
        {"OnBuild   RUN  a \\\n  b", "ONBUILD text=\"RUN  a   b\""},
        {"ONBUILD COPY <<A <<B /x\n1\nA\n2\nB\n", "ONBUILD text=\"COPY <<A <<B /x\\n1\\nA\\n2\\nB\""},
        {"ONBUILD nonsense", "ONBUILD text=\"nonsense\""},
        {"ONBUILD RUN a \\\n  ", "ONBUILD text=\"RUN a \""},
        {"FROM --platform=$X b AS C-d_1.x", "FROM image=\"b\" platform=\"$X\" name=\"c-d_1.x\""},
        {"# stage the stage\nFROM --platform= b as stage", "FROM image=\"b\" name=\"stage\" doc=\"the stage\""},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        CB_AUTO(free) char *text = cb_printf("FROM x\n%s", cases[i].text);
        struct decoded d;
        decode(text, strlen(text), &d);
        if (d.result < 0)
            fail_msg("case %zu: %s: %s", i, text, d.errors.items[0].msg);
        put_instruction(&got, d.df.n_stages > 1 ? d.df.stages[1].from : &d.df.stages[0].items[0]);
        if (strcmp(got.data, cases[i].want) != 0)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, text, got.data, cases[i].want);
        decoded_done(&d);
    }
}

static void stages(void **state)
{
    static const char text[] = "ARG a\narg b\nFROM x AS one\nRUN a\n# check=skip=all\nARG c\nFROM y\nFROM one as Two\nUSER u\n";
    struct decoded d;
    (void)state;
    decode(text, sizeof(text) - 1, &d);
    assert_int_equal(d.result, 0);
    assert_int_equal(d.df.n_args, 2);
    assert_string_equal(d.df.args[1].args.items[0].name, "b");
    assert_int_equal(d.df.n_stages, 3);
    assert_int_equal(d.df.stages[0].n, 2);
    assert_int_equal(d.df.stages[0].items[1].kind, DF_ARG);
    assert_non_null(d.df.stages[0].items[1].lint);
    assert_null(d.df.stages[0].items[0].lint);
    assert_int_equal(d.df.stages[0].items[1].at.line, 6);
    assert_string_equal(d.df.stages[0].items[1].source, "ARG c");
    assert_int_equal(d.df.stages[1].n, 0);
    assert_null(d.df.stages[1].from->from.name);
    assert_int_equal(d.df.stages[2].index, 2);
    assert_string_equal(d.df.stages[2].from->from.name, "two");
    assert_string_equal(d.df.stages[2].from->from.name_written, "Two");
    assert_string_equal(d.df.stages[2].items[0].text, "u");
    decoded_done(&d);
}

/* ---- mistakes --------------------------------------------------------------------------------- */

static void mistakes(void **state)
{
    static const struct {
        const char *text, *message; /* behind "dockerfile parse error on line 2: "; '*': and more */
    } cases[] = {
        {"NONSENSE x", "unknown instruction: NONSENSE"},
        {"FOO bar", "unknown instruction: FOO (did you mean FROM?)"},
        {"COPPY a b", "unknown instruction: COPPY (did you mean COPY?)"},
        {"copppy a b", "unknown instruction: copppy (did you mean copy?)"},
        {"Rnu a", "unknown instruction: Rnu (did you mean run?)"},
        {"\\", "unknown instruction: "},
        {"COPYÉÜ a b", "unknown instruction: COPYÉÜ (did you mean COPY?)"}, /* two characters, four bytes */
        {"RUN --moünt=x a", "unknown flag: --moünt (did you mean mount?)"},
        {"RUN --foo a", "unknown flag: --foo"},
        {"RUN --mont=x a", "unknown flag: --mont (did you mean mount?)"},
        {"COPY --Link a b", "unknown flag: --Link (did you mean link?)"},
        {"COPY --keep-git-dir a b", "unknown flag: --keep-git-dir"},
        {"ADD --from=x a b", "unknown flag: --from"},
        {"CMD --a", "unknown flag: --a"},
        {"COPY --chown=1 --chown=2 a b", "duplicate flag specified: --chown"},
        {"COPY --chown= --chown=2 a b", "duplicate flag specified: --chown"},
        {"COPY --chown a b", "missing a value on flag: --chown"},
        {"COPY --exclude a b", "missing a value on flag: --exclude"},
        {"COPY --link= a b", "missing a value on flag: --link"},
        {"COPY --link=1 a b", "expecting boolean value for flag --link, not: 1"},
        {"RUN --network=x a", "invalid network mode \"x\""},
        {"RUN --network= a", "invalid network mode \"\""},
        {"RUN --security=x a", "security \"x\" is not valid"},
        {"RUN --mount= a", "failed to parse csv mounts: EOF"},
        {"RUN --mount=\\\"x a", "failed to parse csv mounts: *"},
        {"RUN --mount=x\\\"y a", "failed to parse csv mounts: parse error on line 1, column 2: bare \" in non-quoted-field"},
        {"RUN --mount=from=$x a", "'from' doesn't support variable expansion, define alias stage instead"},
        {"FROM a b", "FROM requires either one or three arguments"},
        {"FROM a in b", "FROM requires either one or three arguments"},
        {"FROM", "FROM requires either one or three arguments"},
        {"FROM a AS 1", "invalid name for build stage: \"1\", name can't start with a number or contain symbols"},
        {"FROM a AS A/b", "invalid name for build stage: \"A/b\", name can't start with a number or contain symbols"},
        {"FROM --x a", "unknown flag: --x"},
        {"ENV", "ENV requires at least one argument"},
        {"ENV =x", "ENV names can not be blank"},
        {"ENV a=1 =2", "ENV names can not be blank"},
        {"ARG =x", "ARG names can not be blank"},
        {"ARG", "ARG requires at least one argument"},
        {"EXPOSE", "EXPOSE requires at least one argument"},
        {"VOLUME []", "VOLUME requires at least one argument"},
        {"VOLUME [\" \"]", "VOLUME specified can not be an empty string"},
        {"USER", "USER requires exactly one argument"},
        {"WORKDIR --x /", "unknown flag: --x"},
        {"STOPSIGNAL", "STOPSIGNAL requires exactly one argument"},
        {"SHELL", "SHELL requires at least one argument"},
        {"SHELL []", "SHELL requires at least one argument"},
        {"SHELL a -c", "SHELL requires the arguments to be in JSON form"},
        {"ADD a", "ADD requires at least two arguments, but only one was provided. Destination could not be determined"},
        {"COPY", "COPY requires at least two arguments, but only one was provided. Destination could not be determined"},
        {"COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"},
        {"ADD [\"a\",\"<<E\"]", "ADD cannot accept a heredoc as a destination"},
        {"HEALTHCHECK", "HEALTHCHECK requires at least one argument"},
        {"HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"},
        {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
        {"HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"},
        {"HEALTHCHECK tcp 80", "Unknown type \"TCP\" in HEALTHCHECK (try CMD)"},
        {"HEALTHCHECK --interval=50ns CMD x", "Interval \"interval\" cannot be less than 1ms"},
        {"HEALTHCHECK --start-period=-5s CMD x", "Interval \"start-period\" cannot be less than 1ms"},
        {"HEALTHCHECK --timeout=x CMD x", "time: invalid duration \"x\""},
        {"HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"},
        {"HEALTHCHECK --retries=x CMD x", "strconv.ParseInt: parsing \"x\": invalid syntax"},
        {"HEALTHCHECK --retries=9999999999 CMD x", "strconv.ParseInt: parsing \"9999999999\": value out of range"},
        {"HEALTHCHECK --retries=99999999999999999999 CMD x",
         "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
        {"ONBUILD", "ONBUILD requires at least one argument"},
        {"ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"},
        {"ONBUILD maintainer x", "MAINTAINER isn't allowed as an ONBUILD trigger"},
        {"ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
        {"ONBUILD --x RUN x", "unknown flag: --x"},
        {"CMD [\"a\\u0000\"]", "a NUL byte cannot be part of an instruction"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(free) char *text = cb_printf("FROM x\n%s", cases[i].text);
        CB_AUTO(free) char *want = cb_printf("dockerfile parse error on line 2: %s", cases[i].message);
        size_t n = strlen(want);
        struct decoded d;
        decode(text, strlen(text), &d);
        if (d.result == 0)
            fail_msg("case %zu decodes: %s", i, text);
        const char *got = d.errors.items[0].msg;
        if (want[n - 1] == '*' ? strncmp(got, want, n - 1) != 0 : strcmp(got, want) != 0)
            fail_msg("case %zu:\n%s\ngave %s\nnot  %s", i, text, got, want);
        assert_int_equal(d.errors.n, 1);
        assert_int_equal(d.errors.items[0].code, CB_E_DOCKERFILE);
        assert_int_equal(d.errors.items[0].at.line, 2);
        decoded_done(&d);
    }
}

static void structure(void **state)
{
    static const struct {
        const char *text, *message;
        int line;
    } cases[] = {
        {"ARG a\n", "dockerfile contains no stages to build", 0},
        {"RUN a\nFROM x", "no build stage in current context", 1},
        {"ARG a\nENV a=b", "no build stage in current context", 2},
        {"FORM x\nRUN y", "dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)", 1},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct decoded d;
        decode(cases[i].text, strlen(cases[i].text), &d);
        if (d.errors.n != 1 || strcmp(d.errors.items[0].msg, cases[i].message) != 0)
            fail_msg("case %zu: %zu errors, first %s", i, d.errors.n, d.errors.n ? d.errors.items[0].msg : "none");
        assert_int_equal(d.errors.items[0].at.line, cases[i].line);
        decoded_done(&d);
    }
}

/* Independent mistakes come together; the first is BuildKit's. */
static void several(void **state)
{
    static const char text[] = "FROM --x y\nRUN a\nRNU b\nCOPY \\\n\n c\n";
    static const int lines[] = {1, 3, 4};
    struct decoded d;
    (void)state;
    decode(text, sizeof(text) - 1, &d);
    assert_int_equal(d.errors.n, CB_LEN(lines));
    for (size_t i = 0; i < CB_LEN(lines); i++)
        assert_int_equal(d.errors.items[i].at.line, lines[i]);
    assert_int_equal(d.errors.items[2].at.last_line, 6);
    decoded_done(&d);

    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (int i = 0; i < 1000; i++)
        cb_buf_adds(&b, "FOO\n");
    decode(b.data, b.len, &d);
    assert_int_equal(d.errors.n, DF_MAX_ERRORS);
    decoded_done(&d);
}

static void nul_bytes(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        bool good;
    } cases[] = {
#define TEXT(s) (s), sizeof(s) - 1
        {TEXT("FROM x\n# \0\nRUN y"), true},
        {TEXT("FROM x\nRUN \0"), false},
        {TEXT("FROM x\nUSER a\0b"), false},
        {TEXT("FROM x\nRUN <<E\n\0\nE\n"), false},
        {TEXT("FROM x\nRUN cat <<E\n\0\nE\n"), false},
        {TEXT("FROM x\nRUN <<E\n#!\0\nE\n"), true},
        {TEXT("FROM x\nCOPY <<E /x\n\0\nE\n"), true},
        {TEXT("FROM x\nONBUILD COPY <<E /x\n\0\nE\n"), false},
        {TEXT("FROM x\nCOPY <<E\0 /x\nE\n"), false},
#undef TEXT
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        struct decoded d;
        decode(cases[i].text, cases[i].n, &d);
        if ((d.result == 0) != cases[i].good)
            fail_msg("case %zu: %s", i, d.result ? d.errors.items[0].msg : "decodes");
        decoded_done(&d);
    }
}

static void triggers(void **state)
{
    static const struct {
        const char *text, *want, *message;
    } cases[] = {
        {"RUN a", "RUN shell a=\"a\"", NULL},
        {"COPY <<E /x\na\nE", "COPY file=\"E\" text=\"a\\n\" dest=\"/x\"", NULL},
        {"# escape=`\nRUN a", "RUN shell a=\"a\"", NULL},
        {"ENV a", NULL, "ENV must have two arguments"},
        {"NONSENSE", NULL, "unknown instruction: NONSENSE"},
        {"FROM x", NULL, "FROM isn't allowed as an ONBUILD trigger"},
        {"Maintainer x", NULL, "MAINTAINER isn't allowed as an ONBUILD trigger"},
        {"ONBUILD RUN x", NULL, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
        {"ONBUILD ONBUILD RUN x", NULL, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
        {"RUN a\nRUN b", NULL, "onbuild trigger should be a single expression"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        CB_AUTO(cb_buf) struct cb_buf got = CB_BUF_INIT;
        struct df_instruction *ins = NULL;
        struct df_file *f = NULL;
        int r = df_parse_trigger(cases[i].text, strlen(cases[i].text), (struct cb_place){3, 4}, &f, &err);
        if (r == 0)
            r = df_decode_trigger(f, NULL, &ins, &err);
        if (r == 0) {
            put_instruction(&got, ins);
            assert_int_equal(ins->at.line, 3);
        }
        if (cases[i].want ? strcmp(got.data, cases[i].want) != 0 : !err.msg || strcmp(err.msg, cases[i].message) != 0)
            fail_msg("case %zu: %s %s", i, got.data, err.msg ? err.msg : "");
        if (r < 0)
            assert_int_equal(err.at.line, 3);
        df_file_free(f);
    }
}

/* Words that all want the stripped body of one heredoc share it. */
static void large(void **state)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct decoded d;
    (void)state;
    cb_buf_adds(&b, "FROM x\nCOPY ");
    for (int i = 0; i < 3000; i++)
        cb_buf_adds(&b, "<<-E ");
    cb_buf_adds(&b, "/x\n");
    for (int i = 0; i < 2999; i++)
        cb_buf_adds(&b, "E\n");
    for (int i = 0; i < 1000000; i++)
        cb_buf_adds(&b, "\tx\n");
    cb_buf_adds(&b, "E\n");
    clock_t start = clock();
    decode(b.data, b.len, &d);
    assert_int_equal(d.result, 0);
    assert_int_equal(d.df.stages[0].items[0].copy.n_files, 3000);
    assert_int_equal(d.df.stages[0].items[0].copy.files[0].content.n, 2000000);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    decoded_done(&d);
}

/* ---- corpus ----------------------------------------------------------------------------------- */

static void corpus_errors(void **state)
{
    const char *root = getenv("CBUILD_SHARED");
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    json_t *one;
    size_t i;
    (void)state;
    if (!root)
        skip();
    CB_AUTO(free) char *path = cb_printf("%s/corpus/buildkit/parser/instruction-errors.json", root);
    assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, &b), 0);
    CB_AUTO(json) json_t *doc = json_loadb(b.data, b.len, 0, NULL);
    assert_true(json_array_size(doc) > 0);
    json_array_foreach (doc, i, one) {
        const char *text = json_string_value(json_object_get(one, "dockerfile"));
        const char *want = json_string_value(json_object_get(one, "error_contains"));
        CB_AUTO(free) char *whole = cb_printf("FROM x\n%s", text);
        struct decoded d;
        decode(whole, strlen(whole), &d);
        if (d.result == 0 || !strstr(d.errors.items[0].msg, want))
            fail_msg("%s: %s", text, d.result ? d.errors.items[0].msg : "decodes");
        decoded_done(&d);
    }
}

static void corpus_negative(void **state)
{
    static const char *const names[] = {"empty_dockerfile", "env_no_value", "only_comments", "shykes-nested-json"};
    const char *root = getenv("CBUILD_SHARED");
    (void)state;
    if (!root)
        skip();
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
        CB_AUTO(free) char *path = cb_printf("%s/corpus/buildkit/parser/negative/%s/Dockerfile", root, names[i]);
        struct decoded d;
        assert_int_equal(cb_read_file(AT_FDCWD, path, 1 << 20, &b), 0);
        decode(b.data, b.len, &d);
        if (d.result == 0)
            fail_msg("%s decodes", names[i]);
        decoded_done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions),    cmocka_unit_test(stages),  cmocka_unit_test(mistakes),
        cmocka_unit_test(structure),       cmocka_unit_test(several), cmocka_unit_test(nul_bytes),
        cmocka_unit_test(triggers),        cmocka_unit_test(large),   cmocka_unit_test(corpus_errors),
        cmocka_unit_test(corpus_negative),
    };
    return cmocka_run_group_tests_name("instruction", tests, NULL, NULL);
}
