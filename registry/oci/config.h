/* The image config: parsed from a base image, changed by instructions, written for the result
 * (oci-image.md §5, dockerfile.md §17). */
#ifndef OCI_CONFIG_H
#define OCI_CONFIG_H

#include "base/digest.h"
#include "base/map.h"
#include "registry/oci/platform.h"
#include <time.h>

struct oci_healthcheck {
    bool set;
    struct cb_strv test;
    int64_t interval, timeout, start_period, start_interval; /* ns; 0: not given */
    int64_t retries;
};
struct oci_history {
    bool has_created;
    struct timespec created;
    char *created_by, *author, *comment; /* NULL: absent */
    bool empty_layer;
};
/* Where the names in `env` and `labels` are: a Dockerfile of 10,000 lines sets them one by one. */
struct oci_lookup {
    struct cb_map places; /* name -> index + 1 of its item */
    size_t n;             /* items looked at so far */
};

#define OCI_CONFIG_STEP_CACHE "cbuild.cache.v1" /* what steps gave (docs/cache-format.md); others leave it alone */

struct oci_image_config {
    bool has_created;
    struct timespec created;
    char *author;                 /* NULL: absent */
    struct oci_platform platform; /* as written, not normalised; os and arch are never "" after parsing */
    struct cb_strv os_features;

    char *user, *working_dir, *stop_signal;     /* NULL or "": absent */
    struct cb_strv exposed_ports, env, volumes; /* ports and volumes in the order given; written sorted */
    struct cb_strv labels;                      /* key, value, key, value …: see oci_label_get */
    bool has_entrypoint, has_cmd, has_shell;    /* an empty array is not the same as none here; both are written as none */
    struct cb_strv entrypoint, cmd, shell, on_build;
    bool args_escaped;
    struct oci_healthcheck healthcheck;

    struct cb_digest *diff_ids;
    size_t n_diff_ids, cap_diff_ids;
    struct oci_history *history;
    size_t n_history, cap_history;
    char *step_cache; /* JSON of a member of our own, OCI_CONFIG_STEP_CACHE, only written; NULL: none */
    struct oci_lookup env_lookup, label_lookup, port_lookup, volume_lookup; /* of the functions below */
};
void oci_image_config_done(struct oci_image_config *c);
CB_DEFINE_AUTO(oci_image_config, struct oci_image_config, oci_image_config_done)
/* Replaces what `to` holds (a zero struct is fine). */
void oci_image_config_copy(struct oci_image_config *to, const struct oci_image_config *from);

/* Labels may hold '=' in their keys, so they are kept as key and value at even and odd places of `labels`.
 * What `get` gives is borrowed until the config changes; NULL: not set. */
const char *oci_label_get(struct oci_image_config *c, const char *key);
void oci_label_set(struct oci_image_config *c, const char *key, const char *value); /* in place or appended */
const char *oci_env_get(struct oci_image_config *c, const char *name);              /* NULL: not set */
void oci_env_set(struct oci_image_config *c, const char *name, const char *value);  /* in place or appended */
void oci_label_unset(struct oci_image_config *c, const char *key);                  /* no error when it is not there */
void oci_env_unset(struct oci_image_config *c, const char *name);
void oci_labels_clear(struct oci_image_config *c);
void oci_history_clear(struct oci_image_config *c);

void oci_port_add(struct oci_image_config *c, const char *port);     /* unless it is there */
void oci_volume_add(struct oci_image_config *c, const char *volume); /* unless it is there */

/* -1: CB_E_CORRUPT with the path of the member ("config.Env: expected …"); a digest of an algorithm other
 * than sha256 is CB_E_UNSUPPORTED. null is absent, unknown members are dropped, a missing os or architecture is
 * "linux" or this machine's, as docker takes it. *ret is untouched on failure. */
int oci_image_config_parse(const char *bytes, size_t n, struct oci_image_config *ret, struct cb_error *err);
/* Compact JSON, top-level keys sorted, config keys in Go's struct order, as BuildKit emits it; maps sorted by
 * key, empty members of `config` left out. Appended to `out`. Parsing the result and writing it again gives the
 * same bytes. */
void oci_image_config_write(const struct oci_image_config *c, struct cb_buf *out);
/* Makes the number of history entries without empty_layer equal to n_diff_ids: the last surplus ones become
 * empty, missing ones are appended without a time (dockerfile.md §17). */
void oci_image_config_repair_history(struct oci_image_config *c);

#endif
