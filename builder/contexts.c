#include "builder/contexts.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/text.h"
#include "builder/build.h"
#include "registry/reference.h"

#include <limits.h>
#include <unistd.h>

/* ---- directories ---------------------------------------------------------------------------------------- */

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
        return cb_context(err, "error checking context: %s", name);
    return 0;
}

/* 1: read. 0: there is none. */
static int try_ignore_file(struct build_local *l, int dir, const char *path, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    int r = cb_read_file(dir, path, CB_MAX_IGNOREFILE, &text);
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

/* ---- the Dockerfile ---------------------------------------------------------------------------------------- */

/* Reads the file; 0, or 1 when it does not exist. */
static int read_dockerfile(int dir, const char *path, struct cb_buf *text, struct cb_error *err)
{
    int r = cb_read_file(dir, path, CB_MAX_DOCKERFILE, text);
    if (r == -ENOENT)
        return 1;
    if (r < 0)
        return cb_fail_sys(err, r, "failed to read dockerfile: open %s", path);
    return 0;
}

static int read_stdin(struct cb_buf *text, struct cb_error *err)
{
    int r = cb_read_fd(0, CB_MAX_DOCKERFILE, text);
    return r < 0 ? cb_fail_sys(err, r, "read the Dockerfile from standard input") : 0;
}

/* The default name, its lower-case form and podman's (dockerfile.md §1). */
static int find_default(struct build_contexts *c, struct cb_buf *text, struct cb_error *err)
{
    static const char *const names[] = {"Dockerfile", "dockerfile", "Containerfile"};
    for (size_t i = 0; i < CB_LEN(names); i++) {
        int r = read_dockerfile(c->main.dir, names[i], text, err);
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
    int r = read_dockerfile(AT_FDCWD, given, text, err);
    /* As docker does, a path that is not there from here may be there from the context's root. */
    bool in_context = r == 1 && given[0] != '/' && c->main.dir >= 0;
    if (in_context)
        r = read_dockerfile(c->main.dir, given, text, err);
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
        return read_stdin(text, err);
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

static int add_named(struct build_contexts *c, const char *pair, struct cb_error *err)
{
    const char *eq = strchr(pair, '=');
    struct build_named n = {.local.dir = -1};
    CB_AUTO(free) char *name = cb_memdup0(pair, (size_t)(eq - pair));
    const char *value = eq + 1;
    char *platform = strstr(name, "::");
    if (platform) {
        n.platform = cb_strdup(platform + 2);
        *platform = 0;
    }
    n.name = normal_name(name);
    if (cb_starts(value, "docker-image://")) {
        n.value = cb_strdup(value + strlen("docker-image://"));
        n.kind = strcmp(n.value, "scratch") == 0 ? NAMED_SCRATCH : NAMED_IMAGE;
    } else if (cb_starts(value, "oci-layout://")) {
        n.value = cb_strdup(value + strlen("oci-layout://"));
        n.kind = NAMED_LAYOUT;
    } else if (strstr(value, "://") || cb_starts(value, "target:")) {
        free(n.name);
        free(n.platform);
        return cb_fail(err, CB_E_USAGE, "unsupported context source %s for %s", value, name);
    } else {
        n.kind = NAMED_LOCAL;
        if (open_dir(value, &n.local, err) < 0 || read_ignore(&n.local, err) < 0)
            return cb_context(err, "--build-context %s", name);
    }
    CB_PUSH(c->named, c->n_named, c->cap_named) = n;
    return 0;
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

int build_contexts_open(struct build *b, struct build_contexts *ret, struct cb_buf *text, struct cb_error *err)
{
    const struct build_request *q = b->request;
    ret->main.dir = -1;
    for (size_t i = 0; i < q->contexts.n; i++)
        if (add_named(ret, q->contexts.items[i], err) < 0)
            return -1;
    if (strcmp(q->context, "-") == 0) { /* a Dockerfile and no files */
        ret->dockerfile_name = cb_strdup("Dockerfile");
        return read_stdin(text, err);
    }
    if (open_dir(q->context, &ret->main, err) < 0 || find_dockerfile(q, ret, text, err) < 0)
        return -1;
    return ret->main.ignore || read_ignore(&ret->main, err) >= 0 ? 0 : -1;
}

int build_local_source(struct build *b, struct build_local *l, struct build_source **ret, struct cb_error *err)
{
    if (!l->context) {
        if (l->dir < 0)
            return cb_fail(err, CB_E_NOT_FOUND, "there is no build context: only a Dockerfile was given");
        l->digests = cache_context_open(b->store, l->path);
        struct build_context_params p = {.dir = l->dir, .name = l->path, .ignore = l->ignore, .digests = l->digests};
        if (build_context_new(&p, &l->context, err) < 0)
            return -1;
    }
    *ret = build_context_source(l->context);
    return 0;
}

static void local_close(struct build_local *l)
{
    build_context_free(l->context);
    if (l->digests)
        cache_context_close(l->digests);
    df_ignore_free(l->ignore);
    cb_strv_done(&l->ignore_patterns);
    l->dir = cb_close(l->dir);
    free(l->path);
}

void build_contexts_close(struct build_contexts *c)
{
    local_close(&c->main);
    for (size_t i = 0; i < c->n_named; i++) {
        local_close(&c->named[i].local);
        free(c->named[i].name);
        free(c->named[i].platform);
        free(c->named[i].value);
    }
    free(c->named);
    free(c->dockerfile_name);
    *c = (struct build_contexts){.main.dir = -1};
}
