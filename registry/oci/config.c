#include "registry/oci/config.h"

#include "registry/oci/emit.h"

/* ---- life cycle ---------------------------------------------------------------------------- */

static void history_done(struct oci_history *h)
{
    free(h->created_by);
    free(h->author);
    free(h->comment);
}

void oci_image_config_done(struct oci_image_config *c)
{
    struct cb_strv *lists[] = {&c->os_features, &c->exposed_ports, &c->env,   &c->volumes,  &c->labels,
                               &c->entrypoint,  &c->cmd,           &c->shell, &c->on_build, &c->healthcheck.test};
    for (size_t i = 0; i < CB_LEN(lists); i++)
        cb_strv_done(lists[i]);
    for (size_t i = 0; i < c->n_history; i++)
        history_done(&c->history[i]);
    cb_map_done(&c->env_lookup.places);
    cb_map_done(&c->label_lookup.places);
    cb_map_done(&c->port_lookup.places);
    cb_map_done(&c->volume_lookup.places);
    oci_platform_done(&c->platform);
    free(c->author);
    free(c->step_cache);
    free(c->user);
    free(c->working_dir);
    free(c->stop_signal);
    free(c->diff_ids);
    free(c->history);
    *c = (struct oci_image_config){0};
}

static void copy_history(struct oci_image_config *to, const struct oci_image_config *from)
{
    for (size_t i = 0; i < from->n_history; i++) {
        const struct oci_history *h = &from->history[i];
        CB_PUSH(to->history, to->n_history, to->cap_history) = (struct oci_history){
            .has_created = h->has_created,
            .created = h->created,
            .created_by = cb_strdup(h->created_by),
            .author = cb_strdup(h->author),
            .comment = cb_strdup(h->comment),
            .empty_layer = h->empty_layer,
        };
    }
}

void oci_image_config_copy(struct oci_image_config *to, const struct oci_image_config *from)
{
    struct oci_image_config c = {
        .has_created = from->has_created,
        .created = from->created,
        .author = cb_strdup(from->author),
        .step_cache = cb_strdup(from->step_cache),
        .user = cb_strdup(from->user),
        .working_dir = cb_strdup(from->working_dir),
        .stop_signal = cb_strdup(from->stop_signal),
        .has_entrypoint = from->has_entrypoint,
        .has_cmd = from->has_cmd,
        .has_shell = from->has_shell,
        .args_escaped = from->args_escaped,
        .healthcheck = from->healthcheck,
    };
    c.healthcheck.test = (struct cb_strv){0};
    cb_strv_copy(&c.healthcheck.test, &from->healthcheck.test);
    oci_platform_copy(&c.platform, &from->platform);
    cb_strv_copy(&c.os_features, &from->os_features);
    cb_strv_copy(&c.exposed_ports, &from->exposed_ports);
    cb_strv_copy(&c.env, &from->env);
    cb_strv_copy(&c.volumes, &from->volumes);
    cb_strv_copy(&c.labels, &from->labels);
    cb_strv_copy(&c.entrypoint, &from->entrypoint);
    cb_strv_copy(&c.cmd, &from->cmd);
    cb_strv_copy(&c.shell, &from->shell);
    cb_strv_copy(&c.on_build, &from->on_build);
    for (size_t i = 0; i < from->n_diff_ids; i++)
        CB_PUSH(c.diff_ids, c.n_diff_ids, c.cap_diff_ids) = from->diff_ids[i];
    copy_history(&c, from);
    oci_image_config_done(to);
    *to = c;
}

/* ---- labels and environment ---------------------------------------------------------------- */

/* Both lists only grow, or change in place: what came since the last look-up is indexed first. */
static char **place_in(const struct oci_lookup *index, const char *const *items, const char *key)
{
    uintptr_t at = (uintptr_t)cb_map_get(&index->places, key);
    return at ? (char **)&items[at - 1] : NULL;
}

