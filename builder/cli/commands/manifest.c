/* manifest: lists of images for several platforms, made by hand. A list is a name of the store that has several images
 * (cache/image.h); push, rmi, tag, run and FROM take it as they take the name of a build for several platforms. */
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/lists.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/index.h"
#include "builder/pull/platforms.h"

#include <stdio.h>

struct manifest {
    struct cli_invocation common;
    bool amend, all;
    char *os, *arch, *variant;
};

static void done(void *filled)
{
    struct manifest *v = filled;
    free(v->os);
    free(v->arch);
    free(v->variant);
}

/* ---- a list ------------------------------------------------------------------------------------------------------------ */

struct list {
    char *name;
    struct cache_image *items; /* each alone, without a name, with its platform */
    size_t n, cap;
};
static void list_done(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        cache_image_done(&l->items[i]);
    free(l->items);
    free(l->name);
}
CB_DEFINE_AUTO(list, struct list, list_done)

/* Takes the n-th image of `from`. What is for the same platform, or is the same image, gives way. */
static void put(struct list *l, const struct cache_image *from, size_t n, const char *platform)
{
    struct cache_image one = {0};
    cache_image_copy(&one, from);
    cache_image_keep(&one, n);
    free(CB_TAKE(one.name));
    free(CB_TAKE(one.platform));
    one.platform = cb_strdup(platform);
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->items[i].platform, platform) != 0 && !cb_digest_eq(&l->items[i].config, &one.config))
            continue;
        cache_image_done(&l->items[i]);
        l->items[i] = one;
        return;
    }
    CB_PUSH(l->items, l->n, l->cap) = one;
}

static int full_name(const char *text, char **ret, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (cli_parse_name(text, false, &ref, err) < 0)
        return -1;
    *ret = oci_ref_full(&ref);
    return 0;
}

/* 1: what the name has is in the list. 0: the store does not have the name. */
static int load(struct build_session *s, const char *text, struct list *ret, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    if (full_name(text, &ret->name, err) < 0)
        return -1;
    int found = cache_image_load(s->store, ret->name, &image, err);
    for (size_t i = 0; found > 0 && i < cache_image_count(&image); i++) {
        const struct cache_image *each = cache_image_nth(&image, i);
        CB_AUTO(free) char *platform = build_platforms_of(s->store, each, err);
        if (!platform)
            return -1;
        put(ret, &image, i, platform);
    }
    return found;
}

static int load_existing(struct build_session *s, const char *text, struct list *ret, struct cb_error *err)
{
    int found = load(s, text, ret, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    cb_fail(err, CB_E_NOT_FOUND, "there is no list '%s' in the store", text);
    return cb_hint(err, "cbuild manifest create %s IMAGE...", text);
}

static int store(struct build_session *s, struct list *l, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image all = l->items[0];
    l->items[0] = (struct cache_image){0};
    all.name = cb_strdup(l->name);
    all.listed = true;
    clock_gettime(CLOCK_REALTIME, &all.updated);
    for (size_t i = 1; i < l->n; i++)
        cache_image_add(&all, &l->items[i]);
    return cache_image_store(s->store, &all, err);
}

static int store_and_say(struct build_session *s, struct list *l, struct cb_error *err)
{
    if (store(s, l, err) < 0)
        return -1;
    printf("%s\n", l->name);
    return 0;
}

int cli_add_to_list(struct build_session *s, const char *name, const struct build_images *images, struct cb_error *err)
{
    CB_AUTO(list) struct list l = {0};
    if (load(s, name, &l, err) < 0)
        return -1;
    for (size_t i = 0; i < images->n; i++) {
        CB_AUTO(free) char *platform = oci_platform_text(&images->items[i].platform);
        put(&l, &images->items[i].stored, 0, platform);
    }
    return store(s, &l, err);
}

/* ---- what goes into it ------------------------------------------------------------------------------------------------- */

/* From the store, else from its registry: its documents, for the layers can stay there. */
static int find_image(struct manifest *v, const char *text, struct cache_image *ret, struct cb_error *err)
{
    const char *name = cb_starts(text, "docker://") ? text + strlen("docker://") : text;
    if (cli_find_image(v->common.session.store, name, ret, NULL, err) == 0)
        return 0;
    if (err->code != CB_E_NOT_FOUND)
        return -1;
    cb_error_done(err);
    return cli_pull_documents(&v->common.session, name, BUILD_PULL_MISSING, ret, err);
}

/* The platform that an entry is described with: the image's own, or what the options say. */
static char *described(const struct manifest *v, const char *own, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0}, checked = {0};
    if (oci_platform_parse(own, &p, err) < 0)
        return NULL;
    const char *variant = v->variant ? v->variant : v->arch ? "" : p.variant;
    CB_AUTO(free)
    char *text = cb_printf("%s/%s%s%s", v->os ? v->os : p.os, v->arch ? v->arch : p.arch, *variant ? "/" : "", variant);
    return oci_platform_parse(text, &checked, err) < 0 ? NULL : oci_platform_text(&checked);
}

