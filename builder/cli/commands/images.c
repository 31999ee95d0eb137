/* images: what the store has under which names. */
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/image-filter.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/commands/rows.h"
#include "builder/cli/options/options-values.h"
#include "builder/output/image.h"

#include <stdio.h>
#include <time.h>

struct images {
    struct cli_invocation common;
    struct cli_form form;
    struct cli_image_filter filter;
    bool quiet, full, digests, json;
};

/* ---- which -------------------------------------------------------------------------------------------------------------- */

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

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

static const struct cli_column columns[] = {
    {"Name", "NAME"},     {"Repository", "REPOSITORY"}, {"Tag", "TAG"},         {"ID", "IMAGE ID"},
    {"Digest", "DIGEST"}, {"CreatedSince", "CREATED"},  {"Created", "CREATED"}, {"CreatedAt", "CREATED AT"},
    {"Size", "SIZE"},     {"Platform", "PLATFORM"},
};

/* One of several has its platform behind the name. */
static json_t *row_of(const struct images *v, const struct cache_image *named, const struct cache_image *image)
{
    char id[CB_DIGEST_TEXT + 1], digest[CB_DIGEST_TEXT + 1] = "<none>", created[CB_TIME_MAX], size[16], ago[CLI_AGO_MAX];
    CB_AUTO(free) char *name = cli_short_name(named);
    CB_AUTO(free) char *repository = cli_short_repository(named);
    CB_AUTO(free) char *shown = named->n_others ? cb_printf("%s (%s)", name, image->platform) : cb_strdup(name);
    cb_digest_text(&image->config, id);
    if (named->pulled)
        cb_digest_text(&named->index, digest);
    CB_AUTO(free) char *short_id = v->full ? cb_strdup(id) : cb_printf("%.12s", id + strlen("sha256:"));
    cb_time_rfc3339((struct timespec){image->created.tv_sec, 0}, created);
    json_t *j = json_object();
    json_object_set_new(j, "Name", json_string(shown));
    json_object_set_new(j, "Repository", json_string(repository));
    json_object_set_new(j, "Tag", json_string(cli_tag_of(name)));
    json_object_set_new(j, "ID", json_string(short_id));
    json_object_set_new(j, "Digest", json_string(digest));
    json_object_set_new(j, "Created", json_string(created));
    json_object_set_new(j, "CreatedAt", json_string(created));
    json_object_set_new(j, "CreatedSince", json_string(cli_ago(time(NULL) - image->created.tv_sec, ago)));
    json_object_set_new(j, "Size", json_string(cb_human_size(build_image_size(v->common.session.store, image), size)));
    json_object_set_new(j, "Platform", json_string(image->platform ? image->platform : ""));
    return j;
}

/* One that nobody has named is not shown beside its name, and with IDs alone each is shown once. */
static int add_entry(const struct images *v, const struct cache_image *list, size_t n, size_t at, json_t *rows,
                     struct cb_error *err)
{
    const struct cache_image *named = &list[at];
    int r = 0;
    for (size_t k = 0; r >= 0 && k < cache_image_count(named); k++) {
        const struct cache_image *image = cache_image_nth(named, k);
        const struct cb_digest *id = &image->config;
        if ((cache_image_is_unnamed(named) && is_listed(list, n, at, id, true)) ||
            (v->quiet && is_listed(list, n, at, id, false)))
            continue;
        r = cli_image_filter_takes(&v->filter, v->common.session.store, named, image, err);
        if (r > 0)
            json_array_append_new(rows, row_of(v, named, image));
    }
    return r < 0 ? -1 : 0;
}

/* podman's: all of them in one list. */
static void print_list(json_t *rows, struct cb_buf *out)
{
    cb_json_dump(rows, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

static int print_rows(const struct images *v, json_t *rows, struct cb_buf *out, struct cb_error *err)
{
    static const char usual[] = "{{.Name}}\t{{.ID}}\t{{.Created}}\t{{.Size}}";
    static const char with_digests[] = "{{.Name}}\t{{.Digest}}\t{{.ID}}\t{{.Created}}\t{{.Size}}";
    if (v->json) {
        print_list(rows, out);
        return 0;
    }
    return cli_print_rows(&v->form, rows, columns, CB_LEN(columns), v->digests ? with_digests : usual, out, err);
}

static int images(void *filled, struct cb_error *err)
{
    struct images *v = filled;
    const char *asked = v->common.args.n ? v->common.args.items[0] : NULL;
    CB_AUTO(oci_ref) struct oci_ref want = {0};
    CB_AUTO(json) json_t *rows = json_array();
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    struct cache_image *list = NULL;
    size_t n = 0;
    if ((asked && cli_parse_name(asked, true, &want, err) < 0) ||
        (v->quiet && !v->form.template && cli_set_form("{{.ID}}", &v->form, err) < 0) || cli_open_to_read(&v->common, err) < 0 ||
        cli_image_filter_begin(&v->filter, v->common.session.store, err) < 0 ||
        cache_image_list(v->common.session.store, &list, &n, err) < 0)
        return -1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (!asked || is_asked_for(&list[i], &want, !has_tag(asked)))
            r = add_entry(v, list, n, i, rows, err);
    cache_image_list_free(list, n);
    if (r < 0 || print_rows(v, rows, &out, err) < 0)
        return -1;
    fputs(out.data, stdout);
    return 0;
}

static void done(void *filled)
{
    struct images *v = filled;
    cli_form_done(&v->form);
    cli_image_filter_done(&v->filter);
}

#define AT(member) offsetof(struct images, member)

static const struct cli_option options[] = {
    {"filter", 'f', "Which images", "KEY=VALUE", NULL, cli_set_image_filter, AT(filter),
     "label=K[=V], reference=PATTERN, dangling=BOOL, before=IMAGE, since=IMAGE, until=24h"},
    {"format", 0, "Display", "FORM", NULL, cli_set_form, AT(form),
     "json, table or a template: '{{.Repository}}:{{.Tag}}', 'table {{.ID}}\\t{{.Size}}'"},
    {"digests", 0, "Display", NULL, NULL, cli_set_switch, AT(digests), "also what their registries call them"},
    {"json", 0, "Display", NULL, NULL, cli_set_switch, AT(json), "all of them as one list of JSON"},
    {"no-trunc", 0, "Display", NULL, NULL, cli_set_switch, AT(full), "whole IDs"},
    {"quiet", 'q', "Display", NULL, NULL, cli_set_switch, AT(quiet), "print only the IDs"},
    CLI_SWITCH("all", 'a', "*", NULL, NULL, "there are no intermediate images"),
};

const struct cli_command cli_images = {
    .name = "images",
    .arguments = "[NAME]",
    .help = "list the images in the store",
    .max = 1,
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct images),
    .run = images,
    .done = done,
};
