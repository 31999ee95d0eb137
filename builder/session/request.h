/* What the user asked for: the command line of `cbuild build`, checked, nothing looked up yet. */
#ifndef BUILD_REQUEST_H
#define BUILD_REQUEST_H

#include "base/stream/codec.h"
#include "base/error.h"
#include "registry/transfer/options.h"
#include "runtime/sandbox/sandbox.h"

struct build_policy;        /* builder/policy/policy.h */
struct build_attest_format; /* builder/attest/sbom.h */
struct build_attest_wish {  /* --sbom, --provenance, --attest */
    bool sbom, provenance;
    const struct build_attest_format *format; /* of the SBOM; NULL: the first there is */
    bool min;                                 /* of provenance: mode=min */
    bool reproducible;                        /* the user says so */
    char *builder_id;                         /* NULL: none */
};

struct build_sign { /* --sign */
    bool wanted;
    char *key; /* file or URI of a key; NULL: cosign finds an identity */
};

struct build_output_ops; /* builder/output/output.h */
struct build_output {    /* -o type=…,key=value */
    const struct build_output_ops *ops;
    char *dest;        /* file ("-": stdout) or directory; NULL: the kind has none */
    bool as_directory; /* tar=false */
    bool takes_files;  /* it writes the files of the layers, not the layers */
    bool push;
    char *name; /* name=…: instead of the tags; NULL: the tags */
    const struct cb_codec *codec;
    int level;                  /* -1: the codec's own */
    bool force_compression;     /* base layers too */
    bool docker_types;          /* oci-mediatypes=false, or what the kind has without it */
    bool rewrites_times;        /* rewrite-timestamp=true: files that steps made get no time after SOURCE_DATE_EPOCH */
    bool by_digest;             /* push-by-digest=true: the pushed image gets no tag */
    int platform_split;         /* each platform has a folder: 1, 0; -1: when there are several */
    struct cb_strv annotations; /* annotation.key=value: as --annotation */
};

struct build_share_ops; /* builder/share/share.h */
struct build_share {    /* --cache-from, --cache-to type=…,key=value */
    const struct build_share_ops *ops;
    bool writes;             /* --cache-to */
    char *place;             /* where it is: a repository, a directory, as its kind understands it; NULL: the kind needs none */
    struct cb_strv settings; /* what keys of the kind's own say, "key=value" */
    bool all;                /* mode=max: steps that are not part of the image, too */
    const struct cb_codec *codec;
    int level; /* -1: the codec's own */
    bool ages; /* ttl=: what was made more than max_age seconds ago is not taken */
    int64_t max_age;
    bool all_mounts;       /* cache-mounts=all */
    struct cb_strv mounts; /* cache-mounts=ID,…: these */
    uint64_t mounts_max_size;
    int64_t mounts_max_age; /* seconds */
};

enum build_pull { BUILD_PULL_MISSING, BUILD_PULL_ALWAYS, BUILD_PULL_NEWER, BUILD_PULL_NEVER, BUILD_PULL_COUNT };
extern const char *const build_pull_names[BUILD_PULL_COUNT];
enum build_progress {
    BUILD_PROGRESS_AUTO,
    BUILD_PROGRESS_TTY,
    BUILD_PROGRESS_PLAIN,
    BUILD_PROGRESS_QUIET,
    BUILD_PROGRESS_RAWJSON,
    BUILD_PROGRESS_NONE,
    BUILD_PROGRESS_COUNT
};
extern const char *const build_progress_names[BUILD_PROGRESS_COUNT];
enum build_call { BUILD_CALL_BUILD, BUILD_CALL_CHECK, BUILD_CALL_OUTLINE, BUILD_CALL_TARGETS, BUILD_CALL_COUNT };

struct build_secret { /* --secret id=…,src=…|env=…[,keyed] */
    char *id, *src, *env;
    bool keyed; /* its value is part of the keys of steps that mount it */
    bool known; /* `have` and `value` are set: it was asked for (builder/session/secret.h) */
    int have;
    struct cb_buf value;
};
struct build_ssh { /* --ssh default|id[=socket] */
    char *id, *socket;
};

struct build_volume { /* --volume, --mount, --tmpfs */
    char *source;     /* of the host: absolute, without symlinks; NULL: a tmpfs */
    char *target;
    bool readonly;
    bool open; /* tmpfs: not nosuid, nodev, noexec */
    bool has_mode;
    uint32_t mode; /* of a tmpfs' root directory, if it has one */
    uint64_t size; /* of a tmpfs; 0: no limit */
};

/* What the command line changes of the image besides what the Dockerfile says. */
struct build_changes {
    char *from;         /* instead of the image of the first FROM; NULL: that image */
    struct cb_strv env; /* "K=V": as ENV behind the FROM of each stage */
    struct cb_strv unset_env, unset_labels;
    bool no_base_labels; /* those of base images are dropped */
    bool no_history;
    bool docker_types; /* manifests have Docker's media types */
};

/* Files that say what the manifest's digest is. NULL: not wanted. */
struct build_digest_files {
    char *digest; /* nothing but it */
    char *names;  /* NAME@DIGEST, a line for each name */
    char *tags;   /* NAME:TAG@DIGEST */
};

