/* rmi: names of images go, and images with their last one. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"

#include <stdio.h>

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

const struct cli_command cli_manifest_rm = {
    .name = "manifest rm",
    .arguments = "LIST...",
    .help = "remove lists; images that have other names stay",
    .min = 1,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(rmi_options)},
    .size = sizeof(struct rmi),
    .run = rmi,
};
