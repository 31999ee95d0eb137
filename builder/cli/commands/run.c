/* run: a command in an image of the store, to try what was built. */
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/execute/container.h"
#include "builder/pull/base-image.h"
#include "builder/pull/platforms.h"
#include "builder/session/jobs.h"
#include "builder/session/proxies.h"
#include "cache/store/blob.h"

struct run {
    struct cli_invocation common;
    bool input, terminal, read_only, remove, keep_signals, privileged;
    bool asks; /* --pull: a registry may be asked */
    struct cb_strv env, file_env;
    char *entrypoint, *user, *cwd, *hostname;
};

static int add_env(const char *v, void *to, struct cb_error *err)
{
    if (!*v || *v == '=')
        return cb_fail(err, CB_E_USAGE, "expected NAME=VALUE or NAME, not '%s'", v);
    const char *value = strchr(v, '=') ? NULL : getenv(v);
    if (strchr(v, '='))
        cb_strv_push(to, v);
    else if (value)
        cb_strv_take(to, cb_printf("%s=%s", v, value));
    return 0;
}

static int read_env(const char *v, void *to, struct cb_error *err)
{
    return cli_set_lines(v, add_env, to, err);
}

static int set_pull(const char *v, void *to, struct cb_error *err)
{
    struct run *r = to;
    r->asks = true;
    return cli_set_pull(v, &r->common.request.pull, err);
}

/* podman's, in seconds. */
static int set_timeout(const char *v, void *to, struct cb_error *err)
{
    uint64_t seconds;
    if (!cb_parse_u64(v, UINT32_MAX, &seconds))
        return cb_fail(err, CB_E_USAGE, "expected seconds, not '%s'", v);
    *(uint64_t *)to = seconds * 1000;
    return 0;
}

static int set_remove(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    if (!yes) {
        cb_fail(err, CB_E_UNSUPPORTED, "what the command writes is not kept");
        return cb_hint(err, "a RUN in a Dockerfile makes an image of it");
    }
    *(bool *)to = yes;
    return 0;
}

static int set_proxy(const char *v, void *to, struct cb_error *err)
{
    bool yes = true;
    int r = cli_set_switch(v, &yes, err);
    *(bool *)to = !yes;
    return r;
}

static const struct cli_option options[] = {
    {"interactive", 'i', "Streams", NULL, NULL, cli_set_switch, offsetof(struct run, input), "pass standard input on"},
    {"tty", 't', "Streams", NULL, NULL, cli_set_switch, offsetof(struct run, terminal), "give it a terminal"},
    {"sig-proxy", 0, "Streams", NULL, NULL, set_proxy, offsetof(struct run, keep_signals),
     "false: signals end cbuild instead of being passed on"},
    {"entrypoint", 0, "Command", "PROGRAM", NULL, cli_set_string, offsetof(struct run, entrypoint),
     "instead of the image's ENTRYPOINT and CMD"},
    {"env", 'e', "Command", "NAME[=VALUE]", NULL, add_env, offsetof(struct run, env), "set a variable"},
    {"env-file", 0, "Command", "FILE", NULL, read_env, offsetof(struct run, file_env),
     "lines as --env takes them, which comes after them"},
    {.name = "timeout",
     .value = "SECONDS",
     .set = set_timeout,
     .field = offsetof(struct run, common.request.step_timeout_ms),
     .help = "the same as --step-timeout"},
    {"user", 'u', "Command", "USER[:GROUP]", NULL, cli_set_string, offsetof(struct run, user), "instead of the image's USER"},
    {"workdir", 'w', "Command", "DIR", NULL, cli_set_string, offsetof(struct run, cwd), "instead of the image's WORKDIR"},
    {"hostname", 'h', "Command", "NAME", NULL, cli_set_string, offsetof(struct run, hostname), "of the sandbox"},
    {"read-only", 0, "Files", NULL, NULL, cli_set_switch, offsetof(struct run, read_only), "nothing of the image can be written"},
    {"tmpfs", 0, "Files", "DIR[:OPTIONS]", NULL, cli_add_tmpfs, 0, "a file system in memory (size=, mode=, ro, exec)"},
    {"mount", 0, "Files", "type=bind|tmpfs,...", NULL, cli_add_mount, 0, "src=, dst=, readonly; tmpfs-size=, tmpfs-mode="},
    {"rm", 0, "Files", NULL, NULL, set_remove, offsetof(struct run, remove), "forget what it wrote (always)"},
    {"privileged", 0, "Rights", NULL, NULL, cli_set_switch, offsetof(struct run, privileged),
     "all capabilities, no seccomp filter, no masked paths"},
    {"pull", 0, "Image", "POLICY", "always", set_pull, 0, "never (default: what the store has), missing, newer, always"},
    {"platform", 0, "Image", "OS/ARCH", NULL, cli_set_platform, offsetof(struct run, common.request.platform),
     "that it must be for, or that is pulled"},
    {"quiet", 'q', "Image", NULL, NULL, cli_set_quiet, offsetof(struct run, common.request.progress),
     "show no progress of a pull"},
    {"progress", 0, "Image", "KIND", NULL, cli_set_progress, offsetof(struct run, common.request.progress), "of a pull"},
};

