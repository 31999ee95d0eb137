#include "builder/cli/options.h"
#include "base/text.h"
#include "builder/cli/options-internal.h"
#include "builder/output/output.h"
#include "parser/csv.h"
#include "parser/value.h"
#include "registry/oci/platform.h"
#include "registry/oci/reference.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

enum group { GROUP_INPUT, GROUP_CACHE, GROUP_OUTPUT, GROUP_RUN, GROUP_SHOW, GROUP_COUNT };
static const char *const group_titles[GROUP_COUNT] = {"What to build", "Cache and base images", "Result", "RUN steps", "Display"};

struct option {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum group group;
    const char *value; /* what --help calls it; NULL: a switch */
    const char *bare;  /* value that the option has without "=..."; NULL: it needs one */
    build_option_fn *set;
    const char *help;
    void (*choices)(struct cb_buf *out); /* what stands behind it, from the tables that know; NULL: nothing */
};

/* ---- small setters ------------------------------------------------------------------------------------------ */

static int set_file(struct build_request *r, const char *v, struct cb_error *err)
{
    (void)err;
    return build_option_put(&r->dockerfile, v);
}

static int set_target(struct build_request *r, const char *v, struct cb_error *err)
{
    (void)err;
    return build_option_put(&r->target, v);
}

static int set_root(struct build_request *r, const char *v, struct cb_error *err)
{
    (void)err;
    return build_option_put(&r->root, v);
}

static int put_file(char **field, const char *v, struct cb_error *err)
{
    return *v ? build_option_put(field, v) : cb_fail(err, CB_E_USAGE, "the name of a file is missing");
}

static int set_iidfile(struct build_request *r, const char *v, struct cb_error *err)
{
    return put_file(&r->iidfile, v, err);
}

static int set_metadata(struct build_request *r, const char *v, struct cb_error *err)
{
    return put_file(&r->metadata_file, v, err);
}

static int set_tag(struct build_request *r, const char *v, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    if (oci_ref_parse(v, &ref, err) < 0)
        return cb_context(err, "invalid tag \"%s\"", v);
    if (ref.digest)
        return cb_fail(err, CB_E_USAGE, "invalid tag \"%s\": a digest cannot be given", v);
    cb_strv_push(&r->tags, v);
    return 0;
}

static int set_platform(struct build_request *r, const char *v, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    if (strcasecmp(v, "local") == 0) { /* buildx's word for this machine's */
        free(CB_TAKE(r->platform));
        return 0;
    }
    if (strchr(v, ','))
        return cb_fail(err, CB_E_UNSUPPORTED, "--platform %s: this version builds one platform at a time", v);
    return oci_platform_parse(v, &p, err) < 0 ? -1 : build_option_put(&r->platform, v);
}

/* `K` alone takes the value of our own environment; when that has none either, nothing is passed. */
static int add_pair(struct cb_strv *list, const char *v, bool from_env, const char *option, struct cb_error *err)
{
    const char *eq = strchr(v, '=');
    if (eq == v || !*v)
        return cb_fail(err, CB_E_USAGE, "%s '%s': expected NAME=VALUE", option, v);
    if (eq || !from_env) {
        cb_strv_push(list, v);
        return 0;
    }
    const char *value = getenv(v);
    if (value)
        cb_strv_take(list, cb_printf("%s=%s", v, value));
    return 0;
}

static int set_build_arg(struct build_request *r, const char *v, struct cb_error *err)
{
    return add_pair(&r->build_args, v, true, "--build-arg", err);
}

static int set_label(struct build_request *r, const char *v, struct cb_error *err)
{
    return add_pair(&r->labels, v, false, "--label", err);
}

