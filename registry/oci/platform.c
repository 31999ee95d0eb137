#include "registry/oci/platform.h"

#include "base/buf.h"
#include "base/text.h"
#include <stdio.h>
#include <sys/utsname.h>

#define COMPONENT_RE    "^[A-Za-z0-9_.-]+$"
#define OS_COMPONENT_RE "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$" /* as %q shows it */
#define MAX_TEXT        256

void oci_platform_done(struct oci_platform *p)
{
    free(p->os);
    free(p->arch);
    free(p->variant);
    free(p->os_version);
    *p = (struct oci_platform){0};
}

static char *dup_or_empty(const char *s)
{
    return cb_strdup(s ? s : "");
}

void oci_platform_copy(struct oci_platform *to, const struct oci_platform *from)
{
    struct oci_platform copy = {
        .os = dup_or_empty(from->os),
        .arch = dup_or_empty(from->arch),
        .variant = dup_or_empty(from->variant),
        .os_version = dup_or_empty(from->os_version),
    };
    oci_platform_done(to);
    *to = copy;
}

/* ---- normalising --------------------------------------------------------------------------- */

static const char *const known_os[] = {"aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios", "js",
                                       "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "windows", "zos"};
static const char *const known_arch[] = {"386",       "amd64",       "amd64p32", "arm",    "armbe",   "arm64",
                                         "arm64be",   "loong64",     "mips",     "mipsle", "mips64",  "mips64le",
                                         "mips64p32", "mips64p32le", "ppc",      "ppc64",  "ppc64le", "riscv",
                                         "riscv64",   "s390",        "s390x",    "sparc",  "sparc64", "wasm"};

/* An architecture's other names. `variant` NULL: what was given stays. */
static const struct {
    const char *alias, *arch, *variant;
} arch_aliases[] = {
    {"i386", "386", ""},        {"x86_64", "amd64", NULL}, {"x86-64", "amd64", NULL},
    {"aarch64", "arm64", NULL}, {"armhf", "arm", "v7"},    {"armel", "arm", "v6"},
};
static const struct {
    const char *arch, *variant, *meant;
} variant_aliases[] = {
    {"amd64", "v1", ""},  {"arm64", "8", ""},     {"arm64", "v8", ""},     {"arm64", "v8.0", ""},
    {"arm64", "9", "v9"}, {"arm64", "9.0", "v9"}, {"arm64", "v9.0", "v9"}, {"arm", "", "v7"},
    {"arm", "7", "v7"},   {"arm", "5", "v5"},     {"arm", "6", "v6"},      {"arm", "8", "v8"},
};

static void replace(char **at, const char *s)
{
    char *copy = cb_strdup(s);
    free(*at);
    *at = copy;
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
}

void oci_platform_normalize(struct oci_platform *p)
{
    char **members[] = {&p->os, &p->arch, &p->variant, &p->os_version};
    for (size_t i = 0; i < CB_LEN(members); i++)
        if (!*members[i])
            *members[i] = cb_strdup("");
    lower(p->os);
    lower(p->arch);
    lower(p->variant);
    if (strcmp(p->os, "macos") == 0)
        replace(&p->os, "darwin");
    for (size_t i = 0; i < CB_LEN(arch_aliases); i++) {
        if (strcmp(p->arch, arch_aliases[i].alias) != 0)
            continue;
        replace(&p->arch, arch_aliases[i].arch);
        if (arch_aliases[i].variant)
            replace(&p->variant, arch_aliases[i].variant);
        break;
    }
    for (size_t i = 0; i < CB_LEN(variant_aliases); i++) {
        if (strcmp(p->arch, variant_aliases[i].arch) != 0 || strcmp(p->variant, variant_aliases[i].variant) != 0)
            continue;
        replace(&p->variant, variant_aliases[i].meant);
        break;
    }
}

/* ---- this machine -------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__i386__)
#define HOST_ARCH "386"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#elif defined(__arm__)
#define HOST_ARCH "arm"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HOST_ARCH "ppc64le"
#elif defined(__s390x__)
#define HOST_ARCH "s390x"
#elif defined(__riscv) && __riscv_xlen == 64
#define HOST_ARCH "riscv64"
#elif defined(__loongarch64)
#define HOST_ARCH "loong64"
#elif defined(__mips64) && defined(_MIPSEL)
#define HOST_ARCH "mips64le"
#else
#error "an architecture whose name in image platforms is not known yet"
#endif

/* A 32-bit ARM machine gives its version in uname's "armv6l"; every other host has its default variant. */
static const char *host_variant(void)
{
    struct utsname u;
    if (strcmp(HOST_ARCH, "arm") != 0 || uname(&u) < 0)
        return "";
    if (cb_starts(u.machine, "armv5"))
        return "v5";
    return cb_starts(u.machine, "armv6") ? "v6" : "v7";
}

void oci_platform_host(struct oci_platform *ret)
{
    *ret = (struct oci_platform){cb_strdup("linux"), cb_strdup(HOST_ARCH), cb_strdup(host_variant()), cb_strdup("")};
    oci_platform_normalize(ret);
}

/* ---- parsing ------------------------------------------------------------------------------- */

static bool is_component_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool valid_component(struct cb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_component_char(s.p[i]))
            return false;
    return s.n > 0;
}

