#include "base/json.h"
#include "base/text.h"
#include "builder/measure/peer.h"
#include "builder/measure/report.h"

#define VERSION 1

/* ---- writing ------------------------------------------------------------------------------------------------------------------
 */

static json_t *text(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, s, strlen(s));
    return json_stringn(clean.data, clean.len);
}

static void put(json_t *j, const char *key, json_t *value)
{
    json_object_set_new(j, key, value);
}

static void put_count(json_t *j, const char *key, uint64_t n)
{
    put(j, key, json_integer((json_int_t)n));
}

/* Microseconds are enough, and are read more easily. */
static void put_seconds(json_t *j, const char *key, double seconds)
{
    put(j, key, json_real((double)(int64_t)(seconds * 1e6 + 0.5) / 1e6));
}

static void put_sums(json_t *j, const struct measure_sums *s)
{
    json_t *causes = json_object();
    for (int i = 0; i < MEASURE_CAUSES; i++)
        if (s->causes[i])
            put_count(causes, measure_cause_names[i], s->causes[i]);
    put_count(j, "hits", s->hits);
    put_count(j, "misses", s->misses);
    put(j, "causes", causes);
    put_seconds(j, "spent", s->spent);
    put_seconds(j, "saved", s->saved);
    put_count(j, "bytes", s->bytes);
}

static json_t *mark_json(const struct measure_mark *m)
{
    json_t *j = json_object();
    put_count(j, "step", m->step);
    put(j, "fate", json_string(measure_fate_names[m->fate]));
    if (m->cause)
        put(j, "cause", json_string(measure_cause_names[m->cause]));
    if (m->why)
        put(j, "why", text(m->why));
    put_seconds(j, "begun", m->begun);
    put_seconds(j, "lasted", m->lasted);
    put_seconds(j, "cost", m->cost);
    put_count(j, "bytes", m->bytes);
    return j;
}

static json_t *build_json(const struct measure_report *r, const struct measure_build *b)
{
    json_t *j = json_object(), *marks = json_array();
    put(j, "commit", text(b->commit));
    put(j, "subject", text(b->subject));
    put(j, "time", json_integer((json_int_t)b->time));
    put_seconds(j, "seconds", b->seconds);
    if (r->peer)
        put_seconds(j, "peerSeconds", b->peer_seconds);
    if (b->peer_error)
        put(j, "peerError", text(b->peer_error));
    if (b->error)
        put(j, "error", text(b->error));
    if (b->image)
        put(j, "image", text(b->image));
    for (size_t i = 0; i < b->n; i++)
        json_array_append_new(marks, mark_json(&b->marks[i]));
    put(j, "steps", marks);
    return j;
}

static json_t *step_json(const struct measure_report *r, size_t i)
{
    json_t *j = json_object();
    struct measure_sums s = measure_sum(r, i);
    put(j, "stage", text(r->steps[i].stage));
    put(j, "text", text(r->steps[i].text));
    put_count(j, "position", r->steps[i].position);
    put_sums(j, &s);
    return j;
}

static json_t *whole_json(const struct measure_report *r)
{
    json_t *j = json_object();
    struct measure_sums s = measure_sum(r, SIZE_MAX);
    struct measure_whole w = measure_whole(r);
    put_count(j, "failed", w.failed);
    put_sums(j, &s);
    put_seconds(j, "hitRate", measure_hit_rate(&s));
    put_seconds(j, "without", s.spent + s.saved);
    put_seconds(j, "first", w.first);
    put_seconds(j, "wall", w.wall);
    if (!r->peer)
        return j;
    put_count(j, "both", w.both);
    put_seconds(j, "ours", w.ours);
    put_seconds(j, "peers", w.peers);
    return j;
}

