#include "builder/cli/manage.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/text.h"
#include "builder/pull/base-image.h"
#include "builder/output/push.h"
#include "builder/show/progress.h"
#include "builder/show/report.h"
#include "cache/blob.h"
#include "cache/gc.h"
#include "parser/value.h"
#include "registry/oci/reference.h"
#include "builder/session/jobs.h"

#include <dlfcn.h>
#include <stdio.h>

/* What every command has in common: the store, and its plain arguments. */
struct command {
    struct build_request request;
    struct build_session session;
    struct cb_strv args;
    bool opened;
    bool reads;         /* the store stays as it is */
    bool all, mounts;   /* prune */
    bool force;         /* rmi: all names of an image; prune: nothing is asked anyway */
    bool quiet;         /* images */
    char *keep, *until; /* prune */
};

int manage_report(struct cb_error *err)
{
    int status = build_exit_status(err);
    build_report((struct cb_str){"", 0}, NULL, err);
    cb_error_done(err);
    return status;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

struct flag {
    const char *name;
    bool *yes;
    char **value;
};

static int unknown_flag(const char *given, struct cb_error *err)
{
    cb_fail(err, CB_E_USAGE, "unknown option '%s'", given);
    return cb_starts(given, "--format") ? cb_hint(err, "'cbuild inspect NAME' prints JSON")
                                        : cb_hint(err, "'cbuild --help' shows the commands");
}

/* Switches of one letter in one word: `-af`. */
static int take_letters(const struct flag *flags, size_t n, const char *given, struct cb_error *err)
{
    for (const char *c = given + 1; *c; c++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            if (flags[k].yes && flags[k].name[1] == *c && !flags[k].name[2])
                known = *flags[k].yes = true;
        if (!known)
            return unknown_flag(given, err);
    }
    return 0;
}

static int take_flag(const struct flag *flags, size_t n, int argc, char **argv, int *i, struct cb_error *err)
{
    const char *a = argv[*i];
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(flags[k].name);
        if (strncmp(a, flags[k].name, len) != 0 || (a[len] && a[len] != '='))
            continue;
        if (flags[k].yes && !a[len])
            return (*flags[k].yes = true, 0);
        if (!flags[k].value)
            return cb_fail(err, CB_E_USAGE, "option '%s' takes no value", flags[k].name);
        if (!a[len] && *i + 1 >= argc)
            return cb_fail(err, CB_E_USAGE, "option '%s' needs a value", flags[k].name);
        free(*flags[k].value);
        *flags[k].value = cb_strdup(a[len] ? a + len + 1 : argv[++*i]);
        return 0;
    }
    return a[1] == '-' ? unknown_flag(a, err) : take_letters(flags, n, a, err);
}

/* Opens the store. `extra`: flags of this command besides --root. */
static int command_open(struct command *c, int argc, char **argv, size_t min, size_t max, const struct flag *extra,
                        size_t n_extra, struct cb_error *err)
{
    const struct flag root = {"--root", NULL, &c->request.root};
    bool no_more = false;
    for (int i = 0; i < argc; i++) {
        if (!no_more && strcmp(argv[i], "--") == 0) {
            no_more = true;
            continue;
        }
        if (no_more || argv[i][0] != '-' || !argv[i][1]) {
            cb_strv_push(&c->args, argv[i]);
            continue;
        }
        bool is_root = cb_starts(argv[i], "--root");
        if (take_flag(is_root ? &root : extra, is_root ? 1 : n_extra, argc, argv, &i, err) < 0)
            return -1;
    }
    if (c->args.n < min || c->args.n > max) {
        cb_fail(err, CB_E_USAGE, c->args.n < min ? "a name is missing" : "too many arguments: '%s'",
                c->args.n ? c->args.items[c->args.n - 1] : "");
        return cb_hint(err, "'cbuild --help' shows the commands");
    }
    c->request.progress = PROGRESS_AUTO;
    c->request.empties = c->all && c->mounts && !c->keep && !c->until;
    c->opened = true;
    return (c->reads ? build_session_open_to_read : build_session_open)(&c->session, &c->request,
                                                                        build_renderer_new(PROGRESS_AUTO), err);
}

