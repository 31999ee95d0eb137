#include "builder/context/contexts.h"
#include "base/job.h"
#include "base/limits.h"
#include "base/named.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/session/session.h"
#include "builder/context/contexts-remote.h"
#include "builder/context/download.h"
#include "registry/oci/reference.h"

#include <limits.h>
#include <unistd.h>

/* ---- directories ---------------------------------------------------------------------------------------- */

#define URL_FILE "context" /* BuildKit's name for what a URL gave when it is no archive */

/* An existing directory is never taken for a URL (`github.com/x`, `user@host:path`). */
static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int open_dir(const char *path, struct build_local *ret, struct cb_error *err)
{
    char real[PATH_MAX];
    ret->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret->dir < 0) {
        cb_fail_sys(err, errno, "open build context '%s'", path);
        return cb_hint(err, "the context is a directory, or '-' for a Dockerfile or tar on standard input");
    }
    ret->path = cb_strdup(realpath(path, real) ? real : path);
    return 0;
}

static int use_ignore_file(struct build_local *l, const char *name, const struct cb_buf *text, struct cb_error *err)
{
    df_ignore_read(text->data, text->len, &l->ignore_patterns);
    l->ignore = df_ignore_new(&l->ignore_patterns, err);
    if (!l->ignore)
        return cb_prefix(err, "error checking context: %s", name);
    return 0;
}

/* 0, or a negative errno. `root`: the directory is from elsewhere, and no link in it leads to files of this machine. */
static int read_text(int dir, bool root, const char *path, size_t max, struct cb_buf *text)
{
    if (!root)
        return cb_read_file(dir, path, max, text);
    struct stat st;
    CB_AUTO(close) int fd = cb_open_in_root(dir, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    return fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? cb_read_fd(fd, max, text) : -EISDIR;
}

/* 1: read. 0: there is none. */
static int try_ignore_file(struct build_local *l, int dir, const char *path, struct cb_error *err)
{
    if (l->ignore) /* --ignorefile is the only one */
        return 1;
    if (l->remote && !l->ignores) /* none is read (dockerfile.md §15) */
        return 0;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = read_text(dir, l->remote && dir == l->dir, path, CB_MAX_IGNOREFILE, &text);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return cb_fail_sys(err, r, "read '%s'", path);
    return use_ignore_file(l, path, &text, err) < 0 ? -1 : 1;
}

/* .dockerignore in the context's root; podman's .containerignore where there is none. */
static int read_ignore(struct build_local *l, struct cb_error *err)
{
    int r = try_ignore_file(l, l->dir, ".dockerignore", err);
    return r ? r : try_ignore_file(l, l->dir, ".containerignore", err);
}

/* --ignorefile: of this machine, whatever the context is. */
static int read_given_ignore(struct build_local *l, const char *path, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_named(path, CB_MAX_IGNOREFILE, &text);
    if (r < 0)
        return cb_fail_sys(err, r, "--ignorefile: read '%s'", path);
    return use_ignore_file(l, path, &text, err);
}

/* ---- the Dockerfile ---------------------------------------------------------------------------------------- */

/* What reading gave: 0, or 1 when the file does not exist. */
static int dockerfile_read(int r, const char *path, struct cb_error *err)
{
    if (r == -ENOENT || r == -ENOTDIR)
        return 1;
    if (r == -ECANCELED && cb_check_signals(err) < 0)
        return -1;
    return r < 0 ? cb_fail_sys(err, r, "failed to read dockerfile: open %s", path) : 0;
}

/* Reads the Dockerfile of a context. `root`: it is from elsewhere and must not name files of this machine. */
static int read_dockerfile(int dir, bool root, const char *path, struct cb_buf *text, struct cb_error *err)
{
    return dockerfile_read(read_text(dir, root, path, CB_MAX_DOCKERFILE, text), path, err);
}

/* The default name, its lower-case form and podman's (dockerfile.md §1). */
static int find_default(struct build_contexts *c, struct cb_buf *text, struct cb_error *err)
{
    static const char *const names[] = {"Dockerfile", "dockerfile", "Containerfile"};
    for (size_t i = 0; i < CB_LEN(names); i++) {
        int r = read_dockerfile(c->main.dir, c->main.remote, names[i], text, err);
        if (r < 0)
            return -1;
        if (r == 0) {
            c->dockerfile_name = cb_strdup(names[i]);
            return 0;
        }
    }
    cb_fail(err, CB_E_NOT_FOUND, "failed to read dockerfile: open Dockerfile: no such file or directory");
    return cb_hint(err, "looked in '%s'; name another file with -f", c->main.path);
}

static int find_named(struct build_contexts *c, const char *given, struct cb_buf *text, struct cb_error *err)
{
    /* For a context from elsewhere, the file is in it, unless the path is absolute: that is always a file of this machine. For a
     * directory, as with docker, a path that does not exist from here may exist from the context's root. */
    bool in_context = c->main.remote && given[0] != '/';
    int r = in_context ? 1 : dockerfile_read(cb_read_named(given, CB_MAX_DOCKERFILE, text), given, err);
    in_context = in_context || (r == 1 && given[0] != '/' && c->main.dir >= 0);
    if (in_context)
        r = read_dockerfile(c->main.dir, c->main.remote, given, text, err);
    if (r < 0)
        return -1;
    if (r == 1)
        return cb_fail(err, CB_E_NOT_FOUND, "failed to read dockerfile: open %s: no such file or directory", given);
    c->dockerfile_name = cb_strdup(cb_path_base(given));
    CB_AUTO(free) char *own = cb_printf("%s.dockerignore", given);
    r = c->main.dir >= 0 ? try_ignore_file(&c->main, in_context ? c->main.dir : AT_FDCWD, own, err) : 0;
    return r < 0 ? -1 : 0;
}

static int find_dockerfile(const struct build_request *q, struct build_contexts *c, struct cb_buf *text, struct cb_error *err)
{
    if (q->dockerfile && strcmp(q->dockerfile, "-") == 0) {
        c->dockerfile_name = cb_strdup("Dockerfile");
        return dockerfile_read(cb_read_stream(STDIN_FILENO, CB_MAX_DOCKERFILE, text), "standard input", err);
    }
    if (q->dockerfile)
        return find_named(c, q->dockerfile, text, err);
    if (find_default(c, text, err) < 0)
        return -1;
    CB_AUTO(free) char *own = cb_printf("%s.dockerignore", c->dockerfile_name);
    return try_ignore_file(&c->main, c->main.dir, own, err) < 0 ? -1 : 0;
}

/* ---- named contexts ----------------------------------------------------------------------------------------- */

/* Image names are compared in familiar form without ":latest" (§16). */
static char *normal_name(const char *name)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (oci_ref_parse(name, &ref, &ignored) < 0)
        return cb_strdup(name);
    char *familiar = oci_ref_familiar(&ref);
    if (cb_ends(familiar, ":latest"))
        familiar[strlen(familiar) - strlen(":latest")] = 0;
    return familiar;
}

