#include "registry/oci/config.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include <stdio.h>

/* Years 1 to 9999 in UTC: what RFC 3339 can say, so that a time that was read can be written. */
#define TIME_MIN (-62135596800ll)
#define TIME_MAX 253402300799ll

static int take_str(json_t *j, const char *key, const char *path, char **ret, struct cb_error *err)
{
    const char *s = NULL;
    if (cb_json_str(j, key, path, &s, err) < 0)
        return -1;
    if (s)
        *ret = cb_strdup(s);
    return 0;
}

static int take_time(json_t *j, const char *path, bool *has, struct timespec *ret, struct cb_error *err)
{
    const char *s = NULL;
    const char *dot = *path ? "." : "";
    int r = cb_json_str(j, "created", path, &s, err);
    if (r <= 0)
        return r;
    if (!cb_time_parse_rfc3339(s, ret))
        return cb_fail(err, CB_E_CORRUPT, "%s%screated: '%.100s' is not an RFC 3339 time", path, dot, s);
    if (ret->tv_sec < TIME_MIN || ret->tv_sec > TIME_MAX)
        return cb_fail(err, CB_E_CORRUPT, "%s%screated: '%.100s' is out of range", path, dot, s);
    *has = true;
    return 0;
}

/* A list that, when present but empty, is told apart from none. */
static int take_list(json_t *j, const char *key, const char *path, bool *has, struct cb_strv *ret, struct cb_error *err)
{
    int r = cb_json_strv(j, key, path, ret, err);
    if (r < 0)
        return -1;
    *has = r > 0;
    return 0;
}

/* {"80/tcp":{}}: the keys; the values say nothing. */
static int take_keys(json_t *j, const char *key, const char *path, struct cb_strv *ret, struct cb_error *err)
{
    json_t *map = NULL, *ignored;
    const char *item;
    int r = cb_json_object(j, key, path, &map, err);
    if (r <= 0)
        return r;
    json_object_foreach (map, item, ignored) {
        cb_strv_push(ret, item);
    }
    return 0;
}

static int take_labels(json_t *j, struct cb_strv *ret, struct cb_error *err)
{
    json_t *map = NULL, *value;
    const char *key;
    int r = cb_json_object(j, "Labels", "config", &map, err);
    if (r <= 0)
        return r;
    json_object_foreach (map, key, value) {
        if (!json_is_string(value))
            return cb_fail(err, CB_E_CORRUPT, "config.Labels.%.200s: expected a string", key);
        cb_strv_push(ret, key);
        cb_strv_push(ret, json_string_value(value));
    }
    return 0;
}

static int take_healthcheck(json_t *j, struct oci_healthcheck *h, struct cb_error *err)
{
    static const char path[] = "config.Healthcheck";
    const struct {
        const char *key;
        int64_t *at;
    } numbers[] = {
        {"Interval", &h->interval},        {"Timeout", &h->timeout},
        {"StartPeriod", &h->start_period}, {"StartInterval", &h->start_interval},
        {"Retries", &h->retries},
    };
    json_t *check = NULL;
    int r = cb_json_object(j, "Healthcheck", "config", &check, err);
    if (r <= 0)
        return r;
    h->set = true;
    for (size_t i = 0; i < CB_LEN(numbers); i++)
        if (cb_json_int(check, numbers[i].key, path, numbers[i].at, err) < 0)
            return -1;
    return cb_json_strv(check, "Test", path, &h->test, err) < 0 ? -1 : 0;
}

static int parse_container(json_t *doc, struct oci_image_config *c, struct cb_error *err)
{
    static const char path[] = "config";
    json_t *j = NULL;
    int r = cb_json_object(doc, "config", "", &j, err);
    if (r <= 0)
        return r;
    if (take_str(j, "User", path, &c->user, err) < 0 || take_str(j, "WorkingDir", path, &c->working_dir, err) < 0 ||
        take_str(j, "StopSignal", path, &c->stop_signal, err) < 0 || cb_json_strv(j, "Env", path, &c->env, err) < 0 ||
        cb_json_strv(j, "OnBuild", path, &c->on_build, err) < 0 ||
        cb_json_bool(j, "ArgsEscaped", path, &c->args_escaped, err) < 0 ||
        take_list(j, "Entrypoint", path, &c->has_entrypoint, &c->entrypoint, err) < 0 ||
        take_list(j, "Cmd", path, &c->has_cmd, &c->cmd, err) < 0 ||
        take_list(j, "Shell", path, &c->has_shell, &c->shell, err) < 0 ||
        take_keys(j, "ExposedPorts", path, &c->exposed_ports, err) < 0 || take_keys(j, "Volumes", path, &c->volumes, err) < 0 ||
        take_labels(j, &c->labels, err) < 0)
        return -1;
    return take_healthcheck(j, &c->healthcheck, err);
}