static int command_close(struct command *c, int result, struct cb_error *err)
{
    int status = result < 0 ? manage_report(err) : 0;
    if (c->opened)
        build_session_close(&c->session);
    cb_strv_done(&c->args);
    free(c->keep);
    free(c->until);
    build_request_done(&c->request);
    return status;
}

/* A name that the user gave for an image, in whole; with it comes no digest unless `digest`. */
static int parse_name(const char *text, bool digest, struct oci_ref *ret, struct cb_error *err)
{
    if (oci_ref_parse(text, ret, err) < 0) {
        err->code = CB_E_USAGE;
        return cb_context(err, "'%s'", text);
    }
    return digest || !ret->digest ? 0 : cb_fail(err, CB_E_USAGE, "'%s': an image cannot be given a digest, only a tag", text);
}

static bool is_unnamed(const struct cache_image *image)
{
    return cb_starts(image->name, "sha256:");
}

/* Takes the image at `at` out of a list, which is gone afterwards. */
static void take_from_list(struct cache_image *list, size_t n, size_t at, struct cache_image *ret)
{
    for (size_t i = 0; i < n; i++)
        if (i == at)
            *ret = list[i];
        else
            cache_image_done(&list[i]);
    free(list);
}

static int not_there(const char *text, struct cb_error *err)
{
    cb_fail(err, CB_E_NOT_FOUND, "no image '%s' in the store", text);
    return cb_hint(err, "'cbuild images' lists them");
}

/* By an image ID, or a prefix of one that is no other image's (at least 4 digits). */
static int find_by_id(struct command *c, const char *text, struct cache_image *ret, struct cb_error *err)
{
    const char *hex = cb_starts(text, "sha256:") ? text + 7 : text;
    struct cache_image *list = NULL;
    size_t n = 0, at = SIZE_MAX;
    bool several = false;
    if (strlen(hex) < 4)
        return not_there(text, err);
    if (cache_image_list(c->session.store, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        char id[CB_DIGEST_HEX + 1];
        cb_digest_hex(&list[i].config, id);
        if (!cb_starts(id, hex))
            continue;
        several |= at != SIZE_MAX && !cb_digest_eq(&list[at].config, &list[i].config);
        if (at == SIZE_MAX)
            at = i;
    }
    take_from_list(list, n, several ? SIZE_MAX : at, ret);
    if (several)
        return cb_fail(err, CB_E_NOT_FOUND, "'%s' begins the IDs of several images: give more of it", text);
    return at == SIZE_MAX ? not_there(text, err) : 0;
}

/* The image a person means. `ret_by_id` (may be NULL): it was named by its ID. */
static int find_image(struct command *c, const char *text, struct cache_image *ret, bool *ret_by_id, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error not_a_name = CB_ERROR_INIT;
    if (ret_by_id)
        *ret_by_id = false;
    if (oci_ref_parse(text, &ref, &not_a_name) == 0) {
        CB_AUTO(free) char *full = oci_ref_full(&ref);
        int r = cache_image_load(c->session.store, full, ret, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
    }
    if (ret_by_id)
        *ret_by_id = true;
    return find_by_id(c, text, ret, err);
}

/* ---- images, inspect, tag, rmi --------------------------------------------------------------------------------------- */

static char *short_name(const struct cache_image *image)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return !is_unnamed(image) && oci_ref_parse(image->name, &ref, &ignored) == 0 ? oci_ref_familiar(&ref) : cb_strdup("<none>");
}

/* Is the one at `at` another name, or none, of an image that stands in the list before it? */
static bool is_listed(const struct cache_image *list, size_t n, size_t at, bool named)
{
    for (size_t i = 0; i < n; i++)
        if (i != at && cb_digest_eq(&list[i].config, &list[at].config) && (named ? !is_unnamed(&list[i]) : i < at))
            return true;
    return false;
}

/* `images NAME`: with a tag that image alone, without one all tags of the repository. */
static bool is_asked_for(const struct cache_image *image, const struct oci_ref *want, bool any_tag)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (is_unnamed(image) || oci_ref_parse(image->name, &ref, &ignored) < 0)
        return false;
    CB_AUTO(free) char *full = any_tag ? oci_ref_name(want) : oci_ref_full(want);
    CB_AUTO(free) char *own = any_tag ? oci_ref_name(&ref) : cb_strdup(image->name);
    return strcmp(full, own) == 0;
}

