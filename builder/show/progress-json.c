/* Events as BuildKit's clients write them, one solve status per line: `vertexes` are steps (sent again at each change),
 * `statuses` amounts of work done, `logs` output in base64, `warnings` what the build checks found. We add: `cpuSeconds`,
 * `maxRSS`, `readBytes` and `writtenBytes` of a step, `why` it was cached or had to run, and at the end a `summary` with all
 * steps and layers. */
#include "builder/show/progress-json.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/show/progress-summary.h"
#include "builder/show/standard-error.h"
#include "base/base64.h"

#include <stdio.h>

struct json_progress {
    struct build_renderer r;
    struct progress_tally tally;
    struct timespec *started; /* by the number of the step */
    size_t n, cap;
};

static void put_text(json_t *j, const char *key, const char *text)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    if (!text)
        return;
    cb_utf8_sanitize(&clean, text, strlen(text));
    json_object_set_new(j, key, json_stringn(clean.data, clean.len));
}

static json_t *bytes(const char *p, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_base64_encode(&text, p, n);
    return json_stringn(text.data, text.len);
}

static struct timespec now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t;
}

static void put_time(json_t *j, const char *key, struct timespec t)
{
    char text[CB_TIME_MAX];
    cb_time_rfc3339(t, text);
    json_object_set_new(j, key, json_string(text));
}

/* A step has no digest of its own until it is done: its number stands for it. */
static void put_vertex(json_t *j, const char *key, int step)
{
    struct cb_digest d;
    char name[32], hex[CB_DIGEST_HEX + 1];
    if (!step)
        return;
    cb_sha256(name, (size_t)snprintf(name, sizeof(name), "step %d", step), &d);
    cb_digest_hex(&d, hex);
    json_object_set_new(j, key, json_sprintf("sha256:%s", hex));
}

/* ---- one object each ---------------------------------------------------------------------------------------------- */

static struct timespec *started(struct json_progress *p, int step)
{
    while (p->n <= (size_t)step)
        CB_PUSH(p->started, p->n, p->cap) = (struct timespec){0};
    return &p->started[step];
}

static json_t *vertex(struct json_progress *p, const struct build_event *e)
{
    json_t *v = json_object();
    struct timespec *since = started(p, e->step);
    if (since->tv_sec == 0)
        *since = now();
    put_vertex(v, "digest", e->step);
    put_text(v, "name", e->name);
    put_time(v, "started", *since);
    if (e->kind != BUILD_EVENT_STEP_STARTED)
        put_time(v, "completed", now());
    if (e->kind == BUILD_EVENT_STEP_CACHED)
        json_object_set_new(v, "cached", json_true());
    put_text(v, "why", e->why);
    if (e->kind == BUILD_EVENT_STEP_FAILED)
        put_text(v, "error", e->error->msg);
    if (e->kind == BUILD_EVENT_STEP_CANCELED)
        put_text(v, "error", "context canceled");
    if (e->usage) {
        json_object_set_new(v, "cpuSeconds", json_real((double)e->usage->cpu_us / 1e6));
        json_object_set_new(v, "maxRSS", json_integer((json_int_t)e->usage->peak_memory));
        json_object_set_new(v, "readBytes", json_integer((json_int_t)e->usage->read_bytes));
        json_object_set_new(v, "writtenBytes", json_integer((json_int_t)e->usage->written_bytes));
    }
    return v;
}

static json_t *log_line(const struct build_event *e)
{
    json_t *l = json_object();
    CB_AUTO(cb_buf) struct cb_buf line = CB_BUF_INIT;
    cb_buf_adds(&line, e->text);
    cb_buf_addc(&line, '\n');
    put_vertex(l, "vertex", e->step);
    json_object_set_new(l, "stream", json_integer(e->stream));
    json_object_set_new(l, "data", bytes(line.data, line.len));
    put_time(l, "timestamp", now());
    return l;
}

static json_t *status(const struct build_event *e)
{
    json_t *s = json_object();
    put_text(s, "id", e->part ? e->part : e->what ? e->what : "");
    put_vertex(s, "vertex", e->step);
    json_object_set_new(s, "total", json_integer((json_int_t)e->total));
    json_object_set_new(s, "current", json_integer((json_int_t)e->done));
    put_time(s, "timestamp", now());
    return s;
}

static json_t *warning(const char *text)
{
    json_t *w = json_object();
    json_object_set_new(w, "level", json_integer(1));
    json_object_set_new(w, "short", bytes(text, strlen(text)));
    return w;
}

