#include "builder/cli/commands/image-filter.h"
#include "base/text.h"
#include "builder/cli/commands/image-json.h"
#include "builder/cli/commands/names.h"

#include <fnmatch.h>
#include <time.h>

void cli_image_filter_done(struct cli_image_filter *f)
{
    cb_strv_done(&f->labels);
    cb_strv_done(&f->references);
    free(f->before);
    free(f->since);
    *f = (struct cli_image_filter){0};
}

/* ---- what is asked for ------------------------------------------------------------------------------------------------- */

static int set_dangling(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    bool unnamed;
    if (cli_set_switch(value, &unnamed, err) < 0)
        return -1;
    f->names = unnamed ? CLI_UNNAMED : CLI_NAMED;
    return 0;
}

static int add_label(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    (void)err;
    cb_strv_push(&f->labels, value);
    return 0;
}

static int add_reference(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    (void)err;
    cb_strv_push(&f->references, value);
    return 0;
}

static int set_before(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    (void)err;
    return cli_put(&f->before, value);
}

static int set_since(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    (void)err;
    return cli_put(&f->since, value);
}

static int set_until(struct cli_image_filter *f, const char *value, struct cb_error *err)
{
    struct timespec when;
    if (!cb_time_parse_rfc3339(value, &when))
        return cli_set_span(value, &f->older_than, err);
    f->older_than = CB_MAX(time(NULL) - when.tv_sec, 1);
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct cli_image_filter *f, const char *value, struct cb_error *err);
} keys[] = {
    {"before", set_before},       {"dangling", set_dangling}, {"label", add_label},
    {"reference", add_reference}, {"since", set_since},       {"until", set_until},
};

int cli_set_image_filter(const char *text, void *to, struct cb_error *err)
{
    const char *value;
    CB_AUTO(free) char *key = cb_split_pair(text, &value);
    for (size_t i = 0; value && *value && i < CB_LEN(keys); i++)
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].set(to, value, err);
    cb_fail(err, CB_E_USAGE, "'%s' is no filter", text);
    return cb_hint(err, "before=IMAGE, dangling=true|false, label=KEY[=VALUE], reference=PATTERN, since=IMAGE, until=24h");
}

static int made_at(struct cache_store *s, const char *name, int64_t *ret, struct cb_error *err)
{
    CB_AUTO(cache_image) struct cache_image image = {0};
    if (!name)
        return 0;
    if (cli_find_image(s, name, &image, NULL, err) < 0)
        return -1;
    *ret = image.created.tv_sec;
    return 0;
}

int cli_image_filter_begin(struct cli_image_filter *f, struct cache_store *s, struct cb_error *err)
{
    return made_at(s, f->before, &f->times[0], err) < 0 || made_at(s, f->since, &f->times[1], err) < 0 ? -1 : 0;
}

/* ---- what an image is -------------------------------------------------------------------------------------------------- */

static bool is_of_age(const struct cli_image_filter *f, int64_t made)
{
    return (!f->before || made < f->times[0]) && (!f->since || made > f->times[1]) &&
           (!f->older_than || time(NULL) - made >= f->older_than);
}

/* A pattern is for the name as people write it, with its tag or without. */
static bool is_called(const struct cli_image_filter *f, const struct cache_image *named)
{
    if (!f->references.n)
        return true;
    if (cache_image_is_unnamed(named))
        return false;
    CB_AUTO(free) char *name = cli_short_name(named);
    CB_AUTO(free) char *untagged = cli_short_repository(named);
    for (size_t i = 0; i < f->references.n; i++)
        if (fnmatch(f->references.items[i], name, FNM_PATHNAME) == 0 ||
            fnmatch(f->references.items[i], untagged, FNM_PATHNAME) == 0)
            return true;
    return false;
}

static bool has_label(json_t *config, const char *pair)
{
    const char *value, *found;
    CB_AUTO(free) char *key = cb_split_pair(pair, &value);
    json_t *labels = json_object_get(json_object_get(config, "config"), "Labels");
    found = json_string_value(json_object_get(labels, key));
    return found && (!value || strcmp(found, value) == 0);
}

int cli_image_filter_takes(const struct cli_image_filter *f, struct cache_store *s, const struct cache_image *named,
                           const struct cache_image *image, struct cb_error *err)
{
    bool unnamed = cache_image_is_unnamed(named);
    if (f->names == (unnamed ? CLI_NAMED : CLI_UNNAMED) || !is_of_age(f, image->created.tv_sec) || !is_called(f, named))
        return 0;
    if (!f->labels.n)
        return 1;
    CB_AUTO(json) json_t *config = cli_image_config(s, image, err);
    if (!config)
        return -1;
    for (size_t i = 0; i < f->labels.n; i++)
        if (!has_label(config, f->labels.items[i]))
            return 0;
    return 1;
}