/* What stands behind NAME= when it is neither an image nor a layout: a directory, git, a URL. */
static int open_named(struct build_session *session, const char *value, struct build_local *l, struct cb_error *err)
{
    CB_AUTO(df_gitref) struct df_gitref ref = {0};
    int git = is_directory(value) ? 0 : df_gitref_parse(value, &ref, err);
    if (git != 0)
        return git < 0 ? -1 : build_context_from_git(session, &ref, false, l, err);
    if (build_is_url(value)) {
        CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
        int archive = build_context_from_url(session, value, l, &bytes, err);
        return archive ? CB_MIN(archive, 0) : build_context_from_bytes(session, URL_FILE, &bytes, l, err);
    }
    return open_dir(value, l, err) < 0 || read_ignore(l, err) < 0 ? -1 : 0;
}

/* PATH[:TAG][@DIGEST] */
static void split_layout(const char *text, struct build_in_layout *ret)
{
    CB_AUTO(free) char *path = cb_strdup(text);
    char *digest = strchr(path, '@');
    if (digest)
        *digest++ = 0;
    char *slash = strrchr(path, '/'), *tag = strchr(slash ? slash : path, ':');
    if (tag)
        *tag++ = 0;
    *ret = (struct build_in_layout){cb_strdup(path), cb_strdup(tag), cb_strdup(digest)};
}

static int use_transport(struct build_session *session, struct build_named *n, const char *value,
                         const struct build_location *location, struct cb_error *err)
{
    if (build_location_is_registry(location)) {
        n->value = cb_strdup(location->place);
        n->kind = BUILD_NAMED_IMAGE;
        return 0;
    }
    n->value = cb_strdup(value);
    n->kind = BUILD_NAMED_LAYOUT;
    return build_transport_bring(session, location, &n->layout, err);
}

