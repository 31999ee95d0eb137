#include "builder/execute/schedule/difference.h"
#include "base/map.h"

#include <stdio.h>

void build_differences_done(struct build_differences *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->items[i].what);
    free(d->items);
    *d = (struct build_differences){0};
}

void build_differences_add(struct build_differences *d, enum build_change how, const char *what, const char *was, const char *is)
{
    if (d->n == BUILD_DIFFERENCES_LISTED) {
        d->more++;
        return;
    }
    struct build_difference *new = &CB_PUSH(d->items, d->n, d->cap);
    *new = (struct build_difference){.how = how, .what = cb_strdup(what)};
    snprintf(new->was, sizeof(new->was), "%s", was ? was : "");
    snprintf(new->is, sizeof(new->is), "%s", is ? is : "");
}

/* ---- notes ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *kind, *text; /* of a kind with a name, what stands before it; else all of it */
    const char *after;
} kinds[] = {
    {"file", "", ""},
    {"dir", "", "/"},
    {"files", "the files", ""},
    {"arg", "ARG ", ""},
    {"env", "ENV ", ""},
    {"mount", "--mount at ", ""},
    {"bind", "what is mounted at ", ""},
    {"secret", "secret ", ""},
    {"fetched", "", ""},
    {"heredoc", "the here-document ", ""},
    {"ulimit", "--ulimit ", ""},
    {"command", "the command", ""},
    {"script", "the script", ""},
    {"workdir", "WORKDIR", ""},
    {"user", "USER", ""},
    {"hostname", "the host name", ""},
    {"network", "--network", ""},
    {"security", "--security", ""},
    {"confinement", "what RUN may ask of the kernel", ""},
    {"shm-size", "--shm-size", ""},
    {"hosts", "--add-host", ""},
    {"cache-ignore", "--cache-ignore", ""},
    {"destination", "the destination", ""},
    {"chown", "--chown", ""},
    {"chmod", "--chmod", ""},
    {"options", "the options", ""},
    {"platform", "the platform", ""},
    {"base", "the base image", ""},
};

static bool is_kind(const char *name, const char *kind)
{
    size_t n = strlen(kind);
    return strncmp(name, kind, n) == 0 && (name[n] == ':' || !name[n]);
}

static char *words_of(const char *name)
{
    const char *of = strchr(name, ':');
    for (size_t i = 0; i < CB_LEN(kinds); i++)
        if (is_kind(name, kinds[i].kind))
            return cb_printf("%s%s%s", kinds[i].text, of ? of + 1 : "", kinds[i].after);
    return cb_strdup(name);
}

struct notes_reader {
    struct build_differences *to;
    bool coarse, others; /* directories are among them; something that is no file is */
};

static void add_note(struct notes_reader *r, enum build_change how, const char *name, const char *was, const char *is)
{
    if (is_kind(name, "parent")) {
        r->to->below = true;
        return;
    }
    bool coarse = is_kind(name, "dir") || is_kind(name, "files");
    r->coarse = r->coarse || coarse;
    r->others = r->others || (!coarse && !is_kind(name, "file") && !is_kind(name, "base"));
    CB_AUTO(free) char *what = words_of(name);
    build_differences_add(r->to, how, what, was, is);
}

/* What is said of a secret now, and was said of it before, can be compared when it is said within the same instruction. */
static void compare_secrets(struct notes_reader *r, const struct build_notes *now, const struct cb_map *values)
{
    bool same_instruction = !r->others;
    for (size_t i = 0; i < now->n && same_instruction; i++) {
        const char *was = is_kind(now->items[i].name, "secret") ? cb_map_get(values, now->items[i].name) : NULL;
        if (was && strcmp(was, now->items[i].digest) != 0)
            add_note(r, BUILD_CHANGED, now->items[i].name, was, now->items[i].digest);
    }
}

void build_differences_of_notes(const struct build_notes *now, const struct cache_record *before, struct build_differences *ret,
                                bool *ret_coarse)
{
    CB_AUTO(cb_map) struct cb_map values = {0}, seen = {0};
    struct notes_reader r = {.to = ret};
    for (size_t i = 0; i < before->n_inputs; i++)
        cb_map_set(&values, before->inputs[i].name, before->inputs[i].value);
    for (size_t i = 0; i < now->n; i++) {
        const struct build_note *note = &now->items[i];
        const char *was = cb_map_get(&values, note->name);
        cb_map_set(&seen, note->name, ret);
        bool salted = was && is_kind(note->name, "secret");
        if (!was || (!salted && strcmp(was, note->digest) != 0))
            add_note(&r, was ? BUILD_CHANGED : BUILD_ADDED, note->name, was, note->digest);
    }
    for (size_t i = 0; i < before->n_inputs; i++)
        if (!cb_map_set(&seen, before->inputs[i].name, ret))
            add_note(&r, BUILD_REMOVED, before->inputs[i].name, before->inputs[i].value, NULL);
    compare_secrets(&r, now, &values);
    *ret_coarse = r.coarse && !r.others;
}

/* ---- saying it ------------------------------------------------------------------------------------------- */

static const char *const verbs[] = {[BUILD_CHANGED] = "changed", [BUILD_ADDED] = "added", [BUILD_REMOVED] = "removed"};

/* What lies below is the consequence of something else; what is different here may be the cause of all. */
char *build_differences_text(const struct build_differences *d, const char *below)
{
    size_t more = d->n + d->more - 1;
    if (!d->n)
        return d->below ? cb_printf("%s gave another result", below ? below : "what it stands on") : NULL;
    const struct build_difference *first = &d->items[0];
    return more ? cb_printf("%s %s (+%zu more)", first->what, verbs[first->how], more)
                : cb_printf("%s %s", first->what, verbs[first->how]);
}

char *build_difference_line(const struct build_difference *d)
{
    const char *arrow = *d->was && *d->is ? " -> " : "";
    bool digests = *d->was || *d->is;
    return cb_printf("%s %s%s%s%s%s%s", d->what, verbs[d->how], digests ? " (" : "", d->was, arrow, d->is, digests ? ")" : "");
}
