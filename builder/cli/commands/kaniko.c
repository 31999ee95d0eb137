/* `cbuild kaniko`, and cbuild under the name `executor`: a build as the command line of kaniko's executor asks for it. It
 * becomes the request of a build; nothing else knows of kaniko. */
#include "builder/cli/options/kaniko.h"
#include "builder/cli/commands/version.h"
#include "builder/cli/commands/commands.h"
#include "base/base64.h"
#include "base/text.h"
#include "builder/output/output.h"
#include "builder/share/share.h"
#include "parser/value.h"
#include "registry/oci/reference.h"

#include <fcntl.h>
#include <unistd.h>

static void done(void *filled)
{
    struct kaniko *k = filled;
    char *strings[] = {k->context, k->branch, k->tar_path, k->layout, k->compression, k->level, k->dir, k->cache_repo};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
}

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

/* ---- the context ----------------------------------------------------------------------------------------------- */

/* An archive is what a build reads from standard input. */
static int take_archive(const char *file, struct cb_strv *args, struct cb_error *err)
{
    int fd = strcmp(file, "stdin") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (fd != STDIN_FILENO && dup2(fd, STDIN_FILENO) < 0))
        return cb_fail_sys(err, errno, "--context: open '%s'", file);
    if (fd != STDIN_FILENO)
        close(fd);
    cb_strv_push(args, "-");
    return 0;
}

/* $GIT_TOKEN, or $GIT_USERNAME with $GIT_PASSWORD, in the form in which a build gives credentials to git. */
static void add_git_credentials(struct build_request *r)
{
    const char *user = env("GIT_USERNAME"), *password = env("GIT_PASSWORD");
    if (env("GIT_TOKEN")) {
        CB_PUSH(r->secrets, r->n_secrets, r->cap_secrets) =
            (struct build_secret){.id = cb_strdup("GIT_AUTH_TOKEN"), .env = cb_strdup("GIT_TOKEN")};
    } else if (user && password) {
        CB_AUTO(free) char *pair = cb_printf("%s:%s", user, password);
        struct build_secret *s = &CB_PUSH(r->secrets, r->n_secrets, r->cap_secrets);
        *s = (struct build_secret){.id = cb_strdup("GIT_AUTH_HEADER"), .known = true, .have = 1, .value = CB_BUF_INIT};
        cb_buf_adds(&s->value, "basic ");
        cb_base64_encode(&s->value, pair, strlen(pair));
        explicit_bzero(pair, strlen(pair));
    }
}

/* REPOSITORY[#REF[#COMMIT]]. kaniko's git:// says that it is git; spoken is https, or what $GIT_PULL_METHOD names. */
static int take_git(const struct kaniko *k, const char *url, struct build_request *r, struct cb_strv *args, struct cb_error *err)
{
    static const char *const methods[] = {"https", "http"};
    CB_AUTO(free) char *repository = cb_strdup(url);
    const char *method = env("GIT_PULL_METHOD"), *ref = k->branch ? k->branch : "";
    int kind = 0;
    char *at = strchr(repository, '#');
    if (method && cli_choose("$GIT_PULL_METHOD", methods, CB_LEN(methods), method, &kind, err) < 0)
        return -1;
    if (at) {
        *at++ = 0;
        const char *commit = strchr(at, '#');
        ref = commit && commit[1] ? commit + 1 : at;
    }
    r->git_protocol = methods[kind];
    add_git_credentials(r);
    cb_strv_take(args, cb_printf("git://%s%s%s", repository, *ref ? "#" : "", ref));
    return 0;
}

static int take_context(struct kaniko *k, struct cb_error *err)
{
    const char *given = k->context ? k->context : "/workspace";
    struct cb_strv *args = &k->common.args;
    if (cb_starts(given, "tar://"))
        return take_archive(given + strlen("tar://"), args, err);
    if (cb_starts(given, "git://"))
        return take_git(k, given + strlen("git://"), &k->common.request, args, err);
    if (cb_starts(given, "dir://"))
        given += strlen("dir://");
    if (strstr(given, "://")) {
        cb_fail(err, CB_E_USAGE, "--context '%s': there is no client for this storage", given);
        return cb_hint(err, "pipe the archive in: ... | cbuild kaniko --context tar://stdin");
    }
    cb_strv_push(args, *given ? given : ".");
    return 0;
}

/* ---- the results ------------------------------------------------------------------------------------------------ */

static int add_output(struct kaniko *k, const char *type, const char *dest, bool directory, struct cb_error *err)
{
    struct build_request *r = &k->common.request;
    struct build_output *o = &CB_PUSH(r->outputs, r->n_outputs, r->cap_outputs);
    const char *pairs[][2] = {{"dest", dest}, {"compression", k->compression}, {"compression-level", k->level}};
    build_output_begin(o, build_output_find(type));
    o->as_directory = directory;
    for (size_t i = 0; i < CB_LEN(pairs); i++)
        if (pairs[i][1] && build_output_set(o, pairs[i][0], pairs[i][1], err) < 0)
            return cb_prefix(err, "--%s", i ? pairs[i][0] : directory ? "oci-layout-path" : "tar-path");
    return build_output_end(o, err);
}