static int set_named(struct build_session *session, struct build_named *n, const char *value, struct cb_error *err)
{
    if (cb_starts(value, "docker-image://")) {
        n->value = cb_strdup(value + strlen("docker-image://"));
        n->kind = strcmp(n->value, "scratch") == 0 ? BUILD_NAMED_SCRATCH : BUILD_NAMED_IMAGE;
        return 0;
    }
    if (cb_starts(value, "oci-layout://")) {
        n->value = cb_strdup(value + strlen("oci-layout://"));
        n->kind = BUILD_NAMED_LAYOUT;
        split_layout(n->value, &n->layout.at);
        return 0;
    }
    CB_AUTO(build_location) struct build_location location = {0};
    int transport = is_directory(value) ? 0 : build_location_parse(value, &location, err);
    if (transport != 0)
        return transport < 0 || use_transport(session, n, value, &location, err) < 0
                   ? cb_prefix(err, "--build-context %s", n->name)
                   : 0;
    bool remote = build_is_url(value) || cb_starts(value, "git://") || cb_starts(value, "ssh://");
    if ((strstr(value, "://") && !remote) || cb_starts(value, "target:"))
        return cb_fail(err, CB_E_USAGE, "unsupported context source %s for %s", value, n->name);
    n->kind = BUILD_NAMED_LOCAL;
    return open_named(session, value, &n->local, err) < 0 ? cb_prefix(err, "--build-context %s", n->name) : 0;
}

static int add_named(struct build_session *session, struct build_contexts *c, const char *pair, struct cb_error *err)
{
    struct build_named *n = &CB_PUSH(c->named, c->n_named, c->cap_named);
    const char *value;
    CB_AUTO(free) char *name = cb_split_pair(pair, &value);
    char *platform = strstr(name, "::");
    n->local = BUILD_LOCAL_INIT;
    n->layout = BUILD_BROUGHT_INIT;
    if (platform) {
        n->platform = cb_strdup(platform + 2);
        *platform = 0;
    }
    n->name = normal_name(name);
    return set_named(session, n, value, err);
}

int build_contexts_time(const struct build_contexts *c, const char *name, int64_t *ret)
{
    const struct build_local *l = strcmp(name, "context") == 0 ? &c->main : NULL;
    CB_AUTO(free) char *normal = normal_name(name);
    for (size_t i = 0; i < c->n_named && !l; i++)
        if (c->named[i].kind == BUILD_NAMED_LOCAL && strcasecmp(c->named[i].name, normal) == 0)
            l = &c->named[i].local;
    if (!l)
        return -1;
    if (l->has_time)
        *ret = l->time;
    return l->has_time;
}

