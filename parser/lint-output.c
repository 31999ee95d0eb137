/* How build checks are shown: short lines, BuildKit's text, JSON, SARIF. */
#include "parser/lint.h"

#include "base/json.h"
#include "base/text.h"
#include "parser/excerpt.h"

#define LINES_SINGLE 1000 /* a longer instruction has one range for all its lines: there may be as many warnings */

void df_warning_short(const struct df_warning *w, struct cb_buf *out)
{
    cb_buf_printf(out, "%s: %s", df_rules[w->rule].name, w->message);
    if (w->at.line > 0)
        cb_buf_printf(out, " (line %d)", w->at.line);
}

void df_lint_text(const struct df_lint *l, const char *name, struct cb_str source, struct cb_buf *out)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct df_warning *w = &l->items[i];
        cb_buf_printf(out, "\nWARNING: %s", df_rules[w->rule].name);
        if (df_rules[w->rule].slug) {
            cb_buf_adds(out, " - ");
            df_rule_url(w->rule, out);
        }
        cb_buf_addc(out, '\n');
        cb_escape_terminal(out, w->message, strlen(w->message), true);
        cb_buf_addc(out, '\n');
        df_excerpt(source, name, w->at, out);
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* jansson takes only valid UTF-8, and messages quote bytes of the Dockerfile. NULL is "". */
static json_t *text(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    if (s)
        cb_utf8_sanitize(&clean, s, strlen(s));
    return json_stringn(clean.data, clean.len);
}

static json_t *url(enum df_rule rule)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    df_rule_url(rule, &b);
    return text(b.data);
}

json_t *df_json_location(struct cb_place at)
{
    json_t *j = json_object(), *ranges = json_array();
    int last = CB_MAX(at.line, at.last_line);
    int step = last - at.line < LINES_SINGLE ? 1 : last - at.line + 1;
    for (int line = at.line; line > 0 && line <= last; line += step)
        json_array_append_new(ranges, json_pack("{s:{s:i},s:{s:i}}", "start", "line", line, "end", "line", line + step - 1));
    if (json_array_size(ranges))
        json_object_set(j, "ranges", ranges);
    json_decref(ranges);
    return j;
}

static json_t *warning(const struct df_warning *w)
{
    json_t *j = json_object();
    json_object_set_new(j, "ruleName", text(df_rules[w->rule].name));
    json_object_set_new(j, "description", text(df_rules[w->rule].description));
    if (df_rules[w->rule].slug)
        json_object_set_new(j, "url", url(w->rule));
    json_object_set_new(j, "detail", text(w->message));
    json_object_set_new(j, "location", df_json_location(w->at));
    return j;
}

static json_t *base64(struct cb_str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_buf_reserve(&b, s.n / 3 * 4 + 4);
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
        v |= left > 1 ? (uint32_t)(unsigned char)s.p[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)(unsigned char)s.p[i + 2] : 0;
        cb_buf_addc(&b, digits[v >> 18]);
        cb_buf_addc(&b, digits[v >> 12 & 63]);
        cb_buf_adds(&b, left > 1 ? (char[]){digits[v >> 6 & 63], 0} : "=");
        cb_buf_adds(&b, left > 2 ? (char[]){digits[v & 63], 0} : "=");
    }
    return json_stringn(b.data, b.len);
}

void df_lint_json(const struct df_lint *l, const char *name, struct cb_str source, const struct cb_error *failure,
                  struct cb_buf *out)
{
    CB_AUTO(json) json_t *doc = json_object();
    json_t *warnings = json_array();
    for (size_t i = 0; i < l->n; i++)
        json_array_append_new(warnings, warning(&l->items[i]));
    json_object_set_new(doc, "warnings", warnings);
    json_object_set_new(doc, "sources",
                        json_pack("[{s:o,s:o,s:s}]", "filename", text(name), "data", base64(source), "language", "Dockerfile"));
    if (failure)
        json_object_set_new(doc, "buildError",
                            json_pack("{s:o,s:o}", "message", text(failure->msg), "location", df_json_location(failure->at)));
    cb_json_dump(doc, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}

/* ---- SARIF 2.1.0 ---------------------------------------------------------------------------- */

static json_t *sarif_rules(void)
{
    json_t *rules = json_array();
    for (unsigned i = 0; i < DF_RULE_COUNT; i++) {
        json_t *rule = json_pack("{s:s,s:{s:s},s:{s:s}}", "id", df_rules[i].name, "shortDescription", "text",
                                 df_rules[i].description, "defaultConfiguration", "level", "warning");
        if (df_rules[i].slug)
            json_object_set_new(rule, "helpUri", url((enum df_rule)i));
        json_array_append_new(rules, rule);
    }
    return rules;
}

static json_t *sarif_result(const char *level, const char *message, const char *uri, struct cb_place at)
{
    json_t *place = json_pack("{s:{s:o}}", "artifactLocation", "uri", text(uri));
    if (at.line > 0)
        json_object_set_new(place, "region",
                            json_pack("{s:i,s:i}", "startLine", at.line, "endLine", CB_MAX(at.line, at.last_line)));
    return json_pack("{s:s,s:{s:o},s:[{s:o}]}", "level", level, "message", "text", text(message), "locations", "physicalLocation",
                     place);
}

void df_lint_sarif(const struct df_lint *l, const char *uri, const struct cb_error *failure, const char *version,
                   struct cb_buf *out)
{
    json_t *results = json_array();
    for (size_t i = 0; i < l->n; i++) {
        const struct df_warning *w = &l->items[i];
        json_t *result = sarif_result("warning", w->message, uri, w->at);
        json_object_set_new(result, "ruleId", json_string(df_rules[w->rule].name));
        json_object_set_new(result, "ruleIndex", json_integer(w->rule));
        json_array_append_new(results, result);
    }
    if (failure)
        json_array_append_new(results, sarif_result("error", failure->msg, uri, failure->at));
    json_t *driver = json_pack("{s:s,s:s,s:o}", "name", "cbuild", "version", version, "rules", sarif_rules());
    CB_AUTO(json)
    json_t *doc = json_pack("{s:s,s:s,s:[{s:{s:o},s:o}]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json", "version",
                            "2.1.0", "runs", "tool", "driver", driver, "results", results);
    cb_json_dump(doc, CB_JSON_INDENT, out);
    cb_buf_addc(out, '\n');
}
