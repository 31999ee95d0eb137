#include "registry/oci/document.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include <stdio.h>
#include <strings.h>

#define TYPE_SCHEMA1        "application/vnd.docker.distribution.manifest.v1+json"
#define TYPE_SCHEMA1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

/* Ends the path of an entry: "manifests[4294967295]". */
#define PATH_MAX_TEXT 40

/* ---- media types --------------------------------------------------------------------------- */

#define DOCKER_TYPE_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar"

static const struct type {
    const char *oci, *docker;
    bool layer; /* followed by what a codec adds */
} types[] = {
    {OCI_TYPE_INDEX, DOCKER_TYPE_LIST, false},
    {OCI_TYPE_MANIFEST, DOCKER_TYPE_MANIFEST, false},
    {OCI_TYPE_CONFIG, DOCKER_TYPE_CONFIG, false},
    {OCI_TYPE_LAYER, DOCKER_TYPE_LAYER, true},
    {OCI_TYPE_NONDIST_PREFIX ".tar", DOCKER_TYPE_FOREIGN, true},
};

/* Does the type begin as this one does? Gives what follows, or NULL. */
static const char *after(const char *type, const char *begin)
{
    size_t n = strlen(begin);
    return strncasecmp(type, begin, n) == 0 ? type + n : NULL;
}

static const struct cb_codec *codec_of_suffix(const char *suffix, bool docker)
{
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        if (strcasecmp(suffix, docker ? (*c)->docker_suffix : (*c)->oci_suffix) == 0)
            return *c;
    return NULL;
}

/* The type among Docker's or OCI's, and of a layer its codec; NULL: unknown. */
static const struct type *find_type(const char *text, bool docker, const struct cb_codec **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < CB_LEN(types); i++) {
        const char *rest = after(text, docker ? types[i].docker : types[i].oci);
        if (!rest || (!types[i].layer && *rest))
            continue;
        if (!types[i].layer || (*ret = codec_of_suffix(rest, docker)) != NULL)
            return &types[i];
    }
    return NULL;
}

char *oci_type_from_docker(const char *type)
{
    const struct cb_codec *c;
    const struct type *t = find_type(type, true, &c);
    return t ? cb_printf("%s%s", t->oci, c ? c->oci_suffix : "") : cb_strdup(type);
}

char *oci_type_to_docker(const char *type)
{
    const struct cb_codec *c;
    const struct type *t = find_type(type, false, &c);
    return t ? cb_printf("%s%s", t->docker, c ? c->docker_suffix : "") : cb_strdup(type);
}

char *oci_layer_type(const struct cb_codec *codec, bool docker)
{
    return docker ? cb_printf("%s%s", DOCKER_TYPE_LAYER, codec->docker_suffix)
                  : cb_printf("%s%s", OCI_TYPE_LAYER, codec->oci_suffix);
}

/* A tar of layers with a suffix that we do not know: "+xz", ".lz4". */
static bool is_packed_tar(const char *type)
{
    for (size_t i = 0; i < CB_LEN(types); i++)
        if (types[i].layer && (after(type, types[i].oci) || after(type, types[i].docker)))
            return true;
    return false;
}

static int fail_packed(const char *type, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf names = CB_BUF_INIT;
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        cb_buf_printf(&names, "%star%s", c == cb_codecs ? "" : c[1] ? ", " : " and ", (*c)->oci_suffix);
    cb_fail(err, CB_E_UNSUPPORTED, "media type '%.200s': layers packed this way are not supported, only %s", type, names.data);
    return cb_hint(err, "push the image again, packed with %s", cb_codecs[0]->name);
}

static int fail_layer_type(const char *type, struct cb_error *err)
{
    if (cb_ends(type, "+encrypted")) {
        cb_fail(err, CB_E_UNSUPPORTED, "media type '%.200s': the layer is encrypted", type);
        return cb_hint(err, "decrypt the image first, for example with skopeo copy --decryption-key");
    }
    if (is_packed_tar(type))
        return fail_packed(type, err);
    cb_fail(err, CB_E_UNSUPPORTED, "media type '%.200s' is not that of a layer", type);
    return cb_hint(err, "not everything that is kept beside images can be built on: check the name");
}

