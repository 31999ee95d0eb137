#include "builder/attest/sbom-internal.h"
#include "base/json.h"
#include "base/text.h"
#include "builder/attest/packages-internal.h"

#define FORMAT_ENTRY(name) &build_attest_format_##name,
const struct build_attest_format *const build_attest_formats[] = {FORMATS(FORMAT_ENTRY) NULL};

const struct build_attest_format *build_attest_format_find(const char *name)
{
    for (size_t i = 0; build_attest_formats[i]; i++)
        if (strcmp(build_attest_formats[i]->name, name) == 0 || strcmp(build_attest_formats[i]->other, name) == 0)
            return build_attest_formats[i];
    return NULL;
}

void build_attest_format_names(struct cb_buf *out, const char *between)
{
    for (size_t i = 0; build_attest_formats[i]; i++)
        cb_buf_printf(out, "%s%s", i ? between : "", build_attest_formats[i]->name);
}

json_t *build_attest_time(struct timespec t)
{
    char text[CB_TIME_MAX];
    t.tv_nsec = 0;
    cb_time_rfc3339(t, text);
    return json_string(text);
}

char *build_attest_comment(const struct build_attest_packages *p)
{
    CB_AUTO(cb_buf) struct cb_buf text = CB_BUF_INIT;
    cb_buf_adds(&text, "Packages that were looked for:");
    for (size_t i = 0; build_attest_ecosystems[i]; i++)
        cb_buf_printf(&text, "%s %s", i ? "," : "", build_attest_ecosystems[i]->name);
    for (size_t i = 0; i < p->unread.n; i++)
        cb_buf_printf(&text, "\nNot read: %s", p->unread.items[i]);
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    cb_utf8_sanitize(&clean, text.data, text.len);
    return cb_buf_detach(&clean);
}

void build_attest_uuid(json_t *j, char out[BUILD_ATTEST_UUID_MAX])
{
    CB_AUTO(cb_buf) struct cb_buf bytes = CB_BUF_INIT;
    struct cb_digest digest;
    cb_json_dump(j, CB_JSON_COMPACT, &bytes);
    cb_sha256(bytes.data, bytes.len, &digest);
    uint8_t *b = digest.b;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = "0123456789abcdef"[b[i] >> 4];
        out[at++] = "0123456789abcdef"[b[i] & 15];
    }
    out[BUILD_ATTEST_UUID_MAX - 1] = '\0';
}

json_t *build_attest_sbom(const struct build_attest_format *f, const struct build_attest_packages *p,
                          const struct build_attest_subject *about)
{
    char uuid[BUILD_ATTEST_UUID_MAX];
    json_t *document = f->make(p, about);
    build_attest_uuid(document, uuid);
    f->name_it(document, uuid);
    return document;
}
