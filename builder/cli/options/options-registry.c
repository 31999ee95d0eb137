/* What build, push and pull let a command line say about registries; files and the environment say the rest. */
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "parser/value.h"

int cli_set_creds(const char *v, void *to, struct cb_error *err)
{
    struct reg_options *o = to;
    const char *password;
    CB_AUTO(free) char *user = cb_strdup(v);
    char *colon = strchr(user, ':');
    if (!colon || colon == user)
        return cb_fail(err, CB_E_USAGE, "expected USER:PASSWORD");
    *colon = 0;
    password = colon + 1;
    cli_put(&o->user, user);
    return cli_put(&o->password, password);
}

int cli_set_tls_verify(const char *v, void *to, struct cb_error *err)
{
    struct reg_options *o = to;
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    o->insecure_pull = o->insecure_push = !yes;
    return 0;
}

/* So many tries after the first. */
int cli_set_retry(const char *v, void *to, struct cb_error *err)
{
    uint64_t n;
    if (!cb_parse_u64(v, 100, &n))
        return cb_fail(err, CB_E_USAGE, "expected a number from 0 to 100, not '%s'", v);
    *(int *)to = (int)n + 1;
    return 0;
}

static int set_retry_delay(const char *v, void *to, struct cb_error *err)
{
    int64_t ns;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (df_parse_duration(v, &ns, &ignored) < 0 || ns < 1000000)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a time span from 1ms on (try 2s)", v);
    *(int64_t *)to = ns / 1000000;
    return 0;
}

#define AT(member) offsetof(struct build_request, registry.member)

static const char registries[] = "Registries";

static const struct cli_option options[] = {
    {"authfile", 0, registries, "FILE", NULL, cli_set_file, AT(auth_file), "credentials, before those of other files"},
    {"creds", 0, registries, "USER:PASSWORD", NULL, cli_set_creds, offsetof(struct build_request, registry),
     "credentials for every registry that asks"},
    {"cert-dir", 0, registries, "DIR", NULL, cli_set_file, AT(cert_dir),
     "certificates: *.crt of authorities, NAME.cert with NAME.key"},
    {"tls-verify", 0, registries, NULL, NULL, cli_set_tls_verify, offsetof(struct build_request, registry),
     "false: registries without a valid certificate, or without TLS"},
    {"registries-conf", 0, registries, "FILE", NULL, cli_set_file, AT(conf_file),
     "instead of $CONTAINERS_REGISTRIES_CONF and the usual places"},
    {"retry", 0, registries, "N", NULL, cli_set_retry, AT(tries),
     "tries after a request that failed (default: as seems worth it)"},
    {"retry-delay", 0, registries, "DURATION", NULL, set_retry_delay, AT(delay_ms),
     "before the first of them, then longer (default: 1s)"},
};

const struct cli_table cli_registry_options = {options, CB_LEN(options)};
