/* A request as the command line of a build gives it, for tests of what comes after it. */
#ifndef TEST_BUILD_REQUEST_H
#define TEST_BUILD_REQUEST_H

#include "builder/cli/commands/commands.h"
#include "builder/cli/options/arguments.h"
#include "builder/cli/options/options.h"

/* As cli_parse and cli_complete; the words may go afterwards. */
static inline int parse_build(int argc, char **argv, struct build_request *ret, struct cb_error *err)
{
    struct cli_invocation v = {0};
    int result = cli_parse(&cli_build, argc, argv, &v, err);
    if (result == 0)
        result = cli_complete(&v, err);
    cb_strv_done(&v.args);
    *ret = v.request;
    return result;
}

#endif
