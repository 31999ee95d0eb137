#include "registry/transfer/credential-files.h"

#include <strings.h>
#include <unistd.h>

/* ---- where they are --------------------------------------------------------------------------- */
static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* "$var/below", or "$HOME/otherwise/below"; NULL: neither is set. */
static char *place(const char *var, const char *otherwise, const char *below)
{
    const char *dir = var ? env(var) : NULL, *home = env("HOME");
    if (dir)
        return cb_printf("%s/%s", dir, below);
    return home && otherwise ? cb_printf("%s/%s%s", home, otherwise, below) : NULL;
}

static void add(struct reg_auth_files *f, char *path, struct reg_auth_file kind)
{
    kind.path = path;
    if (path)
        f->items[f->n++] = kind;
}

void reg_auth_files_list(const struct reg_options *o, struct reg_auth_files *ret)
{
    const char *option = o ? o->auth_file : NULL, *given = option ? option : env("REGISTRY_AUTH_FILE");
    char *runtime = place("XDG_RUNTIME_DIR", NULL, "containers/auth.json");
    add(ret, cb_strdup(given),
        (struct reg_auth_file){.given = true, .wanted = true, .docker = given && cb_ends(given, "/config.json")});
    add(ret, place("DOCKER_CONFIG", ".docker/", "config.json"),
        (struct reg_auth_file){.wanted = env("DOCKER_CONFIG") != NULL, .docker = true});
    add(ret, runtime ? runtime : cb_printf("/run/containers/%u/auth.json", (unsigned)getuid()), (struct reg_auth_file){0});
    add(ret, place("XDG_CONFIG_HOME", ".config/", "containers/auth.json"), (struct reg_auth_file){0});
    add(ret, place(NULL, "", ".dockercfg"), (struct reg_auth_file){.docker = true, .legacy = true});
}

void reg_auth_files_done(struct reg_auth_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].path);
    *f = (struct reg_auth_files){0};
}

/* ---- keys ------------------------------------------------------------------------------------- */
static bool is_hub(const char *host, size_t n)
{
    static const char *const names[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < CB_LEN(names); i++)
        if (strlen(names[i]) == n && strncasecmp(names[i], host, n) == 0)
            return true;
    return false;
}

bool reg_is_hub(const char *host)
{
    return is_hub(host, strlen(host));
}

size_t reg_key_fits(const char *key, const char *domain, const char *path)
{
    const char *host = key, *sep = strstr(key, "://");
    if (sep)
        host = sep + 3;
    size_t n = strcspn(host, "/"), len;
    bool same = (strlen(domain) == n && strncasecmp(host, domain, n) == 0) || (is_hub(host, n) && is_hub(domain, strlen(domain)));
    if (!same)
        return 0;
    const char *space = host[n] == '/' ? host + n + 1 : "";
    for (len = strlen(space); len > 0 && space[len - 1] == '/';)
        len--;
    if (sep || len == 0 || (len == 2 && (strncmp(space, "v1", 2) == 0 || strncmp(space, "v2", 2) == 0)))
        return 1;
    return strncmp(space, path, len) == 0 && (path[len] == '/' || path[len] == '\0') ? 1 + len : 0;
}