/* Of an image for several platforms, this machine's, unless all are wanted. */
static int add(struct manifest *v, struct list *l, const char *text, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    oci_platform_host(&host);
    if (find_image(v, text, &image, err) < 0)
        return -1;
    if (!v->all && !build_platforms_keep(&image, &host)) {
        CB_AUTO(free) char *have = build_platforms_text(&image);
        cb_fail(err, CB_E_NOT_FOUND, "image '%s' is for %s", text, have);
        return cb_hint(err, "--all adds all of them");
    }
    for (size_t i = 0; i < cache_image_count(&image); i++) {
        CB_AUTO(free) char *own = build_platforms_of(v->common.session.store, cache_image_nth(&image, i), err);
        CB_AUTO(free) char *platform = own ? described(v, own, err) : NULL;
        if (!platform)
            return -1;
        put(l, &image, i, platform);
    }
    return 0;
}

static int add_all(struct manifest *v, struct list *l, struct cb_error *err)
{
    for (size_t i = 1; i < v->common.args.n; i++)
        if (add(v, l, v->common.args.items[i], err) < 0)
            return -1;
    return store_and_say(&v->common.session, l, err);
}

/* ---- the commands ------------------------------------------------------------------------------------------------------ */

static int create(void *filled, struct cb_error *err)
{
    struct manifest *v = filled;
    CB_AUTO(list) struct list l = {0};
    const char *name = v->common.args.items[0];
    int found = cli_open(&v->common, err) < 0 ? -1 : load(&v->common.session, name, &l, err);
    if (found < 0)
        return -1;
    if (found && !v->amend) {
        cb_fail(err, CB_E_FAILED, "the store has '%s' already", name);
        return cb_hint(err, "--amend adds to it, 'cbuild manifest rm %s' removes it", name);
    }
    return add_all(v, &l, err);
}

static int add_command(void *filled, struct cb_error *err)
{
    struct manifest *v = filled;
    CB_AUTO(list) struct list l = {0};
    if (cli_open(&v->common, err) < 0 || load(&v->common.session, v->common.args.items[0], &l, err) < 0)
        return -1;
    return add_all(v, &l, err);
}

static int annotate(void *filled, struct cb_error *err)
{
    struct manifest *v = filled;
    const char *text = v->common.args.items[1];
    CB_AUTO(list) struct list l = {0};
    CB_AUTO(cache_image) struct cache_image image = {0};
    if (cli_open(&v->common, err) < 0 || load_existing(&v->common.session, v->common.args.items[0], &l, err) < 0 ||
        find_image(v, text, &image, err) < 0)
        return -1;
    for (size_t i = 0; i < l.n; i++) {
        if (!cache_image_with_id(&image, &l.items[i].config))
            continue;
        char *platform = described(v, l.items[i].platform, err);
        if (!platform)
            return -1;
        free(l.items[i].platform);
        l.items[i].platform = platform;
        return store_and_say(&v->common.session, &l, err);
    }
    return cb_fail(err, CB_E_NOT_FOUND, "'%s' is not in the list '%s'", text, v->common.args.items[0]);
}