int oci_layer_codec(const char *type, const struct cb_codec **ret, struct cb_error *err)
{
    const struct cb_codec *c;
    if (!find_type(type, false, &c))
        (void)find_type(type, true, &c);
    if (!c)
        return fail_layer_type(type, err);
    *ret = c;
    return 0;
}

/* ---- life cycles --------------------------------------------------------------------------- */

void oci_descriptor_done(struct oci_descriptor *d)
{
    free(d->media_type);
    free(d->foreign_digest);
    oci_platform_done(&d->platform);
    cb_strv_done(&d->annotations);
    cb_strv_done(&d->urls);
    free(d->artifact_type);
    free(d->data);
    *d = (struct oci_descriptor){0};
}

void oci_descriptor_copy(struct oci_descriptor *to, const struct oci_descriptor *from)
{
    struct oci_descriptor copy = {
        .media_type = cb_strdup(from->media_type),
        .digest = from->digest,
        .foreign_digest = cb_strdup(from->foreign_digest),
        .size = from->size,
        .has_platform = from->has_platform,
        .artifact_type = cb_strdup(from->artifact_type),
        .data = cb_strdup(from->data),
    };
    if (from->has_platform)
        oci_platform_copy(&copy.platform, &from->platform);
    cb_strv_copy(&copy.annotations, &from->annotations);
    cb_strv_copy(&copy.urls, &from->urls);
    oci_descriptor_done(to);
    *to = copy;
}

static void descriptors_done(struct oci_descriptor *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        oci_descriptor_done(&items[i]);
    free(items);
}

void oci_manifest_done(struct oci_manifest *m)
{
    free(m->media_type);
    free(m->artifact_type);
    oci_descriptor_done(&m->config);
    descriptors_done(m->layers, m->n_layers);
    oci_descriptor_done(&m->subject);
    cb_strv_done(&m->annotations);
    *m = (struct oci_manifest){0};
}

void oci_index_done(struct oci_index *x)
{
    free(x->media_type);
    descriptors_done(x->manifests, x->n_manifests);
    cb_strv_done(&x->annotations);
    *x = (struct oci_index){0};
}

const char *oci_annotation_get(const struct cb_strv *annotations, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = annotations->n; i > 0; i--) {
        const char *item = annotations->items[i - 1];
        if (strncmp(item, key, n) == 0 && item[n] == '=')
            return item + n + 1;
    }
    return NULL;
}

/* ---- what kind of document ----------------------------------------------------------------- */

enum kind { KIND_UNKNOWN, KIND_MANIFEST, KIND_INDEX, KIND_SCHEMA1 };
static const char *const kind_names[] = {"unknown document", "image manifest", "image index", "schema 1 manifest"};

static enum kind kind_of_type(const char *type)
{
    if (strcmp(type, TYPE_SCHEMA1) == 0 || strcmp(type, TYPE_SCHEMA1_SIGNED) == 0)
        return KIND_SCHEMA1;
    CB_AUTO(free) char *oci = oci_type_from_docker(type);
    if (strcmp(oci, OCI_TYPE_MANIFEST) == 0)
        return KIND_MANIFEST;
    return strcmp(oci, OCI_TYPE_INDEX) == 0 ? KIND_INDEX : KIND_UNKNOWN;
}

static int fail_schema1(struct cb_error *err)
{
    cb_fail(err, CB_E_UNSUPPORTED, "the image has a schema 1 manifest, a format that is no longer supported");
    return cb_hint(err, "ask for a newer tag of the image, or push it again with a current tool");
}

static bool has(json_t *doc, const char *key)
{
    json_t *v = json_object_get(doc, key);
    return v && !json_is_null(v);
}

/* The kind, by what the document says of itself; a document that could be read as both is refused, since two
 * readers of the same digest would see two images. */