/* `manifest[linux/amd64]:key=value`; a key may hold colons itself. */
static int set_annotation(struct build_request *r, const char *v, struct cb_error *err)
{
    const char *eq = strchr(v, '='), *colon = eq ? memchr(v, ':', (size_t)(eq - v)) : NULL;
    bool typed = colon && (cb_starts(v, "manifest") || cb_starts(v, "index"));
    CB_AUTO(free) char *type = typed ? cb_memdup0(v, (size_t)(colon - v)) : cb_strdup("manifest");
    return build_output_add_annotation(&r->annotations, type, typed ? colon + 1 : v, v, err);
}

static int set_context(struct build_request *r, const char *v, struct cb_error *err)
{
    const char *eq = strchr(v, '=');
    if (!eq || eq == v || !eq[1])
        return cb_fail(err, CB_E_USAGE, "invalid context value: %s, expected key=value", v);
    cb_strv_push(&r->contexts, v);
    return 0;
}

static int set_no_cache(struct build_request *r, const char *v, struct cb_error *err)
{
    return df_parse_bool(v, &r->no_cache) ? 0 : cb_fail(err, CB_E_USAGE, "--no-cache: expected true or false, not '%s'", v);
}

static int set_no_cache_filter(struct build_request *r, const char *v, struct cb_error *err)
{
    return df_csv_fields(v, CB_E_USAGE, &r->no_cache_filter, err) < 0 ? cb_context(err, "--no-cache-filter") : 0;
}

static int set_pull(struct build_request *r, const char *v, struct cb_error *err)
{
    bool yes;
    int kind = PULL_MISSING;
    if (df_parse_bool(v, &yes)) /* docker's --pull is a switch */
        kind = yes ? PULL_ALWAYS : PULL_MISSING;
    else if (build_option_choose("--pull", build_pull_names, PULL_COUNT, v, &kind, err) < 0)
        return -1;
    r->pull = (enum build_pull)kind;
    return 0;
}

static int choose_progress(const char *option, struct build_request *r, const char *v, struct cb_error *err)
{
    int kind;
    if (build_option_choose(option, build_progress_names, PROGRESS_COUNT, v, &kind, err) < 0)
        return -1;
    r->progress = (enum build_progress)kind;
    return 0;
}

static int set_progress(struct build_request *r, const char *v, struct cb_error *err)
{
    return choose_progress("--progress", r, v, err);
}

static int set_quiet(struct build_request *r, const char *v, struct cb_error *err)
{
    bool yes;
    if (!df_parse_bool(v, &yes))
        return cb_fail(err, CB_E_USAGE, "--quiet: expected true or false, not '%s'", v);
    r->quiet = yes;
    return 0;
}

static int set_jobs(struct build_request *r, const char *v, struct cb_error *err)
{
    uint64_t n;
    if (!cb_parse_u64(v, 4096, &n) || n == 0)
        return cb_fail(err, CB_E_USAGE, "--jobs: expected a number from 1 to 4096, not '%s'", v);
    r->jobs = (int)n;
    return 0;
}

static int set_network(struct build_request *r, const char *v, struct cb_error *err)
{
    const struct rt_network *found = rt_network_find(v);
    if (!found)
        return cb_fail(err, CB_E_USAGE, "invalid netmode %s", v);
    r->network = found->name;
    return 0;
}

static int set_allow(struct build_request *r, const char *v, struct cb_error *err)
{
    if (strcmp(v, "network.host") == 0)
        r->allow_host_network = true;
    else if (strcmp(v, "security.insecure") == 0)
        r->allow_insecure = true;
    else
        return cb_fail(err, CB_E_USAGE, "--allow: '%s' is not one of network.host, security.insecure", v);
    return 0;
}