/* The version of an operating system or a feature of it: other characters appear as `%xx`. */
static bool valid_option(struct cb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_component_char(s.p[i]) && s.p[i] != '%')
            return false;
    return s.n > 0;
}

/* "+feature" any number of times, features not empty. */
static bool valid_features(struct cb_str s)
{
    while (s.n > 0) {
        size_t n = 1;
        while (n < s.n && s.p[n] != '+')
            n++;
        if (s.p[0] != '+' || !valid_option((struct cb_str){s.p + 1, n - 1}))
            return false;
        s = (struct cb_str){s.p + n, s.n - n};
    }
    return true;
}

/* "os", "os(version)" or "os(version+feature…)". */
static bool split_os(struct cb_str s, struct cb_str *os, struct cb_str *version)
{
    const char *open = s.n ? memchr(s.p, '(', s.n) : NULL;
    *os = (struct cb_str){s.p, open ? (size_t)(open - s.p) : s.n};
    *version = (struct cb_str){s.p, 0};
    if (!valid_component(*os) || memchr(os->p, '.', os->n))
        return false;
    if (!open)
        return true;
    if (s.p[s.n - 1] != ')')
        return false;
    struct cb_str inner = {open + 1, (size_t)(s.p + s.n - 1 - (open + 1))};
    const char *plus = inner.n ? memchr(inner.p, '+', inner.n) : NULL;
    size_t n = plus ? (size_t)(plus - inner.p) : inner.n;
    *version = (struct cb_str){inner.p, n};
    return (n == 0 || valid_option(*version)) && valid_features((struct cb_str){inner.p + n, inner.n - n});
}

/* With `%xx` resolved; NULL: an escape is malformed, *ret_bad is its text. */
static char *unescape(struct cb_str s, struct cb_str *ret_bad)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            cb_buf_addc(&b, s.p[i]);
            continue;
        }
        int high = i + 2 < s.n ? cb_hex_value(s.p[i + 1]) : -1, low = high >= 0 ? cb_hex_value(s.p[i + 2]) : -1;
        if (low < 0 || (high == 0 && low == 0)) {
            *ret_bad = (struct cb_str){s.p + i, CB_MIN(s.n - i, 3)};
            return NULL;
        }
        cb_buf_addc(&b, (char)(high << 4 | low));
        i += 2;
    }
    return b.len ? cb_buf_detach(&b) : cb_strdup("");
}

static int bad_version(struct cb_error *err, const char *text, struct cb_str version, struct cb_str bad)
{
    CB_AUTO(cb_buf) struct cb_buf whole = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf part = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf escape = CB_BUF_INIT;
    cb_quote_go(&whole, text, strlen(text));
    cb_quote_go(&part, version.p, version.n);
    cb_quote_go(&escape, bad.p, bad.n);
    return cb_fail(err, CB_E_FAILED, "%s has an invalid OS version %s: invalid URL escape %s", whole.data, part.data,
                   escape.data);
}