static bool has_tag(const char *text)
{
    const char *slash = strrchr(text, '/');
    return strpbrk(slash ? slash : text, ":@") != NULL;
}

static void print_image(struct command *c, struct cache_image *image)
{
    char id[CB_DIGEST_HEX + 1], created[CB_TIME_MAX], size[16];
    cb_digest_hex(&image->config, id);
    if (c->quiet) {
        printf("%.12s\n", id);
        return;
    }
    CB_AUTO(free) char *name = short_name(image);
    image->created.tv_nsec = 0;
    cb_time_rfc3339(image->created, created);
    printf("%-50s %.12s  %-20s %9s\n", name, id, created, cb_human_size(build_image_size(c->session.store, image), size));
}

int manage_images(int argc, char **argv)
{
    struct command c = {.reads = true};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(oci_ref) struct oci_ref want = {0};
    struct cache_image *list = NULL;
    size_t n = 0;
    const struct flag flags[] = {{"--quiet", &c.quiet, NULL}, {"-q", &c.quiet, NULL}};
    int r = command_open(&c, argc, argv, 0, 1, flags, CB_LEN(flags), &err);
    if (r == 0 && c.args.n)
        r = parse_name(c.args.items[0], true, &want, &err);
    if (r == 0)
        r = cache_image_list(c.session.store, &list, &n, &err);
    if (r == 0 && !c.quiet)
        printf("%-50s %-12s  %-20s %9s\n", "NAME", "IMAGE ID", "CREATED", "SIZE");
    for (size_t i = 0; i < n; i++) {
        if (c.args.n && !is_asked_for(&list[i], &want, !has_tag(c.args.items[0])))
            continue;
        if (!(is_unnamed(&list[i]) && is_listed(list, n, i, true)) && !(c.quiet && is_listed(list, n, i, false)))
            print_image(&c, &list[i]);
    }
    cache_image_list_free(list, n);
    return command_close(&c, r, &err);
}

static json_t *describe(struct cache_store *s, const struct cache_image *image, json_t *config)
{
    char text[CB_DIGEST_TEXT + 1], when[CB_TIME_MAX];
    json_t *j = json_object(), *layers = json_array();
    cb_digest_text(&image->config, text);
    json_object_set_new(j, "Id", json_string(text));
    json_object_set_new(j, "Name", json_string(image->name));
    cb_time_rfc3339(image->updated, when);
    json_object_set_new(j, "Updated", json_string(when));
    if (image->pulled) {
        cb_digest_text(&image->index, text);
        json_object_set_new(j, "Digest", json_string(text));
    }
    json_object_set_new(j, "Size", json_integer((json_int_t)build_image_size(s, image)));
    for (size_t i = 0; i < image->n_layers; i++) {
        json_t *l = json_object();
        cb_digest_text(&image->layers[i].diff_id, text);
        json_object_set_new(l, "DiffID", json_string(text));
        if (image->layers[i].blob_size) {
            cb_digest_text(&image->layers[i].blob, text);
            json_object_set_new(l, "Digest", json_string(text));
        }
        json_array_append_new(layers, l);
    }
    json_object_set_new(j, "Layers", layers);
    json_object_set(j, "Config", config);
    return j;
}

