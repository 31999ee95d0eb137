/* import: a tar of files becomes an image of one layer. */
#include "base/fd.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/stream/tar.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/plan/build.h"
#include "builder/session/jobs.h"
#include "cache/store/blob.h"

#include <stdio.h>
#include <unistd.h>

struct import {
    struct cli_invocation common;
    struct cb_strv changes; /* instructions, one each */
    char *message;
};

/* ---- --change ---------------------------------------------------------------------------------------------------------- */

/* Nothing is executed and no file comes from elsewhere: only what is said in the config can be changed. */
static int add_change(const char *value, void *to, struct cb_error *err)
{
    static const char *const words[] = {"CMD",     "ENTRYPOINT", "ENV",        "EXPOSE", "HEALTHCHECK", "LABEL",
                                        "ONBUILD", "SHELL",      "STOPSIGNAL", "USER",   "VOLUME",      "WORKDIR"};
    size_t n = strcspn(value, " \t");
    for (size_t i = 0; i < CB_LEN(words) && !strchr(value, '\n'); i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], value, n) == 0) {
            cb_strv_push(to, value);
            return 0;
        }
    cb_fail(err, CB_E_USAGE, "'%s' is no instruction that can be given there", value);
    return cb_hint(err, "one line of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME "
                        "or WORKDIR; a Dockerfile on top of the image can do all else");
}

/* The changes are those of a Dockerfile on nothing; its first line is ours. */
static int plan_changes(const struct import *v, struct build *b, struct cb_error *err)
{
    cb_buf_adds(&b->contexts.dockerfile, "FROM scratch\n");
    for (size_t i = 0; i < v->changes.n; i++)
        cb_buf_printf(&b->contexts.dockerfile, "%s\n", v->changes.items[i]);
    if (build_plan(b, err) == 0)
        return 0;
    size_t line = (size_t)err->at.line;
    if (line >= 2 && line - 2 < v->changes.n)
        cb_prefix(err, "--change '%s'", v->changes.items[line - 2]);
    err->at = (struct cb_place){0};
    err->code = CB_E_USAGE;
    return -1;
}

/* ---- the layer --------------------------------------------------------------------------------------------------------- */

struct copying {
    struct cache_store *store;
    int fd;
};

static ssize_t read_from(void *arg, void *p, size_t n, struct cb_error *err)
{
    ssize_t r = cb_read(*(int *)arg, p, n);
    return r < 0 ? cb_fail_sys(err, (int)r, "read it") : r;
}

/* The tar, without its compression, becomes a blob: its digest is the diff ID. */
static int copy_job(struct cb_job_io *io, const void *ctx, struct cb_buf *answer, struct cb_error *err)
{
    struct copying c = *(const struct copying *)ctx;
    CB_AUTO(cb_tar_reader) struct cb_tar_reader *t = cb_tar_reader_new(read_from, &c.fd, true, err);
    CB_AUTO(cache_blob_writer) struct cache_blob_writer w = CACHE_BLOB_WRITER_INIT;
    struct cb_digest digest;
    char block[16384];
    ssize_t n;
    if (cache_blob_begin(c.store, &w, err) < 0)
        return -1;
    while ((n = cb_tar_reader_bytes(t, block, sizeof(block), err)) > 0) {
        if (w.size > CB_MAX_FILE)
            return cb_fail(err, CB_E_CORRUPT, "it is larger than %llu bytes", (unsigned long long)CB_MAX_FILE);
        if (cache_blob_write(&w, block, (size_t)n, err) < 0)
            return -1;
        cb_job_progress(io, "reading", w.size, 0);
    }
    if (n == 0 && w.size == 0)
        return cb_fail(err, CB_E_CORRUPT, "it is empty");
    uint64_t size = w.size;
    if (n < 0 || cache_blob_commit(&w, NULL, &digest, err) < 0)
        return -1;
    cb_put_digest(answer, &digest);
    cb_put_u64(answer, size);
    return 0;
}

static int copy_tar(struct import *v, const char *shown, struct cache_image_layer *ret, struct cb_error *err)
{
    const char *file = v->common.args.items[0];
    bool stream = strcmp(file, "-") == 0;
    CB_AUTO(close) int own = stream ? -1 : open(file, O_RDONLY | O_CLOEXEC);
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    const struct copying c = {v->common.session.store, stream ? STDIN_FILENO : own};
    struct cb_job job;
    if (c.fd < 0)
        return cb_fail_sys(err, errno, "open '%s'", file);
    if (cb_job_fork(copy_job, &c, &job, err) < 0)
        return -1;
    CB_AUTO(free) char *name = cb_printf("import %s", shown);
    if (build_wait_job(&v->common.session, &job, name, &answer, err) < 0)
        return cb_prefix(err, "%s", shown);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    ret->diff_id = ret->id = ret->blob = cb_get_digest(&u);
    ret->blob_size = cb_get_u64(&u);
    return 0;
}