void measure_report_json(const struct measure_report *r, struct cb_buf *out)
{
    CB_AUTO(json) json_t *j = json_object();
    json_t *steps = json_array(), *builds = json_array();
    put_count(j, "version", VERSION);
    put(j, "range", text(r->range));
    put_count(j, "every", r->every);
    if (r->peer)
        put(j, "peer", json_string(r->peer));
    put(j, "whole", whole_json(r));
    for (size_t i = 0; i < r->n_steps; i++)
        json_array_append_new(steps, step_json(r, i));
    for (size_t i = 0; i < r->n_builds; i++)
        json_array_append_new(builds, build_json(r, &r->builds[i]));
    put(j, "steps", steps);
    put(j, "builds", builds);
    cb_json_dump(j, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------
 */

static double number(json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

static char *string(json_t *j, const char *key)
{
    return cb_strdup(json_string_value(json_object_get(j, key)));
}

static char *string_or_empty(json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return cb_strdup(s ? s : "");
}

static uint64_t count(json_t *j, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(j, key));
    return n > 0 ? (uint64_t)n : 0;
}

/* The place of a word in a list of n; 0 when it is none of them. */
static int word(json_t *j, const char *key, const char *const *names, int n)
{
    const char *s = json_string_value(json_object_get(j, key));
    for (int i = 0; s && i < n; i++)
        if (strcmp(names[i], s) == 0)
            return i;
    return 0;
}

static int read_mark(json_t *j, const struct measure_report *r, struct measure_build *b, struct cb_error *err)
{
    uint64_t step = count(j, "step");
    if (step >= r->n_steps)
        return cb_fail(err, CB_E_CORRUPT, "report: there is no step %llu", (unsigned long long)step);
    CB_PUSH(b->marks, b->n, b->cap) = (struct measure_mark){
        .step = step,
        .fate = (enum measure_fate)word(j, "fate", measure_fate_names, MEASURE_FATES),
        .cause = (enum measure_cause)word(j, "cause", measure_cause_names, MEASURE_CAUSES),
        .why = string(j, "why"),
        .begun = number(j, "begun"),
        .lasted = number(j, "lasted"),
        .cost = number(j, "cost"),
        .bytes = count(j, "bytes"),
    };
    return 0;
}

static int read_build(json_t *j, struct measure_report *r, struct cb_error *err)
{
    struct measure_build *b = &CB_PUSH(r->builds, r->n_builds, r->cap_builds);
    json_t *marks = json_object_get(j, "steps"), *mark;
    size_t i;
    *b = (struct measure_build){.commit = string_or_empty(j, "commit"),
                                .subject = string_or_empty(j, "subject"),
                                .time = (int64_t)count(j, "time"),
                                .seconds = number(j, "seconds"),
                                .peer_seconds = number(j, "peerSeconds"),
                                .peer_error = string(j, "peerError"),
                                .error = string(j, "error"),
                                .image = string(j, "image")};
    json_array_foreach (marks, i, mark)
        if (read_mark(mark, r, b, err) < 0)
            return -1;
    return 0;
}

static int read_all(json_t *j, struct measure_report *ret, struct cb_error *err)
{
    json_t *steps = NULL, *builds = NULL, *item;
    const char *peer = json_string_value(json_object_get(j, "peer"));
    size_t i;
    if (count(j, "version") != VERSION)
        return cb_fail(err, CB_E_CORRUPT, "report: it is none of 'cbuild cache bench --json', or of another version");
    if (cb_json_array(j, "steps", "report", &steps, err) < 0 || cb_json_array(j, "builds", "report", &builds, err) < 0)
        return -1;
    const struct measure_peer *known = peer ? measure_peer_find(peer) : NULL;
    ret->range = string_or_empty(j, "range");
    ret->every = CB_MAX(count(j, "every"), 1);
    ret->peer = known ? measure_peer_name(known) : NULL;
    json_array_foreach (steps, i, item)
        CB_PUSH(ret->steps, ret->n_steps, ret->cap_steps) = (struct measure_step){
            .stage = string_or_empty(item, "stage"), .text = string_or_empty(item, "text"), .position = count(item, "position")};
    json_array_foreach (builds, i, item)
        if (read_build(item, ret, err) < 0)
            return -1;
    return 0;
}

int measure_report_read(const char *text_, size_t n, struct measure_report *ret, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = cb_json_parse(text_, n, "report", err);
    return j ? read_all(j, ret, err) : -1;
}
