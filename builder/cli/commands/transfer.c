/* push, pull: images between the store and registries. */
#include "builder/cli/commands/commands.h"
#include "builder/cli/commands/names.h"
#include "base/text.h"
#include "builder/cli/options/environment.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "builder/output/out-file.h"
#include "builder/output/push.h"
#include "builder/pull/base-image.h"
#include "builder/transport/carry.h"
#include "builder/transport/load.h"
#include "registry/oci/document.h"

#include <stdio.h>

static void print_pinned(const char *name, const struct cb_digest *digest)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(digest, text);
    printf("%s@%s\n", name, text);
}

#define AT(member) offsetof(struct cli_invocation, request.member)

/* ---- push -------------------------------------------------------------------------------------------------------------- */

static const struct cli_option push_options[] = {
    {"digestfile", 0, "Result", "FILE", NULL, cli_set_file, AT(digest_files.digest), "write the manifest's digest to a file"},
};

static int write_digest(const struct build_request *q, const struct cb_digest *digest, struct cb_error *err)
{
    char text[CB_DIGEST_TEXT + 1];
    cb_digest_text(digest, text);
    return q->digest_files.digest ? build_out_put(q->digest_files.digest, text, strlen(text), err) : 0;
}

static int push_to_registry(struct cli_invocation *v, const struct cache_image *image, const char *to, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(build_images) struct build_images pushed = {0};
    struct build_packing packing = {.codec = cb_codecs[0], .level = -1};
    struct cb_digest digest;
    packing.docker_types = image->manifest_type && strcmp(image->manifest_type, DOCKER_TYPE_MANIFEST) == 0;
    if (cli_parse_name(to, false, &ref, err) < 0 || build_images_of(image, &pushed, err) < 0 ||
        build_push(&v->session, &pushed, &packing, NULL, &ref, &digest, err) < 0 || write_digest(&v->request, &digest, err) < 0)
        return -1;
    CB_AUTO(free) char *full = oci_ref_full(&ref);
    print_pinned(full, &digest);
    return 0;
}

static int push_elsewhere(struct cli_invocation *v, const struct cache_image *image, bool by_id, const struct build_location *to,
                          struct cb_error *err)
{
    struct build_carried stored = {.image = *image};
    struct cb_digest digest;
    if (!by_id)
        cb_strv_push(&stored.names, image->name);
    const struct build_carry c = {
        .stored = &stored, .n_stored = 1, .to = to, .to_options = &v->request.registry, .shown = v->args.items[0]};
    int r = build_carry(&v->session, &c, &digest, err);
    if (r == 0)
        r = write_digest(&v->request, &digest, err);
    if (r == 0 && strcmp(to->place, "-") != 0)
        print_pinned(v->args.items[1], &digest);
    cb_strv_done(&stored.names);
    return r;
}

static int push(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    CB_AUTO(cache_image) struct cache_image image = {0};
    CB_AUTO(build_location) struct build_location to = {0};
    const char *name = v->args.items[0], *dest = v->args.items[v->args.n - 1];
    bool by_id = false;
    if (v->args.n == 2 && build_location_parse(dest, &to, err) < 0)
        return -1;
    if (cli_default_progress(&v->request, err) < 0 || cli_open(v, err) < 0 ||
        cli_find_image(v->session.store, name, &image, &by_id, err) < 0)
        return -1;
    if (by_id && v->args.n == 1) {
        cb_fail(err, CB_E_USAGE, "'%s' is an image ID: where is it to be pushed?", name);
        return cb_hint(err, "cbuild push %s registry.example/name:tag", name);
    }
    if (to.ops && !build_location_is_registry(&to))
        return push_elsewhere(v, &image, by_id, &to, err);
    return push_to_registry(v, &image, to.ops ? to.place : dest, err);
}

const struct cli_command cli_push = {
    .name = "push",
    .arguments = "NAME [DEST]",
    .help = "push an image to a registry, under its name or another, or to a transport's place",
    .min = 1,
    .max = 2,
    .tables = {&cli_progress_options, CLI_TABLE(push_options), &cli_registry_options, &cli_push_peer_options},
    .size = sizeof(struct cli_invocation),
    .environment = cli_registry_environment,
    .run = push,
};

/* Where another name is meant, buildah's and docker's words for all of a list are true anyway. */
static const struct cli_option list_options[] = {
    CLI_SWITCH("all", 0, "true", "a list is pushed whole", NULL),
};

