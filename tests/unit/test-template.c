/* Templates of --format: what Go's text/template makes of the same text and data. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "builder/cli/template/template.h"

static const char data[] =
    "{\"Id\": \"sha256:abc\", \"Size\": 7, \"Tags\": [\"a:1\", \"b:2\"], \"None\": [], \"Yes\": true,"
    " \"Config\": {\"Env\": [\"P=/bin\"], \"Labels\": {\"z\": \"last\", \"a.b\": \"x y\"}, \"Cmd\": null}}";

static int render(const char *text, struct cb_buf *out, struct cb_error *err)
{
    CB_AUTO(cli_template) struct cli_template *t = NULL;
    CB_AUTO(json) json_t *j = cb_json_parse(data, strlen(data), "data", err);
    assert_non_null(j);
    return cli_template_parse(text, &t, err) < 0 ? -1 : cli_template_render(t, j, out, err);
}

static void renders(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain }} text", "plain }} text"},
        {"{{.Id}}", "sha256:abc"},
        {"{{ .Size }}|{{.Yes}}", "7|true"},
        {"{{.Tags}} {{.None}}", "[a:1 b:2] []"},
        {"{{.Config.Labels}}", "map[a.b:x y z:last]"},
        {"{{.Config.Missing}} {{.Config.Cmd}}", "<no value> <no value>"},
        {"{{json .Config.Env}} {{.Config.Labels | json}}", "[\"P=/bin\"] {\"z\":\"last\",\"a.b\":\"x y\"}"},
        {"{{index .Tags 1}} {{index .Config.Labels \"a.b\"}}.{{index .Config.Labels \"no\"}}", "b:2 x y."},
        {"{{(index .Tags 0) | upper}}", "A:1"},
        {"{{range .Tags}}<{{.}}>{{end}}", "<a:1><b:2>"},
        {"{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$i}}={{$t}}{{end}}", "0=a:1, 1=b:2"},
        {"{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}};{{end}}", "a.b:x y;z:last;"},
        {"{{range .None}}x{{else}}empty{{end}}", "empty"},
        {"{{range .Tags}}{{$.Id}} {{end}}", "sha256:abc sha256:abc "},
        {"{{if .None}}a{{else if .Yes}}b{{else}}c{{end}}", "b"},
        {"{{if eq .Size 7}}seven{{end}}{{if ne .Id \"x\"}}!{{end}}", "seven!"},
        {"{{if and .Yes (gt .Size 3) (not .None)}}ok{{end}}", "ok"},
        {"{{or .None .Id}} {{if and .None (index .None 0)}}no{{end}}", "sha256:abc "},
        {"{{with .Config}}{{index .Env 0}}{{end}}{{with .None}}x{{else}}y{{end}}", "P=/biny"},
        {"{{join .Tags \",\"}} {{len .Tags}} {{len .Id}}", "a:1,b:2 2 10"},
        {"{{index (split .Id \":\") 1}}", "abc"},
        {"{{printf \"%-5s|%3d|%q%%\" \"ab\" .Size `c\\`}}", "ab   |  7|\"c\\\\\"%"},
        {"{{$x := .Size}}{{$x}}{{- /* nothing */ -}}   {{println}}", "7\n"},
        {"a  {{- .Size -}}  b", "a7b"},
        {"{{print \"}}\" 1 2}}", "}}1 2"},
        {"{{title \"two words\"}} {{lower \"ABC\"}}", "Two Words abc"},
        {"{{if le 1 1}}{{if ge 2 1}}{{if lt \"a\" \"b\"}}all{{end}}{{end}}{{end}}", "all"},
        {"{{range .Tags}}{{$t := .}}{{$t}}{{end}}", "a:1b:2"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (render(cases[i].text, &out, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_string_equal(out.data, cases[i].want);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{{.Id", "'{{' without '}}'"},
        {"{{}}", "a value is missing"},
        {"{{.Nope}}", "there is no field '.Nope'"},
        {"{{nope .Id}}", "there is no function 'nope'"},
        {"{{if .Id}}x", "a block has no '{{end}}'"},
        {"x{{end}}", "'end' is not expected there"},
        {"{{if .Id}}a{{else}}b{{else}}c{{end}}", "'else' is not expected there"},
        {"{{json}}", "'json' has 0 arguments, which is too few"},
        {"{{json .Id .Size}}", "'json' has 2 arguments, which is too many"},
        {"{{.Id .Size}}", "only functions take arguments"},
        {"{{.Id.Sub}}", "'.Sub' is asked of what has no fields"},
        {"{{$x}}", "there is no variable '$x'"},
        {"{{index .Tags 2}}", "there is no item 2 in a list of 2"},
        {"{{range .Size}}{{end}}", "'range' is for lists and maps"},
        {"{{lt .Tags 1}}", "two texts or two numbers"},
        {"{{printf \"%d\" .Id}}", "%d is for whole numbers"},
        {"{{printf \"%s\"}}", "more verbs than values"},
        {"{{printf \"%\" 1}}", "ends in the middle of a verb"},
        {"{{printf \"x\" 1}}", "more values than verbs"},
        {"{{\"open}}", "'{{' without '}}'"},
        {"{{\"\\x\"}}", "an escape that is not known"},
        {"{{.Id ; .Size}}", "';' has no meaning there"},
        {"{{(.Id}}", "a value is missing"},
        {"{{define \"x\"}}{{end}}", "there is no function 'define'"},
        {"{{12a}}", "'12a' is not a number"},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (render(cases[i].text, &out, &err) == 0)
            fail_msg("%s gives '%s'", cases[i].text, out.data);
        assert_int_equal(err.code, CB_E_USAGE);
        if (!strstr(err.msg, cases[i].message))
            fail_msg("%s: %s", cases[i].text, err.msg);
    }
}

/* What is nested deeply is an error and not the end of the stack. */
static void deep(void **state)
{
    (void)state;
    static const char *const parts[] = {"(", "{{if .Id}}"};
    for (size_t k = 0; k < CB_LEN(parts); k++) {
        CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT, out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        cb_buf_adds(&text, k == 0 ? "{{" : "");
        for (int i = 0; i < 100000; i++)
            cb_buf_adds(&text, parts[k]);
        cb_buf_adds(&text, k == 0 ? "}}" : "");
        assert_int_equal(render(text.data, &out, &err), -1);
        assert_non_null(strstr(err.msg, "nested too deeply"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders),
        cmocka_unit_test(refuses),
        cmocka_unit_test(deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
