#include "registry/oci/document.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX_A                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B                       "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C                       "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define SHA512                      "sha512:" HEX_A HEX_B

#define DESC(type, hex, size, more) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":" size more "}"
#define CONFIG                      "\"config\":" DESC(OCI_TYPE_CONFIG, HEX_A, "7", "")
#define LAYERS                      "\"layers\":[" DESC(OCI_TYPE_LAYER "+gzip", HEX_B, "8", "") "]"
#define TYPE(t)                     "\"mediaType\":\"" t "\""

/* ---- kinds --------------------------------------------------------------------------------- */

static const struct {
    const char *doc, *content_type;
    int kind;
    const char *message; /* part of it */
} kinds[] = {
    {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", NULL, 0, NULL},
    {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", "application/json", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", "text/plain; charset=utf-8", 0, NULL},
    {"{\"schemaVersion\":2," CONFIG "," LAYERS "}", OCI_TYPE_MANIFEST, 0, NULL},
    {"{\"schemaVersion\":2," CONFIG "," LAYERS "," TYPE(DOCKER_TYPE_MANIFEST) "}", DOCKER_TYPE_MANIFEST "; charset=utf-8", 0,
     NULL},
    {"{\"schemaVersion\":2,\"manifests\":[]}", NULL, 1, NULL},
    {"{\"manifests\":[]}", OCI_TYPE_INDEX, 1, NULL},
    {"{\"manifests\":null," TYPE(OCI_TYPE_INDEX) "}", OCI_TYPE_INDEX, 1, NULL},
    {"{\"manifests\":[]," TYPE(DOCKER_TYPE_LIST) "}", NULL, 1, NULL},
    {"{" CONFIG ",\"manifests\":[]}", NULL, -1, "ambiguous"},
    {"{\"layers\":[],\"manifests\":[]," TYPE(OCI_TYPE_INDEX) "}", NULL, -1, "ambiguous"},
    {"{" CONFIG "," LAYERS "," TYPE(OCI_TYPE_INDEX) "}", NULL, -1, "calls itself an image index"},
    {"{\"manifests\":[]," TYPE(OCI_TYPE_MANIFEST) "}", NULL, -1, "calls itself an image manifest"},
    {"{\"manifests\":[]}", OCI_TYPE_MANIFEST, -1, "ambiguous"},
    {"{" CONFIG "," LAYERS "}", DOCKER_TYPE_LIST, -1, "ambiguous"},
    {"{" CONFIG "," LAYERS "," TYPE(OCI_TYPE_MANIFEST) "}", DOCKER_TYPE_MANIFEST, 0, NULL},
    {"{" CONFIG "," LAYERS "," TYPE(DOCKER_TYPE_MANIFEST) "}", OCI_TYPE_MANIFEST, 0, NULL},
    {"{\"manifests\":[]," TYPE(DOCKER_TYPE_LIST) "}", OCI_TYPE_INDEX, 1, NULL},
    {"{\"manifests\":[]," TYPE(OCI_TYPE_INDEX) "}", DOCKER_TYPE_LIST, 1, NULL},
    {"{" CONFIG "," LAYERS "," TYPE("") "}", NULL, 0, NULL},
    {"{" CONFIG "," LAYERS "," TYPE("") "}", DOCKER_TYPE_MANIFEST, 0, NULL},
    {"{\"manifests\":[]," TYPE("") "}", NULL, 1, NULL},
    {"{\"manifests\":[]," TYPE("") "}", OCI_TYPE_MANIFEST, -1, "ambiguous"},
    {"{" CONFIG "," LAYERS "," TYPE(DOCKER_TYPE_MANIFEST) "}", DOCKER_TYPE_LIST, -1, "the document itself says"},
    {"{" CONFIG "," LAYERS "," TYPE(OCI_TYPE_MANIFEST) "}", OCI_TYPE_INDEX, -1, "the document itself says"},
    {"{\"schemaVersion\":1}", NULL, -1, "schema 1"},
    {"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", -1, "schema 1"},
    {"{" TYPE("application/vnd.docker.distribution.manifest.v1+json") "}", NULL, -1, "schema 1"},
    {"{\"schemaVersion\":3}", NULL, -1, "schemaVersion"},
    {"{\"schemaVersion\":\"2\"}", NULL, -1, "schemaVersion: expected an integer"},
    {"{" TYPE("text/x") "}", NULL, -1, "'text/x' is neither"},
    {"{}", NULL, -1, "neither"},
    {"[]", NULL, -1, "expected a JSON object"},
    {"<html>", "text/html", -1, "bad JSON"},
    {"", NULL, -1, "bad JSON"},
    {"{\"manifests\":[],\"manifests\":[]}", NULL, -1, "bad JSON"},
};

static void tells_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(kinds); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        int kind = oci_document_kind(kinds[i].doc, strlen(kinds[i].doc), kinds[i].content_type, &err);
        if (kind != kinds[i].kind)
            fail_msg("case %zu: %d (%s)", i, kind, err.msg ? err.msg : "");
        if (kind < 0 && !strstr(err.msg, kinds[i].message))
            fail_msg("case %zu: %s", i, err.msg);
    }
}