static void done(void *filled)
{
    struct run *v = filled;
    cb_strv_done(&v->env);
    cb_strv_done(&v->file_env);
    free(v->entrypoint);
    free(v->user);
    free(v->cwd);
    free(v->hostname);
}

/* ---- the image ------------------------------------------------------------------------------------------------------- */

static int load_config(struct cache_store *s, const struct cache_image *image, struct oci_image_config *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    int r = cache_blob_get(s, &image->config, CB_MAX_CONFIG, &bytes, err);
    if (r <= 0)
        return r < 0 ? -1 : cb_fail(err, CB_E_CORRUPT, "the config of '%s' is not in the store", image->name);
    return oci_image_config_parse(bytes.data, bytes.len, ret, err);
}

static int complete(struct build_session *s, const struct cache_image *image, struct cb_error *err)
{
    struct build_base base = {.name = image->name, .image = *image};
    struct cb_job job;
    if (build_base_complete(s, image, BUILD_BASE_FILES))
        return 0;
    if (build_base_start(s, &base, BUILD_BASE_FILES, &job, err) < 0)
        return -1;
    CB_AUTO(free) char *shown = cb_printf("unpack %s", image->name);
    return build_wait_job(s, &job, shown, NULL, err);
}

static struct cb_digest *layers_of(const struct cache_image *image)
{
    struct cb_digest *ids = cb_alloc((image->n_layers + 1) * sizeof(*ids));
    for (size_t i = 0; i < image->n_layers; i++)
        ids[i] = image->layers[i].id;
    return ids;
}

static int check_platform(const struct build_request *q, const struct cache_image *image, const struct oci_image_config *c,
                          struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform want = {0};
    if (!q->platform || oci_platform_parse(q->platform, &want, err) < 0)
        return q->platform ? -1 : 0;
    if (oci_platform_rank(&want, &c->platform) >= 0)
        return 0;
    CB_AUTO(free) char *have = oci_platform_text(&c->platform);
    cb_fail(err, CB_E_NOT_FOUND, "image '%s' in the store is for %s, not %s", image->name, have, q->platform);
    return cb_hint(err, "--pull=always takes the other from its registry");
}

/* Of several, the one that is asked for, else this machine's. */
static int choose(const struct build_request *q, struct cache_image *image, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform want = {0};
    if (q->platform && oci_platform_parse(q->platform, &want, err) < 0)
        return -1;
    if (!q->platform)
        oci_platform_host(&want);
    if (build_platforms_keep(image, &want))
        return 0;
    CB_AUTO(free) char *wanted = oci_platform_text(&want), *have = build_platforms_text(image);
    cb_fail(err, CB_E_NOT_FOUND, "image '%s' in the store is for %s, not %s", image->name, have, wanted);
    return cb_hint(err, "--platform names one of these");
}

/* What the store has by an ID is no name that a registry knows. */
static int find(struct run *v, struct cache_image *ret, struct cb_error *err)
{
    struct build_session *s = &v->common.session;
    const char *name = v->common.args.items[0];
    enum build_pull policy = v->asks ? s->request->pull : BUILD_PULL_NEVER;
    if (policy == BUILD_PULL_ALWAYS || policy == BUILD_PULL_NEWER)
        return cli_pull_documents(s, name, s->request->pull, ret, err);
    int r = cli_find_image(s->store, name, ret, NULL, err);
    if (r == 0)
        return choose(s->request, ret, err);
    if (err->code != CB_E_NOT_FOUND)
        return r;
    if (policy == BUILD_PULL_NEVER) {
        free(CB_TAKE(err->hint));
        return cb_hint(err, "'cbuild images' lists them; --pull=missing asks its registry");
    }
    cb_error_done(err);
    return cli_pull_documents(s, name, s->request->pull, ret, err);
}

/* ---- the command ------------------------------------------------------------------------------------------------------- */

