/* The options that say how much of the machine a RUN may take. None of them is in the key of a step: they decide whether it
 * ends well, not what it gives. */
#include "builder/cli/options.h"
#include "builder/session/request.h"
#include "parser/value.h"

static int set_timeout(const char *value, void *to, struct cb_error *err)
{
    int64_t ns;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (df_parse_duration(value, &ns, &ignored) < 0 || ns < 0)
        return cb_fail(err, CB_E_USAGE, "'%s' is not a time span (try 30m)", value);
    *(uint64_t *)to = (uint64_t)(ns / 1000000 + (ns % 1000000 != 0));
    return 0;
}

#define AT(member) offsetof(struct build_request, member)

static const char limits[] = "Limits of RUN steps";

static const struct cli_option options[] = {
    {"step-timeout", 0, limits, "DURATION", NULL, set_timeout, AT(step_timeout_ms), "end a RUN that takes longer: 30m"},
};

const struct cli_table cli_limit_options = {options, CB_LEN(options)};