/* As a push would have it. */
static int inspect(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(build_images) struct build_images images = {0};
    CB_AUTO(build_index) struct build_index x = BUILD_INDEX_INIT;
    const struct build_packing packing = {.codec = cb_codecs[0], .level = -1, .lazy = true};
    if (cli_open(v, err) < 0 || cli_find_image(v->session.store, v->args.items[0], &image, NULL, err) < 0 ||
        build_images_of(&image, &images, err) < 0 || build_index_make(&v->session, &images, &packing, NULL, true, &x, err) < 0)
        return -1;
    puts(x.media_type ? x.bytes.data : x.items[0].manifest.bytes.data);
    return 0;
}

static int exists(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(free) char *name = NULL;
    CB_AUTO(cache_image) struct cache_image image = {0};
    if (full_name(v->args.items[0], &name, err) < 0 || cli_open_to_read(v, err) < 0)
        return -1;
    int found = cache_image_load(v->session.store, name, &image, err);
    return found < 0 ? -1 : !found;
}

#define AT(member) offsetof(struct manifest, member)

static const struct cli_option amend[] = {
    {"amend", 'a', "List", NULL, NULL, cli_set_switch, AT(amend), "add to a list that is there"},
};
static const struct cli_option what[] = {
    {"all", 0, "Images", NULL, NULL, cli_set_switch, AT(all), "of an image for several platforms, all (default: this machine's)"},
};
static const struct cli_option platform[] = {
    {"os", 0, "Platform", "OS", NULL, cli_set_string, AT(os), "that it is listed with"},
    {"arch", 0, "Platform", "ARCH", NULL, cli_set_string, AT(arch), "that it is listed with"},
    {"variant", 0, "Platform", "VARIANT", NULL, cli_set_string, AT(variant), "that it is listed with"},
};

static const struct cli_command cli_create = {
    .name = "manifest create",
    .arguments = "LIST IMAGE...",
    .help = "make a list of images, those of the store or of a registry",
    .min = 2,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(amend), CLI_TABLE(what), &cli_registry_options},
    .size = sizeof(struct manifest),
    .environment = cli_registry_environment,
    .run = create,
    .done = done,
};
static const struct cli_command cli_add = {
    .name = "manifest add",
    .arguments = "LIST IMAGE...",
    .help = "add images to a list, which is made if it is not there; one for the same platform gives way",
    .min = 2,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(what), CLI_TABLE(platform), &cli_registry_options},
    .size = sizeof(struct manifest),
    .environment = cli_registry_environment,
    .run = add_command,
    .done = done,
};
static const struct cli_command cli_annotate = {
    .name = "manifest annotate",
    .arguments = "LIST IMAGE",
    .help = "say for which platform an image of a list is",
    .min = 2,
    .max = 2,
    .tables = {CLI_TABLE(platform), &cli_registry_options},
    .size = sizeof(struct manifest),
    .environment = cli_registry_environment,
    .run = annotate,
    .done = done,
};
static const struct cli_command cli_list_inspect = {
    .name = "manifest inspect",
    .arguments = "LIST",
    .help = "print the index that a push would send",
    .min = 1,
    .max = 1,
    .size = sizeof(struct cli_invocation),
    .run = inspect,
};
static const struct cli_command cli_exists = {
    .name = "manifest exists",
    .arguments = "LIST",
    .help = "end with 0 if the store has it, with 1 if not",
    .min = 1,
    .max = 1,
    .size = sizeof(struct cli_invocation),
    .run = exists,
};

static const struct cli_command *const commands[] = {
    &cli_create, &cli_add, &cli_annotate, &cli_list_inspect, &cli_manifest_push, &cli_manifest_rm, &cli_exists, NULL,
};

static int manifest(void *filled, struct cb_error *err)
{
    return cli_run_group(&cli_manifest, filled, err);
}

const struct cli_command cli_manifest = {
    .name = "manifest",
    .arguments = "COMMAND",
    .help = "lists of images for several platforms: 'cbuild manifest --help'",
    .max = SIZE_MAX,
    .command_line = true,
    .size = sizeof(struct cli_invocation),
    .group = commands,
    .run = manifest,
};
