/* sbom: which packages are in an image. */
#include "base/json.h"
#include "builder/attest/sbom.h"
#include "builder/attest/scan.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/image.h"
#include "builder/output/out-file.h"

struct sbom {
    struct cli_invocation common;
    const struct build_attest_format *format;
    char *output;
};

static int set_format(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    const struct build_attest_format *f = build_attest_format_find(v);
    build_attest_format_names(&names, " or ");
    if (!f)
        return cb_fail(err, CB_E_USAGE, "there is no format '%s': %s", v, names.data);
    *(const struct build_attest_format **)to = f;
    return 0;
}

static void formats(struct cb_buf *out)
{
    build_attest_format_names(out, "|");
}

static int scan(struct sbom *v, struct cache_image *image, struct build_attest_packages *ret, struct cb_error *err)
{
    struct build_session *s = &v->common.session;
    CB_AUTO(free) char *name = cli_short_name(image), *shown = cb_printf("unpack %s", name);
    build_base_find_layers(s, image);
    const struct build_base base = {.name = image->name, .image = *image};
    const struct build_image whole = {.stored = *image, .base = &base, .base_shown = shown};
    CB_AUTO(free) struct cb_digest *layers = cb_alloc((image->n_layers + 1) * sizeof(*layers));
    if (build_image_fetch_files(s, &whole, err) < 0)
        return -1;
    for (size_t i = 0; i < image->n_layers; i++)
        layers[i] = image->layers[i].id;
    return build_attest_scan(s, layers, image->n_layers, v->common.args.items[0], ret, err);
}

static int sbom(void *filled, struct cb_error *err)
{
    struct sbom *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(build_attest_packages) struct build_attest_packages packages = BUILD_ATTEST_PACKAGES_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    if ((v->output && build_out_check(v->output, err) < 0) || cli_default_progress(&v->common.request, err) < 0 ||
        cli_open(&v->common, err) < 0 ||
        cli_find_image(v->common.session.store, v->common.args.items[0], &image, NULL, err) < 0 ||
        scan(v, &image, &packages, err) < 0)
        return -1;
    CB_AUTO(free) char *name = cli_short_name(&image);
    const struct build_attest_subject about = {.name = name, .config = image.config, .created = image.created};
    CB_AUTO(json) json_t *j = build_attest_sbom(v->format ? v->format : build_attest_formats[0], &packages, &about);
    cb_json_dump(j, CB_JSON_INDENT, &out);
    cb_buf_addc(&out, '\n');
    return build_out_put(v->output ? v->output : "-", out.data, out.len, err);
}

static const struct cli_option options[] = {
    {"format", 0, "Result", "FORMAT", NULL, set_format, offsetof(struct sbom, format), "", .choices = formats},
    {"output", 'o', "Result", "FILE", NULL, cli_set_file, offsetof(struct sbom, output), "instead of standard output"},
    {"progress", 0, "Display", "KIND", NULL, cli_set_progress, offsetof(struct sbom, common.request.progress),
     "of what is fetched and looked through: auto, tty, plain, quiet, rawjson, none"},
    {"quiet", 'q', "Display", NULL, NULL, cli_set_quiet, offsetof(struct sbom, common.request.progress),
     "the same as --progress=quiet"},
};

static void done(void *filled)
{
    free(((struct sbom *)filled)->output);
}

const struct cli_command cli_sbom = {
    .name = "sbom",
    .arguments = "NAME",
    .help = "list the packages in an image as SPDX or CycloneDX",
    .min = 1,
    .max = 1,
    .tables = {CLI_TABLE(options), &cli_registry_options},
    .size = sizeof(struct sbom),
    .environment = cli_registry_environment,
    .run = sbom,
    .done = done,
};
