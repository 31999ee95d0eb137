#include "builder/measure/events.h"
#include "base/json.h"
#include "base/text.h"

static double number(json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

struct reader {
    struct measure_seen_list *to;
    bool begun;
    struct timespec first; /* when the first step was started */
};

static bool time_of(json_t *vertex, const char *key, struct timespec *ret)
{
    const char *text = json_string_value(json_object_get(vertex, key));
    return text && cb_time_parse_rfc3339(text, ret);
}

static double between(struct timespec a, struct timespec b)
{
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void set_why(struct measure_mark *m, const char *why)
{
    if (!why)
        return;
    free(m->why);
    m->why = cb_strdup(why);
}

static void set_fate(struct measure_mark *m, json_t *vertex, bool completed)
{
    if (json_is_true(json_object_get(vertex, "cached")))
        m->fate = MEASURE_HIT;
    else if (json_object_get(vertex, "error"))
        m->fate = MEASURE_FAILED;
    else if (completed)
        m->fate = MEASURE_MISS;
    m->cause = m->fate == MEASURE_MISS ? measure_cause_of(m->why) : MEASURE_NO_CAUSE;
}

static void read_vertex(struct reader *r, json_t *vertex)
{
    const char *name = json_string_value(json_object_get(vertex, "name"));
    struct timespec started, completed;
    if (!name || !time_of(vertex, "started", &started))
        return;
    if (!r->begun)
        r->first = started;
    r->begun = true;
    struct measure_mark *m = &measure_seen_get(r->to, name)->mark;
    bool done = time_of(vertex, "completed", &completed);
    m->begun = between(r->first, started);
    m->lasted = m->cost = done ? between(started, completed) : 0;
    set_why(m, json_string_value(json_object_get(vertex, "why")));
    set_fate(m, vertex, done);
}

void measure_read_events(const char *text, size_t n, struct measure_seen_list *ret)
{
    struct reader r = {.to = ret};
    for (const char *line = text, *end; line < text + n; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + n - line));
        if (!end)
            return;
        if (!cb_starts(line, "{\"vertexes\"")) /* logs may be long, and say nothing of this */
            continue;
        CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
        CB_AUTO(json) json_t *j = cb_json_parse(line, (size_t)(end - line), "events", &ignored);
        json_t *list = json_object_get(j, "vertexes"), *vertex;
        size_t i;
        json_array_foreach (list, i, vertex)
            read_vertex(&r, vertex);
    }
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

static void read_step(json_t *step, struct measure_seen_list *to)
{
    const char *name = json_string_value(json_object_get(step, "name"));
    if (!name)
        return;
    struct measure_mark *m = &measure_seen_get(to, name)->mark;
    if (m->fate == MEASURE_ABSENT)
        m->fate = MEASURE_HIT;
    m->cost = number(step, "seconds");
    m->bytes = (uint64_t)CB_MAX(number(step, "size"), 0);
}

int measure_read_metadata(const char *text, size_t n, struct measure_seen_list *ret, struct measure_build *b,
                          struct cb_error *err)
{
    CB_AUTO(json) json_t *j = cb_json_parse(text, n, "metadata", err);
    CB_AUTO(cb_strv) struct cb_strv skipped = {0};
    json_t *steps = NULL, *step;
    const char *image = NULL;
    size_t i;
    if (!j || cb_json_array(j, "cbuild.steps", "metadata", &steps, err) < 0 ||
        cb_json_strv(j, "cbuild.skipped", "metadata", &skipped, err) < 0 ||
        cb_json_str(j, "containerimage.config.digest", "metadata", &image, err) < 0)
        return -1;
    json_array_foreach (steps, i, step)
        read_step(step, ret);
    for (i = 0; i < skipped.n; i++)
        measure_seen_get(ret, skipped.items[i])->mark.fate = MEASURE_SKIPPED;
    b->image = cb_strdup(image);
    return 0;
}
