/* Source policies, from options or the environment. */
#include "base/limits.h"
#include "base/named.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/policy/policy.h"

/* buildx takes policies of another language here, with keys of their own. */
static int refuse_rego(const char *v, struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "'%s': policies in Rego are not read", v);
    return cb_hint(err, "give a source policy in JSON, as BuildKit takes it: docs/attestations.md");
}

int cli_add_policy(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (cb_ends(v, ".rego") || strchr(v, '='))
        return refuse_rego(v, err);
    int r = cb_read_named(v, CB_MAX_CONFIG, &text);
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", v);
    return build_policy_read(to, text.data, text.len, v, err);
}

static const struct cli_option options[] = {
    {"policy", 0, "Sources", "FILE", NULL, cli_add_policy, offsetof(struct build_request, policy),
     "what may be taken from outside (BuildKit's source policy: allow, deny, convert)"},
    {"source-policy-file", 0, "Sources", "FILE", NULL, cli_add_policy, offsetof(struct build_request, policy),
     "the same as --policy, in buildah's words"},
};

const struct cli_table cli_policy_options = {options, CB_LEN(options)};
