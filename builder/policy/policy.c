#include "builder/policy/policy.h"
#include "base/json.h"

#include <regex.h>

#define MAX_CONVERSIONS 20 /* of one source, as BuildKit: rules may lead in a circle */
#define MAX_GROUPS      10

enum action { ALLOW, DENY, CONVERT };
enum match { WILDCARD, EXACT, REGEX };
enum condition { EQUAL, NOTEQUAL, MATCHES };
static const char *const action_names[] = {"ALLOW", "DENY", "CONVERT", NULL};
static const char *const match_names[] = {"WILDCARD", "EXACT", "REGEX", NULL};
static const char *const condition_names[] = {"EQUAL", "NOTEQUAL", "MATCHES", NULL};

struct constraint {
    int condition;
    char *value;
    regex_t pattern; /* MATCHES */
};

struct rule {
    int action, match;
    char *selector;
    regex_t pattern; /* WILDCARD, REGEX */
    bool compiled;
    struct constraint *constraints; /* of the checksum: sources have no other attribute here */
    size_t n_constraints, cap_constraints;
    char *identifier, *checksum; /* CONVERT: what they become; NULL: they stay */
    char *shown;                 /* "rule 2 of 'policy.json' (DENY https://a)" */
    size_t policy;               /* which of the policies it belongs to */
};

struct build_policy {
    struct rule *rules;
    size_t n, cap;
    size_t policies;
};

void build_policy_free(struct build_policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        struct rule *r = &p->rules[i];
        for (size_t k = 0; k < r->n_constraints; k++) {
            if (r->constraints[k].condition == MATCHES)
                regfree(&r->constraints[k].pattern);
            free(r->constraints[k].value);
        }
        if (r->compiled)
            regfree(&r->pattern);
        free(r->constraints);
        free(r->selector);
        free(r->identifier);
        free(r->checksum);
        free(r->shown);
    }
    free(p->rules);
    free(p);
}