int manage_inspect(int argc, char **argv)
{
    struct command c = {.reads = true};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT, out = CB_BUF_INIT;
    int r = command_open(&c, argc, argv, 1, 1, NULL, 0, &err);
    if (r == 0)
        r = find_image(&c, c.args.items[0], &image, NULL, &err);
    if (r == 0 && cache_blob_get(c.session.store, &image.config, CB_MAX_CONFIG, &bytes, &err) != 1)
        r = err.code ? -1
                     : cb_fail(&err, CB_E_CORRUPT, "the config of '%s' is not in the store: build or pull it again", image.name);
    CB_AUTO(json) json_t *config = r == 0 ? cb_json_parse(bytes.data, bytes.len, "image config", &err) : NULL;
    if (r == 0 && !config)
        r = -1;
    if (r == 0) {
        CB_AUTO(json) json_t *j = describe(c.session.store, &image, config);
        cb_json_dump(j, CB_JSON_INDENT, &out);
        puts(out.data);
    }
    return command_close(&c, r, &err);
}

int manage_tag(int argc, char **argv)
{
    struct command c = {0};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    int r = command_open(&c, argc, argv, 2, 2, NULL, 0, &err);
    if (r == 0)
        r = parse_name(c.args.items[1], false, &ref, &err);
    if (r == 0)
        r = find_image(&c, c.args.items[0], &image, NULL, &err);
    if (r == 0) {
        free(image.name);
        image.name = oci_ref_full(&ref);
        clock_gettime(CLOCK_REALTIME, &image.updated);
        r = cache_image_store(c.session.store, &image, &err);
    }
    return command_close(&c, r, &err);
}

/* Removes all names of this image. */
static int remove_names(struct command *c, const struct cache_image *list, size_t n, const struct cb_digest *id,
                        struct cb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!cb_digest_eq(&list[i].config, id))
            continue;
        if (cache_image_remove(c->session.store, list[i].name, err) < 0)
            return -1;
        CB_AUTO(free) char *name = short_name(&list[i]);
        printf("removed %s\n", is_unnamed(&list[i]) ? list[i].name : name);
    }
    return 0;
}

