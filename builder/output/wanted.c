/* What an output asks for besides its kind: names, annotations, packing. */
#include "builder/output/output-internal.h"
#include "registry/oci/reference.h"

struct build_packing build_output_packing(const struct build_output *o)
{
    return (struct build_packing){.codec = o->codec,
                                  .level = o->level,
                                  .force = o->force_compression,
                                  .docker_types = o->docker_types,
                                  .rewrites = o->rewrites_times};
}

/* The tags, else the output's own `name=`, as buildx takes them. What is pushed by digest has no tag, so only its own name will
 * do. */
static void given_names(const struct build_request *q, const struct build_output *o, struct cb_strv *ret)
{
    bool own = o->name && (o->by_digest || !q->tags.n);
    if (!own) {
        cb_strv_copy(ret, &q->tags);
        return;
    }
    for (const char *p = o->name; *p;) {
        size_t n = strcspn(p, ",");
        cb_strv_take(ret, cb_memdup0(p, n));
        p += n + (p[n] == ',');
    }
}

static int names_of(const struct build_request *q, const struct build_output *o, struct cb_strv *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv given = {0};
    given_names(q, o, &given);
    for (size_t i = 0; i < given.n; i++) {
        CB_AUTO(oci_ref) struct oci_ref ref = {0};
        if (oci_ref_parse(given.items[i], &ref, err) < 0)
            return cb_prefix(err, "invalid tag \"%s\"", given.items[i]);
        cb_strv_take(ret, oci_ref_full(&ref));
    }
    return 0;
}

int build_output_names(struct build_session *s, const struct build_output *o, struct cb_strv *ret, struct cb_error *err)
{
    if (o->name && !o->by_digest && s->request->tags.n)
        build_note(s, "-t names the image: name=%s of an output is not used", o->name);
    return names_of(s->request, o, ret, err);
}

int build_output_all_names(const struct build_request *q, struct cb_strv *ret, struct cb_error *err)
{
    for (size_t i = 0; i < q->n_outputs; i++) {
        CB_AUTO(cb_strv) struct cb_strv names = {0};
        if (names_of(q, &q->outputs[i], &names, err) < 0)
            return -1;
        for (size_t n = 0; n < names.n; n++)
            if (cb_strv_find(ret, names.items[n]) < 0)
                cb_strv_push(ret, names.items[n]);
    }
    return 0;
}

void build_output_annotations(const struct build_session *s, const struct build_output *o, struct cb_strv *ret)
{
    cb_strv_copy(ret, &s->request->annotations);
    cb_strv_copy(ret, &o->annotations);
}
