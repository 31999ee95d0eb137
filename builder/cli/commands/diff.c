/* diff: what two images of the store differ in. */
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/image-diff.h"
#include "builder/cli/commands/image-json.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/image.h"

#include <stdio.h>

struct diff {
    struct cli_invocation common;
    bool json, times;
};

struct side {
    struct cache_image image;
    struct cache_tree *tree;
    json_t *config;
};

static void side_done(struct side *x)
{
    cache_image_done(&x->image);
    cache_tree_free(x->tree);
    json_decref(x->config);
}

/* Layers of which nothing is known yet are fetched: what is in them is known then. */
static int complete(struct build_session *s, const struct cache_image *stored, struct cb_error *err)
{
    CB_AUTO(build_images) struct build_images images = {0};
    return build_images_of(stored, &images, err) < 0 ? -1 : build_image_fetch_base(s, &images.items[0], BUILD_BASE_INDEXED, err);
}

static int open_side(struct build_session *s, const char *name, struct side *ret, struct cb_error *err)
{
    if (cli_find_image(s->store, name, &ret->image, NULL, err) < 0 || complete(s, &ret->image, err) < 0)
        return -1;
    build_base_find_layers(s, &ret->image);
    ret->config = cli_image_config(s->store, &ret->image, err);
    ret->tree = cache_tree_new();
    for (size_t i = 0; ret->config && i < ret->image.n_layers; i++) {
        CB_AUTO(cache_index) struct cache_index index = {0};
        if (cache_layer_index(s->store, &ret->image.layers[i].id, &index, err) < 0)
            return -1;
        cache_tree_apply(ret->tree, &index, (int)i);
    }
    return ret->config ? 0 : -1;
}

/* ---- what is shown ----------------------------------------------------------------------------------------------------- */

static void print_shown(struct cb_buf *out, json_t *v)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (json_is_string(v))
        cb_buf_adds(&text, json_string_value(v));
    else
        cb_json_dump(v, CB_JSON_COMPACT, &text);
    cb_escape_terminal(out, text.data, text.len, false);
}

/* "C /etc/passwd (content, size): file 0644 0:0 20 B => file 0644 0:0 30 B" */
static void print_line(struct cb_buf *out, json_t *j)
{
    size_t i;
    json_t *part, *old = json_object_get(j, "old"), *new = json_object_get(j, "new"), *what = json_object_get(j, "what");
    cb_buf_addc(out, !old ? 'A' : !new ? 'D' : 'C');
    cb_buf_addc(out, ' ');
    print_shown(out, json_object_get(j, "path"));
    json_array_foreach (what, i, part)
        cb_buf_printf(out, "%s%s", i ? ", " : " (", json_string_value(part));
    cb_buf_adds(out, json_array_size(what) ? "): " : ": ");
    if (old)
        print_shown(out, old);
    if (old && new)
        cb_buf_adds(out, " => ");
    if (new)
        print_shown(out, new);
    cb_buf_addc(out, '\n');
}

static int print_all(const struct diff *v, const struct side sides[2])
{
    size_t i;
    json_t *line, *files = json_array(), *config = json_array();
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(json) json_t *all = json_pack("{s:o, s:o}", "files", files, "config", config);
    cli_diff_files(sides[0].tree, sides[1].tree, v->times, files);
    cli_diff_configs(sides[0].config, sides[1].config, config);
    if (v->json) {
        cb_json_dump(all, CB_JSON_INDENT, &out);
        cb_buf_addc(&out, '\n');
    }
    json_array_foreach (v->json ? NULL : files, i, line)
        print_line(&out, line);
    json_array_foreach (v->json ? NULL : config, i, line)
        print_line(&out, line);
    fwrite(out.data, 1, out.len, stdout);
    return 0;
}

static int diff(void *filled, struct cb_error *err)
{
    struct diff *v = filled;
    struct side sides[2] = {0};
    int r = cli_open(&v->common, err);
    for (size_t i = 0; r == 0 && i < CB_LEN(sides); i++)
        r = open_side(&v->common.session, v->common.args.items[i], &sides[i], err);
    if (r == 0)
        r = print_all(v, sides);
    for (size_t i = 0; i < CB_LEN(sides); i++)
        side_done(&sides[i]);
    return r;
}

static int set_format(const char *value, void *to, struct cb_error *err)
{
    static const char *const names[] = {"text", "json"};
    int which;
    if (cli_choose("the form", names, CB_LEN(names), value, &which, err) < 0)
        return -1;
    *(bool *)to = which == 1;
    return 0;
}

#define AT(member) offsetof(struct diff, member)

static const struct cli_option options[] = {
    {"format", 0, "What to show", "FORM", NULL, set_format, AT(json), "text (default) or json"},
    {"times", 0, "What to show", NULL, NULL, cli_set_switch, AT(times), "also files of which only the time is another"},
};

const struct cli_command cli_diff = {
    .name = "diff",
    .arguments = "NAME OTHER",
    .help = "show what two images differ in: files and config",
    .min = 2,
    .max = 2,
    .tables = {CLI_TABLE(options), &cli_registry_options},
    .size = sizeof(struct diff),
    .environment = cli_registry_environment,
    .run = diff,
};