static bool is_known(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* A lone word is an operating system or an architecture; the rest is this machine's. */
static int parse_lone(const char *text, struct oci_platform *p, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform host = {0};
    oci_platform_host(&host);
    if (is_known(known_os, CB_LEN(known_os), p->os)) {
        replace(&p->arch, host.arch);
        replace(&p->variant, host.variant);
        return 0;
    }
    replace(&p->arch, text);
    replace(&p->os, host.os);
    oci_platform_normalize(p);
    if (is_known(known_arch, CB_LEN(known_arch), p->arch))
        return 0;
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, text, strlen(text));
    return cb_fail(err, CB_E_FAILED, "%s: unknown operating system or architecture: invalid argument", quoted.data);
}

static int fail_quoted(struct cb_error *err, struct cb_str part, const char *text, const char *kind, const char *must)
{
    CB_AUTO(cb_buf) struct cb_buf a = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_quote_go(&a, part.p, part.n);
    cb_quote_go(&b, text, strlen(text));
    return cb_fail(err, CB_E_FAILED, "%s is an invalid %s of %s: %s: invalid argument", a.data, kind, b.data, must);
}

int oci_platform_parse(const char *text, struct oci_platform *ret, struct cb_error *err)
{
    CB_AUTO(oci_platform) struct oci_platform p = {0};
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    struct cb_str parts[4] = {{0}}, os, version, malformed = {0};
    size_t n = 0;
    cb_quote_go(&quoted, text, strnlen(text, MAX_TEXT));
    if (strnlen(text, MAX_TEXT + 1) > MAX_TEXT)
        return cb_fail(err, CB_E_FAILED, "%s…: cannot parse platform specifier: longer than %d bytes: invalid argument",
                       quoted.data, MAX_TEXT);
    if (strchr(text, '*'))
        return cb_fail(err, CB_E_FAILED, "%s: wildcards not yet supported: invalid argument", quoted.data);
    for (const char *s = text;; s++) {
        size_t len = n < 3 ? strcspn(s, "/") : strlen(s);
        parts[n++] = (struct cb_str){s, len};
        s += len;
        if (!*s)
            break;
    }
    if (!split_os(parts[0], &os, &version))
        return fail_quoted(err, parts[0], text, "OS component",
                           "OSAndVersion specifier component must match \"" OS_COMPONENT_RE "\"");
    p.os_version = unescape(version, &malformed);
    if (!p.os_version)
        return bad_version(err, text, version, malformed);
    for (size_t i = 1; i < n; i++)
        if (!valid_component(parts[i]))
            return fail_quoted(err, parts[i], text, "component", "platform specifier component must match \"" COMPONENT_RE "\"");
    if (n > 3)
        return cb_fail(err, CB_E_FAILED, "%s: cannot parse platform specifier: invalid argument", quoted.data);

    p.os = cb_memdup0(os.p, os.n);
    p.arch = n > 1 ? cb_memdup0(parts[1].p, parts[1].n) : cb_strdup("");
    p.variant = n > 2 ? cb_memdup0(parts[2].p, parts[2].n) : cb_strdup("");
    oci_platform_normalize(&p);
    if (n == 1 && parse_lone(text, &p, err) < 0)
        return -1;
    *ret = p;
    p = (struct oci_platform){0};
    return 0;
}

static bool is_listed(const struct oci_platform *list, size_t n, const struct oci_platform *p)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].os, p->os) == 0 && strcmp(list[i].arch, p->arch) == 0 && strcmp(list[i].variant, p->variant) == 0 &&
            strcmp(list[i].os_version, p->os_version) == 0)
            return true;
    return false;
}

