/* Options that people pass to docker build by habit. What cannot be honoured is refused with its reason: a build that
 * silently ran without a memory limit or a cache import would be a wrong answer. Where a value asks for what cbuild
 * does anyway it is accepted, because it is honoured. */
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"

#define VALUE  CLI_VALUE
#define SWITCH CLI_SWITCH

static const struct cli_option options[] = {
    /* the option, its letter, the value that is fine, why others are not, the way out */
    VALUE("builder", 0, "default", "there are no builder instances: cbuild builds by itself", NULL),
    SWITCH("compress", 0, "*", NULL, NULL, "the context is not sent anywhere"),
    SWITCH("debug", 'D', "*", NULL, NULL, "there is no daemon whose log could be shown"),
    SWITCH("disable-content-trust", 0, "true", "signatures of images (Notary) are not checked",
           "name base images by digest: FROM image@sha256:..."),
    VALUE("entitlements", 0, NULL, "no such option in docker build either", "--allow network.host or --allow security.insecure"),
    SWITCH("force-rm", 0, "*", NULL, NULL, "no step leaves a container"),
    VALUE("isolation", 0, "default|chroot|oci|process|rootless", "a step is isolated as strictly as this machine allows", NULL,
          "a step is isolated as strictly as this machine allows"),
    VALUE("print", 0, NULL, "it is called --call now", "use --call=outline, --call=targets or --call=check"),
    VALUE("resource", 0, NULL, "limits have options of their own", "--memory, --cpus, --pids-limit; 'cbuild --help' lists them"),
    SWITCH("rm", 0, "true", "no step leaves a container that could be kept", "build up to a stage with --target to look into it"),
};

const struct cli_table cli_refused_options = {options, CB_LEN(options)};
