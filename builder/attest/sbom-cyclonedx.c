/* CycloneDX 1.5 as JSON. */
#include "builder/attest/licence.h"
#include "builder/attest/packages-internal.h"
#include "builder/attest/sbom-internal.h"

static json_t *licences_of(const char *licence)
{
    bool single;
    if (!build_attest_licence_is_spdx(licence, &single))
        return json_pack("[{s:{s:s}}]", "license", "name", licence);
    return single ? json_pack("[{s:{s:s}}]", "license", "id", licence) : json_pack("[{s:s}]", "expression", licence);
}

static json_t *component(const struct build_attest_packages *all, const struct build_attest_package *p)
{
    CB_AUTO(cb_buf) struct cb_buf purl = CB_BUF_INIT;
    char id[BUILD_ATTEST_ID_MAX];
    build_attest_purl(all, p, &purl);
    build_attest_package_id(p, id);
    CB_AUTO(free) char *path = cb_printf("/%s", p->path), *ref = cb_printf("%s#%s", purl.data, id);
    json_t *j = json_object();
    json_object_set_new(j, "type", json_string("library"));
    json_object_set_new(j, "bom-ref", json_string(ref));
    json_object_set_new(j, "name", json_string(p->name));
    if (*p->version)
        json_object_set_new(j, "version", json_string(p->version));
    if (*p->licence)
        json_object_set_new(j, "licenses", licences_of(p->licence));
    json_object_set_new(j, "purl", json_stringn(purl.data, purl.len));
    json_object_set_new(j, "evidence", json_pack("{s:[{s:s}]}", "occurrences", "location", path));
    return j;
}

static json_t *system_of(const struct build_attest_packages *p)
{
    json_t *j = json_pack("{s:s, s:s}", "type", "operating-system", "name", p->system);
    if (*p->system_version)
        json_object_set_new(j, "version", json_string(p->system_version));
    return j;
}

static json_t *make(const struct build_attest_packages *p, const struct build_attest_subject *about)
{
    char id[CB_DIGEST_TEXT + 1];
    CB_AUTO(free) char *comment = build_attest_comment(p);
    cb_digest_text(&about->config, id);
    json_t *list = json_array(), *j = json_object();
    if (*p->system)
        json_array_append_new(list, system_of(p));
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(list, component(p, &p->items[i]));
    json_object_set_new(j, "bomFormat", json_string("CycloneDX"));
    json_object_set_new(j, "specVersion", json_string("1.5"));
    json_object_set_new(j, "serialNumber", json_null());
    json_object_set_new(j, "version", json_integer(1));
    json_object_set_new(j, "metadata",
                        json_pack("{s:o, s:{s:[{s:s, s:s, s:s}]}, s:{s:s, s:s, s:s}, s:[{s:s, s:s}]}", "timestamp",
                                  build_attest_time(about->created), "tools", "components", "type", "application", "name",
                                  "cbuild", "version", CBUILD_VERSION, "component", "type", "container", "name", about->name,
                                  "version", id, "properties", "name", "cbuild:comment", "value", comment));
    json_object_set_new(j, "components", list);
    json_object_set_new(j, "compositions", json_pack("[{s:s}]", "aggregate", p->unread.n ? "incomplete" : "unknown"));
    return j;
}

static void name_it(json_t *document, const char *uuid)
{
    CB_AUTO(free) char *name = cb_printf("urn:uuid:%s", uuid);
    json_object_set_new(document, "serialNumber", json_string(name));
}

const struct build_attest_format build_attest_format_cyclonedx = {.name = "cyclonedx",
                                                                  .other = "cyclonedx-json",
                                                                  .predicate = "https://cyclonedx.org/bom",
                                                                  .file = "sbom.cdx.json",
                                                                  .make = make,
                                                                  .name_it = name_it};