static char **label_at(struct oci_image_config *c, const char *key)
{
    struct oci_lookup *x = &c->label_lookup;
    for (; x->n + 1 < c->labels.n; x->n += 2)
        if (!cb_map_has(&x->places, c->labels.items[x->n]))
            cb_map_set(&x->places, c->labels.items[x->n], (void *)(uintptr_t)(x->n + 2));
    return place_in(x, (const char *const *)c->labels.items, key);
}

const char *oci_label_get(struct oci_image_config *c, const char *key)
{
    char **at = label_at(c, key);
    return at ? *at : NULL;
}

void oci_label_set(struct oci_image_config *c, const char *key, const char *value)
{
    char **at = label_at(c, key);
    if (at) {
        char *copy = cb_strdup(value);
        free(*at);
        *at = copy;
        return;
    }
    cb_strv_push(&c->labels, key);
    cb_strv_push(&c->labels, value);
}

static char **env_at(struct oci_image_config *c, const char *name)
{
    struct oci_lookup *x = &c->env_lookup;
    for (; x->n < c->env.n; x->n++) {
        const char *item = c->env.items[x->n];
        size_t len = strcspn(item, "=");
        if (!cb_map_getn(&x->places, item, len))
            cb_map_setn(&x->places, item, len, (void *)(uintptr_t)(x->n + 1));
    }
    return place_in(x, (const char *const *)c->env.items, name);
}

const char *oci_env_get(struct oci_image_config *c, const char *name)
{
    char **at = env_at(c, name);
    if (!at)
        return NULL;
    const char *end = *at + strlen(name);
    return *end ? end + 1 : end;
}

void oci_env_set(struct oci_image_config *c, const char *name, const char *value)
{
    char *item = cb_printf("%s=%s", name, value);
    char **at = env_at(c, name);
    if (!at) {
        cb_strv_take(&c->env, item);
        return;
    }
    free(*at);
    *at = item;
}

/* A list that shrinks is indexed anew. */
static void forget(struct oci_lookup *x)
{
    cb_map_done(&x->places);
    *x = (struct oci_lookup){0};
}

/* Takes `n` items out of a list. */
static void cut(struct cb_strv *list, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        free(list->items[i]);
    memmove(&list->items[at], &list->items[at + n], (list->n - at - n + 1) * sizeof(*list->items)); /* the NULL behind it too */
    list->n -= n;
}

void oci_label_unset(struct oci_image_config *c, const char *key)
{
    for (size_t i = c->labels.n / 2; i-- > 0;)
        if (strcmp(c->labels.items[2 * i], key) == 0)
            cut(&c->labels, 2 * i, 2);
    forget(&c->label_lookup);
}

void oci_env_unset(struct oci_image_config *c, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = c->env.n; i-- > 0;)
        if (strncmp(c->env.items[i], name, len) == 0 && (c->env.items[i][len] == '=' || !c->env.items[i][len]))
            cut(&c->env, i, 1);
    forget(&c->env_lookup);
}

void oci_labels_clear(struct oci_image_config *c)
{
    cb_strv_done(&c->labels);
    forget(&c->label_lookup);
}

void oci_history_clear(struct oci_image_config *c)
{
    for (size_t i = 0; i < c->n_history; i++)
        history_done(&c->history[i]);
    c->n_history = 0;
}

static void add_once(struct cb_strv *list, struct oci_lookup *x, const char *value)
{
    for (; x->n < list->n; x->n++)
        cb_map_set(&x->places, list->items[x->n], NULL);
    if (!cb_map_has(&x->places, value))
        cb_strv_push(list, value);
}

void oci_port_add(struct oci_image_config *c, const char *port)
{
    add_once(&c->exposed_ports, &c->port_lookup, port);
}

void oci_volume_add(struct oci_image_config *c, const char *volume)
{
    add_once(&c->volumes, &c->volume_lookup, volume);
}

/* ---- history ------------------------------------------------------------------------------- */

void oci_image_config_repair_history(struct oci_image_config *c)
{
    size_t layers = 0;
    for (size_t i = 0; i < c->n_history; i++) {
        struct oci_history *h = &c->history[i];
        if (!h->empty_layer && layers == c->n_diff_ids)
            h->empty_layer = true;
        layers += !h->empty_layer;
    }
    for (; layers < c->n_diff_ids; layers++)
        CB_PUSH(c->history, c->n_history, c->cap_history).comment = cb_strdup("buildkit.exporter.image.v0");
}

