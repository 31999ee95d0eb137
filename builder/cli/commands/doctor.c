/* doctor: what this machine allows, which rung of privilege a RUN will stand on, and what would give a better one. The rung is
 * tried, not worked out (builder/execute/health.h). */
#include "base/json.h"
#include "base/text.h"
#include "builder/cli/commands/commands.h"
#include "builder/cli/options/settings.h"
#include "builder/execute/health.h"

#include <stdio.h>

struct doctor {
    struct cli_invocation common;
    bool json;
};

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

struct report {
    struct build_health health;
    const char *rung;
    json_t *probes; /* borrowed */
};

static void add(void *list, const char *name, const struct rt_finding *f)
{
    json_array_append_new(
        list, json_pack("{s:s, s:b, s:s, s:s?}", "name", name, "ok", f->good, "value", f->value, "advice", f->advice));
}

static void print_json(const struct report *r)
{
    const struct build_health *h = &r->health;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(json)
    json_t *all = json_pack("{s:b, s:s, s:s?, s:{s:s?, s:s?, s:s?}, s:O}", "runs", h->runs, "rung", r->rung, "reason", h->reason,
                            "uses", "files", h->files, "owners", h->owners, "network", h->network, "probes", r->probes);
    cb_json_dump(all, CB_JSON_INDENT, &out);
    puts(out.data);
}

static void print_text(const struct report *r)
{
    size_t i;
    json_t *probe;
    json_array_foreach (r->probes, i, probe) {
        const char *advice = json_string_value(json_object_get(probe, "advice"));
        printf("%-2s%-17s %s\n", json_is_true(json_object_get(probe, "ok")) ? "" : "!",
               json_string_value(json_object_get(probe, "name")), json_string_value(json_object_get(probe, "value")));
        if (advice)
            printf("%-20s%s\n", "", advice);
    }
    const struct build_health *h = &r->health;
    if (!h->tried) {
        printf("\nRUN was not tried: %s\n", h->reason);
        return;
    }
    printf("\nRUN %s: %s\n", h->runs ? "works" : "does not work", r->rung);
    if (h->reason)
        printf("%s: %s\n", h->runs ? "why not better" : "why", h->reason);
    if (h->runs)
        printf("it works in %s\nowners of files: %s\nits network: %s\n", h->files, h->owners, h->network);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

/* A store that is not to be had is a finding, too: the others may say why. */
static void open_store(struct doctor *d, json_t *list)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    if (cli_open(&d->common, &err) == 0)
        return;
    CB_AUTO(rt_finding) struct rt_finding f = {.value = cb_printf("no: %s", err.msg)};
    f.advice = err.hint ? cb_strdup(err.hint) : NULL;
    add(list, "store", &f);
}

/* What builds will be set to. A file with an error in it stops them; here it is said. */
static void look_at_settings(json_t *list)
{
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    CB_AUTO(free) char *path = cli_settings_path();
    struct build_request r = {0};
    char size[16];
    bool good = cli_settings_read(&r, &err) == 0;
    CB_AUTO(rt_finding) struct rt_finding f = {.good = good, .advice = err.hint ? cb_strdup(err.hint) : NULL};
    f.value = !good           ? cb_printf("no: %s", err.msg)
              : !path         ? cb_strdup("no file")
              : r.store_limit ? cb_printf("%s: max-size %s", path, cb_human_size(r.store_limit, size))
                              : cb_strdup(path);
    add(list, "settings", &f);
    build_request_done(&r);
}

static int doctor(void *filled, struct cb_error *err)
{
    (void)err;
    struct doctor *d = filled;
    struct build_session *s = &d->common.session;
    CB_AUTO(json) json_t *list = json_array();
    d->common.request.progress = BUILD_PROGRESS_QUIET; /* its notes are part of the report */
    open_store(d, list);
    look_at_settings(list);
    CB_AUTO(build_health) struct build_health health;
    build_health_look(s, add, list, &health);
    struct report r = {.health = health, .rung = s->privilege.rung->name, .probes = list};
    (d->json ? print_json : print_text)(&r);
    return health.runs ? 0 : 1;
}

static const struct cli_option options[] = {
    {"json", 0, "Output", NULL, NULL, cli_set_switch, offsetof(struct doctor, json), "print it as a JSON document", NULL, NULL},
};
static const struct cli_table table = {options, CB_LEN(options)};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .arguments = "",
    .help = "show what this machine allows, how RUN works here, and what would make it better",
    .tables = {&table},
    .size = sizeof(struct doctor),
    .run = doctor,
};
