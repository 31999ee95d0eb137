/* Values written by the user of one instruction: --mount and everything else that is taken from one text. */
#include "parser/csv.h"
#include "parser/gitref.h"
#include "parser/match/glob.h"
#include "parser/mount.h"
#include "parser/owner.h"
#include "parser/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *arg, const char *name)
{
    (void)arg;
    return strlen(name) % 2 ? name : NULL;
}

/* A failure says why, a success says nothing. */
static void expect(int r, struct cb_error *err)
{
    if ((r < 0) != (err->msg != NULL))
        abort();
    cb_error_done(err);
}

static void fuzz_mount(const char *text, struct cb_error *err)
{
    CB_AUTO(df_mount) struct df_mount m = {0};
    CB_AUTO(free) char *from = NULL;
    struct df_expand x = {.lookup = lookup};
    int checked = df_mount_check(text, &from, err);
    expect(checked, err);
    int parsed = df_mount_parse(text, &x, &m, err);
    if (parsed == 0 && (!m.target || !m.source || !m.from || !m.id || !m.env))
        abort();
    expect(parsed, err);
}

static void fuzz_values(const char *text, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv ports = {0};
    CB_AUTO(df_device) struct df_device device = {0};
    CB_AUTO(df_gitref) struct df_gitref git = {0};
    CB_AUTO(df_chmod) struct df_chmod mode = {0};
    struct df_expose_lint lint;
    int64_t number;
    uint32_t uid, gid;
    struct cb_str file = cb_str(text);
    expect(df_expose_parse(text, &ports, &lint, err), err);
    expect(df_device_parse(text, &device, err), err);
    expect(df_gitref_parse(text, &git, err), err);
    expect(df_signal_check(text, err), err);
    expect(df_parse_duration(text, &number, err), err);
    int r = df_chmod_parse(text, &mode, err);
    if (r == 0 && df_chmod_apply(&mode, true, 07777) > 07777)
        abort();
    expect(r, err);
    df_parse_size(text, &number);
    df_chown_resolve(text, &file, &file, &uid, &gid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CB_AUTO(free) char *text = cb_memdup0(data, size);
    size_t n = strlen(text);
    const char *name = n < size ? text + n + 1 : "a";
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    fuzz_mount(text, &err);
    fuzz_values(text, &err);
    if ((df_glob_match(text, name) == DF_GLOB_BAD) == df_glob_valid(text))
        abort();
    return 0;
}
