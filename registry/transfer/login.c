#include "registry/transfer/login.h"

#include "registry/transfer/client-internal.h"

static int refused(const struct reg_account *a, struct cb_error *err)
{
    free(CB_TAKE(err->hint));
    cb_prefix(err, "log in to '%s'", a->name);
    return cb_hint(err, "user and password are not accepted there; with two-factor authentication it takes an access token");
}

static int judge(struct reg_client *c, const struct reg_endpoint *ep, const struct reg_account *a,
                 const struct reg_http_answer *answer, struct cb_error *err)
{
    CB_AUTO(free) char *header = NULL;
    const struct cb_strv none = {0};
    if (answer->status == 401) {
        reg_answer_error(ep, answer, a->domain, err);
        return refused(a, err);
    }
    if (answer->status == 404)
        return cb_fail(err, CB_E_NOT_FOUND, "log in to '%s': there is no registry (its /v2/ does not exist)", a->domain);
    if (answer->status != 200) {
        CB_AUTO(free) char *what = cb_printf("log in to '%s'", a->name);
        return reg_answer_error(ep, answer, what, err);
    }
    CB_AUTO(free) char *root = reg_client_root(c, ep, err);
    if (!root)
        return -1;
    root[strlen(root) - strlen("/v2/")] = '\0';
    struct reg_auth_for w = {ep->domain, ep->path, root, ep->insecure, &none};
    reg_auth_header(c->auth, &w, &header);
    return header != NULL;
}

int reg_login_check(struct reg_client *c, const struct reg_account *a, struct cb_error *err)
{
    CB_AUTO(reg_endpoints) struct reg_endpoints places = {0};
    CB_AUTO(reg_http_answer) struct reg_http_answer answer = REG_HTTP_ANSWER_INIT;
    const struct cb_strv scopes = {0};
    if (reg_hosts_itself(c->hosts, a->domain, a->path, &places, err) < 0)
        return -1;
    const struct reg_endpoint *ep = &places.items[0];
    CB_AUTO(free) char *url = reg_client_root(c, ep, err);
    struct reg_http_request req = {.method = "GET", .url = url};
    if (!url)
        return cb_prefix(err, "log in to '%s'", a->name);
    if (reg_client_call(c, ep, &scopes, &req, &answer, err) < 0)
        return err->code == CB_E_DENIED ? refused(a, err) : cb_prefix(err, "log in to '%s'", a->name);
    return judge(c, ep, a, &answer, err);
}

int reg_login_find(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a, struct reg_cred *ret,
                   struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf note = CB_BUF_INIT;
    CB_AUTO(reg_credentials) struct reg_credentials *creds = reg_credentials_load(o, err);
    if (!creds)
        return -1;
    reg_credentials_set_helpers(creds, helpers);
    return reg_credentials_find(creds, a->domain, a->path, ret, &note, err);
}

const struct cb_strv *reg_login_helpers(const struct reg_client *c)
{
    return reg_hosts_helpers(c->hosts);
}