int oci_platforms_parse(const char *text, struct oci_platform **ret, size_t *ret_n, struct cb_error *err)
{
    struct oci_platform *list = NULL;
    size_t n = 0, cap = 0;
    if (!text)
        oci_platform_host(&CB_PUSH(list, n, cap));
    for (const char *at = text, *end; text; at = end + 1) {
        CB_AUTO(oci_platform) struct oci_platform p = {0};
        end = at + strcspn(at, ",");
        CB_AUTO(free) char *one = cb_memdup0(at, (size_t)(end - at));
        if (oci_platform_parse(one, &p, err) < 0) {
            oci_platforms_free(list, n);
            return -1;
        }
        if (!is_listed(list, n, &p))
            oci_platform_copy(&CB_PUSH(list, n, cap), &p);
        if (!*end)
            break;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

void oci_platforms_free(struct oci_platform *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        oci_platform_done(&list[i]);
    free(list);
}

char *oci_platform_text(const struct oci_platform *p)
{
    bool variant = p->variant && *p->variant;
    return cb_printf("%s/%s%s%s", p->os, p->arch, variant ? "/" : "", variant ? p->variant : "");
}

/* ---- matching ------------------------------------------------------------------------------ */

/* What runs on the wanted platform, best first. */
struct candidates {
    struct {
        const char *arch;
        char variant[16];
    } items[32];
    int n;
};

#define MAX_MINOR 9 /* arm64/v8.9, amd64/v9: beyond what exists, and it bounds the list */

static void offer(struct candidates *c, const char *arch, const char *prefix, int number)
{
    c->items[c->n].arch = arch;
    if (number > 0)
        snprintf(c->items[c->n].variant, sizeof(c->items[0].variant), "%s%d", prefix, number);
    else
        snprintf(c->items[c->n].variant, sizeof(c->items[0].variant), "%s", prefix);
    c->n++;
}

static void offer_arm(struct candidates *c, int version)
{
    for (; version >= 5; version--)
        offer(c, "arm", "v", version);
}

/* "v<major>" or "v<major>.<minor>" with small numbers; -1: another form. */
static int minor_of(const char *variant, const char *major)
{
    uint64_t minor;
    if (!cb_starts(variant, major))
        return -1;
    variant += strlen(major);
    if (!*variant)
        return 0;
    return *variant == '.' && cb_parse_u64(variant + 1, MAX_MINOR, &minor) ? (int)minor : -1;
}

static void offer_arm64(struct candidates *c, const char *variant)
{
    int v9 = minor_of(variant, "v9"), v8 = *variant ? minor_of(variant, "v8") : 0;
    if (v9 < 0 && v8 < 0)
        return;
    for (int i = v9; i > 0; i--)
        offer(c, "arm64", "v9.", i);
    if (v9 >= 0) {
        offer(c, "arm64", "v9", 0);
        v8 = CB_MIN(v9 + 5, MAX_MINOR); /* v9.x contains v8.(x+5) */
    }
    for (int i = v8; i > 0; i--)
        offer(c, "arm64", "v8.", i);
    offer(c, "arm64", "", 0);
    offer_arm(c, 8);
}

static void offer_all(struct candidates *c, const struct oci_platform *want)
{
    uint64_t version = 1;
    if (strcmp(want->arch, "amd64") == 0) {
        if (*want->variant && (*want->variant != 'v' || !cb_parse_u64(want->variant + 1, MAX_MINOR, &version)))
            return; /* an unknown variant fits only itself */
        for (; version > 1; version--)
            offer(c, "amd64", "v", (int)version);
        offer(c, "amd64", "", 0);
        offer(c, "386", "", 0);
    } else if (strcmp(want->arch, "arm64") == 0) {
        offer_arm64(c, want->variant);
    } else if (strcmp(want->arch, "arm") == 0 && want->variant[0] == 'v' && cb_parse_u64(want->variant + 1, 8, &version)) {
        offer_arm(c, (int)version);
    }
}

/* Windows images run only on their own build: "10.0.17763.1" fits "10.0.17763.9". Elsewhere os.version says nothing. */
static bool os_version_fits(const struct oci_platform *want, const struct oci_platform *have)
{
    if (strcmp(want->os, "windows") != 0 || !*want->os_version || !*have->os_version)
        return true;
    const char *a = want->os_version, *b = have->os_version;
    for (int dots = 0; *a && *a == *b; a++, b++)
        if (*a == '.' && ++dots == 3)
            return true;
    return (!*a || *a == '.') && (!*b || *b == '.');
}

int oci_platform_rank(const struct oci_platform *want, const struct oci_platform *have)
{
    struct candidates c = {.n = 0};
    if (strcmp(want->os, have->os) != 0 || !os_version_fits(want, have))
        return -1;
    if (strcmp(want->arch, have->arch) == 0 && strcmp(want->variant, have->variant) == 0)
        return 0; /* also of an architecture whose candidates are not known */
    offer_all(&c, want);
    for (int i = 0; i < c.n; i++)
        if (strcmp(c.items[i].arch, have->arch) == 0 && strcmp(c.items[i].variant, have->variant) == 0)
            return i;
    return -1;
}