static int kind_of_body(json_t *doc, const char *media_type, enum kind *ret, struct cb_error *err)
{
    int64_t version = 2;
    if (cb_json_int(doc, "schemaVersion", "", &version, err) < 0)
        return -1;
    bool index = has(doc, "manifests"), manifest = has(doc, "config") || has(doc, "layers");
    if (version == 1 || (media_type && kind_of_type(media_type) == KIND_SCHEMA1))
        return fail_schema1(err);
    if (version != 2)
        return cb_fail(err, CB_E_UNSUPPORTED, "schemaVersion: expected 2, found %lld", (long long)version);
    if (index && manifest)
        return cb_fail(err, CB_E_CORRUPT, "ambiguous document: it has the members of a manifest and of an index");
    enum kind kind = media_type ? kind_of_type(media_type) : index ? KIND_INDEX : manifest ? KIND_MANIFEST : KIND_UNKNOWN;
    if (kind == KIND_UNKNOWN && media_type)
        return cb_fail(err, CB_E_UNSUPPORTED, "mediaType: '%.200s' is neither an image manifest nor an image index", media_type);
    if (kind == KIND_UNKNOWN)
        return cb_fail(err, CB_E_CORRUPT, "neither an image manifest nor an image index");
    if ((kind == KIND_INDEX && manifest) || (kind == KIND_MANIFEST && index))
        return cb_fail(err, CB_E_CORRUPT, "ambiguous document: it calls itself an %s and has the members of an %s",
                       kind_names[kind], kind_names[index ? KIND_INDEX : KIND_MANIFEST]);
    *ret = kind;
    return 0;
}

static int parse_object(const char *bytes, size_t n, const char *what, json_t **ret, struct cb_error *err)
{
    if (n > CB_MAX_MANIFEST)
        return cb_fail(err, CB_E_CORRUPT, "%s: larger than %u bytes", what, CB_MAX_MANIFEST);
    CB_AUTO(json) json_t *j = cb_json_parse(bytes, n, what, err);
    if (!j)
        return -1;
    if (!json_is_object(j))
        return cb_fail(err, CB_E_CORRUPT, "%s: expected a JSON object", what);
    *ret = CB_TAKE(j);
    return 0;
}

/* What a document says of its own type; NULL: nothing, which some tools write as "". */
static int own_type(json_t *doc, const char **ret, struct cb_error *err)
{
    const char *type = NULL;
    if (cb_json_str(doc, "mediaType", "", &type, err) < 0)
        return -1;
    *ret = type && *type ? type : NULL;
    return 0;
}

/* The type without parameters ("; charset=…"), lower case; "" for the generic ones that say nothing. */
static char *plain_type(const char *content_type)
{
    static const char *const generic[] = {"text/plain", "application/json", "application/octet-stream"};
    size_t n = strcspn(content_type ? content_type : "", "; \t");
    char *type = cb_memdup0(content_type ? content_type : "", n);
    for (char *c = type; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    for (size_t i = 0; i < CB_LEN(generic); i++)
        if (strcmp(type, generic[i]) == 0)
            *type = 0;
    return type;
}

int oci_document_kind(const char *bytes, size_t n, const char *content_type, struct cb_error *err)
{
    CB_AUTO(json) json_t *doc = NULL;
    CB_AUTO(free) char *type = plain_type(content_type);
    const char *media_type = NULL;
    enum kind kind = KIND_UNKNOWN, said = kind_of_type(type);
    if (said == KIND_SCHEMA1)
        return fail_schema1(err);
    if (parse_object(bytes, n, "manifest", &doc, err) < 0 || own_type(doc, &media_type, err) < 0 ||
        kind_of_body(doc,
                     media_type             ? media_type
                     : said != KIND_UNKNOWN ? type
                                            : NULL,
                     &kind, err) < 0)
        return -1;
    /* Many mix Docker's names and OCI's for one kind. */
    if (said != KIND_UNKNOWN && said != kind)
        return cb_fail(err, CB_E_CORRUPT, "the document is announced as '%.200s', the document itself says '%.200s'", type,
                       media_type);
    return kind == KIND_INDEX;
}

char *oci_manifest_type(const char *bytes, size_t n)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT; /* whoever cannot parse it learns why elsewhere */
    CB_AUTO(json) json_t *doc = cb_json_parse(bytes, n, "manifest", &ignored);
    const char *type = json_string_value(json_object_get(doc, "mediaType"));
    return cb_strdup(type ? type : OCI_TYPE_MANIFEST);
}

