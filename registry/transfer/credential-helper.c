#include "registry/transfer/credential-helper.h"

#include "base/json.h"
#include "base/proc.h"
#include "registry/transfer/credential-files.h"
#include <ctype.h>

#define MAX_OUTPUT (1u << 20)

const char *reg_helper_server(const char *domain)
{
    return reg_is_hub(domain) ? REG_HUB_KEY : domain;
}

static void wipe(struct cb_buf *b)
{
    explicit_bzero(b->data, b->len);
    cb_buf_done(b);
}

/* 1: it did what `verb` says, 0: it does not know the registry, -1: it does not work. */
static int run(const char *name, const char *verb, const char *input, struct cb_buf *out, struct cb_error *err)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            return cb_fail(err, CB_E_FAILED, "'%s' is not the name of a credential helper", name);
    CB_AUTO(free) char *program = cb_printf("docker-credential-%s", name);
    CB_AUTO(cb_buf) struct cb_buf errout = CB_BUF_INIT;
    const char *argv[] = {program, verb, NULL};
    struct cb_proc p = {.argv = argv, .stdin_bytes = input, .stdin_len = strlen(input), .cwd_fd = -1, .max_output = MAX_OUTPUT};
    int status;
    if (cb_proc_run(&p, out, &errout, &status, err) < 0)
        return cb_prefix(err, "credential helper '%s'", program);
    if (status == 0)
        return 1;
    if (strstr(out->data, "credentials not found") || strstr(errout.data, "credentials not found"))
        return 0;
    const char *why = out->len ? out->data : errout.data;
    return cb_fail(err, CB_E_FAILED, "credential helper '%s' ended with status %d: %.*s", program, status,
                   (int)CB_MIN(strcspn(why, "\r\n"), (size_t)300), why);
}

static int parse_answer(const struct cb_buf *out, const char *name, struct reg_cred *ret, struct cb_error *err)
{
    const char *user = "", *secret = "";
    CB_AUTO(free) char *program = cb_printf("docker-credential-%s", name);
    CB_AUTO(json) json_t *j = cb_json_parse(out->data, out->len, program, err);
    if (!j || cb_json_str(j, "Username", program, &user, err) < 0 || cb_json_str(j, "Secret", program, &secret, err) < 0)
        return -1;
    if (!*secret)
        return 0;
    if (strcmp(user, "<token>") == 0) {
        ret->identity_token = cb_strdup(secret);
        return 1;
    }
    ret->user = cb_strdup(user);
    ret->password = cb_strdup(secret);
    return 1;
}

int reg_helper_get(const char *name, const char *server, struct reg_cred *ret, struct cb_error *err)
{
    struct cb_buf out = CB_BUF_INIT;
    int r = run(name, "get", server, &out, err);
    if (r > 0)
        r = parse_answer(&out, name, ret, err);
    wipe(&out);
    return r;
}

int reg_helper_store(const char *name, const char *server, const char *user, const char *password, struct cb_error *err)
{
    struct cb_buf in = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(json) json_t *j = json_pack("{s:s,s:s,s:s}", "ServerURL", server, "Username", user, "Secret", password);
    if (!j)
        return cb_fail(err, CB_E_FAILED, "credential helpers take only text in UTF-8");
    cb_json_dump(j, CB_JSON_COMPACT, &in);
    int r = run(name, "store", in.data, &out, err);
    wipe(&in);
    return r < 0 ? -1 : r > 0 ? 0 : cb_fail(err, CB_E_FAILED, "credential helper '%s' does not keep it", name);
}

int reg_helper_erase(const char *name, const char *server, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    return run(name, "erase", server, &out, err);
}
