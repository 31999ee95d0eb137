#include "parser/value.h"

#include "base/limits.h"
#include "base/text.h"
#include "parser/csv.h"
#include <arpa/inet.h>
#include <strings.h>

bool df_parse_bool(const char *s, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < CB_LEN(yes); i++)
        if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
            *ret = strcmp(s, yes[i]) == 0;
            return true;
        }
    return false;
}

bool df_parse_int(const char *s, int64_t *ret)
{
    return cb_parse_i64(s, ret);
}

bool df_parse_u32(const char *s, uint32_t *ret)
{
    uint64_t v;
    if (!cb_parse_u64(s, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- durations -------------------------------------------------------------------------------- */

#define DURATION_LIMIT (1ull << 63) /* of the absolute value while adding up */

static int bad_duration(struct cb_error *err, const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    cb_quote_go(&quoted, s, strlen(s));
    return cb_fail(err, CB_E_DOCKERFILE, "time: invalid duration %s", quoted.data);
}

/* The unit at *p, in ns; 0 with `err` set. */
static uint64_t take_unit(const char **p, const char *whole, struct cb_error *err)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},         {"us", 1000},      {"\u00B5s", 1000}, /* micro sign */
        {"\u03BCs", 1000},                                       /* Greek mu */
        {"ms", 1000000},   {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
    };
    struct cb_str unit = {*p, 0};
    while (**p && **p != '.' && !is_digit(**p))
        ++*p;
    unit.n = (size_t)(*p - unit.p);
    for (size_t i = 0; i < CB_LEN(units); i++)
        if (cb_str_eq(unit, cb_str(units[i].name)))
            return units[i].ns;
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf name = CB_BUF_INIT;
    cb_quote_go(&quoted, whole, strlen(whole));
    cb_quote_go(&name, unit.p, unit.n);
    if (unit.n == 0)
        cb_fail(err, CB_E_DOCKERFILE, "time: missing unit in duration %s", quoted.data);
    else
        cb_fail(err, CB_E_DOCKERFILE, "time: unknown unit %s in duration %s", name.data, quoted.data);
    return 0;
}

/* Digits in front of the point. False: too large. */
static bool take_whole(const char **p, uint64_t *ret)
{
    uint64_t v = 0;
    for (; is_digit(**p); ++*p) {
        v = v <= DURATION_LIMIT / 10 ? v * 10 + (uint64_t)(**p - '0') : DURATION_LIMIT + 1;
        if (v > DURATION_LIMIT)
            return false;
    }
    *ret = v;
    return true;
}

/* Digits after the point: those that can no longer count are read and dropped. */
static double take_fraction(const char **p)
{
    uint64_t v = 0;
    double scale = 1;
    bool full = false;
    for (; is_digit(**p); ++*p) {
        full = full || v > (DURATION_LIMIT - 1) / 10 - 1;
        if (full)
            continue;
        v = v * 10 + (uint64_t)(**p - '0');
        scale *= 10;
    }
    return (double)v / scale;
}

int df_parse_duration(const char *s, int64_t *ret_ns, struct cb_error *err)
{
    const char *p = s;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (strcmp(p, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    uint64_t sum = 0;
    if (*p == '\0')
        return bad_duration(err, s);
    while (*p) {
        uint64_t v = 0;
        double fraction = 0;
        bool digits = is_digit(*p);
        if (!take_whole(&p, &v))
            return bad_duration(err, s);
        if (*p == '.') {
            p++;
            digits = digits || is_digit(*p);
            fraction = take_fraction(&p);
        }
        if (!digits)
            return bad_duration(err, s);
        uint64_t unit = take_unit(&p, s, err);
        if (unit == 0)
            return -1;
        if (v > DURATION_LIMIT / unit)
            return bad_duration(err, s);
        sum += v * unit + (uint64_t)(fraction * (double)unit);
        if (sum > DURATION_LIMIT)
            return bad_duration(err, s);
    }
    if (!negative && sum > INT64_MAX)
        return bad_duration(err, s);
    *ret_ns = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return 0;
}

/* ---- sizes ------------------------------------------------------------------------------------ */

#define NUMBER_TEXT 64 /* longest number taken */

/* As Go writes numbers: sign, digits with a point, exponent; `0x` with a binary exponent; `_` between two digits or
 * after `0x`. ret: the same without `_`, which is safe to hand to strtod; it has room for all of s. */
static bool plain_number(const char *s, char *ret)
{
    static const char decimal[] = "0123456789", hex[] = "0123456789abcdefABCDEF";
    const char *digits = decimal;
    size_t n = 0, in_number = 0, in_exponent = 0;
    bool behind_digit = false, point = false, exponent = false;
    if (*s == '+' || *s == '-')
        ret[n++] = *s++;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        digits = hex;
        behind_digit = true;
        memcpy(ret + n, s, 2);
        n += 2;
        s += 2;
    }
    for (; *s; s++) {
        bool digit = strchr(exponent ? decimal : digits, *s) != NULL;
        if (*s == '_') {
            if (!behind_digit || !strchr(exponent ? decimal : digits, s[1]) || !s[1])
                return false;
            behind_digit = false;
            continue;
        }
        ret[n++] = *s;
        behind_digit = digit;
        *(exponent ? &in_exponent : &in_number) += digit;
        if (digit)
            continue;
        if (*s == '.' && !point && !exponent) {
            point = true;
        } else if (!exponent && in_number && (digits == hex ? *s == 'p' || *s == 'P' : *s == 'e' || *s == 'E')) {
            exponent = true;
            if (s[1] == '+' || s[1] == '-')
                ret[n++] = *++s;
        } else {
            return false;
        }
    }
    ret[n] = '\0';
    return in_number && (exponent ? in_exponent > 0 : digits == decimal);
}

/* The factor of a suffix; 0: no such suffix. */
static double size_factor(const char *suffix)
{
    static const char letters[] = "kmgtp";
    char c[4] = "";
    if (strlen(suffix) > 3)
        return 0;
    for (size_t i = 0; suffix[i]; i++)
        c[i] = suffix[i] >= 'A' && suffix[i] <= 'Z' ? (char)(suffix[i] + 32) : suffix[i];
    if (c[0] == '\0' || strcmp(c, "b") == 0)
        return 1;
    const char *letter = strchr(letters, c[0]);
    if (!letter || !(c[1] == '\0' || strcmp(c + 1, "b") == 0 || strcmp(c + 1, "ib") == 0))
        return 0;
    return (double)(1ull << (10 * (letter - letters + 1)));
}

bool df_parse_size(const char *s, int64_t *ret)
{
    size_t n = 0; /* after the last digit, point or blank */
    for (size_t i = 0; s[i]; i++)
        if (is_digit(s[i]) || s[i] == '.' || s[i] == ' ')
            n = i + 1;
    double factor = size_factor(s + n);
    if (n && s[n - 1] == ' ')
        n--;
    char number[NUMBER_TEXT], plain[NUMBER_TEXT];
    if (n == 0 || n >= sizeof(number) || factor == 0)
        return false;
    memcpy(number, s, n);
    number[n] = '\0';
    if (!plain_number(number, plain))
        return false;
    double v = strtod(plain, NULL) * factor;
    if (!(v >= 0 && v < 9223372036854775808.0))
        return false;
    *ret = (int64_t)v;
    return true;
}

/* ---- EXPOSE ----------------------------------------------------------------------------------- */

static bool parse_port(const char *s, size_t n, uint32_t *ret)
{
    CB_AUTO(free) char *text = cb_memdup0(s, n);
    int64_t v;
    if (!cb_parse_i64(text, &v) || v < 0 || v > 65535)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* "80" or "80-90". */
static bool parse_port_range(const char *s, uint32_t *ret_first, uint32_t *ret_last)
{
    const char *dash = strchr(s, '-');
    if (!parse_port(s, dash ? (size_t)(dash - s) : strlen(s), ret_first))
        return false;
    *ret_last = *ret_first;
    return !dash || (parse_port(dash + 1, strlen(dash + 1), ret_last) && *ret_last >= *ret_first);
}

/* An address; an IPv6 one may be in brackets. */
static bool is_ip(const char *s)
{
    unsigned char address[sizeof(struct in6_addr)];
    size_t n = strlen(s);
    CB_AUTO(free) char *inner = s[0] == '[' && s[n - 1] == ']' ? cb_memdup0(s + 1, n - 2) : NULL;
    const char *ip = inner ? inner : s;
    return inet_pton(AF_INET, ip, address) == 1 || inet_pton(AF_INET6, ip, address) == 1;
}

/* The parts of `[[ip:]host:]port[/proto]`; owned except for proto. */
struct port_spec {
    char *ip, *host, *port;
    const char *proto; /* as written */
};

static void port_spec_done(struct port_spec *p)
{
    free(p->ip);
    free(p->host);
    free(p->port);
}
CB_DEFINE_AUTO(port_spec, struct port_spec, port_spec_done)

static void split_port_spec(const char *word, struct port_spec *ret)
{
    const char *port = strrchr(word, ':'), *host = NULL;
    port = port ? port + 1 : word;
    if (port > word) {
        for (host = port - 1; host > word && host[-1] != ':';)
            host--;
        ret->host = cb_memdup0(host, (size_t)(port - 1 - host));
        ret->ip = host > word ? cb_memdup0(word, (size_t)(host - 1 - word)) : cb_strdup("");
    } else {
        ret->host = cb_strdup("");
        ret->ip = cb_strdup("");
    }
    size_t n = strcspn(port, "/");
    ret->port = cb_memdup0(port, n);
    ret->proto = port[n] ? port + n + 1 : "";
}

static int bad_port(struct cb_error *err, const char *word, const char *fmt, const char *arg)
{
    CB_AUTO(cb_buf) struct cb_buf quoted = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf what = CB_BUF_INIT;
    cb_quote_go(&quoted, word, strlen(word));
    cb_buf_printf(&what, fmt, arg);
    return cb_fail(err, CB_E_DOCKERFILE, "invalid port: %s: %s", quoted.data, what.data);
}

static int check_port_spec(const struct port_spec *p, uint32_t *ret_first, uint32_t *ret_last, struct cb_error *err)
{
    uint32_t host_first, host_last;
    if (*p->ip && !is_ip(p->ip))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid IP address: %s", p->ip);
    if (!parse_port_range(p->port, ret_first, ret_last))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid containerPort: %s", p->port);
    if (*p->host == '\0')
        return 0;
    if (!parse_port_range(p->host, &host_first, &host_last))
        return cb_fail(err, CB_E_DOCKERFILE, "invalid hostPort: %s", p->host);
    uint32_t span = *ret_last - *ret_first;
    if (span != 0 && span != host_last - host_first)
        return cb_fail(err, CB_E_DOCKERFILE, "invalid ranges specified for container and host Ports: %s and %s", p->port,
                       p->host);
    return 0;
}

int df_expose_parse(const char *word, struct cb_strv *ports, struct df_expose_lint *ret_lint, struct cb_error *err)
{
    static const char *const protos[] = {"tcp", "udp", "sctp"};
    CB_AUTO(port_spec) struct port_spec p = {0};
    split_port_spec(word, &p);
    if (*p.port == '\0')
        return bad_port(err, word, "%s", "no port specified");
    const char *proto = *p.proto ? NULL : protos[0];
    for (size_t i = 0; i < CB_LEN(protos) && !proto; i++)
        if (strcasecmp(p.proto, protos[i]) == 0)
            proto = protos[i];
    if (!proto)
        return bad_port(err, word, "invalid proto: %s", p.proto);
    uint32_t first, last;
    if (check_port_spec(&p, &first, &last, err) < 0)
        return -1;
    if (last - first >= CB_MAX_EXPOSED - CB_MIN(ports->n, CB_MAX_EXPOSED))
        return cb_fail(err, CB_E_DOCKERFILE, "more than %u ports in one EXPOSE", CB_MAX_EXPOSED);
    for (uint32_t port = first; port <= last; port++)
        cb_strv_take(ports, cb_printf("%u/%s", port, proto));
    ret_lint->proto_casing = *p.proto && strcmp(p.proto, proto) != 0;
    ret_lint->host_part = *p.ip || *p.host;
    return 0;
}

/* ---- STOPSIGNAL ------------------------------------------------------------------------------- */

/* A decimal number of 64 bits other than zero. */
static bool is_signal_number(const char *s)
{
    int64_t v;
    return df_parse_int(s, &v) && v != 0;
}

/* RTMIN, RTMIN+1 to +15, RTMAX-14 to -1, RTMAX. */
static bool is_realtime_signal(const char *s)
{
    bool min = strncasecmp(s, "RTMIN", 5) == 0;
    if (!min && strncasecmp(s, "RTMAX", 5) != 0)
        return false;
    s += 5;
    if (*s == '\0')
        return true;
    uint64_t v;
    return *s == (min ? '+' : '-') && s[1] != '0' && cb_parse_u64(s + 1, min ? 15 : 14, &v);
}

int df_signal_check(const char *s, struct cb_error *err)
{
    static const char *const names[] = {
        "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",    "ILL",  "INT",  "IO",   "IOT",
        "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM", "TRAP",
        "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH",  "XCPU", "XFSZ",
    };
    const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
    bool known = is_signal_number(s) || is_realtime_signal(name);
    for (size_t i = 0; i < CB_LEN(names) && !known; i++)
        known = strcasecmp(name, names[i]) == 0;
    return known ? 0 : cb_fail(err, CB_E_DOCKERFILE, "invalid signal: %s", s);
}

/* ---- RUN --device ----------------------------------------------------------------------------- */

void df_device_done(struct df_device *d)
{
    free(d->name);
    *d = (struct df_device){0};
}

static int device_field(const char *field, struct df_device *d, struct cb_error *err)
{
    static const char *const keys[] = {"name", "required"};
    const char *equals = strchr(field, '=');
    CB_AUTO(free) char *key = cb_memdup0(field, equals ? (size_t)(equals - field) : strlen(field));
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    if (strcmp(key, "required") == 0) {
        d->required = true;
        if (equals && !df_parse_bool(equals + 1, &d->required))
            return cb_fail(err, CB_E_DOCKERFILE, "invalid value for %s: %s", key, equals + 1);
        return 0;
    }
    bool named = equals && strcmp(key, "name") == 0;
    if (!d->name || *d->name == '\0') {
        free(d->name);
        d->name = cb_strdup(named ? equals + 1 : field);
        return 0;
    }
    if (named)
        return cb_fail(err, CB_E_DOCKERFILE, "device name already set to %s", d->name);
    if (!equals)
        return cb_fail(err, CB_E_DOCKERFILE, "invalid field '%s' must be a key=value pair", field);
    const char *meant = cb_did_you_mean(key, keys, CB_LEN(keys), false);
    return cb_fail(err, CB_E_DOCKERFILE, "unexpected key '%s' in '%s'%s%s%s", key, field, meant ? " (did you mean " : "",
                   meant ? meant : "", meant ? "?)" : "");
}

int df_device_parse(const char *value, struct df_device *ret, struct cb_error *err)
{
    CB_AUTO(cb_strv) struct cb_strv fields = {0};
    CB_AUTO(df_device) struct df_device d = {0};
    if (df_csv_fields(value, CB_E_DOCKERFILE, &fields, err) < 0)
        return cb_prefix(err, "failed to parse csv devices");
    for (size_t i = 0; i < fields.n; i++)
        if (device_field(fields.items[i], &d, err) < 0)
            return -1;
    ret->name = d.name ? CB_TAKE(d.name) : cb_strdup("");
    ret->required = d.required;
    return 0;
}