static int set_add_host(struct build_request *r, const char *v, struct cb_error *err)
{
    size_t n = strcspn(v, "=:");
    const char *ip = v[n] ? v + n + 1 : "";
    if (strcmp(ip, "host-gateway") == 0) /* RUN shares the host's network: the host is at the loopback address */
        ip = "127.0.0.1";
    CB_AUTO(free) char *plain = *ip == '[' && cb_ends(ip, "]") ? cb_memdup0(ip + 1, strlen(ip) - 2) : cb_strdup(ip);
    unsigned char address[16];
    if (!n || (inet_pton(AF_INET, plain, address) != 1 && inet_pton(AF_INET6, plain, address) != 1))
        return cb_fail(err, CB_E_USAGE, "invalid host \"%s\": expected NAME:IP with an IPv4 or IPv6 address, or host-gateway", v);
    cb_strv_take(&r->add_hosts, cb_printf("%.*s=%s", (int)n, v, plain));
    return 0;
}

static int set_shm_size(struct build_request *r, const char *v, struct cb_error *err)
{
    int64_t size;
    if (!df_parse_size(v, &size) || size < 0)
        return cb_fail(err, CB_E_USAGE, "--shm-size: '%s' is no size (try 128m)", v);
    r->shm_size = (uint64_t)size;
    return 0;
}