/* A name goes alone; with the last one goes the image. An ID stands for the image, whose names must then be meant too. */
static int remove_image(struct command *c, const char *text, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    struct cache_image *list = NULL;
    size_t n = 0, n_names = 0;
    bool by_id;
    if (find_image(c, text, &image, &by_id, err) < 0 || cache_image_list(c->session.store, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!is_unnamed(&list[i]) && cb_digest_eq(&list[i].config, &image.config)) {
            CB_AUTO(free) char *name = short_name(&list[i]);
            cb_buf_printf(&names, n_names++ ? ", %s" : "%s", name);
        }
    int r;
    if (by_id && n_names > 1 && !c->force) {
        cb_fail(err, CB_E_FAILED, "image '%s' has several names: %s", text, names.data);
        r = cb_hint(err, "name those to be removed, or remove all with 'rmi --force'");
    } else if (by_id || n_names == 1) {
        r = remove_names(c, list, n, &image.config, err);
    } else {
        CB_AUTO(free) char *name = short_name(&image);
        r = cache_image_remove(c->session.store, image.name, err) < 0 ? -1 : 0;
        if (r == 0)
            printf("removed %s\n", name);
    }
    cache_image_list_free(list, n);
    return r;
}

int manage_rmi(int argc, char **argv)
{
    struct command c = {0};
    struct cb_error err = CB_ERROR_INIT;
    const struct flag flags[] = {{"--force", &c.force, NULL}, {"-f", &c.force, NULL}};
    int r = command_open(&c, argc, argv, 1, SIZE_MAX, flags, CB_LEN(flags), &err);
    for (size_t i = 0; r == 0 && i < c.args.n; i++) { /* what is wrong with one keeps none of the others */
        struct cb_error one = CB_ERROR_INIT;
        if (remove_image(&c, c.args.items[i], &one) == 0)
            continue;
        if (err.code)
            manage_report(&err);
        cb_error_move(&err, &one);
    }
    return command_close(&c, r < 0 || err.code ? -1 : 0, &err);
}

/* ---- push, pull --------------------------------------------------------------------------------------------------------- */

/* Every layer as the registry holds it. */
static int complete(struct command *c, const struct cache_image *image, struct cb_error *err)
{
    struct build_base base = {.name = image->name, .image = *image};
    struct cb_job job;
    if (build_base_complete(&c->session, image, BASE_PACKED))
        return 0;
    if (build_base_start(&c->session, &base, BASE_PACKED, &job, err) < 0)
        return -1;
    CB_AUTO(free) char *shown = cb_printf("pull %s", image->name);
    return build_wait_job(&c->session, &job, shown, NULL, err);
}

int manage_push(int argc, char **argv)
{
    struct command c = {0};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    const struct build_packing packing = {.codec = cb_codecs[0], .level = -1};
    struct cb_digest digest;
    bool by_id = false;
    int r = command_open(&c, argc, argv, 1, 2, NULL, 0, &err);
    if (r == 0)
        r = find_image(&c, c.args.items[0], &image, &by_id, &err);
    if (r == 0 && by_id && c.args.n == 1) {
        cb_fail(&err, CB_E_USAGE, "'%s' is an image ID: where is it to be pushed?", c.args.items[0]);
        r = cb_hint(&err, "cbuild push %s registry.example/name:tag", c.args.items[0]);
    }
    if (r == 0)
        r = parse_name(c.args.items[c.args.n - 1], false, &ref, &err);
    const struct build_base base = {.name = image.name, .image = image};
    const struct build_image pushed = {.stored = image, .base = &base};
    if (r == 0)
        r = build_push(&c.session, &pushed, &packing, &image.annotations, &ref, &digest, &err);
    if (r == 0) {
        char text[CB_DIGEST_TEXT + 1];
        CB_AUTO(free) char *name = oci_ref_full(&ref);
        cb_digest_text(&digest, text);
        printf("%s@%s\n", name, text);
    }
    return command_close(&c, r, &err);
}

int manage_pull(int argc, char **argv)
{
    struct command c = {0};
    struct cb_error err = CB_ERROR_INIT;
    struct oci_platform host = {0};
    oci_platform_host(&host);
    int r = command_open(&c, argc, argv, 1, SIZE_MAX, NULL, 0, &err);
    for (size_t i = 0; r == 0 && i < c.args.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        r = parse_name(c.args.items[i], true, &ref, &err);
    }
    for (size_t i = 0; r == 0 && i < c.args.n; i++) {
        struct build_want w = {.text = c.args.items[i], .platform = &host};
        r = build_bases_resolve(&c.session, &w, 1, PULL_ALWAYS, &err);
        if (r == 0)
            r = complete(&c, &w.base.image, &err);
        if (r == 0) {
            char text[CB_DIGEST_TEXT + 1];
            cb_digest_text(&w.base.image.index, text);
            printf("%s@%s\n", w.base.image.name, text);
        }
        build_base_done(&w.base);
        oci_image_config_done(&w.config);
    }
    oci_platform_done(&host);
    return command_close(&c, r, &err);
}

/* ---- du, prune ------------------------------------------------------------------------------------------------------------ */

static int usage_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io, (void)req;
    struct build_session *s = world;
    struct cache_usage_row rows[CACHE_USAGE_ROWS];
    if (cache_usage(s->store, rows, err) < 0)
        return -1;
    for (size_t i = 0; i < CACHE_USAGE_ROWS; i++) {
        cb_put_str(answer, rows[i].kind);
        cb_put_u64(answer, rows[i].count);
        cb_put_u64(answer, rows[i].bytes);
        cb_put_u64(answer, rows[i].reclaimable);
    }
    return 0;
}

