/* Any bytes as a Dockerfile: parsed, decoded, linted and shown, also every ONBUILD trigger in it. Whatever it
 * says: no crash, and an error exactly when there is no result. */
#include "parser/excerpt.h"
#include "parser/instruction.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(struct cb_str text, const struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    assert(err->code == CB_E_DOCKERFILE && err->msg);
    assert(err->at.line >= 0 && (!err->at.line || err->at.last_line >= err->at.line));
    df_excerpt(text, "Dockerfile", err->at, &out);
    assert(!err->at.line || out.len);
}

static void try_trigger(const char *text)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(df_file) struct df_file *f = NULL;
    struct df_instruction *i;
    if (df_parse_trigger(text, strlen(text), (struct cb_place){1, 1}, &f, &err) < 0 || df_decode_trigger(f, NULL, &i, &err) < 0)
        assert(err.msg && err.at.line == 1);
}

static void try_decode(struct df_file *f, struct df_lint *lint)
{
    CB_AUTO(df_errors) struct df_errors errors = {0};
    struct df_dockerfile df;
    if (df_decode(f, lint, &df, &errors) < 0) {
        assert(errors.n);
        for (size_t i = 0; i < errors.n; i++)
            check_error(f->text, &errors.items[i]);
        return;
    }
    assert(!errors.n && df.n_stages);
    for (size_t i = 0; i < df.n_stages; i++)
        for (size_t k = 0; k < df.stages[i].n; k++)
            if (df.stages[i].items[k].kind == DF_ONBUILD)
                try_trigger(df.stages[i].items[k].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT, ignored = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(df_lint) struct df_lint lint = {0};
    CB_AUTO(df_file) struct df_file *f = NULL;
    struct cb_str text = {(const char *)data, size};
    if (df_parse(text.p, text.n, &f, &err) < 0) {
        check_error(text, &err);
        return 0;
    }
    CB_AUTO(free) char *options = cb_memdup0(f->check.value.p ? f->check.value.p : "", f->check.value.n);
    (void)df_lint_configure(&lint, options, &ignored); /* a malformed directive leaves the checks as they are */
    try_decode(f, &lint);
    df_lint_sort(&lint);
    df_lint_text(&lint, "Dockerfile", f->text, &out);
    df_lint_json(&lint, "Dockerfile", f->text, NULL, &out);
    df_lint_sarif(&lint, "Dockerfile", NULL, "0", &out);
    return 0;
}
