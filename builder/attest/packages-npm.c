/* Node's packages: what lies in node_modules. Lock files say what was wanted, not what is there, and are not read. */
#include "builder/attest/packages-internal.h"
#include "base/json.h"

/* Takes the last component off; it ends where *end was. */
static struct cb_str last_component(const char *path, size_t *end)
{
    size_t begin = *end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    struct cb_str name = {path + begin, *end - begin};
    *end = begin ? begin - 1 : 0;
    return name;
}

/* node_modules/NAME/package.json, node_modules/@SCOPE/NAME/package.json: others in a package are its own affair. */
static bool wants(const char *path, bool executable)
{
    (void)executable;
    size_t end = strlen(path);
    if (!cb_str_eq(last_component(path, &end), CB_STR("package.json")))
        return false;
    (void)last_component(path, &end);
    struct cb_str above = last_component(path, &end);
    if (build_attest_begins(above, "@"))
        above = last_component(path, &end);
    return cb_str_eq(above, CB_STR("node_modules"));
}

static struct cb_str string_of(json_t *obj, const char *key)
{
    json_t *s = json_object_get(obj, key);
    return json_is_string(s) ? (struct cb_str){json_string_value(s), json_string_length(s)} : (struct cb_str){0};
}

/* "MIT"; of old packages {"type": "MIT"}, or a list of such. */
static struct cb_str licence_of(json_t *j)
{
    json_t *one = json_object_get(j, "license");
    if (json_is_string(one))
        return string_of(j, "license");
    return string_of(one ? one : json_array_get(json_object_get(j, "licenses"), 0), "type");
}

static int read(const struct build_attest_file *f, struct build_attest_packages *to, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = cb_json_parse(f->bytes.p, f->bytes.n, "package.json", err);
    if (!j)
        return -1;
    struct build_attest_facts facts = {
        .name = string_of(j, "name"), .version = string_of(j, "version"), .licence = licence_of(j)};
    if (facts.version.n)
        build_attest_add(to, &build_attest_npm, f, &facts);
    return 0;
}

const struct build_attest_ecosystem build_attest_npm = {
    .name = "npm", .type = "npm", .wants = wants, .max = 8u << 20, .read = read};
