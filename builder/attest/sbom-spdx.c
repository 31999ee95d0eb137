/* SPDX 2.3 as JSON. */
#include "base/map.h"
#include "builder/attest/licence.h"
#include "builder/attest/packages-internal.h"
#include "builder/attest/sbom-internal.h"

#include <ctype.h>

static const char unknown[] = "NOASSERTION";

/* An id may have letters, digits, '.' and '-'. */
static json_t *id_of(const struct build_attest_package *p)
{
    char id[BUILD_ATTEST_ID_MAX];
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    build_attest_package_id(p, id);
    cb_buf_printf(&text, "SPDXRef-Package-%s-", p->ecosystem->type);
    for (const unsigned char *c = (const unsigned char *)p->name; *c && text.len < 120; c++)
        cb_buf_addc(&text, *c < 0x80 && isalnum(*c) ? (char)*c : '-');
    cb_buf_printf(&text, "-%s", id);
    return json_stringn(text.data, text.len);
}

/* `others`: licences that SPDX has no name for, each once. */
static json_t *licence_of(const struct build_attest_package *p, struct cb_map *others)
{
    CB_AUTO(cb_buf) struct cb_buf ref = CB_BUF_INIT;
    if (!*p->licence)
        return json_string(unknown);
    if (build_attest_licence_is_spdx(p->licence, NULL))
        return json_string(p->licence);
    build_attest_licence_ref(p->licence, &ref);
    if (!cb_map_has(others, ref.data))
        cb_map_set(others, ref.data, (void *)p->licence);
    return json_stringn(ref.data, ref.len);
}

static json_t *package_json(const struct build_attest_packages *all, const struct build_attest_package *p, struct cb_map *others)
{
    CB_AUTO(cb_buf) struct cb_buf purl = CB_BUF_INIT;
    CB_AUTO(free) char *found = cb_printf("found in /%s", p->path);
    build_attest_purl(all, p, &purl);
    json_t *j = json_object();
    json_object_set_new(j, "SPDXID", id_of(p));
    json_object_set_new(j, "name", json_string(p->name));
    if (*p->version)
        json_object_set_new(j, "versionInfo", json_string(p->version));
    json_object_set_new(j, "supplier", json_string(unknown));
    json_object_set_new(j, "downloadLocation", json_string(unknown));
    json_object_set_new(j, "filesAnalyzed", json_false());
    json_object_set_new(j, "sourceInfo", json_string(found));
    json_object_set_new(j, "licenseConcluded", json_string(unknown));
    json_object_set_new(j, "licenseDeclared", licence_of(p, others));
    json_object_set_new(j, "copyrightText", json_string(unknown));
    json_object_set_new(j, "externalRefs",
                        json_pack("[{s:s, s:s, s:s}]", "referenceCategory", "PACKAGE-MANAGER", "referenceType", "purl",
                                  "referenceLocator", purl.data));
    return j;
}

static json_t *relationship(const char *from, const char *kind, const char *to)
{
    return json_pack("{s:s, s:s, s:s}", "spdxElementId", from, "relationshipType", kind, "relatedSpdxElement", to);
}

#define ROOT "SPDXRef-DocumentRoot-Image"

static json_t *root_json(const struct build_attest_subject *about)
{
    char id[CB_DIGEST_TEXT + 1];
    cb_digest_text(&about->config, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s}", "SPDXID", ROOT, "name", about->name, "versionInfo", id,
                     "supplier", unknown, "downloadLocation", unknown, "filesAnalyzed", 0, "licenseConcluded", unknown,
                     "licenseDeclared", unknown, "copyrightText", unknown, "primaryPackagePurpose", "CONTAINER");
}

static void add_licences(json_t *document, const struct cb_map *others)
{
    json_t *list = json_array();
    for (struct cb_map_item *it = NULL; (it = cb_map_next(others, it));)
        json_array_append_new(list, json_pack("{s:s, s:s}", "licenseId", it->key, "extractedText", (const char *)it->value));
    json_object_set_new(document, "hasExtractedLicensingInfos", list);
}

static json_t *make(const struct build_attest_packages *p, const struct build_attest_subject *about)
{
    CB_AUTO(cb_map) struct cb_map others = {0};
    CB_AUTO(free) char *comment = build_attest_comment(p);
    json_t *j = json_object(), *packages = json_array(), *links = json_array();
    json_array_append_new(packages, root_json(about));
    json_array_append_new(links, relationship("SPDXRef-DOCUMENT", "DESCRIBES", ROOT));
    for (size_t i = 0; i < p->n; i++) {
        json_t *one = package_json(p, &p->items[i], &others);
        json_array_append_new(links, relationship(ROOT, "CONTAINS", json_string_value(json_object_get(one, "SPDXID"))));
        json_array_append_new(packages, one);
    }
    json_object_set_new(j, "spdxVersion", json_string("SPDX-2.3"));
    json_object_set_new(j, "dataLicense", json_string("CC0-1.0"));
    json_object_set_new(j, "SPDXID", json_string("SPDXRef-DOCUMENT"));
    json_object_set_new(j, "name", json_string(about->name));
    json_object_set_new(j, "documentNamespace", json_null());
    json_object_set_new(j, "creationInfo",
                        json_pack("{s:o, s:[s, s], s:s}", "created", build_attest_time(about->created), "creators",
                                  "Organization: cbuild", "Tool: cbuild-" CBUILD_VERSION, "comment", comment));
    json_object_set_new(j, "packages", packages);
    if (others.n)
        add_licences(j, &others);
    json_object_set_new(j, "relationships", links);
    return j;
}

static void name_it(json_t *document, const char *uuid)
{
    CB_AUTO(free) char *name = cb_printf("urn:uuid:%s", uuid);
    json_object_set_new(document, "documentNamespace", json_string(name));
}

const struct build_attest_format build_attest_format_spdx = {.name = "spdx",
                                                             .other = "spdx-json",
                                                             .predicate = "https://spdx.dev/Document",
                                                             .file = "sbom.spdx.json",
                                                             .make = make,
                                                             .name_it = name_it};
