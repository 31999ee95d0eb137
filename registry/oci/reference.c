#include "registry/oci/reference.h"
#include "base/text.h"

#include "base/digest.h"

#define MAX_NAME        255 /* domain, '/', path */
#define MAX_TAG         128
#define MIN_HEX         32   /* of a digest, by the grammar */
#define MAX_TEXT        4096 /* of a whole reference; keeps messages short */

#define LEGACY_DOMAIN   "index.docker.io"
#define OFFICIAL_PREFIX "library/"

void oci_ref_done(struct oci_ref *r)
{
    free(r->domain);
    free(r->path);
    free(r->tag);
    free(r->digest);
    *r = (struct oci_ref){0};
}

/* ---- characters ---------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || is_upper(c);
}

static bool has_upper(struct cb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_upper(s.p[i]))
            return true;
    return false;
}

/* Cuts *rest at its first `sep`: gives what precedes it, and *rest becomes what follows it.
 * False: there is no `sep`; nothing has changed. */
static bool cut(struct cb_str *rest, char sep, struct cb_str *before)
{
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!at)
        return false;
    size_t n = (size_t)(at - rest->p);
    *before = (struct cb_str){rest->p, n};
    *rest = (struct cb_str){at + 1, rest->n - n - 1};
    return true;
}

/* ---- grammar ------------------------------------------------------------------------------- */

static size_t separator_length(struct cb_str s, size_t i)
{
    size_t n = 0;
    switch (s.p[i]) {
    case '.':
        return 1;
    case '_':
        return i + 1 < s.n && s.p[i + 1] == '_' ? 2 : 1;
    case '-':
        while (i + n < s.n && s.p[i + n] == '-')
            n++;
        return n;
    default:
        return 0;
    }
}

static bool valid_path_component(struct cb_str s)
{
    for (size_t i = 0;;) {
        size_t start = i;
        while (i < s.n && (is_lower(s.p[i]) || is_digit(s.p[i])))
            i++;
        if (i == start)
            return false;
        if (i == s.n)
            return true;
        size_t sep = separator_length(s, i);
        if (sep == 0)
            return false;
        i += sep;
    }
}

static bool valid_path(struct cb_str path)
{
    struct cb_str part;
    while (cut(&path, '/', &part))
        if (!valid_path_component(part))
            return false;
    return valid_path_component(path);
}

