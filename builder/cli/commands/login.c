/* login, logout: who we are at registries, kept where all tools find it. */
#include "base/fd.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/prompt.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/show/progress-text.h"
#include "builder/show/standard-error.h"
#include "registry/transfer/login.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_PASSWORD (64u << 10)

struct login {
    struct cli_invocation common; /* first; its request.registry has user and password */
    bool from_stdin, get, all;
};

static void say(const char *kind, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cb_buf_adds(&out, kind);
    build_progress_text(&out, text);
    build_show(&out);
}

static void warn(void *arg, const char *text)
{
    (void)arg;
    say("warning: ", text);
}

/* docker's users may leave out the registry, and mean Docker Hub. */
static int account(const struct login *v, struct reg_account *ret, struct cb_error *err)
{
    return reg_account_parse(v->common.args.n ? v->common.args.items[0] : OCI_DEFAULT_DOMAIN, ret, err);
}

/* A file that is yet to be made is not read. */
static struct reg_options reading(const struct reg_options *o)
{
    struct reg_options r = *o;
    if (r.auth_file && access(r.auth_file, F_OK) < 0)
        r.auth_file = NULL;
    return r;
}

static struct reg_client *open_client(const struct reg_options *o, struct cb_error *err)
{
    struct reg_client *c = reg_client_new(o, err);
    if (c)
        reg_client_on_warning(c, warn, NULL);
    return c;
}

/* ---- who it is ------------------------------------------------------------------------------------------------------- */

static int nobody_to_ask(const struct reg_account *a, struct cb_error *err)
{
    cb_fail(err, CB_E_USAGE, "nobody is there to be asked for user and password");
    return cb_hint(err, "cbuild login -u USER --password-stdin %s <FILE", a->name);
}

static int ask_user(const struct reg_account *a, const char *known, struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    CB_AUTO(free) char *question = known ? cb_printf("User at %s (%s): ", a->name, known) : cb_printf("User at %s: ", a->name);
    if (!cli_somebody_is_there())
        return nobody_to_ask(a, err);
    if (cli_ask(question, false, &line, err) < 0)
        return -1;
    o->user = cb_strdup(line.len || !known ? line.data : known);
    return 0;
}

static int ask_password(const struct reg_account *a, struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    CB_AUTO(free) char *question = cb_printf("Password of %s: ", o->user);
    if (!cli_somebody_is_there())
        return nobody_to_ask(a, err);
    if (cli_ask(question, true, &line, err) < 0)
        return -1;
    o->password = cb_buf_detach(&line);
    return 0;
}

static int read_password(struct reg_options *o, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_fd(STDIN_FILENO, MAX_PASSWORD, &text);
    if (r < 0)
        return cb_fail_sys(err, r, "read the password from standard input");
    while (text.len && strchr("\r\n", text.data[text.len - 1]))
        cb_buf_truncate(&text, text.len - 1);
    if (memchr(text.data, '\0', text.len))
        return cb_fail(err, CB_E_USAGE, "the password on standard input has a NUL byte in it");
    o->password = cb_buf_detach(&text);
    return 0;
}

static int check_usage(const struct login *v, struct cb_error *err)
{
    const struct reg_options *o = &v->common.request.registry;
    if (v->from_stdin && o->password)
        return cb_fail(err, CB_E_USAGE, "--password and --password-stdin: only one of them gives the password");
    if (v->from_stdin && !o->user)
        return cb_fail(err, CB_E_USAGE, "--password-stdin needs --username: standard input holds nothing but the password");
    if (v->get && (o->user || o->password || v->from_stdin))
        return cb_fail(err, CB_E_USAGE, "--get-login only looks: it takes no user and no password");
    return 0;
}

/* Fills in user and password, from wherever they are to come. */
static int who(struct login *v, const struct reg_account *a, const char *known, struct cb_error *err)
{
    struct reg_options *o = &v->common.request.registry;
    if (!o->user && ask_user(a, known, o, err) < 0)
        return -1;
    if (!*o->user || strchr(o->user, ':'))
        return cb_fail(err, CB_E_USAGE, "'%s' is no user: it is empty or has a colon in it", o->user);
    if (!o->password && (v->from_stdin ? read_password(o, err) : ask_password(a, o, err)) < 0)
        return -1;
    return *o->password ? 0 : cb_fail(err, CB_E_USAGE, "the password is empty");
}

/* ---- login ----------------------------------------------------------------------------------------------------------- */

static int fail_not_logged_in(const struct reg_account *a, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "not logged in to '%s'", a->name);
    return cb_hint(err, "cbuild login %s", a->name);
}

/* As credential files name somebody who has a token instead of a password. */
static const char *name_of(const struct reg_cred *c)
{
    return c->user ? c->user : "<token>";
}

/* 1: who was logged in before still is. 0: somebody has to be. */
static int still_is(const struct reg_options *o, const struct reg_account *a, const struct reg_cred *known, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    CB_AUTO(reg_client) struct reg_client *c = open_client(o, err);
    if (!c)
        return -1;
    if (reg_login_check(c, a, &why) > 0) {
        printf("already logged in to '%s' as '%s'\n", a->name, name_of(known));
        return 1;
    }
    if (why.code && why.code != CB_E_DENIED) {
        cb_error_move(err, &why);
        return -1;
    }
    return 0;
}