/* ---- descriptors --------------------------------------------------------------------------- */

static int missing(const char *path, const char *key, struct cb_error *err)
{
    return cb_fail(err, CB_E_CORRUPT, "%s%s%s: missing", path, *path ? "." : "", key);
}

static bool all_of(const char *s, size_t n, const char *more, bool upper)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');
        if (!plain && !strchr(more, c))
            return false;
    }
    return n > 0;
}

/* algorithm ":" encoded; the algorithm is made of lower-case words joined by one of "+._-". */
static bool is_digest(const char *text)
{
    size_t n = strcspn(text, ":");
    if (text[n] != ':' || !all_of(text, n, "+._-", false) || !all_of(text + n + 1, strlen(text + n + 1), "=_-", true))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strchr("+._-", text[i]) && (i == 0 || i + 1 == n || strchr("+._-", text[i + 1])))
            return false;
    return true;
}

static int parse_digest(json_t *j, const char *path, bool foreign_ok, struct oci_descriptor *d, struct cb_error *err)
{
    const char *text = NULL;
    int r = cb_json_str(j, "digest", path, &text, err);
    if (r <= 0)
        return r < 0 ? -1 : missing(path, "digest", err);
    if (cb_digest_parse(text, &d->digest))
        return 0;
    if (!is_digest(text) || cb_starts(text, "sha256:"))
        return cb_fail(err, CB_E_CORRUPT, "%s.digest: '%.200s' is not a digest", path, text);
    if (!foreign_ok)
        return cb_fail(err, CB_E_UNSUPPORTED, "%s.digest: algorithm '%.*s' is not supported, only sha256", path,
                       (int)CB_MIN(strcspn(text, ":"), 40u), text);
    d->foreign_digest = cb_strdup(text);
    return 0;
}

static int parse_size(json_t *j, const char *path, uint64_t *ret, struct cb_error *err)
{
    int64_t size = 0;
    int r = cb_json_int(j, "size", path, &size, err);
    if (r <= 0)
        return r < 0 ? -1 : missing(path, "size", err);
    if (size < 0 || (uint64_t)size > CB_MAX_BLOB)
        return cb_fail(err, CB_E_CORRUPT, "%s.size: %lld is out of range", path, (long long)size);
    *ret = (uint64_t)size;
    return 0;
}

static int parse_annotations(json_t *j, const char *path, struct cb_strv *ret, struct cb_error *err)
{
    json_t *map = NULL, *value;
    const char *key;
    int r = cb_json_object(j, "annotations", path, &map, err);
    if (r <= 0)
        return r;
    json_object_foreach (map, key, value) {
        if (!json_is_string(value))
            return cb_fail(err, CB_E_CORRUPT, "%s%sannotations.%.200s: expected a string", path, *path ? "." : "", key);
        cb_strv_take(ret, cb_printf("%s=%s", key, json_string_value(value)));
    }
    return 0;
}

static int parse_platform(json_t *j, const char *path, struct oci_descriptor *d, struct cb_error *err)
{
    char inner[PATH_MAX_TEXT + 16];
    json_t *platform = NULL;
    const char *os = "", *arch = "", *variant = "", *os_version = "";
    int r = cb_json_object(j, "platform", path, &platform, err);
    if (r <= 0)
        return r;
    snprintf(inner, sizeof(inner), "%s.platform", path);
    if (cb_json_str(platform, "os", inner, &os, err) < 0 || cb_json_str(platform, "architecture", inner, &arch, err) < 0 ||
        cb_json_str(platform, "variant", inner, &variant, err) < 0 ||
        cb_json_str(platform, "os.version", inner, &os_version, err) < 0)
        return -1;
    d->has_platform = true;
    d->platform = (struct oci_platform){cb_strdup(os), cb_strdup(arch), cb_strdup(variant), cb_strdup(os_version)};
    return 0;
}