/* As docker does: words behind the image replace CMD, --entrypoint replaces both. */
static int command_of(const struct run *v, const struct oci_image_config *c, struct cb_strv *ret, struct cb_error *err)
{
    const struct cb_strv *args = &v->common.args;
    if (v->entrypoint && *v->entrypoint)
        cb_strv_push(ret, v->entrypoint);
    if (!v->entrypoint)
        cb_strv_copy(ret, &c->entrypoint);
    for (size_t i = 1; i < args->n; i++)
        cb_strv_push(ret, args->items[i]);
    for (size_t i = 0; i < c->cmd.n && args->n == 1 && !v->entrypoint; i++)
        cb_strv_push(ret, c->cmd.items[i]);
    if (ret->n)
        return 0;
    cb_fail(err, CB_E_USAGE, "the image has no command");
    return cb_hint(err, "give one: cbuild run %s COMMAND", args->items[0]);
}

static void set_pairs(const struct cb_strv *pairs, struct oci_image_config *c)
{
    for (size_t i = 0; i < pairs->n; i++) {
        const char *value;
        CB_AUTO(free) char *name = cb_split_pair(pairs->items[i], &value);
        oci_env_set(c, name, value);
    }
}

/* The user's words come last. */
static void set_environment(const struct run *v, struct oci_image_config *c, const char *hostname)
{
    const char *term = getenv("TERM");
    if (!oci_env_get(c, "PATH"))
        oci_env_set(c, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    oci_env_set(c, "HOSTNAME", hostname);
    if (v->terminal)
        oci_env_set(c, "TERM", term && *term ? term : "xterm");
    CB_AUTO(cb_strv) struct cb_strv both = {0};
    build_proxies_spell(&v->common.request.proxies, &both);
    set_pairs(&both, c);
    set_pairs(&v->file_env, c);
    set_pairs(&v->env, c);
}

static int no_place(const struct build_session *s, struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "what a command writes has its place in the store, and '%s' can only be read", s->store->path);
    return cb_hint(err, "give one that can be written to: --root DIR or $CBUILD_ROOT");
}

static int run_image(struct run *v, struct cache_image *image, int *ret_status, struct cb_error *err)
{
    struct build_session *s = &v->common.session;
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(cb_strv) struct cb_strv argv = {0};
    if (load_config(s->store, image, &config, err) < 0 || check_platform(s->request, image, &config, err) < 0 ||
        command_of(v, &config, &argv, err) < 0)
        return -1;
    const char *hostname = v->hostname ? v->hostname : "cbuild", *dir = v->cwd ? v->cwd : config.working_dir;
    set_environment(v, &config, hostname);
    CB_AUTO(free) char *cwd = cb_path_abs("/", dir && *dir ? dir : "/");
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    oci_platform_host(&host);
    build_base_find_layers(s, image);
    CB_AUTO(free) struct cb_digest *layers = layers_of(image);
    struct build_container c = {
        .layers = layers,
        .n_layers = image->n_layers,
        .argv = &argv,
        .env = &config.env,
        .cwd = cwd,
        .user = v->user       ? v->user
                : config.user ? config.user
                              : "",
        .hostname = hostname,
        .needs_hostname = v->hostname,
        .arch = strcmp(config.platform.arch, host.arch) != 0 ? config.platform.arch : NULL,
        .network = rt_network_find(s->request->network ? s->request->network : "default"),
        .input = v->input,
        .terminal = v->terminal,
        .signals = !v->keep_signals,
        .read_only = v->read_only,
        .insecure = v->privileged,
    };
    if (s->reading)
        return no_place(s, err);
    build_container_freeze(s, &c);
    s->reason_later = true; /* standard error is the command's; of one that fails it may be the cause */
    int r = complete(s, image, err) < 0 ? -1 : build_container_run(s, &c, ret_status, err);
    if (s->privilege.reason && (r < 0 || *ret_status != 0))
        build_note(s, "%s", s->privilege.reason);
    return r;
}

static int run(void *filled, struct cb_error *err)
{
    struct run *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    int status = -1;
    struct build_request *q = &v->common.request;
    if (cli_default_progress(q, err) == 0 && rt_limits_check(&q->limits, err) == 0 &&
        rt_confinement_check(&q->confinement, err) == 0 && build_proxies_find(q, err) == 0 && cli_open(&v->common, err) == 0 &&
        find(v, &image, err) == 0)
        (void)run_image(v, &image, &status, err);
    if (status >= 0 && err->code)
        (void)cli_report(err);
    return status;
}

const struct cli_command cli_run_command = {
    .name = "run",
    .arguments = "IMAGE [COMMAND...]",
    .help = "run a command in an image of the store, in the sandbox of RUN",
    .min = 1,
    .max = SIZE_MAX,
    .command_line = true,
    .failure = 125, /* as docker tells its own failures from those of the command */
    .tables = {CLI_TABLE(options), &cli_sandbox_options, &cli_limit_options, &cli_confinement_options, &cli_network_options,
               &cli_registry_options, &cli_platform_options, &cli_namespace_options, &cli_container_options},
    .size = sizeof(struct run),
    .environment = cli_container_environment,
    .run = run,
    .done = done,
};
