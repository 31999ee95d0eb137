/* What goes with the image besides itself: --sbom, --provenance, and --attest, which says either in other words. */
#include "builder/attest/sbom.h"
#include "builder/cli/options/options-values.h"
#include "builder/cli/options/options.h"
#include "parser/value.h"

static int set_sbom_format(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    build_attest_format_names(&names, " or ");
    w->format = build_attest_format_find(value);
    return w->format ? 0 : cb_fail(err, CB_E_USAGE, "format=%s: there is none but %s", value, names.data);
}

static int refuse_generator(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    (void)w;
    cb_fail(err, CB_E_UNSUPPORTED, "generator=%s: packages are found by cbuild itself, no scanner is run", value);
    return cb_hint(err, "leave it out; docs/attestations.md says what is found");
}

static int set_mode(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    w->min = strcmp(value, "min") == 0;
    return w->min || strcmp(value, "max") == 0 ? 0 : cb_fail(err, CB_E_USAGE, "mode=%s: expected min or max", value);
}

static int set_version(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    (void)w;
    return strcmp(value, "v1") == 0 ? 0 : cb_fail(err, CB_E_UNSUPPORTED, "version=%s: provenance is written as v1", value);
}

static int set_builder(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    (void)err;
    return cli_put(&w->builder_id, value);
}

static int set_reproducible(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    return cli_set_switch(value, &w->reproducible, err);
}

/* What there is: a statement is made where the others put it, too. */
static int check_inline(struct build_attest_wish *w, const char *value, struct cb_error *err)
{
    bool only;
    (void)w;
    return cli_set_switch(value, &only, err);
}

enum kind { SBOM, PROVENANCE, KINDS };
static const char *const kind_names[KINDS] = {"sbom", "provenance"};

static const struct {
    enum kind kind;
    const char *key;
    int (*set)(struct build_attest_wish *w, const char *value, struct cb_error *err);
} keys[] = {
    {SBOM, "format", set_sbom_format},
    {SBOM, "generator", refuse_generator},
    {PROVENANCE, "mode", set_mode},
    {PROVENANCE, "version", set_version},
    {PROVENANCE, "builder-id", set_builder},
    {PROVENANCE, "reproducible", set_reproducible},
    {PROVENANCE, "inline-only", check_inline},
};

struct reading {
    struct build_attest_wish *wish;
    int kind; /* KINDS: not known yet */
    bool disabled;
};

static int find_type(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct reading *r = arg;
    if (strcmp(key, "type") != 0)
        return 0;
    return cli_choose("type", kind_names, KINDS, value ? value : "", &r->kind, err);
}

static int set_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct reading *r = arg;
    if (strcmp(key, "type") == 0)
        return 0;
    if (strcmp(key, "disabled") == 0)
        return cli_set_switch(value ? value : "true", &r->disabled, err);
    for (size_t i = 0; i < CB_LEN(keys); i++)
        if ((int)keys[i].kind == r->kind && strcmp(keys[i].key, key) == 0)
            return keys[i].set(r->wish, value ? value : "true", err);
    return cb_fail(err, CB_E_USAGE, "unexpected key '%s'", key);
}

/* The last one of a kind counts. */
static int set_fields(const char *option, const char *v, struct reading *r, struct cb_error *err)
{
    if (cli_each_field(option, v, set_field, r, err) < 0)
        return -1;
    *(r->kind == SBOM ? &r->wish->sbom : &r->wish->provenance) = !r->disabled;
    return 0;
}

/* --sbom and --provenance: yes, no, or fields. */
static int set_kind(enum kind kind, const char *option, const char *v, struct build_request *q, struct cb_error *err)
{
    bool yes;
    struct reading r = {.wish = &q->attest, .kind = (int)kind};
    if (!df_parse_bool(v, &yes) && !strchr(v, '='))
        return cb_fail(err, CB_E_USAGE, "%s '%s': expected true, false or key=value pairs", option, v);
    if (!df_parse_bool(v, &yes))
        return set_fields(option, v, &r, err);
    *(kind == SBOM ? &q->attest.sbom : &q->attest.provenance) = yes;
    return 0;
}

/* What buildah takes here is the name of a scanner. */
static int set_sbom(const char *v, void *to, struct cb_error *err)
{
    bool yes;
    if (!strchr(v, '=') && !df_parse_bool(v, &yes))
        return refuse_generator(NULL, v, err);
    return set_kind(SBOM, "--sbom", v, to, err);
}

static int set_provenance(const char *v, void *to, struct cb_error *err)
{
    return set_kind(PROVENANCE, "--provenance", v, to, err);
}

static int set_attest(const char *v, void *to, struct cb_error *err)
{
    struct build_request *q = to;
    struct reading r = {.wish = &q->attest, .kind = KINDS};
    if (cli_each_field("--attest", v, find_type, &r, err) < 0)
        return -1;
    if (r.kind == KINDS)
        return cb_fail(err, CB_E_USAGE, "--attest '%s': type= is missing: sbom or provenance", v);
    return set_fields("--attest", v, &r, err);
}

static int sign_field(void *arg, const char *key, const char *value, struct cb_error *err)
{
    struct build_sign *s = arg;
    if (strcmp(key, "key") != 0 || !value || !*value)
        return cb_fail(err, CB_E_USAGE, "expected true, false or key=KEY");
    return cli_put(&s->key, value);
}

static int set_sign(const char *v, void *to, struct cb_error *err)
{
    struct build_sign *s = to;
    if (df_parse_bool(v, &s->wanted))
        return 0;
    s->wanted = true;
    return cli_each_field("--sign", v, sign_field, s, err);
}

static void formats(struct cb_buf *out)
{
    cb_buf_adds(out, "attach the list of packages in the image: true, format=");
    build_attest_format_names(out, "|");
}

static const char section[] = "Attestations";

static const struct cli_option options[] = {
    {"sbom", 0, section, "SPEC", NULL, set_sbom, 0, "", .choices = formats},
    {"provenance", 0, section, "SPEC", NULL, set_provenance, 0,
     "attach how the image was made: true, mode=min|max,builder-id=URL,reproducible=true"},
    {"attest", 0, section, "type=sbom|provenance,...", NULL, set_attest, 0, "--sbom or --provenance in buildx's other words"},
    {"sign", 0, section, "true|key=KEY", NULL, set_sign, offsetof(struct build_request, sign),
     "have cosign sign what is pushed: with a key (file, URI), or an identity"},
};

const struct cli_table cli_attest_options = {options, CB_LEN(options)};