/* ---- --ulimit ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

static bool parse_limit(const char *s, rlim_t *ret)
{
    uint64_t v;
    if (strcmp(s, "-1") == 0) {
        *ret = RLIM_INFINITY;
        return true;
    }
    if (!cb_parse_u64(s, UINT64_MAX, &v))
        return false;
    *ret = v;
    return true;
}

static int set_ulimit(struct build_request *r, const char *v, struct cb_error *err)
{
    const char *eq = strchr(v, '=');
    CB_AUTO(free) char *soft = cb_strdup(eq ? eq + 1 : "");
    char *hard = strchr(soft, ':');
    if (hard)
        *hard++ = 0;
    struct rt_rlimit l = {.resource = -1};
    for (size_t i = 0; eq && i < CB_LEN(limits); i++)
        if (strlen(limits[i].name) == (size_t)(eq - v) && strncmp(limits[i].name, v, (size_t)(eq - v)) == 0)
            l = (struct rt_rlimit){.resource = limits[i].resource, .name = limits[i].name};
    if (l.resource < 0 || !parse_limit(soft, &l.value.rlim_cur) || !parse_limit(hard ? hard : soft, &l.value.rlim_max))
        return cb_fail(err, CB_E_USAGE, "invalid ulimit \"%s\": expected TYPE=SOFT[:HARD], as nofile=1024:4096", v);
    if (l.value.rlim_cur > l.value.rlim_max)
        return cb_fail(err, CB_E_USAGE, "ulimit \"%s\": the soft limit must not exceed the hard one", v);
    CB_PUSH(r->ulimits, r->n_ulimits, r->cap_ulimits) = l;
    return 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static void output_choices(struct cb_buf *out)
{
    cb_buf_adds(out, "type=");
    build_output_types(out, "|");
    cb_buf_adds(out, ",dest=F,compression=");
    cb_codec_names(out, "|");
}

static const struct option options[] = {
    {"file", 'f', GROUP_INPUT, "FILE", NULL, set_file, "Dockerfile (default: Dockerfile in the context; '-': standard input)"},
    {"target", 0, GROUP_INPUT, "STAGE", NULL, set_target, "stage to build (default: the last one)"},
    {"build-arg", 0, GROUP_INPUT, "NAME[=VALUE]", NULL, set_build_arg, "value of an ARG (without VALUE: from the environment)"},
    {"build-context", 0, GROUP_INPUT, "NAME=VALUE", NULL, set_context,
     "named context: DIR, git or http(s) URL, docker-image://REF, oci-layout://DIR"},
    {"platform", 0, GROUP_INPUT, "OS/ARCH", NULL, set_platform, "platform of the image (default, and 'local': this machine's)"},
    {"call", 0, GROUP_INPUT, "KIND", NULL, build_option_set_call,
     "build (default), or only answer: check, outline, targets[,format=json|sarif]"},
    {"check", 0, GROUP_INPUT, NULL, "true", build_option_set_check, "the same as --call=check: look for mistakes, build nothing"},
    {"label", 0, GROUP_INPUT, "KEY=VALUE", NULL, set_label, "label of the image"},
    {"annotation", 0, GROUP_INPUT, "KEY=VALUE", NULL, set_annotation, "annotation of the manifest"},
    {"no-cache", 0, GROUP_CACHE, NULL, "true", set_no_cache, "execute every step"},
    {"no-cache-filter", 0, GROUP_CACHE, "STAGE,...", NULL, set_no_cache_filter, "execute every step of these stages"},
    {"pull", 0, GROUP_CACHE, "POLICY", "true", set_pull, "base images: missing (default), always, newer, never"},
    {"root", 0, GROUP_CACHE, "DIR", NULL, set_root, "the store (default: $CBUILD_ROOT, or the user's data directory)"},
    {"tag", 't', GROUP_OUTPUT, "NAME[:TAG]", NULL, set_tag, "name of the image"},
    {"output", 'o', GROUP_OUTPUT, "SPEC", NULL, build_option_set_output, "", output_choices},
    {"push", 0, GROUP_OUTPUT, NULL, "true", build_option_set_push, "store and push the image under its names"},
    {"load", 0, GROUP_OUTPUT, NULL, "true", build_option_set_load, "put the image into the local store (the default)"},
    {"iidfile", 0, GROUP_OUTPUT, "FILE", NULL, set_iidfile, "write the image ID to a file"},
    {"metadata-file", 0, GROUP_OUTPUT, "FILE", NULL, set_metadata, "write digests and names to a JSON file"},
    {"jobs", 'j', GROUP_RUN, "N", NULL, set_jobs, "steps at once (default: number of processors)"},
    {"network", 0, GROUP_RUN, "MODE", NULL, set_network, "network of RUN: default, none, host"},
    {"allow", 0, GROUP_RUN, "ENTITLEMENT", NULL, set_allow, "allow network.host or security.insecure in RUN"},
    {"add-host", 0, GROUP_RUN, "NAME:IP", NULL, set_add_host, "line of /etc/hosts (IP: an address or host-gateway)"},
    {"secret", 0, GROUP_RUN, "id=ID[,src=FILE|env=VAR]", NULL, build_option_set_secret, "secret for RUN --mount=type=secret"},
    {"ssh", 0, GROUP_RUN, "default|ID[=SOCKET]", NULL, build_option_set_ssh, "ssh agent for RUN --mount=type=ssh"},
    {"ulimit", 0, GROUP_RUN, "TYPE=SOFT[:HARD]", NULL, set_ulimit, "resource limit of RUN"},
    {"shm-size", 0, GROUP_RUN, "SIZE", NULL, set_shm_size, "size of /dev/shm (default: 64m)"},
    {"progress", 0, GROUP_SHOW, "KIND", NULL, set_progress,
     "auto (default: $BUILDKIT_PROGRESS, else by terminal), tty, plain, quiet, rawjson, none"},
    {"quiet", 'q', GROUP_SHOW, NULL, "true", set_quiet, "print only the image ID"},
};

void build_options_help(struct cb_buf *out)
{
    for (int g = 0; g < GROUP_COUNT; g++) {
        cb_buf_printf(out, "\n%s:\n", group_titles[g]);
        for (size_t i = 0; i < CB_LEN(options); i++) {
            const struct option *o = &options[i];
            if ((int)o->group != g)
                continue;
            CB_AUTO(free) char *letter = o->letter ? cb_printf("-%c, ", o->letter) : cb_strdup("    ");
            CB_AUTO(free)
            char *name = !o->value ? cb_printf("--%s", o->name)
                         : o->bare ? cb_printf("--%s[=%s]", o->name, o->value)
                                   : cb_printf("--%s %s", o->name, o->value);
            cb_buf_printf(out, strlen(name) > 31 ? "  %s%s\n%38s%s" : "  %s%-31s %s%s", letter, name, "", o->help);
            if (o->choices)
                o->choices(out);
            cb_buf_addc(out, '\n');
        }
    }
}

/* ---- parsing --------------------------------------------------------------------------------------------------------- */

