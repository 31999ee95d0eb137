/* Flags of push and pull of docker, buildah and podman that ask for what is done anyway, or for what cannot be done. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"

static const char tags_why[] = "images go one by one";
static const char packing_why[] = "an image is pushed as it was built";
static const char signature_why[] = "images are neither signed nor are signatures checked";
static const char encryption_why[] = "images are neither encrypted nor decrypted";
static const char encryption_hint[] = "skopeo copy does it";

static const struct cli_option push[] = {
    CLI_SWITCH("all", 0, "false", "there are no lists of images", NULL),
    CLI_SWITCH("all-tags", 'a', "false", tags_why, "cbuild images -q NAME lists them"),
    CLI_VALUE("blob-cache", 0, NULL, "layers are kept in the store", "--root DIR says where it is"),
    CLI_VALUE("compression-format", 0, "gzip", packing_why, "cbuild -o type=registry,compression=KIND"),
    CLI_VALUE("compression-level", 0, NULL, packing_why, "cbuild -o type=registry,compression-level=N"),
    CLI_SWITCH("disable-compression", 'D', "false", packing_why, "cbuild -o type=registry,compression=uncompressed"),
    CLI_SWITCH("disable-content-trust", 0, "true", signature_why, NULL),
    CLI_VALUE("encrypt-layer", 0, NULL, encryption_why, encryption_hint),
    CLI_VALUE("encryption-key", 0, NULL, encryption_why, encryption_hint),
    CLI_SWITCH("force-compression", 0, "false", packing_why, "cbuild -o type=registry,force-compression=true"),
    CLI_VALUE("format", 'f', NULL, packing_why, "build it with --format docker"),
    CLI_VALUE("platform", 0, NULL, "an image of the store is for one platform", NULL),
    CLI_SWITCH("remove-signatures", 0, "*", NULL, NULL, "an image of the store has none"),
    CLI_SWITCH("rm", 0, "false", "images stay", "cbuild rmi NAME"),
    CLI_VALUE("sign-by", 0, NULL, signature_why, "--digestfile has the digest, for what signs it"),
    CLI_VALUE("signature-policy", 0, NULL, signature_why, NULL),
};

static const struct cli_option pull[] = {
    CLI_SWITCH("all-tags", 'a', "false", tags_why, "cbuild pull NAME:TAG NAME:TAG..."),
    CLI_VALUE("blob-cache", 0, NULL, "layers are kept in the store", "--root DIR says where it is"),
    CLI_VALUE("decryption-key", 0, NULL, encryption_why, encryption_hint),
    CLI_SWITCH("disable-content-trust", 0, "true", signature_why, "name the image by digest: NAME@sha256:..."),
    CLI_VALUE("policy", 0, "always", "it asks the registry always", "cbuild build takes --pull=POLICY"),
    CLI_SWITCH("remove-signatures", 0, "*", NULL, NULL, "the store keeps none"),
    CLI_VALUE("signature-policy", 0, NULL, signature_why, "name the image by digest: NAME@sha256:..."),
};

const struct cli_table cli_push_peer_options = {push, CB_LEN(push)};
const struct cli_table cli_pull_peer_options = {pull, CB_LEN(pull)};
