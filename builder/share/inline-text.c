#include "base/json.h"
#include "base/limits.h"
#include "builder/share/inline.h"
#include "registry/oci/config.h"

void build_inline_steps_done(struct build_inline_steps *i)
{
    free(i->items);
    *i = (struct build_inline_steps){0};
}

static json_t *hex(const struct cb_digest *d)
{
    char text[CB_DIGEST_HEX + 1];
    cb_digest_hex(d, text);
    return json_string(text);
}

void build_inline_write(const struct build_inline_steps *i, struct cb_buf *out)
{
    static const struct cb_digest none;
    CB_AUTO(json) json_t *list = json_array();
    for (size_t n = 0; n < i->n; n++) {
        const struct build_inline_step *s = &i->items[n];
        json_t *j = json_pack("{s:o, s:I, s:o}", "definition", hex(&s->definition), "number", (json_int_t)s->number, "layer",
                              hex(&s->layer));
        if (!cb_digest_eq(&s->parent, &none))
            json_object_set_new(j, "parent", hex(&s->parent));
        json_array_append_new(list, j);
    }
    cb_json_dump(list, CB_JSON_COMPACT, out);
}

/* 1; 0: there is none. */
static int take_digest(json_t *j, const char *name, struct cb_digest *ret, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, name, OCI_CONFIG_STEP_CACHE, &text, err);
    return r > 0 && !cb_digest_parse_hex(text, ret)
               ? cb_fail(err, CB_E_CORRUPT, "%s: '%s' is no digest", OCI_CONFIG_STEP_CACHE, name)
               : r;
}

static int take_step(json_t *j, struct build_inline_step *ret, struct cb_error *err)
{
    int64_t number = -1;
    bool all = take_digest(j, "definition", &ret->definition, err) > 0 && take_digest(j, "layer", &ret->layer, err) > 0 &&
               cb_json_int(j, "number", OCI_CONFIG_STEP_CACHE, &number, err) > 0 &&
               take_digest(j, "parent", &ret->parent, err) >= 0;
    if (!all || number < 0 || number >= CB_MAX_LAYERS)
        return err->msg ? -1 : cb_fail(err, CB_E_CORRUPT, "%s: a step lacks its key or its layer", OCI_CONFIG_STEP_CACHE);
    ret->number = (size_t)number;
    return 0;
}

int build_inline_read(const char *config, size_t n, struct build_inline_steps *ret, struct cb_error *err)
{
    json_t *list = NULL, *each;
    size_t i;
    CB_AUTO(json) json_t *j = cb_json_parse(config, n, "the image's config", err);
    if (!j || cb_json_array(j, OCI_CONFIG_STEP_CACHE, "", &list, err) < 0)
        return -1;
    if (json_array_size(list) > CB_MAX_LAYERS)
        return cb_fail(err, CB_E_CORRUPT, "%s: more steps than an image has layers", OCI_CONFIG_STEP_CACHE);
    json_array_foreach (list, i, each) {
        struct build_inline_step step = {0};
        if (take_step(each, &step, err) < 0)
            return -1;
        CB_PUSH(ret->items, ret->n, ret->cap) = step;
    }
    return 0;
}
