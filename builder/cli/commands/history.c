/* history: what made each layer of an image, the last first. */
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/image-json.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/commands/rows.h"
#include "builder/output/image.h"

#include <stdio.h>
#include <time.h>

struct history {
    struct cli_invocation common;
    struct cli_form form;
    bool quiet, full, exact;
};

static const struct cli_column columns[] = {
    {"ID", "IMAGE"},  {"CreatedAt", "CREATED AT"}, {"CreatedSince", "CREATED"}, {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"}, {"Comment", "COMMENT"},
};

#define SHOWN_COMMAND 45 /* characters, as docker */

static json_t *shortened(const struct history *v, const char *text)
{
    size_t n = 0, len;
    const char *s = text;
    while (!v->full && *s && n < SHOWN_COMMAND) {
        cb_utf8_decode(s, strlen(s), &len);
        s += len, n++;
    }
    if (v->full || !*s)
        return json_string(text);
    CB_AUTO(free) char *begin = cb_memdup0(text, (size_t)(s - text));
    CB_AUTO(free) char *cut = cb_printf("%s…", begin);
    return json_string(cut);
}

static const char *member(json_t *entry, const char *name)
{
    const char *s = json_string_value(json_object_get(entry, name));
    return s ? s : "";
}

static json_t *row_of(const struct history *v, json_t *entry, const char *id, uint64_t bytes)
{
    char size[16], ago[CLI_AGO_MAX] = "";
    struct timespec created;
    const char *at = member(entry, "created");
    if (cb_time_parse_rfc3339(at, &created))
        cli_ago(time(NULL) - created.tv_sec, ago);
    CB_AUTO(free) char *exact = cb_printf("%llu", (unsigned long long)bytes);
    json_t *j = json_object();
    json_object_set_new(j, "ID", json_string(id));
    json_object_set_new(j, "CreatedAt", json_string(at));
    json_object_set_new(j, "CreatedSince", json_string(v->exact ? at : ago));
    json_object_set_new(j, "CreatedBy", shortened(v, member(entry, "created_by")));
    json_object_set_new(j, "Size", json_string(v->exact ? exact : cb_human_size(bytes, size)));
    json_object_set_new(j, "Comment", json_string(member(entry, "comment")));
    return j;
}

/* The entries from the first to the last, each with its layer; in the rows the last comes first. */
static json_t *rows_of(const struct history *v, const struct cache_image *image, json_t *config)
{
    char id[CB_DIGEST_TEXT + 1];
    size_t i, layer = 0;
    json_t *rows = json_array(), *entry, *entries = json_object_get(config, "history");
    cb_digest_text(&image->config, id);
    CB_AUTO(free) char *own = v->full ? cb_strdup(id) : cb_printf("%.12s", id + strlen("sha256:"));
    json_array_foreach (entries, i, entry) {
        bool empty = json_is_true(json_object_get(entry, "empty_layer")) || layer >= image->n_layers;
        uint64_t bytes = empty ? 0 : build_layer_bytes(v->common.session.store, &image->layers[layer++].id);
        json_array_insert_new(rows, 0, row_of(v, entry, i + 1 == json_array_size(entries) ? own : "<missing>", bytes));
    }
    return rows;
}

static int history(void *filled, struct cb_error *err)
{
    struct history *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if (cli_open_to_read(&v->common, err) < 0 ||
        cli_find_image(v->common.session.store, v->common.args.items[0], &image, NULL, err) < 0 ||
        (v->quiet && cli_set_form("{{.ID}}", &v->form, err) < 0))
        return -1;
    CB_AUTO(json) json_t *config = cli_image_config(v->common.session.store, &image, err);
    CB_AUTO(json) json_t *rows = config ? rows_of(v, &image, config) : NULL;
    if (!rows || cli_print_rows(&v->form, rows, columns, CB_LEN(columns),
                                "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", &out, err) < 0)
        return -1;
    fputs(out.data, stdout);
    return 0;
}

static void done(void *filled)
{
    struct history *v = filled;
    cli_form_done(&v->form);
}

static int set_human(const char *value, void *to, struct cb_error *err)
{
    bool human = true;
    if (cli_set_switch(value, &human, err) < 0)
        return -1;
    *(bool *)to = !human;
    return 0;
}

#define AT(member) offsetof(struct history, member)

static const struct cli_option options[] = {
    {"format", 0, "Display", "FORM", NULL, cli_set_form, AT(form), "json, table or a template: '{{.Size}} {{.CreatedBy}}'"},
    {"human", 'H', "Display", NULL, NULL, set_human, AT(exact), "false: sizes in bytes, times as they stand there"},
    {"no-trunc", 0, "Display", NULL, NULL, cli_set_switch, AT(full), "whole commands and IDs"},
    {"quiet", 'q', "Display", NULL, NULL, cli_set_switch, AT(quiet), "print only the IDs"},
};

const struct cli_command cli_history = {
    .name = "history",
    .arguments = "NAME",
    .help = "show what made the layers of an image, and their sizes",
    .min = 1,
    .max = 1,
    .tables = {CLI_TABLE(options)},
    .size = sizeof(struct history),
    .run = history,
    .done = done,
};