/* ---- layers -------------------------------------------------------------------------------- */

static void knows_layers(void **state)
{
    static const struct {
        const char *type, *message; /* part of it; NULL: known */
        const char *codec;
    } cases[] = {
        {OCI_TYPE_LAYER, NULL, "uncompressed"},
        {OCI_TYPE_LAYER "+gzip", NULL, "gzip"},
        {OCI_TYPE_LAYER "+zstd", NULL, "zstd"},
        {OCI_TYPE_NONDIST_PREFIX ".tar", NULL, "uncompressed"},
        {OCI_TYPE_NONDIST_PREFIX ".tar+zstd", NULL, "zstd"},
        {DOCKER_TYPE_LAYER, NULL, "uncompressed"},
        {DOCKER_TYPE_LAYER ".gzip", NULL, "gzip"},
        {DOCKER_TYPE_LAYER ".zstd", NULL, "zstd"},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", NULL, "gzip"},
        {"Application/vnd.OCI.image.layer.v1.tar+gzip", NULL, "gzip"},
        {OCI_TYPE_LAYER "+gzip"
                        "+encrypted",
         "encrypted", NULL},
        {OCI_TYPE_LAYER "+encrypted", "encrypted", NULL},
        {OCI_TYPE_LAYER "+xz", "only tar+gzip, tar+zstd and tar", NULL},
        {DOCKER_TYPE_LAYER ".gzip"
                           "2",
         "only tar+gzip, tar+zstd and tar", NULL},
        {OCI_TYPE_CONFIG, "not that of a layer", NULL},
        {OCI_TYPE_NONDIST_PREFIX, "not that of a layer", NULL},
        {"text/html", "'text/html' is not that of a layer", NULL},
        {"", "'' is not that of a layer", NULL},
    };
    (void)state;
    for (size_t i = 0; i < CB_LEN(cases); i++) {
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        const struct cb_codec *got = NULL;
        int r = oci_layer_codec(cases[i].type, &got, &err);
        if (cases[i].message ? r == 0 || !strstr(err.msg, cases[i].message) || err.code != CB_E_UNSUPPORTED
                             : r < 0 || strcmp(got->name, cases[i].codec) != 0)
            fail_msg("'%s': %s, %s", cases[i].type, got ? got->name : "none", err.msg ? err.msg : "taken");
    }
}

/* ---- what is refused ----------------------------------------------------------------------- */

#define MANIFEST(config, layers) "{\"schemaVersion\":2,\"config\":" config ",\"layers\":" layers "}"
#define OK_CONFIG                DESC(OCI_TYPE_CONFIG, HEX_A, "7", "")

static const struct {
    const char *doc, *message;
    enum cb_code code;
} bad_manifests[] = {
    {"{\"layers\":[]}", "config: missing", CB_E_CORRUPT},
    {"{\"config\":null,\"layers\":[]}", "config: missing", CB_E_CORRUPT},
    {"{\"config\":{}}", "config.mediaType: missing", CB_E_CORRUPT},
    {"{\"config\":7}", "config: expected an object", CB_E_CORRUPT},
    {"{" CONFIG "}", "layers: missing", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "{}"), "layers: expected an array", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[null]"), "layers[0]: expected an object", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\"}]"), "layers[0].digest: missing", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":7}]"), "layers[0].digest: expected a string", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":\"sha256:12\"}]"), "layers[0].digest: 'sha256:12' is not a digest",
     CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":\"../../x\"}]"), "is not a digest", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":\"a++b:c\"}]"), "is not a digest", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":\"" SHA512 "\"}]"), "algorithm 'sha512' is not supported",
     CB_E_UNSUPPORTED},
    {MANIFEST(OK_CONFIG, "[{\"mediaType\":\"x\",\"digest\":\"sha256:" HEX_A "\"}]"), "layers[0].size: missing", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "-1", "") "]"), "layers[0].size: -1 is out of range", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "1.5", "") "]"), "layers[0].size: expected an integer", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "9223372036854775807", "") "]"), "is out of range", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "92233720368547758070", "") "]"), "bad JSON", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "1", ",\"annotations\":{\"a\":1}") "]"),
     "layers[0].annotations.a: expected a string", CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "1", ",\"urls\":[1]") "]"), "layers[0].urls: expected an array of strings",
     CB_E_CORRUPT},
    {MANIFEST(OK_CONFIG, "[" DESC("x", HEX_B, "1", ",\"platform\":{\"os\":1}") "]"), "layers[0].platform.os: expected a string",
     CB_E_CORRUPT},
    {"{\"manifests\":[]}", "expected an image manifest, found an image index", CB_E_CORRUPT},
};