/* What is pushed comes last: its manifest is the one of which files get the digest. */
static int add_outputs(struct kaniko *k, struct cb_error *err)
{
    const struct build_request *r = &k->common.request;
    bool push = !k->no_push && !k->tar_path;
    if (!r->tags.n && !k->no_push)
        return cb_fail(err, CB_E_USAGE, "there is no --destination, and no --no-push");
    if (!r->tags.n && (r->digest_files.names || r->digest_files.tags))
        return cb_fail(err, CB_E_USAGE, "a file with the image's names needs a --destination");
    if ((k->tar_path && add_output(k, "docker", k->tar_path, false, err) < 0) ||
        (k->layout && add_output(k, "oci", k->layout, true, err) < 0))
        return -1;
    if (push || !r->n_outputs)
        return add_output(k, push ? "registry" : "image", NULL, false, err);
    return 0;
}

/* ---- the cache -------------------------------------------------------------------------------------------------- */

/* What kaniko calls a layout is a directory of ours. */
static int add_share(struct build_request *r, bool writes, const char *repo, struct cb_error *err)
{
    struct build_share *o = &CB_PUSH(r->shares, r->n_shares, r->cap_shares);
    const char *layout = cb_starts(repo, "oci:") ? repo + strlen("oci:") : NULL;
    build_share_begin(o, build_share_find(layout ? "local" : "registry"), writes);
    if (build_share_set(o,
                        !layout  ? "ref"
                        : writes ? "dest"
                                 : "src",
                        layout ? layout : repo, err) < 0 ||
        build_share_end(o, err) < 0)
        return cb_prefix(err, "--cache-repo");
    return 0;
}

/* Without a repository, or a destination to make one of, only the store is a cache. */
static int add_shares(const struct kaniko *k, struct build_request *r, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(free) char *beside = NULL;
    if (!k->cache || (!k->cache_repo && !r->tags.n))
        return 0;
    if (!k->cache_repo) {
        if (oci_ref_parse(r->tags.items[0], &ref, err) < 0)
            return -1;
        beside = cb_printf("%s/%s/cache", ref.domain, ref.path);
    }
    const char *repo = k->cache_repo ? k->cache_repo : beside;
    return add_share(r, false, repo, err) < 0 || (!k->no_push_cache && add_share(r, true, repo, err) < 0) ? -1 : 0;
}

/* ---- the environment --------------------------------------------------------------------------------------------- */

static int read_environment(struct kaniko *k, struct cb_error *err)
{
    struct cb_strv *mirrors = &k->common.request.registry.mirrors;
    const char *no_push = env("KANIKO_NO_PUSH"), *mirror = env("KANIKO_REGISTRY_MIRROR"), *map = env("KANIKO_REGISTRY_MAP");
    if (no_push && !df_parse_bool(no_push, &k->no_push))
        return cb_fail(err, CB_E_USAGE, "$KANIKO_NO_PUSH: expected true or false, not '%s'", no_push);
    if (mirror && cli_add_registry_mirror(mirror, mirrors, err) < 0)
        return cb_prefix(err, "$KANIKO_REGISTRY_MIRROR");
    if (map && cli_add_registry_map(map, mirrors, err) < 0)
        return cb_prefix(err, "$KANIKO_REGISTRY_MAP");
    return 0;
}

/* Pipelines put credentials where kaniko's image looks for them. */
static void find_credentials(const struct kaniko *k)
{
    const char *dir = k->dir ? k->dir : env("KANIKO_DIR");
    CB_AUTO(free) char *docker = cb_printf("%s/.docker", dir ? dir : "/kaniko"), *file = cb_printf("%s/config.json", docker);
    if (!env("DOCKER_CONFIG") && access(file, R_OK) == 0)
        setenv("DOCKER_CONFIG", docker, 1);
}

/* kaniko's executor has one command besides what it is for. */
static int run_command(const char *word, struct cb_error *err)
{
    if (strcmp(word, "version") != 0)
        return cb_fail(err, CB_E_USAGE, "unexpected argument '%s': the context is given with --context", word);
    cli_print_version(false);
    return 0;
}

static int run(void *filled, struct cb_error *err)
{
    struct kaniko *k = filled;
    if (k->common.args.n)
        return run_command(k->common.args.items[0], err);
    if (read_environment(k, err) < 0 || add_outputs(k, err) < 0 || add_shares(k, &k->common.request, err) < 0) {
        err->code = CB_E_USAGE;
        return -1;
    }
    if (take_context(k, err) < 0)
        return -1;
    find_credentials(k);
    k->common.request.ignores_everywhere = true;
    return cli_build.run(&k->common, err);
}

const struct cli_command cli_kaniko = {
    .name = "kaniko",
    .arguments = "",
    .help = "build as the command line of kaniko's executor says",
    .max = 1,
    .tables = {&cli_kaniko_options},
    .size = sizeof(struct kaniko),
    .run = run,
    .done = done,
};