/* Whatever is wrong with a value, the message names the option. */
static int set_option(const struct option *o, struct build_request *r, const char *value, struct cb_error *err)
{
    if (o->set(r, value, err) == 0)
        return 0;
    CB_AUTO(free) char *name = cb_printf("--%s", o->name);
    return strstr(err->msg, name) ? -1 : cb_context(err, "%s", name);
}

static const struct option *find_option(const char *name, size_t n)
{
    for (size_t i = 0; i < CB_LEN(options); i++)
        if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
            return &options[i];
    return NULL;
}

static int unknown(const char *name, size_t n, struct cb_error *err)
{
    const char *names[CB_LEN(options)];
    CB_AUTO(free) char *word = cb_memdup0(name, n);
    for (size_t i = 0; i < CB_LEN(options); i++)
        names[i] = options[i].name;
    const char *near = cb_did_you_mean(word, names, CB_LEN(options), false);
    cb_fail(err, CB_E_USAGE, "unknown option '--%s'", word);
    return near ? cb_hint(err, "did you mean --%s? 'cbuild --help' lists all options", near)
                : cb_hint(err, "'cbuild --help' lists all options");
}

/* The value of an option: behind `=` or in the same word, else its bare one, else the next word. NULL with err: there
 * is none. */
static const char *take_value(int argc, char **argv, int *i, const char *inside, const char *bare, const char *shown,
                              struct cb_error *err)
{
    if (inside)
        return inside;
    if (bare)
        return bare;
    if (*i + 1 < argc)
        return argv[++*i];
    cb_fail(err, CB_E_USAGE, "option '%s' needs a value", shown);
    return NULL;
}

static int parse_long(int argc, char **argv, int *i, struct build_request *r, struct cb_error *err)
{
    const char *name = argv[*i] + 2;
    size_t n = strcspn(name, "=");
    const struct option *o = find_option(name, n);
    const struct build_refused *refused = o ? NULL : build_refused_find(name, n, 0);
    if (!o && !refused)
        return unknown(name, n, err);
    CB_AUTO(free) char *shown = cb_printf("--%.*s", (int)n, name);
    const char *bare = o ? o->bare : refused->takes_value ? NULL : "true";
    const char *value = take_value(argc, argv, i, name[n] ? name + n + 1 : NULL, bare, shown, err);
    if (!value)
        return -1;
    return o ? set_option(o, r, value, err) : build_refused_check(refused, value, err);
}

static const struct option *find_letter(char c)
{
    for (size_t k = 0; k < CB_LEN(options); k++)
        if (options[k].letter == c)
            return &options[k];
    return NULL;
}

/* `-q`, `-tNAME`, `-t=NAME`, `-t NAME`, and switches in one word with what follows: `-qt NAME`. */
static int parse_short(int argc, char **argv, int *i, struct build_request *r, struct cb_error *err)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const struct option *o = find_letter(*c);
        const struct build_refused *refused = o ? NULL : build_refused_find(NULL, 0, *c);
        if (!o && !refused) {
            cb_fail(err, CB_E_USAGE, "unknown option '-%c'", *c);
            return cb_hint(err, "'cbuild --help' lists all options");
        }
        const char *bare = o ? o->bare : refused->takes_value ? NULL : "true";
        const char *inside = !c[1] || (bare && c[1] != '=') ? NULL : c[1] == '=' ? c + 2 : c + 1;
        CB_AUTO(free) char *shown = cb_printf("-%c", *c);
        const char *value = take_value(argc, argv, i, inside, bare, shown, err);
        if (!value || (o ? set_option(o, r, value, err) : build_refused_check(refused, value, err)) < 0)
            return -1;
        if (inside || !bare)
            break;
    }
    return 0;
}