static int take_str(json_t *j, const char *key, const char *path, char **ret, struct cb_error *err)
{
    const char *s = NULL;
    int r = cb_json_str(j, key, path, &s, err);
    if (r > 0)
        *ret = cb_strdup(s);
    return r;
}

/* Fills `d`, which is zero; what it holds after a failure is the caller's to release. */
static int parse_descriptor(json_t *j, const char *path, bool foreign_ok, struct oci_descriptor *d, struct cb_error *err)
{
    const char *type = NULL;
    if (!json_is_object(j))
        return cb_fail(err, CB_E_CORRUPT, "%s: expected an object", path);
    int r = cb_json_str(j, "mediaType", path, &type, err);
    if (r <= 0)
        return r < 0 ? -1 : missing(path, "mediaType", err);
    d->media_type = oci_type_from_docker(type);
    if (parse_digest(j, path, foreign_ok, d, err) < 0 || parse_size(j, path, &d->size, err) < 0 ||
        parse_platform(j, path, d, err) < 0 || parse_annotations(j, path, &d->annotations, err) < 0 ||
        cb_json_strv(j, "urls", path, &d->urls, err) < 0 || take_str(j, "artifactType", path, &d->artifact_type, err) < 0 ||
        take_str(j, "data", path, &d->data, err) < 0)
        return -1;
    return 0;
}

/* A required list; null is an empty one, as Go writes it. */
static int parse_list(json_t *doc, const char *key, bool foreign_ok, struct oci_descriptor **items, size_t *n, size_t *cap,
                      struct cb_error *err)
{
    json_t *list = NULL, *entry;
    size_t i;
    char path[PATH_MAX_TEXT];
    if (!json_object_get(doc, key))
        return missing("", key, err);
    int r = cb_json_array(doc, key, "", &list, err);
    if (r <= 0)
        return r;
    json_array_foreach (list, i, entry) {
        snprintf(path, sizeof(path), "%s[%zu]", key, i);
        if (parse_descriptor(entry, path, foreign_ok, &CB_PUSH(*items, *n, *cap), err) < 0)
            return -1;
    }
    return 0;
}

/* ---- documents ----------------------------------------------------------------------------- */

/* Loads a document that must be of this kind and gives its media type as OCI calls it. */
static int load(const char *bytes, size_t n, enum kind want, json_t **ret, char **ret_type, struct cb_error *err)
{
    CB_AUTO(json) json_t *doc = NULL;
    const char *type = NULL;
    enum kind kind = KIND_UNKNOWN;
    if (parse_object(bytes, n, kind_names[want], &doc, err) < 0 || own_type(doc, &type, err) < 0 ||
        kind_of_body(doc, type, &kind, err) < 0)
        return -1;
    if (kind != want)
        return cb_fail(err, CB_E_CORRUPT, "expected an %s, found an %s", kind_names[want], kind_names[kind]);
    *ret_type = oci_type_from_docker(type ? type : want == KIND_INDEX ? OCI_TYPE_INDEX : OCI_TYPE_MANIFEST);
    *ret = CB_TAKE(doc);
    return 0;
}

int oci_manifest_parse(const char *bytes, size_t n, struct oci_manifest *ret, struct cb_error *err)
{
    CB_AUTO(json) json_t *doc = NULL;
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    if (load(bytes, n, KIND_MANIFEST, &doc, &m.media_type, err) < 0)
        return -1;
    if (!has(doc, "config"))
        return missing("", "config", err);
    m.has_subject = has(doc, "subject");
    if (parse_descriptor(json_object_get(doc, "config"), "config", false, &m.config, err) < 0 ||
        parse_list(doc, "layers", false, &m.layers, &m.n_layers, &m.cap_layers, err) < 0 ||
        take_str(doc, "artifactType", "", &m.artifact_type, err) < 0 ||
        (m.has_subject && parse_descriptor(json_object_get(doc, "subject"), "subject", true, &m.subject, err) < 0) ||
        parse_annotations(doc, "", &m.annotations, err) < 0)
        return -1;
    *ret = m;
    m = (struct oci_manifest){0};
    return 0;
}