#define BUILD_HOST_GATEWAY "host-gateway"

struct build_request {
    char *context;              /* as given; "." etc.; "-" stdin */
    char *dockerfile;           /* -f; NULL: none given */
    char *target;               /* NULL: last stage */
    char *platform;             /* NULL: this machine's; of a build, perhaps several, with commas between them */
    bool platform_given;        /* by an option of a build: a further one adds to it */
    char *root;                 /* --root; NULL: default */
    char *run_root;             /* --run-root; NULL: none */
    uint64_t store_limit;       /* bytes that the store may take; 0: no limit */
    bool resets;                /* the store is opened only to be removed */
    struct cb_strv tags;        /* -t, as given; checked to be references */
    struct cb_strv build_args;  /* "K=V"; those without '=' were filled from the environment or dropped */
    struct cb_strv file_args;   /* of --build-arg-file: as build_args, which come after them */
    struct cb_strv labels;      /* "K=V" */
    struct cb_strv annotations; /* as builder/output/annotations.c holds them */
    struct cb_strv add_hosts;   /* "name=ip", "name=host-gateway" */
    struct cb_strv dns;         /* addresses; or "none" alone: /etc/resolv.conf of the image */
    struct cb_strv dns_search;  /* domains; or "." alone: none */
    struct cb_strv dns_options; /* words */
    struct cb_strv proxies;     /* "HTTP_PROXY=…": of builder/session/proxies.h, for RUN */
    bool no_http_proxy;         /* they are not asked for */
    struct cb_strv contexts;    /* --build-context NAME=VALUE */
    struct cb_strv no_cache_filter;
    bool no_cache;
    bool dry_run;      /* nothing is executed: what would be is said on standard output */
    bool dry_run_json; /* in JSON */
    bool allow_host_network, allow_insecure;
    const char *network; /* a name of runtime/network/network.h */
    enum build_pull pull;
    enum build_progress progress;
    bool quiet; /* -q: progress is quiet then; none when an output takes standard output */
    enum build_call call;
    char *call_format;       /* "text", "json", "sarif" or NULL: text */
    bool call_ignore_status; /* a check with warnings is no failure */
    struct build_output *outputs;
    size_t n_outputs, cap_outputs;
    struct build_share *shares; /* shared caches, in the order in which they were given */
    size_t n_shares, cap_shares;
    bool ignores_modes; /* --cache-ignore=mode: of modes in contexts only the owner's executable bit counts */
    int64_t cache_wait; /* seconds that a step waits for another machine that executes it; 0: none */
    bool inline_cache;  /* --cache-to type=inline: the image says what its steps gave */
    struct build_secret *secrets;
    size_t n_secrets, cap_secrets;
    struct build_ssh *ssh;
    size_t n_ssh, cap_ssh;
    struct build_volume *volumes; /* for every RUN */
    size_t n_volumes, cap_volumes;
    struct rt_rlimit *ulimits;
    size_t n_ulimits, cap_ulimits;
    struct rt_confinement confinement;
    uint64_t shm_size;        /* 0: default */
    uint64_t step_timeout_ms; /* of a RUN; 0: none */
    struct rt_limits limits;  /* of a RUN */
    int jobs;                 /* steps at once */
    struct cb_strv invoke;    /* --invoke: what is run where a RUN has failed; empty: nothing */
    struct build_changes changes;
    struct build_attest_wish attest;
    struct build_sign sign;
    struct build_policy *policy; /* --policy; NULL: everything may be taken */
    struct reg_options registry;
    struct cb_strv notes; /* what is said once of options that are accepted without being done */
    bool ages;            /* what an earlier build made more than max_age seconds ago is not taken */
    int64_t max_age;
    bool rewrites_times;         /* rewrite-timestamp=true for all outputs */
    bool squashes, squashes_all; /* the layers of the build become one; with those of its base */
    bool ignores_immutable;      /* a tag that a registry does not let be moved is no failure of a push */
    char *iidfile, *metadata_file;
    char *list; /* the image is added to that list of images; NULL: to none */
    struct build_digest_files digest_files;
    char *context_sub;        /* the directory of the context that is meant; NULL: itself */
    bool ignores_everywhere;  /* the ignore file of a context that is no directory of this machine counts too */
    const char *git_protocol; /* what a context of git:// is fetched by; NULL: git's own */
    char *ignorefile;         /* NULL: as the context and the Dockerfile's name say */
    char *logfile;            /* what is shown goes there; NULL: to standard error */
};
void build_request_done(struct build_request *r);

/* compression= and compression-level= of outputs and shared caches: the codec of that name, and a level that some codec might
 * have. */
int build_read_codec(const char *key, const char *value, const struct cb_codec **ret, struct cb_error *err);
int build_read_level(const char *key, const char *value, int *ret, struct cb_error *err);

/* Whether the build-arg is a true word; the last one of that name counts. */
bool build_arg_says_yes(const struct build_request *r, const char *name);
const char *build_share_setting(const struct build_share *o, const char *key); /* the last one given, borrowed; NULL: none */

#endif