static void fill_defaults(struct build_request *r)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    bool given = false;
    for (size_t i = 0; i < r->build_args.n; i++)
        given |= cb_starts(r->build_args.items[i], "SOURCE_DATE_EPOCH=");
    if (epoch && *epoch && !given) /* buildx forwards it too */
        cb_strv_take(&r->build_args, cb_printf("SOURCE_DATE_EPOCH=%s", epoch));
    if (!r->jobs) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        r->jobs = n > 0 ? (int)n : 1;
    }
    if (!r->network)
        r->network = "default";
    if (!r->n_outputs)
        build_output_begin(&CB_PUSH(r->outputs, r->n_outputs, r->cap_outputs), build_outputs[0]);
}

static int check_push(const struct build_request *r, const struct build_output *o, struct cb_error *err)
{
    if (r->call != CALL_BUILD || !o->push)
        return 0;
    if (!o->name && !r->tags.n) {
        cb_fail(err, CB_E_USAGE, "nothing to push: the image has no name");
        return cb_hint(err, "name it with -t registry.example/name:tag");
    }
    if (o->by_digest && !o->name) {
        cb_fail(err, CB_E_USAGE, "--output: push-by-digest=true needs a repository of its own to push to");
        return cb_hint(err, "give it a name without a tag: -o type=registry,name=registry.example/name,push-by-digest=true");
    }
    return 0;
}

/* What each option says may be right and all of it not. */
static int check_together(struct build_request *r, struct cb_error *err)
{
    const char *progress = getenv("BUILDKIT_PROGRESS");
    if (r->quiet && r->progress != PROGRESS_AUTO && r->progress != PROGRESS_QUIET)
        return cb_fail(err, CB_E_USAGE, "--quiet and --progress=%s contradict each other", build_progress_names[r->progress]);
    if (r->quiet)
        r->progress = PROGRESS_QUIET;
    if (r->progress == PROGRESS_AUTO && progress && *progress && choose_progress("BUILDKIT_PROGRESS", r, progress, err) < 0)
        return -1;
    for (size_t i = 0; i < r->n_outputs; i++) {
        if (check_push(r, &r->outputs[i], err) < 0)
            return -1;
        if (r->outputs[i].docker_types && r->annotations.n) {
            cb_fail(err, CB_E_USAGE, "--annotation: manifests with Docker's media types have no annotations");
            return cb_hint(err, "add oci-mediatypes=true to the output");
        }
    }
    return 0;
}

int build_options_parse(int argc, char **argv, struct build_request *ret, struct cb_error *err)
{
    bool no_more = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        int r = 0;
        if (!no_more && strcmp(a, "--") == 0)
            no_more = true;
        else if (!no_more && cb_starts(a, "--"))
            r = parse_long(argc, argv, &i, ret, err);
        else if (!no_more && a[0] == '-' && a[1])
            r = parse_short(argc, argv, &i, ret, err);
        else if (ret->context)
            r = cb_fail(err, CB_E_USAGE, "one build context is expected, not '%s' and '%s'", ret->context, a);
        else
            ret->context = cb_strdup(a);
        if (r < 0) {
            err->code = CB_E_USAGE; /* whatever is wrong with it, another command line helps */
            return -1;
        }
    }
    if (!ret->context) {
        cb_fail(err, CB_E_USAGE, "no build context is given");
        return cb_hint(err, "give a directory, as in: cbuild -t app:1 .");
    }
    if (ret->call != CALL_BUILD && (ret->iidfile || ret->metadata_file))
        return cb_fail(err, CB_E_USAGE, "%s goes with a build: --call makes no image",
                       ret->iidfile ? "--iidfile" : "--metadata-file");
    fill_defaults(ret);
    return check_together(ret, err);
}