const struct cli_command cli_manifest_push = {
    .name = "manifest push",
    .arguments = "LIST [DEST]",
    .help = "push a list and its images: 'cbuild push' of its name",
    .min = 1,
    .max = 2,
    .tables = {&cli_progress_options, CLI_TABLE(push_options), CLI_TABLE(list_options), &cli_registry_options},
    .size = sizeof(struct cli_invocation),
    .environment = cli_registry_environment,
    .run = push,
};

/* ---- pull -------------------------------------------------------------------------------------------------------------- */

static const struct cli_option pull_options[] = {
    {"platform", 0, "Image", "OS/ARCH", NULL, cli_set_platform, AT(platform),
     "of the images (default, and 'local': this machine's)"},
};

static int pull_from_registry(struct build_session *s, const char *name, const struct oci_platform *platform,
                              struct cb_error *err)
{
    struct build_want w = {.text = cb_strdup(name), .alone = true};
    CB_AUTO(free) char *shown = cb_printf("pull %s", name);
    oci_platform_copy(&w.platform, platform);
    int r = build_bases_resolve(s, &w, 1, BUILD_PULL_ALWAYS, err);
    if (r == 0)
        r = build_base_fetch(s, &w.base, BUILD_BASE_PACKED, shown, err);
    if (r == 0)
        print_pinned(w.base.image.name, &w.base.image.index);
    build_want_done(&w);
    return r;
}

static void print_loaded(void *arg, const struct cache_image *image)
{
    (void)arg;
    if (image->pulled && !cache_image_is_unnamed(image))
        print_pinned(image->name, &image->index);
    else
        puts(image->name);
}

static int pull_from(struct build_session *s, const struct build_location *l, const char *shown,
                     const struct oci_platform *platform, struct cb_error *err)
{
    struct build_brought b = BUILD_BROUGHT_INIT;
    const struct build_load want = {.shown = shown, .platform = platform, .loaded = print_loaded};
    int r = build_transport_bring(s, l, &b, err);
    if (r == 0)
        r = build_load(s, &b, &want, err);
    build_brought_done(s, &b);
    return r;
}

static int check_source(const char *text, struct build_location *ret, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    int transport = build_location_parse(text, ret, err);
    if (transport == 0)
        return cli_parse_name(text, true, &ref, err);
    return transport < 0 ? -1 : 0;
}

static int pull_one(struct build_session *s, const char *text, struct cb_error *err)
{
    CB_AUTO(build_location) struct build_location l = {0};
    CB_AUTO(oci_platform) struct oci_platform platform = {0};
    if (cli_platform(s->request, &platform, err) < 0 || check_source(text, &l, err) < 0)
        return -1;
    if (l.ops && !build_location_is_registry(&l))
        return pull_from(s, &l, text, &platform, err);
    return pull_from_registry(s, l.ops ? l.place : text, &platform, err);
}

/* One that fails is told, and the others come nevertheless. The last that has failed is *err. */
static int pull_all(struct cli_invocation *v, struct cb_error *err)
{
    for (size_t i = 0; i < v->args.n && err->code != CB_E_CANCELED; i++) {
        CB_AUTO(cb_error) struct cb_error e = CB_ERROR_INIT;
        if (pull_one(&v->session, v->args.items[i], &e) == 0)
            continue;
        if (err->code)
            cli_report(err);
        cb_error_move(err, &e);
    }
    return err->code ? -1 : 0;
}

static int pull(void *filled, struct cb_error *err)
{
    struct cli_invocation *v = filled;
    for (size_t i = 0; i < v->args.n; i++) {
        CB_AUTO(build_location) struct build_location l = {0};
        if (check_source(v->args.items[i], &l, err) < 0)
            return -1;
    }
    if (cli_default_progress(&v->request, err) < 0 || cli_open(v, err) < 0)
        return -1;
    return pull_all(v, err);
}

const struct cli_command cli_pull = {
    .name = "pull",
    .arguments = "NAME...",
    .help = "pull images into the store, from registries or a transport's places",
    .min = 1,
    .max = SIZE_MAX,
    .tables = {&cli_progress_options, CLI_TABLE(pull_options), &cli_registry_options, &cli_platform_options,
               &cli_pull_peer_options},
    .size = sizeof(struct cli_invocation),
    .environment = cli_registry_environment,
    .run = pull,
};
