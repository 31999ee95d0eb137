/* Flags of buildah build and podman build that ask for what cbuild does anyway, or for what it cannot do. Those of docker build
 * are in options-refused.c. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"

static const char sbom_why[] = "packages are found by cbuild itself, no scanner is run, and no file of it is put into the image";
static const char sbom_hint[] = "--sbom=true attaches the list to the image, 'cbuild sbom NAME' writes it to a file";
static const char compression_why[] = "an output says how its layers are packed";
static const char compression_hint[] = "-o type=registry,compression=KIND,compression-level=N";
static const char raw_why[] = "an image ID has its 'sha256:'";
static const char raw_hint[] = "--iidfile FILE, of which 'cut -d: -f2' takes the rest";
static const char cni_why[] = "no CNI plug-ins are used";
static const char ids_why[] = "the ids of a step are those that /etc/subuid and /etc/subgid give to whoever builds";
static const char namespace_why[] = "a sandbox shares no namespace but that of its network with what is outside";
static const char own_namespace[] = "every sandbox has one of its own";
static const char own_hint[] = "leave it away: every sandbox has one of its own";
static const char userns_hint[] = "leave it away: what root of a sandbox writes to a --volume belongs to whoever runs cbuild";
static const char runtime_why[] = "cbuild runs steps itself, without an OCI runtime";
static const char cost_why[] = "what a step costs has another place";
static const char cost_hint[] = "--metadata-file has it for every step";
static const char windows_why[] = "only images for Windows have one";
static const char annotations_why[] = "a manifest has no annotations but those that are asked for";

static const struct cli_option options[] = {
    CLI_SWITCH("all-platforms", 0, "false", "platforms are named", "--platform linux/amd64,linux/arm64"),
    CLI_VALUE("blob-cache", 0, NULL, "layers are kept in the store", "--root DIR says where it is"),
    CLI_VALUE("cni-config-dir", 0, NULL, cni_why, NULL),
    CLI_VALUE("cni-plugin-path", 0, NULL, cni_why, NULL),
    CLI_SWITCH("compat-volumes", 0, "false", "what a RUN changes below a VOLUME stays in the image", NULL),
    CLI_VALUE("cpp-flag", 0, NULL, "a Dockerfile is not run through a preprocessor",
              "cpp -E -P Containerfile.in | cbuild -f - CONTEXT"),
    CLI_SWITCH("created-annotation", 0, "false", annotations_why, "--annotation org.opencontainers.image.created=TIME"),
    CLI_VALUE("cw", 0, NULL, "no images for confidential computing are made", NULL),
    CLI_VALUE("compression-format", 0, NULL, compression_why, compression_hint),
    CLI_VALUE("compression-level", 0, NULL, compression_why, compression_hint),
    CLI_VALUE("decryption-key", 0, NULL, "encrypted images are not read", "skopeo copy --decryption-key KEY writes one that is"),
    CLI_VALUE("device", 0, NULL, "devices of the machine are not given away", NULL),
    CLI_SWITCH("disable-compression", 0, "*", NULL, NULL, "layers are compressed when an output needs them so"),
    CLI_SWITCH("force-compression", 0, "false", compression_why, "-o type=registry,compression=KIND,force-compression=true"),
    CLI_VALUE("gpus", 0, NULL, "no such option in docker build either", NULL),
    CLI_VALUE("group-add", 0, NULL, "the groups of a step are those that its USER has in the image", NULL),
    CLI_VALUE("hooks-dir", 0, NULL, "no OCI hooks are run", NULL),
    CLI_SWITCH("identity-label", 0, "false", "an image has no label that names its builder",
               "--label io.buildah.version=VERSION"),
    CLI_VALUE("iidfile-raw", 0, NULL, raw_why, raw_hint),
    CLI_VALUE("raw-iidfile", 0, NULL, raw_why, raw_hint),
    CLI_SWITCH("inherit-annotations", 0, "false", annotations_why, "--annotation KEY=VALUE"),
    CLI_VALUE("layer-label", 0, "*", NULL, NULL, "there are no intermediate images that could have one"),
    CLI_SWITCH("layers", 0, "true", "every step has a layer, and known ones are not run again", "--no-cache executes every step",
               "every step has a layer, and known ones are not run again"),
    CLI_SWITCH("log-rusage", 0, "false", cost_why, cost_hint),
    CLI_VALUE("loglevel", 0, "*", NULL, NULL, "buildah ignores it too"),
    CLI_SWITCH("logsplit", 0, "false", "there is one log of all platforms", "--logfile FILE"),
    CLI_VALUE("mount", 0, NULL, "a mount stands where it is needed: RUN --mount=...",
              "--volume SRC:DST shows files of the host to every RUN"),
    CLI_SWITCH("no-hostname", 0, "true", "/etc/hostname is that of the image", NULL, "/etc/hostname is that of the image"),
    CLI_SWITCH("no-hosts", 0, "false", "a step has an /etc/hosts with its own name and those of --add-host", NULL),
    CLI_VALUE("os-feature", 0, NULL, windows_why, NULL),
    CLI_VALUE("os-version", 0, NULL, windows_why, NULL),
    CLI_SWITCH("privileged", 0, "false", "no such option in docker build either",
               "use RUN --security=insecure and --allow security.insecure"),
    CLI_VALUE("runtime", 0, "crun|runc", runtime_why, NULL, "steps are confined as by these"),
    CLI_VALUE("runtime-flag", 0, NULL, runtime_why, NULL),
    CLI_VALUE("rusage-logfile", 0, NULL, cost_why, cost_hint),
    CLI_SWITCH("save-stages", 0, "*", NULL, NULL, "stages are kept in the store, without names"),
    CLI_VALUE("sbom-image-output", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-image-purl-output", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-merge-strategy", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-output", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-purl-output", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-scanner-command", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sbom-scanner-image", 0, NULL, sbom_why, sbom_hint),
    CLI_VALUE("sign-by", 0, NULL, "images are not signed with GPG", "--sign key=FILE has cosign sign what is pushed"),
    CLI_VALUE("signature-policy", 0, NULL, "signatures of images are not checked",
              "name base images by digest: FROM image@sha256:..."),
    CLI_SWITCH("skip-unused-stages", 0, "true", "stages that the target does not need are not built", "build them with --target",
               "stages that the target does not need are not built"),
    CLI_SWITCH("stage-labels", 0, "false", "stages are kept in the store, without names", "--target STAGE --label KEY=VALUE"),
    CLI_SWITCH("stdin", 0, "false", "standard input of a step is empty",
               "RUN <<EOF, or RUN --mount=type=bind, gives it what it needs"),
    CLI_VALUE("unsetannotation", 0, "*", NULL, NULL, "annotations of base images are not taken over"),
    CLI_VALUE("userns-gid-map", 0, NULL, ids_why, NULL),
    CLI_VALUE("userns-gid-map-group", 0, NULL, ids_why, NULL),
    CLI_VALUE("userns-uid-map", 0, NULL, ids_why, NULL),
    CLI_VALUE("userns-uid-map-user", 0, NULL, ids_why, NULL),
};

const struct cli_table cli_peer_options = {options, CB_LEN(options)};

static const struct cli_option namespaces[] = {
    CLI_VALUE("cgroupns", 0, "private", namespace_why, own_hint, own_namespace),
    CLI_VALUE("ipc", 0, "private|container", namespace_why, own_hint, own_namespace),
    CLI_VALUE("pid", 0, "private|container", namespace_why, own_hint, own_namespace),
    CLI_VALUE("userns", 0, "private|container|auto", namespace_why, userns_hint, own_namespace),
    CLI_VALUE("uts", 0, "private|container", namespace_why, own_hint, own_namespace),
};

const struct cli_table cli_namespace_options = {namespaces, CB_LEN(namespaces)};