/* ---- writing ------------------------------------------------------------------------------- */

static void emit_int(json_t *j, const char *key, int64_t n)
{
    if (n != 0)
        oci_emit_set(j, key, json_integer(n));
}

static json_t *emit_healthcheck(const struct oci_healthcheck *h)
{
    json_t *j = json_object();
    oci_emit_strv(j, "Test", &h->test);
    emit_int(j, "Interval", h->interval);
    emit_int(j, "Timeout", h->timeout);
    emit_int(j, "StartPeriod", h->start_period);
    emit_int(j, "StartInterval", h->start_interval);
    emit_int(j, "Retries", h->retries);
    return j;
}

static json_t *emit_container(const struct oci_image_config *c)
{
    json_t *j = json_object();
    oci_emit_text(j, "User", c->user);
    if (c->exposed_ports.n)
        oci_emit_set(j, "ExposedPorts", oci_emit_key_set(&c->exposed_ports));
    oci_emit_strv(j, "Env", &c->env);
    oci_emit_strv(j, "Entrypoint", &c->entrypoint);
    oci_emit_strv(j, "Cmd", &c->cmd);
    if (c->volumes.n)
        oci_emit_set(j, "Volumes", oci_emit_key_set(&c->volumes));
    oci_emit_text(j, "WorkingDir", c->working_dir);
    if (c->labels.n)
        oci_emit_set(j, "Labels", oci_emit_pairs(&c->labels));
    oci_emit_text(j, "StopSignal", c->stop_signal);
    if (c->args_escaped)
        oci_emit_set(j, "ArgsEscaped", json_true());
    if (c->healthcheck.set)
        oci_emit_set(j, "Healthcheck", emit_healthcheck(&c->healthcheck));
    oci_emit_strv(j, "OnBuild", &c->on_build);
    oci_emit_strv(j, "Shell", &c->shell);
    return j;
}

static json_t *emit_history(const struct oci_image_config *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_history; i++) {
        const struct oci_history *h = &c->history[i];
        json_t *j = json_object();
        if (h->has_created)
            oci_emit_set(j, "created", oci_emit_time(h->created));
        oci_emit_text(j, "created_by", h->created_by);
        oci_emit_text(j, "author", h->author);
        oci_emit_text(j, "comment", h->comment);
        if (h->empty_layer)
            oci_emit_set(j, "empty_layer", json_true());
        oci_emit_append(list, j);
    }
    return list;
}

static json_t *emit_rootfs(const struct oci_image_config *c)
{
    json_t *j = json_object(), *ids = json_array();
    for (size_t i = 0; i < c->n_diff_ids; i++)
        oci_emit_append(ids, oci_emit_digest(&c->diff_ids[i]));
    oci_emit_set(j, "type", oci_emit_string("layers"));
    oci_emit_set(j, "diff_ids", ids);
    return j;
}

void oci_image_config_write(const struct oci_image_config *c, struct cb_buf *out)
{
    CB_AUTO(json) json_t *j = json_object();
    oci_emit_set(j, "architecture", oci_emit_string(c->platform.arch ? c->platform.arch : ""));
    oci_emit_text(j, "author", c->author);
    if (c->step_cache)
        oci_emit_set(j, OCI_CONFIG_STEP_CACHE, json_loads(c->step_cache, 0, NULL));
    oci_emit_set(j, "config", emit_container(c));
    if (c->has_created)
        oci_emit_set(j, "created", oci_emit_time(c->created));
    oci_emit_set(j, "history", emit_history(c));
    oci_emit_set(j, "os", oci_emit_string(c->platform.os ? c->platform.os : ""));
    oci_emit_strv(j, "os.features", &c->os_features);
    oci_emit_text(j, "os.version", c->platform.os_version);
    oci_emit_set(j, "rootfs", emit_rootfs(c));
    oci_emit_text(j, "variant", c->platform.variant);
    cb_json_dump(j, CB_JSON_COMPACT, out);
}
