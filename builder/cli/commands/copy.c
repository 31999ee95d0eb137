/* copy: an image from one place to another: registries, archives, layouts, the stores of docker and podman, this store. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/out-file.h"
#include "builder/transport/carry.h"
#include "builder/transport/load.h"

#include <stdio.h>

struct copy {
    struct cli_invocation common;
    bool all;
    int format;                   /* of `formats`, or 0 */
    struct reg_options from, to;  /* what is said of one side alone */
    struct build_location source; /* without a transport: an image of the store */
    struct build_location dest;
    struct build_carried stored;
};

static const char *const formats[] = {"", "oci", "v2s2"};

/* What holds for both sides, and over it what is said of one. */
static struct reg_options options_of(const struct copy *v, const struct reg_options *side)
{
    struct reg_options o = v->common.request.registry;
    o.auth_file = side->auth_file ? side->auth_file : o.auth_file;
    o.cert_dir = side->cert_dir ? side->cert_dir : o.cert_dir;
    o.user = side->user ? side->user : o.user;
    o.password = side->user ? side->password : o.password;
    o.insecure_pull |= side->insecure_pull;
    o.insecure_push |= side->insecure_push;
    return o;
}

static int tell(const struct copy *v, const struct cb_digest *digest, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    const char *file = v->common.request.digest_files.digest;
    cb_digest_text(digest, text);
    if (file && build_out_put(file, text, strlen(text), err) < 0)
        return -1;
    if (strcmp(v->dest.place, "-") != 0)
        printf("%s@%s\n", v->common.args.items[1], text);
    return 0;
}

/* ---- to another place --------------------------------------------------------------------------------------------------- */

static int find_stored(struct copy *v, struct cb_error *err)
{
    bool by_id = false;
    if (cli_find_image(v->common.session.store, v->common.args.items[0], &v->stored.image, &by_id, err) < 0)
        return cb_hint(err, "an image of a registry is docker://NAME");
    if (!by_id)
        cb_strv_push(&v->stored.names, v->stored.image.name);
    return 0;
}

static int carry(struct copy *v, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    const struct reg_options from = options_of(v, &v->from), to = options_of(v, &v->to);
    struct cb_digest digest;
    struct build_carry c = {.to = &v->dest,
                            .from_options = &from,
                            .to_options = &to,
                            .platform = v->all ? NULL : &platform,
                            .format = v->format ? formats[v->format] : NULL,
                            .shown = v->common.args.items[0]};
    if (cli_platform(&v->common.request, &platform, err) < 0 || (!v->source.ops && find_stored(v, err) < 0))
        return -1;
    if (v->source.ops) {
        c.from = &v->source;
    } else {
        c.stored = &v->stored;
        c.n_stored = 1;
    }
    return build_carry(&v->common.session, &c, &digest, err) < 0 ? -1 : tell(v, &digest, err);
}

/* ---- into the store ----------------------------------------------------------------------------------------------------- */

static int check_store(const struct copy *v, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (!v->source.ops) {
        cb_fail(err, CB_E_USAGE, "both are names of this store");
        return cb_hint(err, "'cbuild tag NAME NEW-NAME' gives another name; a registry's image is docker://NAME");
    }
    if (v->all || v->format)
        return cb_fail(err, CB_E_USAGE, "an image comes into the store as it is, for one platform: leave --%s out",
                       v->all ? "all" : "format");
    return cli_parse_name(v->common.args.items[1], false, &ref, err);
}

static void print_loaded(void *arg, const struct cache_image *image)
{
    (void)arg;
    puts(image->name);
}

static int load_registry(struct copy *v, const char *name, const struct oci_platform *platform, struct cb_error *err)
{
    struct build_want w = {.text = cb_strdup(v->source.place)};
    oci_platform_copy(&w.platform, platform);
    int r = build_bases_resolve(&v->common.session, &w, 1, BUILD_PULL_ALWAYS, err);
    if (r == 0)
        r = build_base_fetch(&v->common.session, &w.base, BUILD_BASE_PACKED, v->common.args.items[0], err);
    if (r == 0) {
        free(w.base.image.name);
        w.base.image.name = cb_strdup(name);
        r = cache_image_store(v->common.session.store, &w.base.image, err);
    }
    if (r == 0)
        print_loaded(NULL, &w.base.image);
    build_want_done(&w);
    return r;
}

static int load_brought(struct copy *v, const char *name, const struct oci_platform *platform, struct cb_error *err)
{
    struct build_brought b = BUILD_BROUGHT_INIT;
    struct build_load l = {.shown = v->common.args.items[0], .platform = platform, .as = name, .loaded = print_loaded};
    int r = build_transport_bring(&v->common.session, &v->source, &b, err);
    if (r == 0)
        r = build_load(&v->common.session, &b, &l, err);
    build_brought_done(&v->common.session, &b);
    return r;
}