static void refuses_bad_manifests(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(bad_manifests); i++) {
        struct oci_manifest m = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_manifest_parse(bad_manifests[i].doc, strlen(bad_manifests[i].doc), &m, &err) == 0)
            fail_msg("case %zu was taken", i);
        if (!strstr(err.msg, bad_manifests[i].message) || err.code != bad_manifests[i].code)
            fail_msg("case %zu: %s", i, err.msg);
        assert_null(m.media_type);
    }
}

/* ---- what is read and written -------------------------------------------------------------- */

static void reads_a_docker_manifest(void **state)
{
    (void)state;
    static const char doc[] = "{\"schemaVersion\":2," TYPE(DOCKER_TYPE_MANIFEST) ",\"config\":" DESC(
        DOCKER_TYPE_CONFIG, HEX_A, "7",
        "") ",\"layers\":[" DESC(DOCKER_TYPE_LAYER ".gzip", HEX_B, "8",
                                 "") "," DESC("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", HEX_C, "0",
                                              ",\"urls\":[\"https://a/b\"]") "],\"new\":{\"x\":[1]}}";
    CB_AUTO(oci_manifest) struct oci_manifest m = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    assert_int_equal(oci_manifest_parse(doc, strlen(doc), &m, &err), 0);
    assert_string_equal(m.media_type, OCI_TYPE_MANIFEST);
    assert_string_equal(m.config.media_type, OCI_TYPE_CONFIG);
    assert_int_equal(m.n_layers, 2);
    assert_string_equal(m.layers[0].media_type, OCI_TYPE_LAYER "+gzip");
    assert_int_equal(m.layers[0].size, 8);
    assert_string_equal(m.layers[1].media_type, OCI_TYPE_NONDIST_PREFIX ".tar+gzip");
    assert_string_equal(m.layers[1].urls.items[0], "https://a/b");
    CB_AUTO(free) char *docker = oci_type_to_docker(m.layers[0].media_type), *unknown = oci_type_to_docker("x/y");
    assert_string_equal(docker, DOCKER_TYPE_LAYER ".gzip");
    assert_string_equal(unknown, "x/y");
    CB_AUTO(free) char *foreign = oci_type_to_docker(m.layers[1].media_type);
    assert_string_equal(foreign, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
}

#define GOLDEN_MANIFEST                                                                                                          \
    "{\n"                                                                                                                        \
    "  \"schemaVersion\": 2,\n"                                                                                                  \
    "  \"mediaType\": \"" OCI_TYPE_MANIFEST "\",\n"                                                                              \
    "  \"artifactType\": \"a/b\",\n"                                                                                             \
    "  \"config\": {\n"                                                                                                          \
    "    \"mediaType\": \"" OCI_TYPE_EMPTY "\",\n"                                                                               \
    "    \"digest\": \"sha256:" HEX_A "\",\n"                                                                                    \
    "    \"size\": 2,\n"                                                                                                         \
    "    \"data\": \"e30=\"\n"                                                                                                   \
    "  },\n"                                                                                                                     \
    "  \"layers\": [\n"                                                                                                          \
    "    {\n"                                                                                                                    \
    "      \"mediaType\": \"" OCI_TYPE_LAYER "+gzip"                                                                             \
    "\",\n"                                                                                                                      \
    "      \"digest\": \"sha256:" HEX_B "\",\n"                                                                                  \
    "      \"size\": 4398046511104,\n"                                                                                           \
    "      \"urls\": [\n"                                                                                                        \
    "        \"https://a/<b>&c\"\n"                                                                                              \
    "      ],\n"                                                                                                                 \
    "      \"annotations\": {\n"                                                                                                 \
    "        \"a\": \"1\",\n"                                                                                                    \
    "        \"b\": \"x=y\"\n"                                                                                                   \
    "      },\n"                                                                                                                 \
    "      \"artifactType\": \"t\"\n"                                                                                            \
    "    }\n"                                                                                                                    \
    "  ],\n"                                                                                                                     \
    "  \"subject\": {\n"                                                                                                         \
    "    \"mediaType\": \"" OCI_TYPE_MANIFEST "\",\n"                                                                            \
    "    \"digest\": \"sha256:" HEX_C "\",\n"                                                                                    \
    "    \"size\": 0\n"                                                                                                          \
    "  },\n"                                                                                                                     \
    "  \"annotations\": {\n"                                                                                                     \
    "    \"z\": \"\"\n"                                                                                                          \
    "  }\n"                                                                                                                      \
    "}"

static void writes_a_manifest(void **state)
{
    (void)state;
    /* the same, compact, in another order: what is written does not depend on it */
    static const char doc[] = "{\"annotations\":{\"z\":\"\"},\"subject\":" DESC(
        OCI_TYPE_MANIFEST, HEX_C, "0", "") ",\"layers\":[{\"artifactType\":\"t\","
                                           "\"annotations\":{\"b\":\"x=y\",\"a\":\"1\"},\"urls\":[\"https://a/"
                                           "<b>&c\"],\"size\":4398046511104,\"mediaType\":\"" OCI_TYPE_LAYER "+gzip"
                                           "\",\"digest\":\"sha256:" HEX_B "\"}],\"artifactType\":\"a/b\",\"config\":" DESC(
                                               OCI_TYPE_EMPTY, HEX_A, "2", ",\"data\":\"e30=\"") ",\"schemaVersion\":2}";
    static const char *const docs[] = {doc, GOLDEN_MANIFEST};
    for (size_t i = 0; i < CB_LEN(docs); i++) {
        CB_AUTO(oci_manifest) struct oci_manifest m = {0};
        CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_manifest_parse(docs[i], strlen(docs[i]), &m, &err) < 0)
            fail_msg("%s", err.msg);
        oci_manifest_write(&m, &out);
        assert_string_equal(out.data, GOLDEN_MANIFEST);
    }
}