static json_t *lint_warning(const struct build_event *e, const struct df_warning *found)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf url = CB_BUF_INIT;
    const char *detail = df_rules[found->rule].description;
    df_warning_short(found, &text);
    df_rule_url(found->rule, &url);
    json_t *w = warning(text.data);
    json_object_set_new(w, "detail", json_pack("[o]", bytes(detail, strlen(detail))));
    put_text(w, "url", url.data);
    json_t *source = json_object();
    put_text(source, "filename", e->dockerfile);
    json_object_set_new(source, "data", bytes(e->source.p, e->source.n));
    json_object_set_new(w, "sourceInfo", source);
    if (found->at.line) {
        int last = CB_MAX(found->at.last_line, found->at.line);
        json_object_set_new(w, "range", json_pack("[{s{si}s{si}}]", "start", "line", found->at.line, "end", "line", last));
    }
    return w;
}

static json_t *steps(const struct progress_tally *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->n; i++) {
        json_t *j = json_object();
        put_text(j, "name", t->steps[i].name);
        json_object_set_new(j, "cached", json_boolean(t->steps[i].cached));
        json_object_set_new(j, "seconds", json_real(t->steps[i].seconds));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *layers(const struct build_summary *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_layers; i++) {
        json_t *j = json_object();
        put_text(j, "name", s->layers[i].name);
        json_object_set_new(j, "size", json_integer((json_int_t)s->layers[i].size));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *summary(const struct build_summary *s, const struct progress_tally *t)
{
    json_t *j = json_object(), *names = json_array();
    json_object_set_new(j, "run", json_integer(s->counts.run));
    json_object_set_new(j, "cached", json_integer(s->counts.cached));
    json_object_set_new(j, "shared", json_integer(s->counts.shared));
    json_object_set_new(j, "put", json_integer(s->counts.put));
    json_object_set_new(j, "late", json_integer(s->counts.late));
    json_object_set_new(j, "seconds", json_real(s->seconds));
    json_object_set_new(j, "size", json_integer((json_int_t)s->size));
    put_text(j, "image", s->image_id);
    put_text(j, "manifest", s->manifest_digest);
    for (size_t i = 0; i < s->n_names; i++)
        json_array_append_new(names, json_string(s->names[i]));
    json_object_set_new(j, "names", names);
    json_object_set_new(j, "steps", steps(t));
    json_object_set_new(j, "layers", layers(s));
    return j;
}

/* ---- the renderer -------------------------------------------------------------------------------------------------- */

static void add(json_t *line, const char *key, json_t *object)
{
    json_t *list = json_object_get(line, key);
    if (!list)
        json_object_set_new(line, key, list = json_array());
    json_array_append_new(list, object);
}

static void json_event(struct build_renderer *r, const struct build_event *e)
{
    CB_AUTO(json) json_t *line = json_object();
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    struct json_progress *p = (struct json_progress *)r;
    build_progress_tally_add(&p->tally, e);
    switch (e->kind) {
    case BUILD_EVENT_STEP_STARTED:
    case BUILD_EVENT_STEP_CACHED:
    case BUILD_EVENT_STEP_DONE:
    case BUILD_EVENT_STEP_FAILED:
    case BUILD_EVENT_STEP_CANCELED:
        add(line, "vertexes", vertex(p, e));
        break;
    case BUILD_EVENT_STEP_LOG:
        add(line, "logs", log_line(e));
        break;
    case BUILD_EVENT_STEP_PROGRESS:
        add(line, "statuses", status(e));
        break;
    case BUILD_EVENT_NOTE:
    case BUILD_EVENT_WARNING:
        add(line, "warnings", warning(e->text));
        break;
    case BUILD_EVENT_LINT:
        for (size_t i = 0; e->lint && i < e->lint->n; i++)
            add(line, "warnings", lint_warning(e, &e->lint->items[i]));
        break;
    case BUILD_EVENT_BUILD_DONE:
        if (e->summary)
            json_object_set_new(line, "summary", summary(e->summary, &p->tally));
        break;
    case BUILD_EVENT_BUILD_STARTED:
    case BUILD_EVENT_CONTINUED:
    case BUILD_EVENT_WAITING:
        break;
    }
    if (json_object_size(line)) {
        cb_json_dump(line, CB_JSON_COMPACT, &out);
        cb_buf_addc(&out, '\n');
    }
    (e->kind == BUILD_EVENT_STEP_LOG ? build_show_later : build_show)(&out);
}

static void json_free(struct build_renderer *r)
{
    struct json_progress *p = (struct json_progress *)r;
    build_progress_tally_done(&p->tally);
    free(p->started);
    free(p);
}

struct build_renderer *build_progress_json_new(void)
{
    struct json_progress *p = CB_NEW(struct json_progress);
    p->r = (struct build_renderer){json_event, NULL, json_free};
    return &p->r;
}
