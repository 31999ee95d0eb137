/* images, inspect, tag, rmi: what the store has under which names. */
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/options-values.h"
#include "builder/output/image.h"
#include "cache/store/blob.h"

#include <stdio.h>

/* ---- images ------------------------------------------------------------------------------------------------------------ */

struct images {
    struct cli_invocation common;
    bool quiet;
};

/* Whether the image of that ID, at `at` in the list, is there once more: under a name (`named`), or before it. */
static bool is_listed(const struct cache_image *list, size_t n, size_t at, const struct cb_digest *id, bool named)
{
    for (size_t i = 0; i < n; i++)
        if (i != at && cache_image_with_id(&list[i], id) && (named ? !cache_image_is_unnamed(&list[i]) : i < at))
            return true;
    return false;
}

/* `images NAME`: with a tag that image alone, without one all tags of the repository. */
static bool is_asked_for(const struct cache_image *image, const struct oci_ref *want, bool any_tag)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (cache_image_is_unnamed(image) || oci_ref_parse(image->name, &ref, &ignored) < 0)
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

/* One of several has its platform behind the name. */
static void print_image(struct images *v, const struct cache_image *named, const struct cache_image *image)
{
    char id[CB_DIGEST_HEX + 1], created[CB_TIME_MAX], size[16];
    cb_digest_hex(&image->config, id);
    if (v->quiet) {
        printf("%.12s\n", id);
        return;
    }
    CB_AUTO(free) char *name = cli_short_name(named);
    CB_AUTO(free) char *shown = named->n_others ? cb_printf("%s (%s)", name, image->platform) : cb_strdup(name);
    cb_time_rfc3339((struct timespec){image->created.tv_sec, 0}, created);
    printf("%-50s %.12s  %-20s %9s\n", shown, id, created, cb_human_size(build_image_size(v->common.session.store, image), size));
}

/* One that nobody has named is not shown beside its name, and with IDs alone each is shown once. */
static void print_entry(struct images *v, const struct cache_image *list, size_t n, size_t at)
{
    const struct cache_image *named = &list[at];
    for (size_t k = 0; k < cache_image_count(named); k++) {
        const struct cache_image *image = cache_image_nth(named, k);
        const struct cb_digest *id = &image->config;
        if (!(cache_image_is_unnamed(named) && is_listed(list, n, at, id, true)) &&
            !(v->quiet && is_listed(list, n, at, id, false)))
            print_image(v, named, image);
    }
}

static int images(void *filled, struct cb_error *err)
{
    struct images *v = filled;
    const char *asked = v->common.args.n ? v->common.args.items[0] : NULL;
    CB_AUTO(oci_ref) struct oci_ref want = {0};
    struct cache_image *list = NULL;
    size_t n = 0;
    if ((asked && cli_parse_name(asked, true, &want, err) < 0) || cli_open_to_read(&v->common, err) < 0 ||
        cache_image_list(v->common.session.store, &list, &n, err) < 0)
        return -1;
    if (!v->quiet)
        printf("%-50s %-12s  %-20s %9s\n", "NAME", "IMAGE ID", "CREATED", "SIZE");
    for (size_t i = 0; i < n; i++)
        if (!asked || is_asked_for(&list[i], &want, !has_tag(asked)))
            print_entry(v, list, n, i);
    cache_image_list_free(list, n);
    return 0;
}

static const struct cli_option images_options[] = {
    {"quiet", 'q', "Display", NULL, NULL, cli_set_switch, offsetof(struct images, quiet), "print only the IDs"},
    CLI_SWITCH("all", 'a', "*", NULL, NULL, "there are no intermediate images"),
    CLI_SWITCH("digests", 0, "false", "what a registry calls an image is not in the list",
               "'cbuild inspect NAME' shows it: .Digest"),
    CLI_VALUE("filter", 'f', NULL, "there are no filters", "'cbuild images NAME' lists the tags of a repository"),
    CLI_VALUE("format", 0, NULL, "there are no templates", "'cbuild inspect NAME' prints JSON"),
    CLI_SWITCH("json", 0, "false", "the list is for people", "'cbuild inspect NAME' prints JSON"),
};

const struct cli_command cli_images = {
    .name = "images",
    .arguments = "[NAME]",
    .help = "list the images in the store",
    .max = 1,
    .tables = {CLI_TABLE(images_options)},
    .size = sizeof(struct images),
    .run = images,
};

/* ---- inspect ----------------------------------------------------------------------------------------------------------- */

/* Of several; what else is said is said of the first. */
static json_t *platforms_of(const struct cache_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < cache_image_count(image); i++) {
        const struct cache_image *each = cache_image_nth(image, i);
        char id[CB_DIGEST_TEXT + 1];
        cb_digest_text(&each->config, id);
        json_array_append_new(list, json_pack("{s:s, s:s}", "Platform", each->platform, "Id", id));
    }
    return list;
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
    if (image->n_others)
        json_object_set_new(j, "Platforms", platforms_of(image));
    json_object_set(j, "Config", config);
    return j;
}

