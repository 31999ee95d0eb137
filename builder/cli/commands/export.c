/* export: the files of an image as one tar. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/output.h"
#include "builder/pull/platforms.h"

struct export
{
    struct cli_invocation common;
    char *output; /* NULL: standard output */
};

/* Of several platforms, the one that was asked for or this machine's. */
static int find_image(struct export *v, struct cache_image *ret, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    if (cli_platform(&v->common.request, &platform, err) < 0 ||
        cli_find_image(v->common.session.store, v->common.args.items[0], ret, NULL, err) < 0)
        return -1;
    if (build_platforms_keep(ret, &platform))
        return 0;
    CB_AUTO(free) char *have = build_platforms_text(ret);
    cb_fail(err, CB_E_NOT_FOUND, "image '%s' in the store is for %s", ret->name, have);
    return cb_hint(err, "--platform names one of these");
}

static int write_tar(struct export *v, const struct cache_image *image, struct cb_error *err)
{
    struct build_output o = {0};
    CB_AUTO(build_images) struct build_images images = {0};
    CB_AUTO(build_result) struct build_result ignored = {0};
    build_output_begin(&o, build_output_find("tar"));
    int r = build_output_set(&o, "dest", v->output ? v->output : "-", err);
    if (r == 0)
        r = build_output_end(&o, err);
    if (r == 0)
        r = build_images_of(image, &images, err);
    if (r == 0)
        r = build_output_write(&v->common.session, &o, &images, &ignored, err);
    free(o.dest);
    return r;
}

static int export(void *filled, struct cb_error *err)
{
    struct export *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    if (cli_default_progress(&v->common.request, err) < 0 || cli_open(&v->common, err) < 0 || find_image(v, &image, err) < 0)
        return -1;
    return write_tar(v, &image, err);
}

static void done(void *filled)
{
    free(((struct export *)filled)->output);
}

#define AT(member) offsetof(struct cli_invocation, request.member)

static const struct cli_option options[] = {
    {"output", 'o', "What is written", "FILE", NULL, cli_set_file, offsetof(struct export, output),
     "the tar (default, and '-': standard output)"},
    {"platform", 0, "What is written", "OS/ARCH", NULL, cli_set_platform, AT(platform),
     "of an image for several (default, and 'local': this machine's)"},
};

const struct cli_command cli_export = {
    .name = "export",
    .arguments = "NAME",
    .help = "write the files of an image as one tar",
    .min = 1,
    .max = 1,
    .tables = {CLI_TABLE(options), &cli_progress_options, &cli_registry_options},
    .size = sizeof(struct export),
    .environment = cli_registry_environment,
    .run = export,
    .done = done,
};