struct build_named *build_contexts_find(struct build_contexts *c, const char *name, const struct oci_platform *platform)
{
    if (!c->n_named || strcmp(name, "scratch") == 0 || strcmp(name, "context") == 0)
        return NULL;
    CB_AUTO(free) char *normal = normal_name(name);
    CB_AUTO(free) char *wanted = oci_platform_text(platform);
    struct build_named *found = NULL;
    for (size_t i = 0; i < c->n_named; i++) {
        struct build_named *n = &c->named[i];
        if (strcasecmp(n->name, normal) != 0)
            continue;
        if (n->platform && strcmp(n->platform, wanted) == 0)
            return n;
        if (!n->platform)
            found = n;
    }
    return found;
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

/* The context is (or may be) a Dockerfile itself: it cannot be given twice. */
static int take_text(const struct build_request *q, struct build_contexts *c, struct cb_error *err)
{
    if (q->dockerfile) {
        cb_fail(err, CB_E_USAGE, "ambiguous Dockerfile source: both the context '%s' and -f '%s' are Dockerfiles", q->context,
                q->dockerfile);
        return cb_hint(err, "the context is not a tar archive; leave -f out");
    }
    c->dockerfile_name = cb_strdup("Dockerfile");
    return 0;
}

/* --context-sub-path of kaniko. */
static int enter(struct build_local *l, const char *sub, struct cb_error *err)
{
    int dir = cb_open_in_root(l->dir, sub, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0)
        return cb_fail_sys(err, dir, "open '%s' of the build context", sub);
    cb_close(l->dir);
    l->dir = dir;
    char *path = cb_path_join(l->path ? l->path : "", sub);
    free(l->path);
    l->path = path;
    return 0;
}

/* 1: the files are there, the Dockerfile is still to be found. 0: only a Dockerfile was given. */
static int open_main(struct build_session *session, struct build_contexts *c, struct cb_error *err)
{
    const struct build_request *q = session->request;
    struct cb_buf *text = &c->dockerfile;
    CB_AUTO(df_gitref) struct df_gitref ref = {0};
    if (strcmp(q->context, "-") == 0)
        return build_context_from_stdin(session, &c->main, text, err);
    int git = is_directory(q->context) ? 0 : df_gitref_parse(q->context, &ref, err);
    if (git > 0 && q->git_protocol && cb_starts(ref.remote, "git://")) {
        char *remote = cb_printf("%s%s", q->git_protocol, ref.remote + strlen("git"));
        free(ref.remote);
        ref.remote = remote;
    }
    if (git != 0)
        return git < 0 || build_context_from_git(session, &ref, true, &c->main, err) < 0 ? -1 : 1;
    if (build_is_url(q->context))
        return build_context_from_url(session, q->context, &c->main, text, err);
    return open_dir(q->context, &c->main, err) < 0 ? -1 : 1;
}

static int check_dockerfile_option(const struct build_request *q, struct cb_error *err)
{
    bool from_stdin = q->dockerfile && strcmp(q->dockerfile, "-") == 0;
    if (from_stdin && strcmp(q->context, "-") == 0)
        return cb_fail(err, CB_E_USAGE, "standard input cannot be both the build context and the Dockerfile");
    if (q->dockerfile && build_is_url(q->dockerfile)) {
        cb_fail(err, CB_E_USAGE, "-f '%s': the Dockerfile is a file", q->dockerfile);
        return cb_hint(err, "download it, or pipe it in: curl -fsSL URL | cbuild -f - CONTEXT");
    }
    return 0;
}

int build_contexts_open(struct build_session *session, struct build_contexts *ret, struct cb_error *err)
{
    const struct build_request *q = session->request;
    ret->main.dockerfile = &ret->dockerfile;
    ret->main.ignores = q->ignores_everywhere;
    if (check_dockerfile_option(q, err) < 0)
        return -1;
    for (size_t i = 0; i < q->contexts.n; i++)
        if (add_named(session, ret, q->contexts.items[i], err) < 0)
            return -1;
    int files = open_main(session, ret, err);
    if (files <= 0)
        return files < 0 ? -1 : take_text(q, ret, err);
    if (q->context_sub && *q->context_sub && enter(&ret->main, q->context_sub, err) < 0)
        return -1;
    if (q->ignorefile && read_given_ignore(&ret->main, q->ignorefile, err) < 0)
        return -1;
    if (find_dockerfile(q, ret, &ret->dockerfile, err) < 0)
        return -1;
    return ret->main.ignore || read_ignore(&ret->main, err) >= 0 ? 0 : -1;
}

/* Where only a Dockerfile was given: from a URL it is the one file of the context, from standard input there is none. */
static int open_without_files(struct build_session *session, struct build_local *l, struct cb_error *err)
{
    return build_context_from_bytes(session, build_is_url(session->request->context) ? URL_FILE : NULL, l->dockerfile, l, err);
}

int build_local_source(struct build_session *session, struct build_local *l, struct build_source **ret, struct cb_error *err)
{
    if (!l->context) {
        if (l->dir < 0 && open_without_files(session, l, err) < 0)
            return -1;
        if (!l->remote) /* else the files are new each time */
            l->digests = cache_digests_open(session->store, l->path);
        struct build_walk_params p = {.dir = l->dir,
                                      .name = l->path,
                                      .ignore = l->ignore,
                                      .digests = l->digests,
                                      .store = session->store,
                                      .git_modes = l->git_modes,
                                      .plain_modes = session->request->ignores_modes};
        if (build_walk_new(&p, &l->context, err) < 0)
            return -1;
        build_walk_source(l->context)->local = !l->remote;
    }
    *ret = build_walk_source(l->context);
    return 0;
}

static void local_close(struct build_session *session, struct build_local *l)
{
    build_walk_free(l->context);
    if (l->digests)
        cache_digests_close(l->digests);
    df_ignore_free(l->ignore);
    cb_strv_done(&l->ignore_patterns);
    l->dir = cb_close(l->dir);
    build_context_remote_done(session, l);
    free(l->path);
}

void build_contexts_settle(struct build_contexts *c)
{
    if (c->main.digests)
        cache_digests_settle(c->main.digests);
    for (size_t i = 0; i < c->n_named; i++)
        if (c->named[i].local.digests)
            cache_digests_settle(c->named[i].local.digests);
}

void build_contexts_close(struct build_session *session, struct build_contexts *c)
{
    local_close(session, &c->main);
    for (size_t i = 0; i < c->n_named; i++) {
        local_close(session, &c->named[i].local);
        build_brought_done(session, &c->named[i].layout);
        free(c->named[i].name);
        free(c->named[i].platform);
        free(c->named[i].value);
    }
    free(c->named);
    free(c->dockerfile_name);
    cb_buf_done(&c->dockerfile);
    *c = BUILD_CONTEXTS_INIT;
}
