/* The options that say what a RUN may ask of the kernel. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/session/request.h"

static int add_one(const char *v, void *to, struct cb_error *err)
{
    struct rt_confinement *c = to;
    return rt_confinement_capability(&c->add, v, err);
}

static int drop_one(const char *v, void *to, struct cb_error *err)
{
    struct rt_confinement *c = to;
    return rt_confinement_capability(&c->drop, v, err);
}

static int add_capability(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, add_one, to, err);
}

static int drop_capability(const char *v, void *to, struct cb_error *err)
{
    return cli_set_each(v, drop_one, to, err);
}

static int set_security(const char *v, void *to, struct cb_error *err)
{
    return rt_confinement_option(to, v, err);
}

#define AT offsetof(struct build_request, confinement)

static const char rights[] = "Rights of RUN steps";

static const struct cli_option options[] = {
    {"cap-add", 0, rights, "CAPABILITY", NULL, add_capability, AT, "give RUN a capability: NET_ADMIN, or ALL"},
    {"cap-drop", 0, rights, "CAPABILITY", NULL, drop_capability, AT, "take a capability from RUN, or ALL"},
    {"security-opt", 0, rights, "NAME=VALUE", NULL, set_security, AT,
     "seccomp=FILE|unconfined, no-new-privileges, apparmor=, label=, mask=, unmask="},
};

const struct cli_table cli_confinement_options = {options, CB_LEN(options)};
