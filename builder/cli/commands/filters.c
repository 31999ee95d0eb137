#include "builder/cli/commands/filters.h"

#include "base/text.h"
#include "builder/cli/commands/names.h"

#include <time.h>

void cli_filters_done(struct cli_filters *f)
{
    cb_strv_done(&f->filter.ids);
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

/* Our kinds, and those of BuildKit that are one of them. */
static const struct {
    const char *name;
    enum cache_kind kind;
} types[] = {
    {"image", CACHE_KIND_IMAGE},   {"layer", CACHE_KIND_LAYER},           {"blob", CACHE_KIND_BLOB},
    {"record", CACHE_KIND_RECORD}, {"regular", CACHE_KIND_RECORD},        {"download", CACHE_KIND_DOWNLOAD},
    {"mount", CACHE_KIND_MOUNT},   {"exec.cachemount", CACHE_KIND_MOUNT},
};

static int set_type(struct cli_filters *f, const char *value, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(types); i++)
        if (strcmp(types[i].name, value) == 0) {
            f->filter.kinds |= 1u << types[i].kind;
            return 0;
        }
    cb_fail(err, CB_E_USAGE, "there is nothing of the type '%s'", value);
    return cb_hint(err, "image, layer, blob, record (or regular), download, mount (or exec.cachemount)");
}

/* An image has the name that it would be given, and that by which the store knows it. */
static int set_id(struct cli_filters *f, const char *value, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref ref = {0};
    CB_AUTO(cb_error) struct cb_error no_name = CB_ERROR_INIT;
    if (!*value)
        return cb_fail(err, CB_E_USAGE, "an id is empty");
    cb_strv_push(&f->filter.ids, value);
    if (oci_ref_parse(value, &ref, &no_name) == 0)
        cb_strv_take(&f->filter.ids, oci_ref_full(&ref));
    return 0;
}

static int set_in_use(struct cli_filters *f, const char *value, struct cb_error *err)
{
    bool used;
    if (cli_set_switch(value, &used, err) < 0)
        return -1;
    f->filter.used = used ? CACHE_YES : CACHE_NO;
    return 0;
}

/* A span, or since when. */
static int set_until(struct cli_filters *f, const char *value, struct cb_error *err)
{
    struct timespec since;
    if (!cb_time_parse_rfc3339(value, &since))
        return cli_set_span(value, &f->unused_for, err);
    f->unused_for = CB_MAX(time(NULL) - since.tv_sec, 1);
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct cli_filters *f, const char *value, struct cb_error *err);
} keys[] = {
    {"id", set_id}, {"inuse", set_in_use}, {"type", set_type}, {"until", set_until}, {"unused-for", set_until},
};

int cli_set_filter(const char *text, void *to, struct cb_error *err)
{
    const char *value;
    CB_AUTO(free) char *key = cb_split_pair(text, &value);
    for (size_t i = 0; value && i < CB_LEN(keys); i++)
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].set(to, value, err);
    cb_fail(err, CB_E_USAGE, "'%s' is no filter", text);
    return cb_hint(err, "id=, inuse=true|false, type=, until=24h, unused-for=24h");
}

int cli_set_unused(const char *value, void *to, struct cb_error *err)
{
    return set_until(to, value, err);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------- */

#define LINE "%-12s %-24s %10s %10s %-10s %s\n"

void cli_item_head(struct cb_buf *out)
{
    cb_buf_printf(out, LINE, "KIND", "ID", "SIZE", "SHARED", "LAST USED", "");
}

static bool is_hex(const char *id)
{
    return strlen(id) == CB_DIGEST_HEX && strspn(id, "0123456789abcdef") == CB_DIGEST_HEX;
}

void cli_item_line(struct cb_buf *out, const struct cache_item *i)
{
    char size[16], shared[16], day[16] = "-";
    struct tm tm;
    time_t used = i->used;
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    if (used && gmtime_r(&used, &tm))
        strftime(day, sizeof(day), "%Y-%m-%d", &tm);
    if (i->text)
        cb_escape_terminal(&text, i->text, CB_MIN(strlen(i->text), (size_t)80), false);
    CB_AUTO(free) char *id = cb_memdup0(i->id, is_hex(i->id) ? 24 : strlen(i->id));
    cb_buf_printf(out, LINE, cache_kind_names[i->kind], id, cb_human_size(i->bytes, size), cb_human_size(i->shared, shared), day,
                  text.data);
    while (out->len > 1 && out->data[out->len - 2] == ' ') {
        cb_buf_truncate(out, out->len - 2);
        cb_buf_addc(out, '\n');
    }
}