void build_policy_source_done(struct build_policy_source *s)
{
    free(s->identifier);
    free(s->checksum);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

/* Patterns are those of POSIX. What Go's have besides would be taken for something else, and a rule that does not match denies
 * nothing. */
static int compile(const char *pattern, regex_t *ret, struct cb_error *err)
{
    char why[200];
    for (const char *p = pattern; *p; p++) {
        if ((p[0] == '(' && p[1] == '?') || (strchr("*+?}", p[0]) && p[1] == '?'))
            return cb_fail(err, CB_E_UNSUPPORTED, "the pattern '%s': '%.2s' is not understood", pattern, p);
        if (p[0] == '\\' && p[1] && strchr("dDpPQEAzCabfnrtvx0123456789", p[1]))
            return cb_fail(err, CB_E_UNSUPPORTED, "the pattern '%s': '%.2s' is not understood", pattern, p);
        p += p[0] == '\\' && p[1];
    }
    int r = regcomp(ret, pattern, REG_EXTENDED);
    if (r == 0)
        return 0;
    (void)regerror(r, ret, why, sizeof(why));
    return cb_fail(err, CB_E_USAGE, "the pattern '%s': %s", pattern, why);
}

/* "*" stands for anything, and is a group that a conversion may name. */
static int compile_wildcard(const char *text, regex_t *ret, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf pattern = CB_BUF_INIT;
    if (strstr(text, "**"))
        return cb_fail(err, CB_E_USAGE, "'%s': '**' is no wildcard", text);
    cb_buf_addc(&pattern, '^');
    for (const char *p = text; *p; p++) {
        if (strchr(".[]()+?{}|^$\\", *p))
            cb_buf_addc(&pattern, '\\');
        if (*p == '*')
            cb_buf_adds(&pattern, "(.*)");
        else
            cb_buf_addc(&pattern, *p);
    }
    cb_buf_addc(&pattern, '$');
    return compile(pattern.data, ret, err);
}

/* The place of a word; a number is one, too, as BuildKit writes them. */
static int read_word(json_t *obj, const char *key, const char *const *names, int *ret, struct cb_error *err)
{
    json_t *j = json_object_get(obj, key);
    size_t n = 0;
    while (names[n])
        n++;
    if (!j || json_is_null(j))
        return 0;
    if (json_is_integer(j) && json_integer_value(j) >= 0 && (size_t)json_integer_value(j) < n) {
        *ret = (int)json_integer_value(j);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        if (json_is_string(j) && strcmp(json_string_value(j), names[i]) == 0) {
            *ret = (int)i;
            return 0;
        }
    return cb_fail(err, CB_E_USAGE, "%s: it is none that is known", key);
}

static bool is_checksum(const char *key)
{
    return strcmp(key, "http.checksum") == 0 || strcmp(key, "git.checksum") == 0;
}

static int read_constraint(struct rule *r, json_t *j, struct cb_error *err)
{
    const char *key = "", *value = "";
    int condition = EQUAL;
    if (cb_json_str(j, "key", "", &key, err) < 0 || cb_json_str(j, "value", "", &value, err) < 0 ||
        read_word(j, "condition", condition_names, &condition, err) < 0)
        return -1;
    if (!is_checksum(key))
        return cb_fail(err, CB_E_UNSUPPORTED, "a constraint of '%s': only http.checksum and git.checksum are known", key);
    struct constraint c = {.condition = condition};
    if (condition == MATCHES && compile(value, &c.pattern, err) < 0)
        return -1;
    c.value = cb_strdup(value);
    CB_PUSH(r->constraints, r->n_constraints, r->cap_constraints) = c;
    return 0;
}

static int read_selector(struct rule *r, json_t *j, struct cb_error *err)
{
    const char *identifier = NULL;
    json_t *list = NULL;
    if (cb_json_str(j, "identifier", "selector.", &identifier, err) < 0 ||
        read_word(j, json_object_get(j, "match_type") ? "match_type" : "matchType", match_names, &r->match, err) < 0 ||
        cb_json_array(j, "constraints", "selector.", &list, err) < 0)
        return -1;
    if (!identifier)
        return cb_fail(err, CB_E_USAGE, "selector.identifier is missing");
    r->selector = cb_strdup(identifier);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_constraint(r, json_array_get(list, i), err) < 0)
            return -1;
    int e = r->match == WILDCARD ? compile_wildcard(identifier, &r->pattern, err)
            : r->match == REGEX  ? compile(identifier, &r->pattern, err)
                                 : 0;
    r->compiled = e == 0 && r->match != EXACT;
    return e;
}

static int read_updates(struct rule *r, json_t *j, struct cb_error *err)
{
    const char *identifier = NULL, *key;
    json_t *attrs = NULL, *value;
    if (!j)
        return cb_fail(err, CB_E_USAGE, "CONVERT without updates");
    if (cb_json_str(j, "identifier", "updates.", &identifier, err) < 0 || cb_json_object(j, "attrs", "updates.", &attrs, err) < 0)
        return -1;
    r->identifier = cb_strdup(identifier);
    json_object_foreach (attrs, key, value) {
        if (!is_checksum(key) || !json_is_string(value))
            return cb_fail(err, CB_E_UNSUPPORTED, "updates.attrs: '%s' cannot be set, only http.checksum and git.checksum", key);
        free(r->checksum);
        r->checksum = cb_strdup(json_string_value(value));
    }
    return 0;
}

static int read_rule(struct build_policy *p, json_t *j, size_t number, const char *file, struct cb_error *err)
{
    struct rule *r = &CB_PUSH(p->rules, p->n, p->cap);
    json_t *selector = NULL, *updates = NULL;
    r->policy = p->policies;
    if (cb_json_object(j, "selector", "", &selector, err) < 0 || cb_json_object(j, "updates", "", &updates, err) < 0 ||
        read_word(j, "action", action_names, &r->action, err) < 0)
        return -1;
    if (!selector)
        return cb_fail(err, CB_E_USAGE, "it selects nothing");
    if (read_selector(r, selector, err) < 0 || (r->action == CONVERT && read_updates(r, updates, err) < 0))
        return -1;
    r->shown = cb_printf("rule %zu of '%s' (%s %s)", number, file, action_names[r->action], r->selector);
    return 0;
}

int build_policy_read(struct build_policy **p, const char *text, size_t n, const char *file, struct cb_error *err)
{
    json_t *rules = NULL;
    CB_AUTO(json) json_t *j = cb_json_parse(text, n, file, err);
    if (!j || cb_json_array(j, "rules", "", &rules, err) < 0)
        return -1;
    if (!rules)
        return cb_fail(err, CB_E_USAGE, "'%s' has no rules: it is no source policy", file);
    if (!*p)
        *p = CB_NEW(struct build_policy);
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (read_rule(*p, json_array_get(rules, i), i + 1, file, err) < 0)
            return cb_prefix(err, "'%s', rule %zu", file, i + 1);
    (*p)->policies++;
    return 0;
}

/* ---- following --------------------------------------------------------------------------------------------------------- */

static bool meets(const struct constraint *c, const char *checksum)
{
    const char *value = checksum ? checksum : "";
    if (c->condition == MATCHES)
        return regexec(&c->pattern, value, 0, NULL, 0) == 0;
    return (strcmp(c->value, value) == 0) == (c->condition == EQUAL);
}

static bool selects(const struct rule *r, const struct build_policy_source *s, regmatch_t groups[MAX_GROUPS])
{
    for (size_t i = 0; i < r->n_constraints; i++)
        if (!meets(&r->constraints[i], s->checksum))
            return false;
    for (size_t i = 0; i < MAX_GROUPS; i++)
        groups[i] = (regmatch_t){-1, -1};
    if (r->compiled && regexec(&r->pattern, s->identifier, MAX_GROUPS, groups, 0) == 0)
        return true;
    return strcmp(r->selector, s->identifier) == 0;
}

/* The text with $1 and ${1} replaced by what the groups matched. */
static char *format(const char *text, const char *matched, const regmatch_t groups[MAX_GROUPS])
{
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    for (const char *p = text; *p; p++) {
        bool braces = p[0] == '$' && p[1] == '{';
        const char *digit = p + 1 + braces;
        if (*p != '$' || *digit < '0' || *digit > '9' || (braces && digit[1] != '}')) {
            cb_buf_addc(&out, *p);
            continue;
        }
        const regmatch_t *g = &groups[*digit - '0'];
        if (g->rm_so >= 0)
            cb_buf_add(&out, matched + g->rm_so, (size_t)(g->rm_eo - g->rm_so));
        p = digit + braces;
    }
    return cb_buf_detach(&out);
}

/* As Go's ReplaceAll: what is around the match of a pattern stays. */
static char *converted(const struct rule *r, const char *identifier, const regmatch_t groups[MAX_GROUPS])
{
    if (!r->identifier || !*r->identifier)
        return cb_strdup(identifier);
    if (r->match != REGEX || groups[0].rm_so < 0)
        return r->match == EXACT ? cb_strdup(r->identifier) : format(r->identifier, identifier, groups);
    CB_AUTO(free) char *middle = format(r->identifier, identifier, groups);
    return cb_printf("%.*s%s%s", (int)groups[0].rm_so, identifier, middle, identifier + groups[0].rm_eo);
}

static bool convert(const struct rule *r, struct build_policy_source *s, const regmatch_t groups[MAX_GROUPS])
{
    char *to = converted(r, s->identifier, groups);
    bool changed = strcmp(to, s->identifier) != 0;
    free(s->identifier);
    s->identifier = to;
    if (r->checksum && strcmp(r->checksum, s->checksum ? s->checksum : "") != 0) {
        free(s->checksum);
        s->checksum = cb_strdup(r->checksum);
        changed = true;
    }
    return changed;
}

/* 1: a rule has converted it, so all are asked again. Of rules that allow and deny, the last of a policy that selects it counts.
 */
static int pass(const struct build_policy *p, struct build_policy_source *s, struct cb_error *err)
{
    const struct rule *denied = NULL;
    regmatch_t groups[MAX_GROUPS];
    for (size_t i = 0; i < p->n; i++) {
        const struct rule *r = &p->rules[i];
        if (denied && denied->policy != r->policy)
            break;
        if (!selects(r, s, groups))
            continue;
        if (r->action == CONVERT && convert(r, s, groups))
            return 1;
        if (r->action != CONVERT)
            denied = r->action == DENY ? r : NULL;
    }
    if (!denied)
        return 0;
    return cb_fail(err, CB_E_FAILED, "'%s' is denied by %s", s->identifier, denied->shown);
}

int build_policy_apply(const struct build_policy *p, struct build_policy_source *s, struct cb_error *err)
{
    int any = 0;
    for (int i = 0; p && i <= MAX_CONVERSIONS; i++) {
        int r = pass(p, s, err);
        if (r <= 0)
            return r < 0 ? -1 : any;
        any = 1;
    }
    return p ? cb_fail(err, CB_E_FAILED, "the source policy converts '%s' again and again", s->identifier) : 0;
}