static int parse_diff_id(json_t *v, size_t i, struct cb_digest *ret, struct cb_error *err)
{
    if (!json_is_string(v))
        return cb_fail(err, CB_E_CORRUPT, "rootfs.diff_ids[%zu]: expected a string", i);
    const char *text = json_string_value(v);
    if (cb_digest_parse(text, ret))
        return 0;
    if (cb_starts(text, "sha512:") || cb_starts(text, "blake3:"))
        return cb_fail(err, CB_E_UNSUPPORTED, "rootfs.diff_ids[%zu]: algorithm '%.6s' is not supported, only sha256", i, text);
    return cb_fail(err, CB_E_CORRUPT, "rootfs.diff_ids[%zu]: '%.200s' is not a digest", i, text);
}

static int parse_rootfs(json_t *doc, struct oci_image_config *c, struct cb_error *err)
{
    json_t *rootfs = NULL, *ids = NULL, *v;
    const char *type = NULL;
    size_t i;
    int r = cb_json_object(doc, "rootfs", "", &rootfs, err);
    if (r == 0)
        return cb_fail(err, CB_E_CORRUPT, "rootfs: missing, so this is not an image config");
    if (r < 0 || cb_json_str(rootfs, "type", "rootfs", &type, err) < 0)
        return -1;
    if (!type || strcmp(type, "layers") != 0)
        return cb_fail(err, CB_E_UNSUPPORTED, "rootfs.type: expected 'layers', found '%.100s'", type ? type : "");
    r = cb_json_array(rootfs, "diff_ids", "rootfs", &ids, err);
    if (r <= 0)
        return r;
    json_array_foreach (ids, i, v) {
        if (parse_diff_id(v, i, &CB_PUSH(c->diff_ids, c->n_diff_ids, c->cap_diff_ids), err) < 0)
            return -1;
    }
    return 0;
}

static int parse_history(json_t *doc, struct oci_image_config *c, struct cb_error *err)
{
    json_t *list = NULL, *j;
    size_t i;
    int r = cb_json_array(doc, "history", "", &list, err);
    if (r <= 0)
        return r;
    json_array_foreach (list, i, j) {
        char path[40];
        snprintf(path, sizeof(path), "history[%zu]", i);
        if (!json_is_object(j))
            return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", path);
        struct oci_history *h = &CB_PUSH(c->history, c->n_history, c->cap_history);
        if (take_time(j, path, &h->has_created, &h->created, err) < 0 ||
            take_str(j, "created_by", path, &h->created_by, err) < 0 || take_str(j, "author", path, &h->author, err) < 0 ||
            take_str(j, "comment", path, &h->comment, err) < 0 || cb_json_bool(j, "empty_layer", path, &h->empty_layer, err) < 0)
            return -1;
    }
    return 0;
}

static void replace_empty(char **at, char **by)
{
    if (*at && **at)
        return;
    free(*at);
    *at = CB_TAKE(*by);
}

static int parse_platform(json_t *doc, struct oci_image_config *c, struct cb_error *err)
{
    struct oci_platform *p = &c->platform;
    if (take_str(doc, "os", "", &p->os, err) < 0 || take_str(doc, "architecture", "", &p->arch, err) < 0 ||
        take_str(doc, "variant", "", &p->variant, err) < 0 || take_str(doc, "os.version", "", &p->os_version, err) < 0 ||
        cb_json_strv(doc, "os.features", "", &c->os_features, err) < 0)
        return -1;
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    oci_platform_host(&host);
    replace_empty(&p->os, &host.os);
    replace_empty(&p->arch, &host.arch);
    if (!p->variant)
        p->variant = cb_strdup("");
    if (!p->os_version)
        p->os_version = cb_strdup("");
    return 0;
}

int oci_image_config_parse(const char *bytes, size_t n, struct oci_image_config *ret, struct cb_error *err)
{
    CB_AUTO(oci_image_config) struct oci_image_config c = {0};
    if (n > CB_MAX_CONFIG)
        return cb_fail(err, CB_E_CORRUPT, "image config: larger than %u bytes", CB_MAX_CONFIG);
    CB_AUTO(json) json_t *doc = cb_json_parse(bytes, n, "image config", err);
    if (!doc)
        return -1;
    if (!json_is_object(doc))
        return cb_fail(err, CB_E_CORRUPT, "image config: expected a JSON object");
    if (take_time(doc, "", &c.has_created, &c.created, err) < 0 || take_str(doc, "author", "", &c.author, err) < 0 ||
        parse_platform(doc, &c, err) < 0 || parse_container(doc, &c, err) < 0 || parse_rootfs(doc, &c, err) < 0 ||
        parse_history(doc, &c, err) < 0)
        return cb_prefix(err, "image config");
    *ret = c;
    c = (struct oci_image_config){0};
    return 0;
}