static int inspect(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT, out = CB_BUF_INIT;
    if (cli_open_to_read(v, err) < 0 || cli_find_image(v->session.store, v->args.items[0], &image, NULL, err) < 0)
        return -1;
    int found = cache_blob_get(v->session.store, &image.config, CB_MAX_CONFIG, &bytes, err);
    if (found == 0)
        cb_fail(err, CB_E_CORRUPT, "the config of '%s' is not in the store: build or pull it again", image.name);
    CB_AUTO(json) json_t *config = found == 1 ? cb_json_parse(bytes.data, bytes.len, "image config", err) : NULL;
    if (!config)
        return -1;
    CB_AUTO(json) json_t *j = describe(v->session.store, &image, config);
    cb_json_dump(j, CB_JSON_INDENT, &out);
    puts(out.data);
    return 0;
}

static const struct cli_option inspect_options[] = {
    CLI_VALUE("format", 'f', "json", "there are no templates", "cbuild inspect NAME | jq FILTER", "JSON is what is printed"),
    CLI_VALUE("type", 0, "image", "there is nothing else to look at", NULL, "images are what is looked at"),
};

const struct cli_command cli_inspect = {
    .name = "inspect",
    .arguments = "NAME",
    .help = "show an image's config, layers and digests as JSON",
    .min = 1,
    .max = 1,
    .tables = {CLI_TABLE(inspect_options)},
    .size = sizeof(struct cli_invocation),
    .run = inspect,
};

/* ---- tag --------------------------------------------------------------------------------------------------------------- */

static int tag(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (cli_parse_name(v->args.items[1], false, &ref, err) < 0 || cli_open(v, err) < 0 ||
        cli_find_image(v->session.store, v->args.items[0], &image, NULL, err) < 0)
        return -1;
    free(image.name);
    image.name = oci_ref_full(&ref);
    clock_gettime(CLOCK_REALTIME, &image.updated);
    return cache_image_store(v->session.store, &image, err);
}

const struct cli_command cli_tag = {
    .name = "tag",
    .arguments = "NAME NEW-NAME",
    .help = "give an image another name",
    .min = 2,
    .max = 2,
    .size = sizeof(struct cli_invocation),
    .run = tag,
};

/* ---- rmi --------------------------------------------------------------------------------------------------------------- */

struct rmi {
    struct cli_invocation common;
    bool force;
};

/* Removes all names of this image. */
static int remove_names(struct rmi *v, const struct cache_image *list, size_t n, const struct cb_digest *id, struct cb_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!cache_image_with_id(&list[i], id))
            continue;
        if (cache_image_remove(v->common.session.store, list[i].name, err) < 0)
            return -1;
        CB_AUTO(free) char *name = cli_short_name(&list[i]);
        printf("removed %s\n", cache_image_is_unnamed(&list[i]) ? list[i].name : name);
    }
    return 0;
}

/* A name goes alone; with the last one goes the image. An ID stands for the image, whose names must then be meant too. */
static int remove_image(struct rmi *v, const char *text, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    struct cache_image *list = NULL;
    size_t n = 0, n_names = 0;
    bool by_id, shared = false;
    if (cli_find_image(v->common.session.store, text, &image, &by_id, err) < 0 ||
        cache_image_list(v->common.session.store, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!cache_image_is_unnamed(&list[i]) && cache_image_with_id(&list[i], &image.config)) {
            CB_AUTO(free) char *name = cli_short_name(&list[i]);
            cb_buf_printf(&names, n_names++ ? ", %s" : "%s", name);
            shared = shared || list[i].n_others;
        }
    int r;
    if (by_id && shared && !v->force) {
        cb_fail(err, CB_E_FAILED, "image '%s' has its name together with those of other platforms: %s", text, names.data);
        r = cb_hint(err, "name what is to be removed, or remove all with 'rmi --force'");
    } else if (by_id && n_names > 1 && !v->force) {
        cb_fail(err, CB_E_FAILED, "image '%s' has several names: %s", text, names.data);
        r = cb_hint(err, "name those to be removed, or remove all with 'rmi --force'");
    } else if (by_id || (n_names == 1 && !shared)) {
        r = remove_names(v, list, n, &image.config, err);
    } else {
        CB_AUTO(free) char *name = cli_short_name(&image);
        r = cache_image_remove(v->common.session.store, image.name, err) < 0 ? -1 : 0;
        if (r == 0)
            printf("removed %s\n", name);
    }
    cache_image_list_free(list, n);
    return r;
}

/* One that fails does not stop the others. */
static int rmi(void *filled, struct cb_error *err)
{
    struct rmi *v = filled;
    if (cli_open(&v->common, err) < 0)
        return -1;
    for (size_t i = 0; i < v->common.args.n; i++) {
        struct cb_error one = CB_ERROR_INIT;
        if (remove_image(v, v->common.args.items[i], &one) == 0)
            continue;
        if (err->code)
            cli_report(err);
        cb_error_move(err, &one);
    }
    return err->code ? -1 : 0;
}

static const struct cli_option rmi_options[] = {
    {"force", 'f', "What to remove", NULL, NULL, cli_set_switch, offsetof(struct rmi, force),
     "an image that is given by its ID, with all its names"},
};

const struct cli_command cli_rmi = {
    .name = "rmi",
    .arguments = "NAME...",
    .help = "remove names of images; an image goes with its last name",
    .min = 1,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(rmi_options)},
    .size = sizeof(struct rmi),
    .run = rmi,
};