static bool valid_domain_component(struct cb_str s)
{
    if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool valid_port(struct cb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

/* "[v6]" or "[v6]:port"; `s` starts with '['. */
static bool valid_ipv6_domain(struct cb_str s)
{
    struct cb_str address;
    s = (struct cb_str){s.p + 1, s.n - 1};
    if (!cut(&s, ']', &address) || address.n == 0)
        return false;
    for (size_t i = 0; i < address.n; i++)
        if (cb_hex_value(address.p[i]) < 0 && address.p[i] != ':')
            return false;
    return s.n == 0 || (s.p[0] == ':' && valid_port((struct cb_str){s.p + 1, s.n - 1}));
}

static bool valid_domain(struct cb_str s)
{
    if (s.n > 0 && s.p[0] == '[')
        return valid_ipv6_domain(s);
    struct cb_str host, part;
    if (!cut(&s, ':', &host))
        host = s;
    else if (!valid_port(s))
        return false;
    while (cut(&host, '.', &part))
        if (!valid_domain_component(part))
            return false;
    return valid_domain_component(host);
}

static bool valid_tag(struct cb_str s)
{
    if (s.n == 0 || s.n > MAX_TAG || (!is_alnum(s.p[0]) && s.p[0] != '_'))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '.' && s.p[i] != '-')
            return false;
    return true;
}

/* Letters and digits that start with a letter, joined by one of "+.-_". */
static bool valid_algorithm(struct cb_str s)
{
    bool start = true;
    for (size_t i = 0; i < s.n; i++) {
        if (start ? !is_lower(s.p[i]) && !is_upper(s.p[i]) : !is_alnum(s.p[i])) {
            if (start || !strchr("+.-_", s.p[i]))
                return false;
            start = true;
        } else {
            start = false;
        }
    }
    return !start;
}

static bool valid_digest(struct cb_str s, struct cb_str *algorithm)
{
    if (!cut(&s, ':', algorithm) || !valid_algorithm(*algorithm) || s.n < MIN_HEX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (cb_hex_value(s.p[i]) < 0)
            return false;
    return true;
}

/* An image ID written in full must not be taken for a name. */
static bool looks_like_image_id(struct cb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return s.n == CB_DIGEST_HEX;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static bool is_domain(struct cb_str s)
{
    return cb_str_eq(s, CB_STR("localhost")) || memchr(s.p, '.', s.n) || memchr(s.p, ':', s.n) || has_upper(s);
}

/* Fills domain and path from a name without tag and digest. */
static void split_domain(struct cb_str name, struct oci_ref *r)
{
    struct cb_str domain, path = name;
    if (!cut(&path, '/', &domain) || domain.n == 0 || !is_domain(domain)) {
        domain = CB_STR(OCI_DEFAULT_DOMAIN);
        path = name;
    } else if (cb_str_eq(domain, CB_STR(LEGACY_DOMAIN))) {
        domain = CB_STR(OCI_DEFAULT_DOMAIN);
    }
    bool official = cb_str_eq(domain, CB_STR(OCI_DEFAULT_DOMAIN)) && (path.n == 0 || !memchr(path.p, '/', path.n));
    r->domain = cb_memdup0(domain.p, domain.n);
    r->path = cb_printf("%s%.*s", official ? OFFICIAL_PREFIX : "", (int)path.n, path.p);
}

/* The message for upper case comes before all others; before the first colon it cannot belong to a tag. */
static int check_case(struct cb_str text, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref whole = {0};
    split_domain(text, &whole);
    whole.path[strcspn(whole.path, ":")] = '\0';
    if (!has_upper(cb_str(whole.path)))
        return 0;
    return cb_fail(err, CB_E_FAILED, "invalid reference format: repository name (%s) must be lowercase", whole.path);
}

static int check_name(const struct oci_ref *r, struct cb_error *err)
{
    if (!valid_path(cb_str(r->path)) || !valid_domain(cb_str(r->domain)))
        return cb_fail(err, CB_E_FAILED, "invalid reference format");
    if (strlen(r->domain) + 1 + strlen(r->path) > MAX_NAME)
        return cb_fail(err, CB_E_FAILED, "invalid reference format: repository name must not be more than %d characters",
                       MAX_NAME);
    return 0;
}

static int take_digest(struct cb_str text, struct oci_ref *r, struct cb_error *err)
{
    struct cb_str algorithm;
    struct cb_digest ignored;
    if (!valid_digest(text, &algorithm))
        return cb_fail(err, CB_E_FAILED, "invalid reference format");
    if (!cb_str_eq(algorithm, CB_STR("sha256"))) {
        cb_fail(err, CB_E_UNSUPPORTED, "unsupported digest algorithm '%.*s'", (int)algorithm.n, algorithm.p);
        return cb_hint(err, "name the image by its sha256 digest or by a tag");
    }
    r->digest = cb_memdup0(text.p, text.n);
    if (cb_digest_parse(r->digest, &ignored))
        return 0;
    return cb_fail(err, CB_E_FAILED,
                   text.n == CB_DIGEST_TEXT ? "invalid checksum digest format" : "invalid checksum digest length");
}

int oci_ref_parse(const char *text, struct oci_ref *ret, struct cb_error *err)
{
    CB_AUTO(oci_ref) struct oci_ref r = {0};
    struct cb_str rest = cb_str(text), name, tag = {0};
    if (rest.n > MAX_TEXT)
        return cb_fail(err, CB_E_FAILED, "invalid reference format: longer than %d bytes", MAX_TEXT);
    if (looks_like_image_id(rest))
        return cb_fail(err, CB_E_FAILED, "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);

    if (check_case(rest, err) < 0)
        return -1;
    bool has_digest = cut(&rest, '@', &name);
    if (!has_digest)
        name = rest;
    for (size_t i = name.n; i > 0 && name.p[i - 1] != '/'; i--) {
        if (name.p[i - 1] == ':') {
            tag = (struct cb_str){name.p + i, name.n - i};
            name.n = i - 1;
            break;
        }
    }
    split_domain(name, &r);
    if (check_name(&r, err) < 0)
        return -1;
    if (tag.p && !valid_tag(tag))
        return cb_fail(err, CB_E_FAILED, "invalid reference format");
    if (has_digest && take_digest(rest, &r, err) < 0)
        return -1;
    r.tag_given = tag.p != NULL;
    if (tag.p)
        r.tag = cb_memdup0(tag.p, tag.n);
    else if (!has_digest)
        r.tag = cb_strdup("latest");
    *ret = r;
    r = (struct oci_ref){0};
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static char *with_tag_and_digest(const struct oci_ref *r, const char *domain, const char *path)
{
    return cb_printf("%s%s%s%s%s%s%s", domain ? domain : "", domain ? "/" : "", path, r->tag ? ":" : "", r->tag ? r->tag : "",
                     r->digest ? "@" : "", r->digest ? r->digest : "");
}

char *oci_ref_full(const struct oci_ref *r)
{
    return with_tag_and_digest(r, r->domain, r->path);
}

char *oci_ref_name(const struct oci_ref *r)
{
    return cb_printf("%s/%s", r->domain, r->path);
}

char *oci_ref_familiar(const struct oci_ref *r)
{
    if (strcmp(r->domain, OCI_DEFAULT_DOMAIN) != 0)
        return oci_ref_full(r);
    struct cb_str rest = cb_str(r->path), first;
    if (!cut(&rest, '/', &first) || is_domain(first))
        return oci_ref_full(r); /* without its domain the first component would be taken for one */
    if (cb_str_eq(first, CB_STR("library")) && !strchr(rest.p, '/'))
        return with_tag_and_digest(r, NULL, rest.p);
    return with_tag_and_digest(r, NULL, r->path);
}
