/* Options of a build that buildah and podman have and docker build has not. */
#include "base/limits.h"
#include "base/named.h"
#include "base/text.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

static int set_from(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (strcmp(v, "scratch") != 0 && oci_ref_parse(v, &ref, err) < 0)
        return -1;
    return cli_put(to, v);
}

static int set_list(const char *v, void *to, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    return oci_ref_parse(v, &ref, err) < 0 ? -1 : cli_put(to, v);
}

static int read_args(const char *v, void *to, struct cb_error *err)
{
    return cli_set_lines(v, cli_set_build_arg, to, err);
}

/* ---- parts of --platform ------------------------------------------------------------------------------------- */

/* Puts one part into the platform, which is this machine's as long as nothing else was said. Another architecture than this
 * machine's has another variant. */
static int set_part(char **platform, const char *os, const char *arch, const char *variant, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0}, host = {0};
    CB_AUTO(oci_platform) struct oci_platform checked = {0};
    oci_platform_host(&host);
    if (*platform && strchr(*platform, ','))
        return cb_fail(err, CB_E_USAGE, "part of which of the platforms %s is meant?", *platform);
    if (!*platform)
        oci_platform_copy(&p, &host);
    else if (oci_platform_parse(*platform, &p, err) < 0)
        return -1;
    if (!variant)
        variant = arch && !*platform ? "" : p.variant;
    CB_AUTO(free)
    char *text = cb_printf("%s/%s%s%s", os ? os : p.os, arch ? arch : p.arch, *variant ? "/" : "", variant);
    return oci_platform_parse(text, &checked, err) < 0 ? -1 : cli_put(platform, text);
}

static int set_os(const char *v, void *to, struct cb_error *err)
{
    return set_part(to, v, NULL, NULL, err);
}

static int set_arch(const char *v, void *to, struct cb_error *err)
{
    return set_part(to, NULL, v, NULL, err);
}

static int set_variant(const char *v, void *to, struct cb_error *err)
{
    return set_part(to, NULL, NULL, v, err);
}

/* ---- the image ------------------------------------------------------------------------------------------------ */

static int set_epoch(const char *v, void *to, struct cb_error *err)
{
    int64_t seconds;
    if (!cb_parse_i64(v, &seconds) || seconds < 0)
        return cb_fail(err, CB_E_USAGE, "expected seconds since 1970, not '%s'", v);
    cb_strv_take(to, cb_printf("SOURCE_DATE_EPOCH=%lld", (long long)seconds));
    return 0;
}

int cli_set_format(const char *v, void *to, struct cb_error *err)
{
    static const char *const names[] = {"oci", "docker"};
    int kind;
    if (cli_choose("--format", names, CB_LEN(names), v, &kind, err) < 0)
        return -1;
    *(bool *)to = kind == 1;
    return 0;
}

static int set_inherit_labels(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    *(bool *)to = !yes;
    return 0;
}

static int add_name(const char *v, void *to, struct cb_error *err)
{
    if (!*v || strchr(v, '='))
        return cb_fail(err, CB_E_USAGE, "'%s': expected NAME", v);
    cb_strv_push(to, v);
    return 0;
}

/* ---- short forms of --pull ------------------------------------------------------------------------------------ */

static int set_pull_policy(const char *v, enum build_pull policy, enum build_pull *to, struct cb_error *err)
{
    bool yes;
    if (cli_set_switch(v, &yes, err) < 0)
        return -1;
    if (yes)
        *to = policy;
    return 0;
}

static int set_pull_always(const char *v, void *to, struct cb_error *err)
{
    return set_pull_policy(v, BUILD_PULL_ALWAYS, to, err);
}

static int set_pull_never(const char *v, void *to, struct cb_error *err)
{
    return set_pull_policy(v, BUILD_PULL_NEVER, to, err);
}

#define AT(member) offsetof(struct build_request, member)

static const char section[] = "As buildah and podman have them";

static const struct cli_option options[] = {
    {"from", 0, section, "IMAGE", NULL, set_from, AT(changes.from),
     "image of the first FROM instead of the one that stands there"},
    {"build-arg-file", 0, section, "FILE", NULL, read_args, AT(file_args),
     "lines as --build-arg takes them, which comes after them"},
    {"ignorefile", 0, section, "FILE", NULL, cli_set_file, AT(ignorefile), "instead of .dockerignore"},
    {"env", 'e', section, "NAME[=VALUE]", NULL, cli_set_build_arg, AT(changes.env),
     "as an ENV right behind FROM, in every stage"},
    {"unsetenv", 0, section, "NAME", NULL, add_name, AT(changes.unset_env), "take a variable out of the image"},
    {"unsetlabel", 0, section, "KEY", NULL, add_name, AT(changes.unset_labels), "take a label out of the image"},
    {"inherit-labels", 0, section, NULL, NULL, set_inherit_labels, AT(changes.no_base_labels),
     "false: without those of base images"},
    {"cache-ttl", 0, section, "DURATION", NULL, cli_set_cache_ttl, 0, "execute steps whose result is older: 24h"},
    {"omit-history", 0, section, NULL, NULL, cli_set_switch, AT(changes.no_history), "an image without history"},
    {"format", 0, section, "KIND", NULL, cli_set_format, AT(changes.docker_types),
     "media types of the manifest: oci (default), docker"},
    {"timestamp", 0, section, "SECONDS", NULL, set_epoch, AT(build_args), "times of image and history, as SOURCE_DATE_EPOCH"},
    {"source-date-epoch", 0, section, "SECONDS", NULL, set_epoch, AT(build_args), "the same as --timestamp"},
    {"squash-all", 0, section, NULL, NULL, cli_set_switch, AT(squashes_all), "one layer, with what the base has"},
    {"rewrite-timestamp", 0, section, NULL, NULL, cli_set_switch, AT(rewrites_times),
     "files of the build's layers get no time after that, either"},
    {"pull-always", 0, section, NULL, NULL, set_pull_always, AT(pull), "the same as --pull=always"},
    {"pull-never", 0, section, NULL, NULL, set_pull_never, AT(pull), "the same as --pull=never"},
    {"manifest", 0, section, "LIST", NULL, set_list, AT(list),
     "add the image to a list of images, which is made if there is none"},
    {"logfile", 0, section, "FILE", NULL, cli_set_file, AT(logfile), "what is shown goes there"},
};

const struct cli_table cli_buildah_options = {options, CB_LEN(options)};

static const struct cli_option platform[] = {
    {"os", 0, section, "OS", NULL, set_os, AT(platform), "this part of --platform"},
    {"arch", 0, section, "ARCH", NULL, set_arch, AT(platform), "this part of --platform"},
    {"variant", 0, section, "VARIANT", NULL, set_variant, AT(platform), "this part of --platform"},
    {.name = "override-os", .value = "OS", .set = set_os, .field = AT(platform), .help = "the same as --os"},
    {.name = "override-arch", .value = "ARCH", .set = set_arch, .field = AT(platform), .help = "the same as --arch"},
};

const struct cli_table cli_platform_options = {platform, CB_LEN(platform)};
