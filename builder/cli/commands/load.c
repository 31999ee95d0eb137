/* load: images out of archives and layouts into the store. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/transport/load.h"

#include <stdio.h>
#include <unistd.h>

struct load {
    struct cli_invocation common;
    char *input; /* NULL: standard input */
};

static void print_loaded(void *arg, const struct cache_image *image)
{
    (void)arg;
    CB_AUTO(free) char *name = cli_short_name(image);
    bool unnamed = cache_image_is_unnamed(image);
    printf("Loaded image%s: %s\n", unnamed ? " ID" : "", unnamed ? image->name : name);
}

static int check_input(const struct load *v, struct cb_error *err)
{
    if (strcmp(v->input ? v->input : "-", "-") != 0 || !isatty(STDIN_FILENO))
        return 0;
    cb_fail(err, CB_E_USAGE, "standard input is a terminal");
    return cb_hint(err, "cbuild load -i FILE, or 'docker save NAME | cbuild load'");
}

static int load_brought(struct load *v, const struct build_brought *b, const char *shown, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    const struct build_load l = {.shown = shown, .platform = &platform, .loaded = print_loaded};
    return cli_platform(&v->common.request, &platform, err) < 0 ? -1 : build_load(&v->common.session, b, &l, err);
}

static int load(void *filled, struct cb_error *err)
{
    struct load *v = filled;
    struct build_brought b = BUILD_BROUGHT_INIT;
    const char *input = v->input ? v->input : "-";
    if (check_input(v, err) < 0 || cli_default_progress(&v->common.request, err) < 0 || cli_open(&v->common, err) < 0)
        return -1;
    int r = build_transport_bring_file(&v->common.session, input, &b, err);
    if (r == 0)
        r = load_brought(v, &b, strcmp(input, "-") == 0 ? "standard input" : input, err);
    build_brought_done(&v->common.session, &b);
    return r;
}

static void done(void *filled)
{
    free(((struct load *)filled)->input);
}

#define AT(member) offsetof(struct cli_invocation, request.member)

static const struct cli_option options[] = {
    {"input", 'i', "What is read", "FILE", NULL, cli_set_file, offsetof(struct load, input),
     "an archive, compressed or not, or a layout's directory (default, and '-': standard input)"},
    {"platform", 0, "What is read", "OS/ARCH", NULL, cli_set_platform, AT(platform),
     "of images for several (default, and 'local': this machine's)"},
    CLI_VALUE("signature-policy", 0, NULL, "signatures are not checked", NULL),
};

const struct cli_command cli_load = {
    .name = "load",
    .arguments = "",
    .help = "load images from an archive or an OCI layout into the store",
    .tables = {CLI_TABLE(options), &cli_progress_options},
    .size = sizeof(struct load),
    .run = load,
    .done = done,
};
