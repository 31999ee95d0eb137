#include "builder/attest/statement.h"
#include "builder/attest/packages.h"

/* "docker.io/library/a" is "a", "docker.io/b/a" is "b/a". */
static const char *familiar(const char *name)
{
    static const char *const hidden[] = {"docker.io/library/", "docker.io/"};
    for (size_t i = 0; i < CB_LEN(hidden); i++)
        if (cb_starts(name, hidden[i]))
            return name + strlen(hidden[i]);
    return name;
}

void build_attest_image_purl(const char *kind, const char *name, const char *platform, struct cb_buf *out)
{
    CB_AUTO(free) char *copy = cb_strdup(familiar(name));
    char mark = '?', *digest = strchr(copy, '@');
    if (digest)
        *digest++ = '\0';
    char *slash = strrchr(copy, '/'), *tag = strchr(slash ? slash : copy, ':');
    if (tag)
        *tag++ = '\0';
    cb_buf_printf(out, "pkg:%s/", kind);
    build_attest_purl_encode(out, copy, "/");
    if (tag) {
        cb_buf_addc(out, '@');
        build_attest_purl_encode(out, tag, "");
    }
    build_attest_purl_qualifier(out, &mark, "digest", digest ? digest : "");
    build_attest_purl_qualifier(out, &mark, "platform", platform);
}

static json_t *subject(const char *name, const char *hex)
{
    return json_pack("{s:s, s:{s:s}}", "name", name, "digest", "sha256", hex);
}

void build_attest_statement(const struct build_attest_predicate *p, const struct cb_strv *names, const char *platform,
                            const struct cb_digest *manifest, struct cb_buf *out)
{
    char hex[CB_DIGEST_HEX + 1];
    json_t *subjects = json_array();
    cb_digest_hex(manifest, hex);
    for (size_t i = 0; i < names->n; i++) {
        CB_AUTO(cb_buf) struct cb_buf purl = CB_BUF_INIT;
        build_attest_image_purl("docker", names->items[i], platform, &purl);
        json_array_append_new(subjects, subject(purl.data, hex));
    }
    if (!names->n)
        json_array_append_new(subjects, subject("_", hex));
    CB_AUTO(json)
    json_t *j = json_pack("{s:s, s:o, s:s, s:O}", "_type", "https://in-toto.io/Statement/v1", "subject", subjects,
                          "predicateType", p->type, "predicate", p->body);
    cb_json_dump(j, CB_JSON_COMPACT, out);
}