int oci_index_parse(const char *bytes, size_t n, struct oci_index *ret, struct cb_error *err)
{
    CB_AUTO(json) json_t *doc = NULL;
    CB_AUTO(oci_index) struct oci_index x = {0};
    if (load(bytes, n, KIND_INDEX, &doc, &x.media_type, err) < 0 ||
        parse_list(doc, "manifests", true, &x.manifests, &x.n_manifests, &x.cap_manifests, err) < 0 ||
        parse_annotations(doc, "", &x.annotations, err) < 0)
        return -1;
    *ret = x;
    x = (struct oci_index){0};
    return 0;
}

/* ---- choosing a platform ------------------------------------------------------------------- */

#define REFERENCE_TYPE "vnd.docker.reference.type" /* set on attestations */
#define MAX_LISTED     20                          /* platforms in a message */
#define NO_PLATFORM    1000                        /* rank of an entry that does not say: after all that fit */

/* Could the entry be an image? Unknown types, attestations and artifacts are not; where the entry does not say, the document
 * will. */
bool oci_is_image(const struct oci_descriptor *d)
{
    if (*d->media_type && strcmp(d->media_type, OCI_TYPE_MANIFEST) != 0 && strcmp(d->media_type, OCI_TYPE_INDEX) != 0)
        return false;
    if (oci_annotation_get(&d->annotations, REFERENCE_TYPE))
        return false;
    CB_AUTO(free) char *artifact = d->artifact_type ? oci_type_from_docker(d->artifact_type) : NULL;
    if (artifact && strcmp(artifact, OCI_TYPE_CONFIG) != 0)
        return false;
    return !d->has_platform || strcmp(d->platform.os, "unknown") != 0 || strcmp(d->platform.arch, "unknown") != 0;
}

static int rank_entry(const struct oci_descriptor *d, const struct oci_platform *want)
{
    CB_AUTO(oci_platform) struct oci_platform have = {0};
    if (!oci_is_image(d))
        return -1;
    if (!d->has_platform)
        return NO_PLATFORM;
    oci_platform_copy(&have, &d->platform);
    oci_platform_normalize(&have);
    return oci_platform_rank(want, &have);
}

static void list_platforms(const struct oci_index *x, struct cb_buf *out)
{
    CB_AUTO(cb_strv) struct cb_strv seen = {0};
    for (size_t i = 0; i < x->n_manifests && seen.n < MAX_LISTED; i++) {
        const struct oci_descriptor *d = &x->manifests[i];
        if (!d->has_platform || !oci_is_image(d))
            continue;
        CB_AUTO(free) char *text = oci_platform_text(&d->platform);
        if (cb_strv_find(&seen, text) >= 0)
            continue;
        cb_buf_printf(out, "%s%.100s", seen.n ? ", " : "", text);
        cb_strv_push(&seen, text);
    }
    if (seen.n == MAX_LISTED)
        cb_buf_adds(out, ", …");
    if (seen.n == 0)
        cb_buf_adds(out, "no platform");
}

int oci_index_select(const struct oci_index *x, const struct oci_platform *want, const char *name, struct cb_error *err)
{
    size_t best = 0;
    int best_rank = -1;
    for (size_t i = 0; i < x->n_manifests; i++) {
        int rank = rank_entry(&x->manifests[i], want);
        if (rank >= 0 && (best_rank < 0 || rank < best_rank)) {
            best = i;
            best_rank = rank;
        }
    }
    if (best_rank < 0) {
        CB_AUTO(cb_buf) struct cb_buf found = CB_BUF_INIT;
        CB_AUTO(free) char *wanted = oci_platform_text(want);
        list_platforms(x, &found);
        cb_fail(err, CB_E_NOT_FOUND, "%s: no match for platform in manifest: wanted %s, found %s", name, wanted, found.data);
        return cb_hint(err, "choose one of these with --platform, or another image");
    }
    if (x->manifests[best].foreign_digest)
        return cb_fail(err, CB_E_UNSUPPORTED, "%s: the digest '%.200s' is of an algorithm that is not supported, only sha256 is",
                       name, x->manifests[best].foreign_digest);
    return (int)best;
}
