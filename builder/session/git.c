#include "builder/session/git.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const passed_on[] = {"PATH",         "TMPDIR",        "http_proxy",     "https_proxy",   "all_proxy",
                                        "no_proxy",     "HTTP_PROXY",    "HTTPS_PROXY",    "ALL_PROXY",     "NO_PROXY",
                                        "SSL_CERT_DIR", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"};

static const char *const settings[][2] = {
    {"core.hooksPath", "/dev/null"},
    {"core.attributesFile", "/dev/null"},
    {"core.fsmonitor", "false"},
    {"core.symlinks", "true"},
    {"core.fileMode", "true"},
    {"core.autocrlf", "false"},
    {"credential.helper", ""},
    {"advice.detachedHead", "false"},
    {"init.defaultBranch", "main"},
    {"submodule.recurse", "false"},
    {"gc.auto", "0"},
    {"maintenance.auto", "false"},
    {"uploadpack.packObjectsHook", ""},
};

void build_git_env_set(struct build_git_env *e, const char *key, const char *value)
{
    cb_strv_take(&e->vars, cb_printf("GIT_CONFIG_KEY_%zu=%s", e->n_settings, key));
    cb_strv_take(&e->vars, cb_printf("GIT_CONFIG_VALUE_%zu=%s", e->n_settings, value));
    e->n_settings++;
}

static void add_settings(struct build_git_env *e)
{
    for (size_t i = 0; i < CB_LEN(settings); i++)
        build_git_env_set(e, settings[i][0], settings[i][1]);
}

/* git would obey the GIT_DIR of a hook that runs us. */
void build_git_env_begin(struct build_git_env *e, const char *home)
{
    static const char *const fixed[] = {"GIT_TERMINAL_PROMPT=0",       "GIT_ASKPASS=true",  "SSH_ASKPASS=true",
                                        "GIT_CONFIG_NOSYSTEM=1",       "GIT_TEMPLATE_DIR=", "GIT_ATTR_NOSYSTEM=1",
                                        "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C.UTF-8"};
    for (size_t i = 0; i < CB_LEN(passed_on); i++)
        if (getenv(passed_on[i]))
            cb_strv_take(&e->vars, cb_printf("%s=%s", passed_on[i], getenv(passed_on[i])));
    for (size_t i = 0; i < CB_LEN(fixed); i++)
        cb_strv_push(&e->vars, fixed[i]);
    cb_strv_take(&e->vars, cb_printf("HOME=%s", home));
    add_settings(e);
}

/* Objects that are missing in a partial clone would be fetched by whatever program its configuration names. */
void build_git_env_of_user(struct build_git_env *e)
{
    for (char **v = environ; *v; v++)
        if (!cb_starts(*v, "GIT_CONFIG_") && !cb_starts(*v, "GIT_ALLOW_PROTOCOL=") && !cb_starts(*v, "LC_ALL="))
            cb_strv_push(&e->vars, *v);
    cb_strv_push(&e->vars, "GIT_ALLOW_PROTOCOL=none");
    cb_strv_push(&e->vars, "LC_ALL=C.UTF-8");
    add_settings(e);
}

void build_git_env_end(struct build_git_env *e)
{
    cb_strv_take(&e->vars, cb_printf("GIT_CONFIG_COUNT=%zu", e->n_settings));
}

void build_git_reason(const char *text, struct cb_buf *out)
{
    CB_AUTO(free) char *last = NULL;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        CB_AUTO(free) char *one = cb_memdup0(line, strcspn(line, "\n"));
        bool marked = cb_starts(one, "fatal: ") || cb_starts(one, "error: ") || cb_starts(one, "remote: ");
        if (marked && out->len < 2000 && !strstr(out->data, one))
            cb_buf_printf(out, out->len ? "; %s" : "%s", one);
        if (*one) {
            free(last);
            last = CB_TAKE(one);
        }
    }
    if (!out->len && last)
        cb_buf_adds(out, last);
}