static void writes_an_index(void **state)
{
    (void)state;
    static const char golden[] = "{\n"
                                 "  \"schemaVersion\": 2,\n"
                                 "  \"mediaType\": \"" OCI_TYPE_INDEX "\",\n"
                                 "  \"manifests\": [\n"
                                 "    {\n"
                                 "      \"mediaType\": \"" OCI_TYPE_MANIFEST "\",\n"
                                 "      \"digest\": \"" SHA512 "\",\n"
                                 "      \"size\": 9,\n"
                                 "      \"annotations\": {\n"
                                 "        \"k\": \"\xef\xbf\xbd\"\n"
                                 "      },\n"
                                 "      \"platform\": {\n"
                                 "        \"architecture\": \"arm64\",\n"
                                 "        \"os\": \"linux\",\n"
                                 "        \"os.version\": \"1\",\n"
                                 "        \"variant\": \"v8\"\n"
                                 "      }\n"
                                 "    }\n"
                                 "  ]\n"
                                 "}";
    struct oci_descriptor d = {.media_type = cb_strdup(OCI_TYPE_MANIFEST), .foreign_digest = cb_strdup(SHA512), .size = 9};
    d.has_platform = true;
    d.platform = (struct oci_platform){cb_strdup("linux"), cb_strdup("arm64"), cb_strdup("v8"), cb_strdup("1")};
    cb_strv_push(&d.annotations, "k=\xff"); /* not UTF-8 */
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(oci_index) struct oci_index again = {0};
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    oci_descriptor_copy(&CB_PUSH(x.manifests, x.n_manifests, x.cap_manifests), &d);
    oci_descriptor_done(&d);
    oci_index_write(&x, &out);
    assert_string_equal(out.data, golden);
    assert_int_equal(oci_index_parse(out.data, out.len, &again, &err), 0);
    assert_string_equal(again.manifests[0].foreign_digest, SHA512);
    assert_string_equal(oci_annotation_get(&again.manifests[0].annotations, "k"), "\xef\xbf\xbd");
    assert_null(oci_annotation_get(&again.manifests[0].annotations, "kk"));
}

/* ---- choosing ------------------------------------------------------------------------------ */

#define ENTRY(hex, more)       DESC(OCI_TYPE_MANIFEST, hex, "1", more)
#define ON(os, arch)           ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define ONV(os, arch, variant) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}"
#define INDEX(entries)         "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define ATTESTATION            ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}"

