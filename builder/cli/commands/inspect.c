/* inspect: images of the store as JSON, or what a template makes of it. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/image-json.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/commands/rows.h"
#include "builder/cli/options/options-values.h"

#include <stdio.h>

struct inspect {
    struct cli_invocation common;
    struct cli_form form;
};

/* What a template may ask for of every image, and what it finds where the image says nothing. */
static void complete(json_t *image)
{
    static const char *const texts[] = {"User", "WorkingDir", "StopSignal"};
    static const char *const lists[] = {"Env", "Cmd", "Entrypoint", "OnBuild", "Shell"};
    static const char *const maps[] = {"Labels", "Volumes", "ExposedPorts"};
    json_t *config = json_object_get(image, "Config");
    for (size_t i = 0; i < CB_LEN(texts); i++)
        if (!json_object_get(config, texts[i]))
            json_object_set_new(config, texts[i], json_string(""));
    for (size_t i = 0; i < CB_LEN(lists); i++)
        if (!json_is_array(json_object_get(config, lists[i])))
            json_object_set_new(config, lists[i], json_array());
    for (size_t i = 0; i < CB_LEN(maps); i++)
        if (!json_is_object(json_object_get(config, maps[i])))
            json_object_set_new(config, maps[i], json_object());
    static const char *const optional[] = {"Digest", "ManifestType"};
    for (size_t i = 0; i < CB_LEN(optional); i++)
        if (!json_object_get(image, optional[i]))
            json_object_set_new(image, optional[i], json_string(""));
    if (!json_object_get(image, "Annotations"))
        json_object_set_new(image, "Annotations", json_object());
    if (!json_object_get(image, "Platforms"))
        json_object_set_new(image, "Platforms", json_array());
}

static json_t *find(struct inspect *v, const char *name, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    struct cache_store *s = v->common.session.store;
    if (cli_find_image(s, name, &image, NULL, err) < 0)
        return NULL;
    CB_AUTO(json) json_t *config = cli_image_config(s, &image, err);
    return config ? cli_image_json(s, &image, config, err) : NULL;
}

/* A template's results, each on a line; JSON, as a list, whatever the number. */
static int show(const struct cli_form *f, json_t *images, struct cb_buf *out, struct cb_error *err)
{
    size_t i;
    json_t *image;
    if (!f->template) {
        cb_json_dump(images, f->json ? CB_JSON_COMPACT : CB_JSON_INDENT, out);
        cb_buf_addc(out, '\n');
        return 0;
    }
    json_array_foreach (images, i, image) {
        complete(image);
        if (cli_template_render(f->template, image, out, err) < 0)
            return -1;
        cb_buf_addc(out, '\n');
    }
    return 0;
}

static int inspect(void *filled, struct cb_error *err)
{
    struct inspect *v = filled;
    CB_AUTO(json) json_t *images = json_array();
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (cli_open_to_read(&v->common, err) < 0)
        return -1;
    for (size_t i = 0; i < v->common.args.n; i++) {
        json_t *image = find(v, v->common.args.items[i], err);
        if (!image)
            return -1;
        json_array_append_new(images, image);
    }
    if (show(&v->form, images, &out, err) < 0)
        return -1;
    fputs(out.data, stdout);
    return 0;
}

static void done(void *filled)
{
    struct inspect *v = filled;
    cli_form_done(&v->form);
}

static int set_form(const char *value, void *to, struct cb_error *err)
{
    if (cb_starts(value, "table"))
        return cb_fail(err, CB_E_USAGE, "an image is no table: json, or a template such as '{{.Id}}'");
    return cli_set_form(value, to, err);
}

static const struct cli_option options[] = {
    {"format", 'f', "Display", "FORM", NULL, set_form, offsetof(struct inspect, form),
     "json, or a template: '{{.Id}}', '{{json .Config.Labels}}'"},
    CLI_VALUE("type", 0, "image", "there is nothing else to look at", NULL, "images are what is looked at"),
};

const struct cli_command cli_inspect = {
    .name = "inspect",
    .arguments = "NAME...",
    .help = "show images as JSON: config, history, layers and what made them, digests",
    .min = 1,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct inspect),
    .run = inspect,
    .done = done,
};
