/* Rust's crates: what cargo-auditable puts into programs. */
#include "builder/attest/packages-internal.h"
#include "base/json.h"
#include "base/stream/inflate.h"

#define MAX_PACKED (8u << 20)
#define MAX_TEXT   (64u << 20)

static bool wants(const char *path, bool executable)
{
    (void)path;
    return executable;
}

static struct cb_str string_of(json_t *obj, const char *key)
{
    json_t *s = json_object_get(obj, key);
    return json_is_string(s) ? (struct cb_str){json_string_value(s), json_string_length(s)} : (struct cb_str){0};
}

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf section = CB_BUF_INIT, text = CB_BUF_INIT;
    int found = build_attest_elf_section(f, ".dep-v0", MAX_PACKED, &section, err);
    if (found <= 0)
        return found;
    if (cb_inflate(section.data, section.len, MAX_TEXT, &text, err) < 0)
        return cb_prefix(err, "its audit data");
    CB_AUTO(json) json_t *j = cb_json_parse(text.data, text.len, "its audit data", err);
    if (!j)
        return -1;
    json_t *list = json_object_get(j, "packages");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *p = json_array_get(list, i);
        struct cb_str kind = string_of(p, "kind");
        struct build_attest_facts facts = {.name = string_of(p, "name"), .version = string_of(p, "version")};
        if (!kind.n || cb_str_eq(kind, CB_STR("runtime"))) /* else it was only there to build */
            build_attest_add(to, &build_attest_cargo, f, &facts);
    }
    return 0;
}

const struct build_attest_ecosystem build_attest_cargo = {.name = "cargo", .type = "cargo", .wants = wants, .read = read};
