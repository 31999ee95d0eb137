#include "builder/cli/commands/commands.h"
#include "builder/cli/options/arguments.h"
#include "builder/cli/options/help.h"
#include "builder/show/progress.h"
#include "builder/show/report.h"
#include "builder/show/standard-error.h"

#include <stdio.h>

int cli_report(struct cb_error *err)
{
    int status = build_exit_status(err);
    build_report((struct cb_str){"", 0}, NULL, err);
    cb_error_done(err);
    return status;
}

struct build_renderer *cli_renderer(struct cli_invocation *v)
{
    build_show_heed(&v->session);
    return build_renderer_new(v->request.progress);
}

int cli_open(struct cli_invocation *v, struct cb_error *err)
{
    v->opened = true;
    return build_session_open(&v->session, &v->request, cli_renderer(v), err);
}

int cli_open_to_read(struct cli_invocation *v, struct cb_error *err)
{
    v->opened = true;
    return build_session_open_to_read(&v->session, &v->request, cli_renderer(v), err);
}

static void close_all(const struct cli_command *c, struct cli_invocation *v)
{
    if (c->done)
        c->done(v);
    build_show_heed(NULL);
    if (v->opened)
        build_session_close(&v->session);
    cb_strv_done(&v->args);
    build_request_done(&v->request);
    free(v);
}

static int show_help(const struct cli_command *c)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cli_help_command(c, &out);
    fputs(out.data, stdout);
    return 0;
}

/* What a signal has ended says that, whatever it was. */
static int fail(const struct cli_command *c, struct cb_error *err)
{
    bool own = c->failure && err->code != CB_E_CANCELED;
    int status = cli_report(err);
    return own ? c->failure : status;
}

int cli_run(const struct cli_command *c, int argc, char **argv)
{
    struct cb_error err = CB_ERROR_INIT;
    struct cli_invocation *v = cb_alloc(c->size);
    int status = c->environment ? c->environment(&v->request, &err) : 0;
    if (status == 0)
        status = cli_parse(c, argc, argv, v, &err);
    if (status == 0)
        status = v->help ? show_help(c) : c->run(v, &err);
    if (status < 0)
        status = fail(c, &err);
    close_all(c, v);
    return status;
}