/* What is read first decides, and it may be somewhere else. */
static void warn_if_hidden(const struct reg_options *o, const struct cb_strv *helpers, const struct reg_account *a)
{
    CB_AUTO(reg_cred) struct reg_cred found = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* it is kept, whatever else is wrong */
    struct reg_options files = *o;
    files.user = files.password = NULL;
    if (reg_login_find(&files, helpers, a, &found, &ignored) > 0 &&
        (!found.user || strcmp(found.user, o->user) != 0 || !found.password || strcmp(found.password, o->password) != 0))
        say("warning: ", "another login for this registry, in a file or variable that is read before, still goes first");
}

static int log_in(struct login *v, const struct reg_account *a, const struct cb_strv *helpers, struct cb_error *err)
{
    const struct reg_options *given = &v->common.request.registry;
    const struct reg_options o = reading(given);
    CB_AUTO(free) char *where = NULL;
    CB_AUTO(reg_client) struct reg_client *c = open_client(&o, err);
    int r = c ? reg_login_check(c, a, err) : -1;
    if (r < 0)
        return -1;
    if (r == 0)
        say("warning: ", "this registry asks nobody who he is: user and password were not tried");
    if (reg_login_store(given, helpers, a, given->user, given->password, &where, err) < 0)
        return -1;
    warn_if_hidden(given, helpers, a);
    printf("logged in to '%s' (kept in %s)\n", a->name, where);
    return 0;
}

static int login(void *filled, struct cb_error *err)
{
    struct login *v = filled;
    CB_AUTO(reg_account) struct reg_account a = {0};
    CB_AUTO(reg_cred) struct reg_cred known = {0};
    CB_AUTO(cb_strv) struct cb_strv helpers = {0};
    const struct reg_options o = reading(&v->common.request.registry);
    if (check_usage(v, err) < 0 || account(v, &a, err) < 0)
        return -1;
    CB_AUTO(reg_client) struct reg_client *c = open_client(&o, err);
    if (!c)
        return -1;
    cb_strv_copy(&helpers, reg_login_helpers(c));
    if (!o.user) {
        int r = reg_login_find(&o, &helpers, &a, &known, err);
        if (r < 0)
            return -1;
        if (v->get)
            return r ? printf("%s\n", name_of(&known)), 0 : fail_not_logged_in(&a, err);
        if (r && !o.password && (r = still_is(&o, &a, &known, err)) != 0)
            return CB_MIN(r, 0);
    }
    return who(v, &a, known.user, err) < 0 ? -1 : log_in(v, &a, &helpers, err);
}

#define AT(member) offsetof(struct login, common.request.registry.member)

static const struct cli_option login_options[] = {
    {"username", 'u', "Who", "USER", NULL, cli_set_string, AT(user), "who logs in (default: is asked)"},
    {"password", 'p', "Who", "PASSWORD", NULL, cli_set_string, AT(password),
     "his password; others on this machine can see it there"},
    {"password-stdin", 0, "Who", NULL, NULL, cli_set_switch, offsetof(struct login, from_stdin),
     "the password is read from standard input"},
    {"get-login", 0, "Who", NULL, NULL, cli_set_switch, offsetof(struct login, get), "only print who is logged in"},
    CLI_VALUE("compat-auth-file", 0, NULL, "--authfile takes a config.json of docker's too", "--authfile FILE"),
    CLI_VALUE("secret", 0, NULL, "there is no store of podman's secrets here", "--password-stdin"),
    CLI_SWITCH("verbose", 'v', "*", NULL, NULL, "it says where a login is kept"),
};

const struct cli_command cli_login = {
    .name = "login",
    .arguments = "[REGISTRY[/REPOSITORY]]",
    .help = "log in to a registry; cbuild, docker, podman and others find it kept",
    .max = 1,
    .tables = {CLI_TABLE(login_options), &cli_registry_options},
    .size = sizeof(struct login),
    .environment = cli_registry_environment,
    .run = login,
};

/* ---- logout ---------------------------------------------------------------------------------------------------------- */

static int logout(void *filled, struct cb_error *err)
{
    struct login *v = filled;
    const struct reg_options *given = &v->common.request.registry, o = reading(given);
    CB_AUTO(reg_account) struct reg_account a = {0};
    CB_AUTO(cb_strv) struct cb_strv where = {0};
    if (v->all && v->common.args.n)
        return cb_fail(err, CB_E_USAGE, "--all logs out of every registry: it takes no name of one");
    if (account(v, &a, err) < 0)
        return -1;
    CB_AUTO(reg_client) struct reg_client *c = open_client(&o, err);
    if (!c || reg_login_erase(given, reg_login_helpers(c), v->all ? NULL : &a, &where, err) < 0)
        return -1;
    if (!where.n && !v->all)
        return fail_not_logged_in(&a, err);
    for (size_t i = 0; i < where.n; i++)
        printf("logged out of %s%s%s (removed from %s)\n", v->all ? "all registries" : "'", v->all ? "" : a.name,
               v->all ? "" : "'", where.items[i]);
    return 0;
}

static const struct cli_option logout_options[] = {
    {"all", 'a', "What", NULL, NULL, cli_set_switch, offsetof(struct login, all), "out of every registry"},
};

const struct cli_command cli_logout = {
    .name = "logout",
    .arguments = "[REGISTRY[/REPOSITORY]]",
    .help = "forget a login, wherever it is kept",
    .max = 1,
    .tables = {CLI_TABLE(logout_options), &cli_registry_options},
    .size = sizeof(struct login),
    .environment = cli_registry_environment,
    .run = logout,
};
