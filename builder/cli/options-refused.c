/* Options that people pass to docker build by habit. What cannot be honoured is refused with its reason: a build that
 * silently ran without a memory limit or a cache import would be a wrong answer. Where a value asks for what cbuild
 * does anyway it is accepted, because it is honoured. */
#include "builder/cli/options-internal.h"
#include "parser/csv.h"
#include "parser/value.h"

static const char limits_why[] = "RUN steps are not put into a cgroup of their own";
static const char limits_hint[] = "limit the whole build: systemd-run --user --scope -p MemoryMax=2G -p CPUQuota=200% cbuild "
                                  "...; or single processes with --ulimit";
static const char attest_why[] = "cbuild makes no attestations";
static const char attest_hint[] = "--metadata-file has the digests to sign or describe";
static const char cache_why[] = "steps are looked up in the local store only";
static const char cache_hint[] = "keep the store between builds: --root DIR or $CBUILD_ROOT";

static const struct build_refused table[] = {
    {"attest", 0, true, NULL, attest_why, attest_hint},
    {"builder", 0, true, "default", "there are no builder instances: cbuild builds by itself", NULL},
    {"cache-from", 0, true, NULL, cache_why, cache_hint},
    {"cache-to", 0, true, NULL, cache_why, cache_hint},
    {"cgroup-parent", 0, true, NULL, limits_why, limits_hint},
    {"compress", 0, false, "*", NULL, NULL}, /* of the context on its way to a daemon: there is no way */
    {"cpu-period", 0, true, NULL, limits_why, limits_hint},
    {"cpu-quota", 0, true, NULL, limits_why, limits_hint},
    {"cpu-shares", 'c', true, NULL, limits_why, limits_hint},
    {"cpuset-cpus", 0, true, NULL, limits_why, "bind the whole build: taskset -c 0-3 cbuild ..."},
    {"cpuset-mems", 0, true, NULL, limits_why, "bind the whole build: numactl --membind=0 cbuild ..."},
    {"debug", 'D', false, "false", "there is no debug log of a daemon to show", "--progress=plain shows all output of the steps"},
    {"disable-content-trust", 0, false, "true", "signatures of images (Notary) are not checked",
     "name base images by digest: FROM image@sha256:..."},
    {"entitlements", 0, true, NULL, "no such option in docker build either", "--allow network.host or --allow security.insecure"},
    {"force-rm", 0, false, "*", NULL, NULL}, /* nothing is ever left of a step */
    {"isolation", 0, true, "default", "it chooses between containers and virtual machines on Windows", NULL},
    {"memory", 'm', true, NULL, limits_why, limits_hint},
    {"memory-swap", 0, true, NULL, limits_why, limits_hint},
    {"policy", 0, true, NULL, "source policies are not supported", "name base images by digest: FROM image@sha256:..."},
    {"print", 0, true, NULL, "it is called --call now", "use --call=outline, --call=targets or --call=check"},
    {"provenance", 0, true, "false", attest_why, attest_hint},
    {"resource", 0, true, NULL, limits_why, limits_hint},
    {"rm", 0, false, "true", "no container is left of a step that could be kept",
     "build up to a stage with --target to look into it"},
    {"sbom", 0, true, "false", attest_why, attest_hint},
    {"security-opt", 0, true, NULL, "security is a property of single RUN steps",
     "use RUN --security=insecure and --allow security.insecure"},
    {"squash", 0, false, "false", "layers are not merged",
     "end with a stage FROM scratch that copies everything: COPY --from=build / /"},
};

const struct build_refused *build_refused_find(const char *name, size_t n, char letter)
{
    for (size_t i = 0; i < CB_LEN(table); i++)
        if (letter ? table[i].letter == letter : strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
            return &table[i];
    return NULL;
}

/* `--attest type=sbom,disabled=true` switches off what is not there. */
static bool is_disabled(const char *value)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    return df_csv_fields(value, CB_E_USAGE, &fields, &ignored) == 0 && cb_strv_find(&fields, "disabled=true") >= 0;
}

static bool is_fine(const struct build_refused *o, const char *value)
{
    bool given, wanted;
    if (strcmp(o->name, "attest") == 0)
        return is_disabled(value);
    if (!o->fine)
        return false;
    if (strcmp(o->fine, "*") == 0 || strcmp(o->fine, value) == 0)
        return true;
    return df_parse_bool(o->fine, &wanted) && df_parse_bool(value, &given) && given == wanted;
}

int build_refused_check(const struct build_refused *o, const char *value, struct cb_error *err)
{
    if (is_fine(o, value))
        return 0;
    if (o->takes_value)
        cb_fail(err, CB_E_UNSUPPORTED, "option '--%s %s' cannot be honoured: %s", o->name, value, o->why);
    else
        cb_fail(err, CB_E_UNSUPPORTED, "option '--%s=%s' cannot be honoured: %s", o->name, value, o->why);
    return o->hint ? cb_hint(err, "%s", o->hint) : -1;
}