/* As pull does it, under a name of one's own. */
static int into_store(struct copy *v, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    struct build_request *q = &v->common.request;
    struct reg_options both = q->registry;
    if (cli_platform(q, &platform, err) < 0 || cli_parse_name(v->common.args.items[1], false, &ref, err) < 0)
        return -1;
    CB_AUTO(free) char *name = oci_ref_full(&ref);
    q->registry = options_of(v, &v->from);
    int r =
        build_location_is_registry(&v->source) ? load_registry(v, name, &platform, err) : load_brought(v, name, &platform, err);
    q->registry = both;
    return r;
}

/* ---- the command -------------------------------------------------------------------------------------------------------- */

static int copy(void *filled, struct cb_error *err)
{
    struct copy *v = filled;
    char **args = v->common.args.items;
    if (build_location_parse(args[0], &v->source, err) < 0 || build_location_parse(args[1], &v->dest, err) < 0)
        return -1;
    if ((!v->dest.ops && check_store(v, err) < 0) || cli_default_progress(&v->common.request, err) < 0 ||
        cli_open(&v->common, err) < 0)
        return -1;
    return v->dest.ops ? carry(v, err) : into_store(v, err);
}

static void done(void *filled)
{
    struct copy *v = filled;
    reg_options_done(&v->from);
    reg_options_done(&v->to);
    build_location_done(&v->source);
    build_location_done(&v->dest);
    cache_image_done(&v->stored.image);
    cb_strv_done(&v->stored.names);
}

static int set_format(const char *v, void *to, struct cb_error *err)
{
    return cli_choose("format", formats + 1, CB_LEN(formats) - 1, v, to, err) < 0 ? -1 : (++*(int *)to, 0);
}

static const char copies[] = "What is copied", registries[] = "Registries";

#define AT(member)   offsetof(struct cli_invocation, request.member)
#define FROM(member) offsetof(struct copy, from.member)
#define TO(member)   offsetof(struct copy, to.member)

static const struct cli_option options[] = {
    {"all", 'a', copies, NULL, NULL, cli_set_switch, offsetof(struct copy, all), "of an image for several platforms all of them"},
    {"platform", 0, copies, "OS/ARCH", NULL, cli_set_platform, AT(platform),
     "else this one alone (default, and 'local': this machine's)"},
    {"format", 'f', copies, "TYPES", NULL, set_format, offsetof(struct copy, format),
     "media types that the manifest gets: oci, v2s2 (Docker's); default: it stays as it is"},
    {"digestfile", 0, "Result", "FILE", NULL, cli_set_file, AT(digest_files.digest), "write the digest to a file"},
    {"src-creds", 0, registries, "USER:PASSWORD", NULL, cli_set_creds, offsetof(struct copy, from),
     "credentials for the source alone"},
    {"dest-creds", 0, registries, "USER:PASSWORD", NULL, cli_set_creds, offsetof(struct copy, to),
     "credentials for the destination alone"},
    {"src-authfile", 0, registries, "FILE", NULL, cli_set_file, FROM(auth_file), "as --authfile, for the source alone"},
    {"dest-authfile", 0, registries, "FILE", NULL, cli_set_file, TO(auth_file), "as --authfile, for the destination alone"},
    {"src-cert-dir", 0, registries, "DIR", NULL, cli_set_file, FROM(cert_dir), "as --cert-dir, for the source alone"},
    {"dest-cert-dir", 0, registries, "DIR", NULL, cli_set_file, TO(cert_dir), "as --cert-dir, for the destination alone"},
    {"src-tls-verify", 0, registries, NULL, NULL, cli_set_tls_verify, offsetof(struct copy, from),
     "as --tls-verify, for the source alone"},
    {"dest-tls-verify", 0, registries, NULL, NULL, cli_set_tls_verify, offsetof(struct copy, to),
     "as --tls-verify, for the destination alone"},
    {.name = "retry-times", .value = "N", .set = cli_set_retry, .field = AT(registry.tries), .help = "as --retry"},
    CLI_SWITCH("preserve-digests", 0, "*", NULL, NULL, "digests change only with --format"),
    CLI_SWITCH("remove-signatures", 0, "*", NULL, NULL, "none is copied"),
    CLI_VALUE("sign-by", 0, NULL, "images are not signed", "--digestfile has the digest, for what signs it"),
    CLI_VALUE("encryption-key", 0, NULL, "images are neither encrypted nor decrypted", "skopeo copy does it"),
    CLI_VALUE("decryption-key", 0, NULL, "images are neither encrypted nor decrypted", "skopeo copy does it"),
};

const struct cli_command cli_copy = {
    .name = "copy",
    .arguments = "SOURCE DEST",
    .help = "copy an image between registries, archives, layouts and stores",
    .min = 2,
    .max = 2,
    .tables = {CLI_TABLE(options), &cli_progress_options, &cli_registry_options},
    .size = sizeof(struct copy),
    .environment = cli_registry_environment,
    .run = copy,
    .done = done,
};
