/* save: images of the store into an archive or a layout. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/transport/carry.h"

#include <unistd.h>

struct save {
    struct cli_invocation common;
    char *output; /* NULL: standard output */
    int format;
    struct build_carried *images;
};

/* podman's names, and the transports that they are. */
static const char *const formats[] = {"docker-archive", "oci-archive", "oci-dir"};
static const char *const transports[] = {"docker-archive", "oci-archive", "oci"};
enum { DOCKER_ARCHIVE, OCI_ARCHIVE, OCI_DIR };

static int set_format(const char *v, void *to, struct cb_error *err)
{
    if (strcmp(v, "docker-dir") == 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "skopeo's loose files are not written; take oci-dir");
    return cli_choose("format", formats, CB_LEN(formats), v, to, err);
}

static int check_output(const struct save *v, struct cb_error *err)
{
    bool stream = !v->output || strcmp(v->output, "-") == 0;
    if (stream && v->format == OCI_DIR)
        return cb_fail(err, CB_E_USAGE, "a directory cannot be written to standard output: name it with -o DIR");
    if (!stream || !isatty(STDOUT_FILENO))
        return 0;
    cb_fail(err, CB_E_USAGE, "standard output is a terminal");
    return cb_hint(err, "cbuild save -o FILE NAME, or 'cbuild save NAME | docker load'");
}

/* One that is given by its ID goes without a name, as with docker. */
static int find_image(struct save *v, size_t i, struct cb_error *err)
{
    struct build_carried *c = &v->images[i];
    bool by_id = false;
    if (cli_find_image(v->common.session.store, v->common.args.items[i], &c->image, &by_id, err) < 0)
        return -1;
    if (!by_id)
        cb_strv_push(&c->names, c->image.name);
    return 0;
}

static int save_images(struct save *v, struct cb_error *err)
{
    CB_AUTO(build_location) struct build_location to = {0};
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    bool all = v->format != DOCKER_ARCHIVE && !v->common.request.platform;
    struct cb_digest ignored;
    if (cli_platform(&v->common.request, &platform, err) < 0)
        return -1;
    build_location_set(&to, transports[v->format], v->output ? v->output : "-");
    const struct build_carry c = {.stored = v->images,
                                  .n_stored = v->common.args.n,
                                  .to = &to,
                                  .platform = all ? NULL : &platform,
                                  .shown = v->common.args.items[0]};
    return build_carry(&v->common.session, &c, &ignored, err);
}

static int save(void *filled, struct cb_error *err)
{
    struct save *v = filled;
    size_t n = v->common.args.n;
    if (check_output(v, err) < 0 || cli_default_progress(&v->common.request, err) < 0 || cli_open(&v->common, err) < 0)
        return -1;
    v->images = cb_alloc(n * sizeof(*v->images));
    for (size_t i = 0; i < n; i++)
        if (find_image(v, i, err) < 0)
            return -1;
    return save_images(v, err);
}

static void done(void *filled)
{
    struct save *v = filled;
    for (size_t i = 0; v->images && i < v->common.args.n; i++) {
        cache_image_done(&v->images[i].image);
        cb_strv_done(&v->images[i].names);
    }
    free(v->images);
    free(v->output);
}

#define AT(member) offsetof(struct cli_invocation, request.member)

static const char output[] = "What is written";

static const struct cli_option options[] = {
    {"output", 'o', output, "FILE", NULL, cli_set_file, offsetof(struct save, output),
     "the archive or directory (default, and '-': standard output)"},
    {"format", 0, output, "KIND", NULL, set_format, offsetof(struct save, format),
     "docker-archive (default: an OCI layout that docker load reads), oci-archive, oci-dir"},
    {"platform", 0, output, "OS/ARCH", NULL, cli_set_platform, AT(platform), "of images for several, this one alone"},
    CLI_SWITCH("compress", 0, "false", "layers go as they are", "a build takes -o type=docker,compression=gzip"),
    CLI_SWITCH("multi-image-archive", 'm', "true", "all that are named are images", NULL, "all that are named are images"),
    CLI_SWITCH("uncompressed", 0, "*", NULL, NULL, "layers go as they are"),
    CLI_VALUE("signature-policy", 0, NULL, "signatures are not checked", NULL),
};

const struct cli_command cli_save = {
    .name = "save",
    .arguments = "NAME...",
    .help = "write images of the store into an archive or an OCI layout",
    .min = 1,
    .max = SIZE_MAX,
    .tables = {CLI_TABLE(options), &cli_progress_options},
    .size = sizeof(struct save),
    .run = save,
    .done = done,
};
