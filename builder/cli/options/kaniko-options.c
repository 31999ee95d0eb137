/* The options of kaniko's executor. What they have in common with those of a build is set by the same functions. */
#include "base/text.h"
#include "builder/cli/options/kaniko.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* The registry of a mirror or a rule: a host, perhaps with a path, without a scheme. */
static int check_registry(const char *name, struct cb_error *err)
{
    return *name && !strstr(name, "://") ? 0 : cb_fail(err, CB_E_USAGE, "'%s': expected a registry, HOST[:PORT][/PATH]", name);
}

static int add_mirror(const char *source, const char *mirror, struct cb_strv *to, struct cb_error *err)
{
    if (check_registry(source, err) < 0 || check_registry(mirror, err) < 0)
        return -1;
    cb_strv_take(to, cb_printf("%s=%s", strcmp(source, "index.docker.io") == 0 ? "docker.io" : source, mirror));
    return 0;
}

int cli_add_registry_mirror(const char *v, void *to, struct cb_error *err)
{
    return add_mirror("docker.io", v, to, err);
}

int cli_add_registry_map(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(free) char *text = cb_strdup(v);
    for (char *rest = text, *rule; (rule = strsep(&rest, ";"));) {
        const char *mirror;
        CB_AUTO(free) char *source = cb_split_pair(rule, &mirror);
        if (!mirror)
            return cb_fail(err, CB_E_USAGE, "'%s': expected SOURCE=MIRROR", rule);
        if (add_mirror(source, mirror, to, err) < 0)
            return -1;
    }
    return 0;
}

static int add_insecure(const char *v, void *to, struct cb_error *err)
{
    if (check_registry(v, err) < 0)
        return -1;
    cb_strv_push(to, v);
    return 0;
}

/* More tries than a request has anyway. */
static int set_retry(const char *v, void *to, struct cb_error *err)
{
    uint64_t n;
    enum { USUAL = 5 };
    int *tries = to;
    if (!cb_parse_u64(v, 100, &n))
        return cb_fail(err, CB_E_USAGE, "expected a number from 0 to 100, not '%s'", v);
    if (n >= USUAL && (int)n >= *tries)
        *tries = (int)n + 1;
    return 0;
}

/* kaniko caches only when it is told to; what is in our store anyway is used unless it says no. */
static int set_cache(const char *v, void *to, struct cb_error *err)
{
    struct kaniko *k = to;
    if (cli_set_switch(v, &k->cache, err) < 0)
        return -1;
    k->common.request.no_cache = !k->cache;
    return 0;
}

/* A time that is given otherwise counts: of equal build arguments the last. */
static int set_reproducible(const char *v, void *to, struct cb_error *err)
{
    struct build_request *q = &((struct kaniko *)to)->common.request;
    if (cli_set_switch(v, &q->rewrites_times, err) < 0)
        return -1;
    bool given = getenv("SOURCE_DATE_EPOCH") != NULL;
    for (size_t i = 0; i < q->build_args.n && !given; i++)
        given = cb_starts(q->build_args.items[i], "SOURCE_DATE_EPOCH=");
    if (q->rewrites_times && !given)
        cb_strv_push(&q->build_args, "SOURCE_DATE_EPOCH=0");
    return 0;
}

static int set_image_format(const char *v, void *to, struct cb_error *err)
{
    static const char *const names[] = {"oci", "docker"};
    int kind;
    if (cli_choose("--image-format", names, CB_LEN(names), v, &kind, err) < 0)
        return -1;
    *(bool *)to = kind == 1;
    return 0;
}

static int set_log_format(const char *v, void *to, struct cb_error *err)
{
    static const char *const names[] = {"color", "text", "json"};
    static const enum build_progress kinds[] = {BUILD_PROGRESS_AUTO, BUILD_PROGRESS_PLAIN, BUILD_PROGRESS_RAWJSON};
    int kind;
    if (cli_choose("--log-format", names, CB_LEN(names), v, &kind, err) < 0)
        return -1;
    *(enum build_progress *)to = kinds[kind];
    return 0;
}

