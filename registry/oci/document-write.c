#include "registry/oci/document.h"
#include "registry/oci/emit.h"

static json_t *emit_platform(const struct oci_platform *p)
{
    json_t *j = json_object();
    oci_emit_set(j, "architecture", oci_emit_string(p->arch));
    oci_emit_set(j, "os", oci_emit_string(p->os));
    oci_emit_text(j, "os.version", p->os_version);
    oci_emit_text(j, "variant", p->variant);
    return j;
}

static json_t *emit_descriptor(const struct oci_descriptor *d)
{
    json_t *j = json_object();
    oci_emit_set(j, "mediaType", oci_emit_string(d->media_type));
    oci_emit_set(j, "digest", d->foreign_digest ? oci_emit_string(d->foreign_digest) : oci_emit_digest(&d->digest));
    oci_emit_set(j, "size", json_integer((json_int_t)d->size));
    oci_emit_strv(j, "urls", &d->urls);
    if (d->annotations.n)
        oci_emit_set(j, "annotations", oci_emit_annotations(&d->annotations));
    oci_emit_text(j, "data", d->data);
    oci_emit_text(j, "artifactType", d->artifact_type);
    if (d->has_platform)
        oci_emit_set(j, "platform", emit_platform(&d->platform));
    return j;
}

static json_t *emit_list(const struct oci_descriptor *items, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        oci_emit_append(list, emit_descriptor(&items[i]));
    return list;
}

static json_t *begin(const char *media_type, const char *fallback)
{
    json_t *doc = json_object();
    oci_emit_set(doc, "schemaVersion", json_integer(2));
    oci_emit_set(doc, "mediaType", oci_emit_string(media_type ? media_type : fallback));
    return doc;
}

static void end(json_t *doc, const struct cb_strv *annotations, struct cb_buf *out)
{
    if (annotations->n)
        oci_emit_set(doc, "annotations", oci_emit_annotations(annotations));
    cb_json_dump(doc, CB_JSON_INDENT, out);
}

void oci_manifest_write(const struct oci_manifest *m, struct cb_buf *out)
{
    CB_AUTO(json) json_t *doc = begin(m->media_type, OCI_TYPE_MANIFEST);
    oci_emit_text(doc, "artifactType", m->artifact_type);
    oci_emit_set(doc, "config", emit_descriptor(&m->config));
    oci_emit_set(doc, "layers", emit_list(m->layers, m->n_layers));
    if (m->has_subject)
        oci_emit_set(doc, "subject", emit_descriptor(&m->subject));
    end(doc, &m->annotations, out);
}

void oci_index_write(const struct oci_index *x, struct cb_buf *out)
{
    CB_AUTO(json) json_t *doc = begin(x->media_type, OCI_TYPE_INDEX);
    oci_emit_set(doc, "manifests", emit_list(x->manifests, x->n_manifests));
    end(doc, &x->annotations, out);
}