int manage_du(int argc, char **argv)
{
    struct command c = {.reads = true};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    int r = command_open(&c, argc, argv, 0, 0, NULL, 0, &err);
    struct rt_job_request req = {0};
    if (r == 0)
        r = build_ns_call(&c.session, usage_job, &req, &answer, &err);
    struct cb_unpack u = cb_unpack(answer.data, answer.len);
    if (r == 0)
        printf("%-14s %8s %10s %12s\n", "KIND", "COUNT", "SIZE", "RECLAIMABLE");
    uint64_t total = 0;
    for (size_t i = 0; r == 0 && i < CACHE_USAGE_ROWS; i++) {
        char size[16], reclaimable[16];
        CB_AUTO(free) char *kind = cb_get_str(&u);
        uint64_t count = cb_get_u64(&u), bytes = cb_get_u64(&u);
        total += bytes;
        printf("%-14s %8llu %10s %12s\n", kind, (unsigned long long)count, cb_human_size(bytes, size),
               cb_human_size(cb_get_u64(&u), reclaimable));
    }
    char size[16];
    if (r == 0)
        printf("%-14s %8s %10s\n", "total", "", cb_human_size(total, size));
    return command_close(&c, r, &err);
}

static int prune_job(struct cb_job_io *io, void *world, const struct rt_job_request *req, struct cb_buf *answer,
                     struct cb_error *err)
{
    (void)io;
    struct build_session *s = world;
    struct cache_prune how;
    uint64_t bytes, count;
    memcpy(&how, req->bytes, sizeof(how));
    cache_work_sweep(s->store);
    if (cache_prune(s->store, &how, &bytes, &count, err) < 0)
        return -1;
    cb_put_u64(answer, bytes);
    cb_put_u64(answer, count);
    return 0;
}

int manage_prune(int argc, char **argv)
{
    struct command c = {0};
    struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(cb_buf) struct cb_buf answer = CB_BUF_INIT;
    const struct flag flags[] = {{"--all", &c.all, NULL},    {"-a", &c.all, NULL},          {"--force", &c.force, NULL},
                                 {"-f", &c.force, NULL},     {"--mounts", &c.mounts, NULL}, {"--keep-storage", NULL, &c.keep},
                                 {"--until", NULL, &c.until}};
    int r = command_open(&c, argc, argv, 0, 0, flags, CB_LEN(flags), &err);
    int64_t keep = 0, until = 0;
    if (r == 0 && c.keep && (!df_parse_size(c.keep, &keep) || keep <= 0))
        r = cb_fail(&err, CB_E_USAGE, "--keep-storage: '%s' is no size (try 10g)", c.keep);
    if (r == 0 && c.until && (df_parse_duration(c.until, &until, &err) < 0 || until < 0)) {
        cb_error_done(&err);
        r = cb_fail(&err, CB_E_USAGE, "--until: '%s' is no time span (try 24h)", c.until);
    }
    struct cache_prune how = {.all = c.all, .mounts = c.mounts, .keep_bytes = (uint64_t)keep, .older_than = until / 1000000000};
    struct rt_job_request req = {&how, sizeof(how), NULL, 0};
    if (r == 0) {
        c.session.gc_lock = cb_close(c.session.gc_lock); /* prune takes it for itself */
        r = build_ns_call(&c.session, prune_job, &req, &answer, &err);
    }
    if (r == 0) {
        struct cb_unpack u = cb_unpack(answer.data, answer.len);
        char size[16];
        uint64_t bytes = cb_get_u64(&u);
        uint64_t count = cb_get_u64(&u);
        printf("removed %llu %s, %s\n", (unsigned long long)count, count == 1 ? "entry" : "entries", cb_human_size(bytes, size));
    }
    return command_close(&c, r, &err);
}

void manage_library_versions(struct cb_buf *out)
{
    static const struct {
        const char *soname, *symbol;
    } libraries[] = {{"libarchive.so.13", "archive_version_string"}, {"libcurl.so.4", "curl_version"}};
    for (size_t i = 0; i < CB_LEN(libraries); i++) {
        void *lib = dlopen(libraries[i].soname, RTLD_NOW | RTLD_LOCAL);
        const char *(*fn)(void) = lib ? (const char *(*)(void))dlsym(lib, libraries[i].symbol) : NULL;
        cb_buf_printf(out, "%s\n",
                      fn                                          ? fn()
                      : cb_starts(libraries[i].soname, "libcurl") ? "libcurl: not installed"
                                                                  : "libarchive: not installed");
    }
}