/* "branch=NAME,single-branch=…": one commit is fetched, with its submodules, however it is asked for. */
static int set_git(const char *v, void *to, struct cb_error *err)
{
    static const char *const known[] = {"single-branch=", "recurse-submodules=", "insecure-skip-tls=false"};
    CB_AUTO(free) char *text = cb_strdup(v);
    for (char *rest = text, *field; (field = strsep(&rest, ","));) {
        bool fine = cb_starts(field, "branch=");
        if (fine)
            cli_put(to, field + strlen("branch="));
        for (size_t i = 0; i < CB_LEN(known); i++)
            fine |= cb_starts(field, known[i]);
        if (!fine)
            return cb_fail(err, CB_E_USAGE, "'%s' is not one of branch=, single-branch=, recurse-submodules=", field);
    }
    return 0;
}

/* It is looked up with the context as its root, where ".." would lead nowhere. */
static int set_sub_path(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(free) char *path = cb_printf("/%s/", v);
    if (!strstr(path, "/../"))
        return cli_set_string(v, to, err);
    cb_fail(err, CB_E_USAGE, "'%s' leads out of the build context", v);
    return cb_hint(err, "--context names another");
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

#define OWN(member)      offsetof(struct kaniko, member)
#define REQUEST(member)  offsetof(struct kaniko, common.request.member)
#define REGISTRY(member) REQUEST(registry.member)

static const char input[] = "What to build", result[] = "Result", registries[] = "Registries", display[] = "Display";

static const char apart[] = "the container's own file system is neither changed nor looked at";

static const struct cli_option options[] = {
    {"context", 'c', input, "CONTEXT", NULL, cli_set_string, OWN(context),
     "dir://DIR, tar://FILE, tar://stdin, git://URL[#REF], a directory (default: /workspace)"},
    {"context-sub-path", 0, input, "DIR", NULL, set_sub_path, REQUEST(context_sub),
     "directory of the context that is the context"},
    {"dockerfile", 'f', input, "FILE", NULL, cli_set_string, REQUEST(dockerfile), "default: Dockerfile in the context"},
    {"git", 0, input, "branch=NAME", NULL, set_git, OWN(branch), "branch of a git context that names none"},
    {"target", 0, input, "STAGE", NULL, cli_set_string, REQUEST(target), "stage to build (default: the last one)"},
    {"build-arg", 0, input, "NAME[=VALUE]", NULL, cli_set_build_arg, REQUEST(build_args), "value of an ARG"},
    {"secret", 0, input, "id=ID[,src=FILE|env=VAR][,keyed]", NULL, cli_set_secret, 0,
     "secret for RUN --mount=type=secret; keyed: its value counts in the cache"},
    {"custom-platform", 0, input, "OS/ARCH", NULL, cli_set_platform, REQUEST(platform), "platform of the image"},
    {"cache", 0, input, NULL, NULL, set_cache, 0, "take steps from --cache-repo and put them there; false: execute every step"},
    {"cache-repo", 0, input, "NAME", NULL, cli_set_file, OWN(cache_repo),
     "repository of --cache, or oci:DIR (default: the first --destination with /cache behind it)"},
    {"no-push-cache", 0, input, NULL, NULL, cli_set_switch, OWN(no_push_cache), "only take steps from there"},
    {.name = "cache-ttl",
     .section = input,
     .value = "DURATION",
     .set = cli_set_cache_ttl,
     .field = offsetof(struct kaniko, common.request),
     .help = "execute steps whose result is older: 336h"},
    {"destination", 'd', result, "NAME[:TAG]", NULL, cli_set_tag, REQUEST(tags), "push the image there"},
    {"dryrun", 0, result, NULL, NULL, cli_set_switch, REQUEST(dry_run), "say which steps would run, and why; execute nothing"},
    {"reproducible", 0, result, NULL, NULL, set_reproducible, 0,
     "all times are 1970, or SOURCE_DATE_EPOCH: of files in layers, too"},
    {"single-snapshot", 0, result, NULL, NULL, cli_set_switch, REQUEST(squashes), "one layer for all that the build made"},
    {"push-ignore-immutable-tag-errors", 0, result, NULL, NULL, cli_set_switch, REQUEST(ignores_immutable),
     "a tag that its registry lets nobody move is no failure"},
    {"no-push", 0, result, NULL, NULL, cli_set_switch, OWN(no_push), "do not push"},
    {"tar-path", 0, result, "FILE", NULL, cli_set_file, OWN(tar_path),
     "write an archive as docker load takes it; nothing is pushed then"},
    {"oci-layout-path", 0, result, "DIR", NULL, cli_set_file, OWN(layout), "write an OCI layout"},
    {"digest-file", 0, result, "FILE", NULL, cli_set_file, REQUEST(digest_files.digest), "write the manifest's digest"},
    {"image-name-with-digest-file", 0, result, "FILE", NULL, cli_set_file, REQUEST(digest_files.names),
     "write NAME@DIGEST lines"},
    {"image-name-tag-with-digest-file", 0, result, "FILE", NULL, cli_set_file, REQUEST(digest_files.tags),
     "write NAME:TAG@DIGEST lines"},
    {"label", 0, result, "KEY=VALUE", NULL, cli_add_pair, REQUEST(labels), "label of the image"},
    {"annotation", 0, result, "KEY=VALUE", NULL, cli_set_annotation, REQUEST(annotations), "annotation of the manifest"},
    {"compression", 0, result, "KIND", NULL, cli_set_string, OWN(compression), "of layers: gzip (default), zstd"},
    {"compression-level", 0, result, "N", NULL, cli_set_string, OWN(level), "of layers"},
    {"image-format", 0, result, "KIND", NULL, set_image_format, REQUEST(changes.docker_types),
     "media types: oci (default), docker"},
    {"insecure", 0, registries, NULL, NULL, cli_set_switch, REGISTRY(insecure_push), "push without TLS or a valid certificate"},
    {"skip-tls-verify", 0, registries, NULL, NULL, cli_set_switch, REGISTRY(insecure_push), "the same as --insecure"},
    {"insecure-pull", 0, registries, NULL, NULL, cli_set_switch, REGISTRY(insecure_pull),
     "pull without TLS or a valid certificate"},
    {"skip-tls-verify-pull", 0, registries, NULL, NULL, cli_set_switch, REGISTRY(insecure_pull), "the same as --insecure-pull"},
    {"insecure-registry", 0, registries, "HOST", NULL, add_insecure, REGISTRY(insecure),
     "push to and pull from there without them"},
    {"skip-tls-verify-registry", 0, registries, "HOST", NULL, add_insecure, REGISTRY(insecure),
     "the same as --insecure-registry"},
    {"registry-mirror", 0, registries, "HOST", NULL, cli_add_registry_mirror, REGISTRY(mirrors), "mirror of Docker Hub"},
    {"registry-map", 0, registries, "HOST=MIRROR;...", NULL, cli_add_registry_map, REGISTRY(mirrors), "mirrors of others"},
    {"skip-default-registry-fallback", 0, registries, NULL, NULL, cli_set_switch, REGISTRY(mirrors_only),
     "ask nobody but mirrors"},
    {"registry-certificate", 0, registries, "HOST=FILE", NULL, cli_add_pair, REGISTRY(authorities),
     "authority of its certificate"},
    {"registry-client-cert", 0, registries, "HOST=CERT,KEY", NULL, cli_add_pair, REGISTRY(clients), "who we are there"},
    {"push-retry", 0, registries, "N", NULL, set_retry, REGISTRY(tries), "tries of a request (never less than usual)"},
    {"image-download-retry", 0, registries, "N", NULL, set_retry, REGISTRY(tries), "the same as --push-retry"},
    {"image-fs-extract-retry", 0, registries, "N", NULL, set_retry, REGISTRY(tries), "the same as --push-retry"},
    {"kaniko-dir", 0, registries, "DIR", NULL, cli_set_file, OWN(dir),
     "where .docker/config.json is (default: $KANIKO_DIR or /kaniko)"},
    {"log-format", 0, display, "KIND", NULL, set_log_format, REQUEST(progress), "color (default), text, json"},
    /* names that kaniko had before */
    {"snapshotMode", .value = "KIND",
     .refusal = &(const struct cli_refusal){"full|redo|time", "it is no way to take snapshots", NULL, apart}},
    {"customPlatform", 0, NULL, "OS/ARCH", NULL, cli_set_platform, REQUEST(platform), "--custom-platform"},
    {"tarPath", 0, NULL, "FILE", NULL, cli_set_file, OWN(tar_path), "--tar-path"},
    /* what is done anyway, or cannot be done */
    CLI_VALUE("azure-container-registry-config", 0, NULL, "credentials are read from config.json",
              "name a helper there: \"credHelpers\""),
    CLI_VALUE("bucket", 'b', NULL, "there is no client for cloud storage",
              "pipe the archive in: ... | cbuild kaniko --context tar://stdin"),
    CLI_SWITCH("cache-copy-layers", 0, "*", NULL, NULL, "every step is cached"),
    CLI_VALUE("cache-dir", 0, "*", NULL, NULL, "base images are kept in the store, which --root names"),
    CLI_SWITCH("cache-run-layers", 0, "true", "steps of all kinds are cached", "--cache=false executes every step",
               "every step is cached"),
    CLI_SWITCH("cleanup", 0, "*", NULL, NULL, apart),
    CLI_SWITCH("compressed-caching", 0, "*", NULL, NULL, "layers of the store are not compressed before something needs it"),
    CLI_VALUE("credential-helpers", 0, "", "credential helpers are named in config.json",
              "\"credHelpers\": {\"HOST\": \"NAME\"} there", "no helper is asked that config.json does not name"),
    CLI_SWITCH("force", 0, "*", NULL, NULL, apart),
    CLI_SWITCH("force-build-metadata", 0, "*", NULL, NULL, "the config says what the Dockerfile says"),
    CLI_VALUE("ignore-path", 0, NULL, "a step sees nothing of the container that would have to be left out",
              "what a RUN writes below a RUN --mount=type=tmpfs,target=DIR does not become part of the image"),
    CLI_SWITCH("ignore-var-run", 0, "*", NULL, NULL, "what a step leaves in /var/run is part of the image"),
    CLI_SWITCH("whitelist-var-run", 0, "*", NULL, NULL, "what a step leaves in /var/run is part of the image"),
    CLI_SWITCH("log-timestamp", 0, "false", "lines for people have no times", "--log-format=json has one in every event"),
    CLI_SWITCH("materialize", 0, "false", "the container's own file system is never changed",
               "cbuild -o DIR writes the files of an image"),
    CLI_SWITCH("pre-cleanup", 0, "*", NULL, NULL, apart),
    CLI_SWITCH("preserve-context", 0, "*", NULL, NULL, apart),
    CLI_SWITCH("skip-push-permission-check", 0, "*", NULL, NULL, "the push itself is what finds out"),
    CLI_SWITCH("skip-unused-stages", 0, "*", NULL, NULL, "only stages that the target needs are built"),
    CLI_VALUE("snapshot-mode", 0, "full|redo|time", "it is no way to take snapshots", NULL,
              "what a step changed is known without comparing, or compared as full does"),
    CLI_SWITCH("use-new-run", 0, "*", NULL, NULL, "what a step changed is known without comparing times"),
    CLI_VALUE("verbosity", 'v', "trace|debug|info|warn|warning|error|fatal|panic", "it is no level", NULL,
              "messages have no levels: all are shown"),
};

const struct cli_table cli_kaniko_options = {options, CB_LEN(options)};