static const struct {
    const char *doc, *want;
    int entry;
    const char *message;
} choices[] = {
    {INDEX(ENTRY(HEX_A, ON("linux", "arm64")) "," ENTRY(HEX_B, ON("linux", "amd64"))), "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, ON("linux", "amd64")) "," ENTRY(HEX_B, ON("linux", "amd64"))), "linux/amd64", 0, NULL},
    {INDEX(ENTRY(HEX_A, ON("linux", "386")) "," ENTRY(HEX_B, ON("linux", "amd64"))), "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, ON("linux", "386"))), "linux/amd64", 0, NULL},
    {INDEX(ENTRY(HEX_A, ON("Linux", "x86_64"))), "linux/amd64", 0, NULL},
    {INDEX(ENTRY(HEX_A, ONV("linux", "arm", "v6")) "," ENTRY(HEX_B, ONV("linux", "arm", "v7"))), "linux/arm", 1, NULL},
    {INDEX(ENTRY(HEX_A, ONV("linux", "arm64", "v8"))), "linux/arm64", 0, NULL},
    {INDEX(ENTRY(HEX_A, ON("unknown", "unknown")) "," ENTRY(HEX_B, "")), "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, "") "," ENTRY(HEX_B, ON("linux", "amd64"))), "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, ON("linux", "amd64") ATTESTATION) "," ENTRY(HEX_B, ON("linux", "amd64"))), "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, ",\"artifactType\":\"a/sbom\"") "," ENTRY(HEX_B, "")), "linux/amd64", 1, NULL},
    {INDEX(DESC("x/y", HEX_A, "1", ON("linux", "amd64")) "," DESC(DOCKER_TYPE_MANIFEST, HEX_B, "1", ON("linux", "amd64"))),
     "linux/amd64", 1, NULL},
    {INDEX(ENTRY(HEX_A, ON("linux", "arm64")) "," ENTRY(HEX_B, ONV("linux", "arm", "v7")) "," ENTRY(HEX_C,
                                                                                                    ON("unknown", "unknown"))),
     "linux/s390x", -1, "img: no match for platform in manifest: wanted linux/s390x, found linux/arm64, linux/arm/v7"},
    {INDEX(""), "linux/amd64", -1, "img: no match for platform in manifest: wanted linux/amd64, found no platform"},
    {INDEX("{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"" SHA512 "\",\"size\":1" ON("linux", "amd64") "}"),
     "linux/amd64", -1, "img: the digest '" SHA512 "' is of an algorithm that is not supported, only sha256 is"},
};

static void chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < CB_LEN(choices); i++) {
        CB_AUTO(oci_index) struct oci_index x = {0};
        CB_AUTO(oci_platform) struct oci_platform want = {0};
        CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
        if (oci_index_parse(choices[i].doc, strlen(choices[i].doc), &x, &err) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        assert_int_equal(oci_platform_parse(choices[i].want, &want, &err), 0);
        int entry = oci_index_select(&x, &want, "img", &err);
        if (entry != choices[i].entry)
            fail_msg("case %zu: entry %d", i, entry);
        if (entry < 0)
            assert_string_equal(err.msg, choices[i].message);
    }
}

static void bounds_messages(void **state)
{
    (void)state;
    CB_AUTO(cb_buf) struct cb_buf doc = CB_BUF_INIT;
    CB_AUTO(oci_index) struct oci_index x = {0};
    CB_AUTO(oci_platform) struct oci_platform want = {0};
    CB_AUTO(cb_error) struct cb_error err = CB_ERROR_INIT;
    cb_buf_adds(&doc, "{\"manifests\":[");
    for (int i = 0; i < 5000; i++)
        cb_buf_printf(
            &doc,
            "%s{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":1,\"platform\":{\"os\":\"o%d\",\"architecture\":\"a\"}}",
            i ? "," : "", OCI_TYPE_MANIFEST, HEX_A, i);
    cb_buf_adds(&doc, "]}");
    assert_int_equal(oci_index_parse(doc.data, doc.len, &x, &err), 0);
    assert_int_equal(oci_platform_parse("linux/amd64", &want, &err), 0);
    assert_int_equal(oci_index_select(&x, &want, "img", &err), -1);
    assert_true(strlen(err.msg) < 1000);
    cb_error_done(&err);
    cb_buf_reset(&doc);
    for (int i = 0; i < (5 << 20); i++)
        cb_buf_addc(&doc, ' ');
    assert_int_equal(oci_document_kind(doc.data, doc.len, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "larger than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_kinds),
        cmocka_unit_test(knows_layers),
        cmocka_unit_test(refuses_bad_manifests),
        cmocka_unit_test(reads_a_docker_manifest),
        cmocka_unit_test(writes_a_manifest),
        cmocka_unit_test(writes_an_index),
        cmocka_unit_test(chooses),
        cmocka_unit_test(bounds_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