/* ---- the image --------------------------------------------------------------------------------------------------------- */

/* One entry for the layer, then those of the changes, as docker and a build say them. */
static void complete_config(const struct import *v, const char *shown, const struct build_plan *p,
                            const struct cb_digest *diff_id, struct oci_image_config *c)
{
    const struct build_state *state = &p->targets[0].state;
    oci_image_config_copy(c, &state->config);
    c->has_created = true;
    c->created = p->has_epoch ? (struct timespec){p->epoch, 0} : v->common.session.started;
    CB_PUSH(c->diff_ids, c->n_diff_ids, c->cap_diff_ids) = *diff_id;
    CB_PUSH(c->history, c->n_history, c->cap_history) =
        (struct oci_history){.has_created = true,
                             .created = c->created,
                             .comment = v->message ? cb_strdup(v->message) : cb_printf("Imported from %s", shown)};
    for (size_t i = 0; i < state->n_history; i++)
        CB_PUSH(c->history, c->n_history, c->cap_history) =
            (struct oci_history){.has_created = true,
                                 .created = c->created,
                                 .created_by = cb_strdup(state->history[i].created_by),
                                 .empty_layer = true};
}

static int store_image(struct import *v, const char *name, const char *shown, struct build *b, struct cb_error *err)
{
    struct build_session *s = &v->common.session;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_image_config) struct oci_image_config config = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    char id[CB_DIGEST_TEXT + 1];
    struct cache_image_layer *layer = &CB_PUSH(image.layers, image.n_layers, image.cap_layers);
    if (copy_tar(v, shown, layer, err) < 0)
        return -1;
    complete_config(v, shown, &b->plan, &layer->diff_id, &config);
    oci_image_config_write(&config, &bytes);
    if (cache_blob_put(s->store, bytes.data, bytes.len, &image.config, err) < 0)
        return -1;
    cb_digest_text(&image.config, id);
    image.name = cb_strdup(name ? name : id);
    image.created = config.created;
    image.updated = s->started;
    const struct build_base base = {.name = (char *)shown, .image = image};
    CB_AUTO(free) char *step = cb_printf("list the files of %s", shown);
    if (build_base_fetch(s, &base, BUILD_BASE_PACKED, step, err) < 0)
        return -1;
    build_base_find_layers(s, &image);
    if (cache_image_store(s->store, &image, err) < 0)
        return -1;
    puts(id);
    return 0;
}

static int import(void *filled, struct cb_error *err)
{
    struct import *v = filled;
    const char *file = v->common.args.items[0];
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    bool named = v->common.args.n > 1;
    if (strstr(file, "://")) {
        cb_fail(err, CB_E_USAGE, "'%s' is no file", file);
        return cb_hint(err, "curl -fL %s | cbuild import - NAME", file);
    }
    if ((named && cli_parse_name(v->common.args.items[1], false, &ref, err) < 0) ||
        cli_default_progress(&v->common.request, err) < 0 || cli_open(&v->common, err) < 0)
        return -1;
    CB_AUTO(free) char *name = named ? oci_ref_full(&ref) : NULL;
    cli_default_epoch(&v->common.request);
    struct build b = BUILD_INIT(&v->common.session);
    int r = plan_changes(v, &b, err);
    if (r == 0)
        r = store_image(v, name, strcmp(file, "-") == 0 ? "standard input" : file, &b, err);
    build_done(&b);
    return r;
}

static void done(void *filled)
{
    struct import *v = filled;
    cb_strv_done(&v->changes);
    free(v->message);
}

#define AT(member) offsetof(struct cli_invocation, request.member)

static const struct cli_option options[] = {
    {"change", 'c', "Image", "INSTRUCTION", NULL, add_change, offsetof(struct import, changes),
     "what the image says besides its files: 'CMD [\"/bin/sh\"]', 'ENV A=b', 'USER app'"},
    {"message", 'm', "Image", "TEXT", NULL, cli_set_string, offsetof(struct import, message), "comment in the history"},
    {"platform", 0, "Image", "OS/ARCH", NULL, cli_set_platform, AT(platform),
     "that the files are for (default, and 'local': this machine's)"},
};

const struct cli_command cli_import = {
    .name = "import",
    .arguments = "FILE [NAME]",
    .help = "make an image of a tar of files ('-': standard input), compressed or not",
    .min = 1,
    .max = 2,
    .tables = {CLI_TABLE(options), &cli_progress_options, &cli_platform_options},
    .size = sizeof(struct import),
    .run = import,
    .done = done,
};
