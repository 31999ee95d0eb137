#include "base/text.h"
#include "base/limits.h"

#include <stdio.h>

bool cb_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        uint64_t digit = (uint64_t)(*s - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}

bool cb_parse_i64(const char *s, int64_t *ret)
{
    bool minus = *s == '-';
    uint64_t v;
    if (*s == '-' || *s == '+')
        s++;
    if (!cb_parse_u64(s, (uint64_t)INT64_MAX + (minus ? 1 : 0), &v))
        return false;
    *ret = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

int cb_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool cb_parse_octal(const char *s, uint32_t max, uint32_t *ret)
{
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '7')
            return false;
        v = v * 8 + (uint64_t)(*s - '0');
        if (v > max)
            return false;
    }
    *ret = (uint32_t)v;
    return true;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

#define REPLACEMENT 0xFFFDu
#define ELLIPSIS    "…"

uint32_t cb_utf8_decode(const char *s, size_t n, size_t *len)
{
    const unsigned char *p = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *len = 1;
    if (p[0] < 0x80)
        return p[0];
    size_t need = p[0] >= 0xF0 && p[0] < 0xF8 ? 4 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : 0;
    if (!need || n < need)
        return REPLACEMENT;
    uint32_t cp = p[0] & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return REPLACEMENT;
        cp = cp << 6 | (p[i] & 0x3Fu);
    }
    if (cp < least[need] || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        return REPLACEMENT;
    *len = need;
    return cp;
}

void cb_utf8_encode(struct cb_buf *b, uint32_t cp)
{
    if (cp < 0x80) {
        cb_buf_addc(b, (char)cp);
        return;
    }
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        cp = REPLACEMENT;
    int tail = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    cb_buf_addc(b, (char)(lead[tail] | (cp >> (6 * tail))));
    while (tail--)
        cb_buf_addc(b, (char)(0x80 | ((cp >> (6 * tail)) & 0x3F)));
}

bool cb_is_unicode_space(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

void cb_utf8_sanitize(struct cb_buf *b, const char *s, size_t n)
{
    while (n) {
        size_t len;
        uint32_t cp = cb_utf8_decode(s, n, &len);
        if (cp == REPLACEMENT && len == 1)
            cb_utf8_encode(b, REPLACEMENT);
        else
            cb_buf_add(b, s, len);
        s += len;
        n -= len;
    }
}

/* ---- quoting -------------------------------------------------------------------------------- */

/* What Go's strconv prints as it is: graphic characters and the plain blank. Unassigned code points count as such:
 * there are too many holes to list here, and the C library knows them for the user's locale only. */
static bool go_printable(uint32_t cp)
{
    /* Control and format characters, private use, noncharacters. */
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x0600, 0x0605},   {0x061C, 0x061C},    {0x06DD, 0x06DD},
        {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x180E, 0x180E},   {0x200B, 0x200F},    {0x202A, 0x202E},
        {0x2060, 0x206F},   {0xE000, 0xF8FF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0x110BD, 0x110BD},  {0x110CD, 0x110CD},
        {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
    };
    if ((cp != ' ' && cb_is_unicode_space(cp)) || (cp & 0xFFFE) == 0xFFFE)
        return false;
    for (size_t i = 0; i < CB_LEN(hidden) && cp >= hidden[i].first; i++)
        if (cp <= hidden[i].last)
            return false;
    return true;
}

char *cb_split_pair(const char *pair, const char **value)
{
    size_t n = strcspn(pair, "=");
    *value = pair[n] ? pair + n + 1 : NULL;
    return cb_memdup0(pair, n);
}

void cb_quote_go(struct cb_buf *b, const char *s, size_t n)
{
    static const char from[] = "\a\b\f\n\r\t\v\"\\", to[] = "abfnrtv\"\\";
    cb_buf_addc(b, '"');
    while (n) {
        size_t len;
        uint32_t cp = cb_utf8_decode(s, n, &len);
        const char *escape = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
        if (escape)
            cb_buf_printf(b, "\\%c", to[escape - from]);
        else if (cp == REPLACEMENT && len == 1)
            cb_buf_printf(b, "\\x%02x", (unsigned char)*s);
        else if (go_printable(cp))
            cb_buf_add(b, s, len);
        else if (cp < 0x20 || cp == 0x7F)
            cb_buf_printf(b, "\\x%02x", cp);
        else
            cb_buf_printf(b, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
        s += len;
        n -= len;
    }
    cb_buf_addc(b, '"');
}

void cb_escape_terminal(struct cb_buf *b, const char *s, size_t n, bool lines)
{
    while (n) {
        size_t len;
        uint32_t cp = cb_utf8_decode(s, n, &len);
        bool control = cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || (cp == REPLACEMENT && len == 1) ||
                       (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
        if (control && !(lines && (cp == '\n' || cp == '\t')))
            for (size_t i = 0; i < len; i++)
                cb_buf_printf(b, "\\x%02x", (unsigned char)s[i]);
        else
            cb_buf_add(b, s, len);
        s += len;
        n -= len;
    }
}

static bool inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

void cb_shorten(struct cb_buf *b, const char *s, size_t n, size_t max)
{
    if (n <= max) {
        cb_buf_add(b, s, n);
        return;
    }
    size_t head = max * 3 / 4, tail = n - (max - head - strlen(ELLIPSIS));
    for (int i = 0; i < 3 && inside_character(s[head]); i++)
        head--;
    for (int i = 0; i < 3 && tail < n && inside_character(s[tail]); i++)
        tail++;
    cb_buf_add(b, s, head);
    cb_buf_adds(b, ELLIPSIS);
    cb_buf_add(b, s + tail, n - tail);
}

void cb_shorten_message(struct cb_buf *b, const char *s, size_t n)
{
    CB_AUTO(cb_buf) struct cb_buf words = CB_BUF_INIT;
    while (n) {
        size_t word = 0;
        while (word < n && !strchr(" \t\n", s[word])) /* a NUL is found too */
            word++;
        cb_shorten(&words, s, word, CB_MAX_SHOWN_WORD);
        if (word < n)
            cb_buf_addc(&words, s[word++]);
        s += word;
        n -= word;
    }
    cb_shorten(b, words.data, words.len, CB_MAX_SHOWN);
}

/* ---- similarity ----------------------------------------------------------------------------- */

#define MAX_COMPARED 64 /* characters of a word that can be like another */

/* The characters of `s` in lower case where letter case does not matter; more than MAX_COMPARED: that many + 1. */
static size_t characters(const char *s, bool fold_case, uint32_t out[MAX_COMPARED])
{
    size_t left = strlen(s), n = 0, len;
    for (; left && n < MAX_COMPARED; s += len, left -= len) {
        uint32_t c = cb_utf8_decode(s, left, &len);
        out[n++] = fold_case && c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    return n + (left > 0);
}

/* Levenshtein distance in characters, given up (3) once it must exceed 2. */
static int distance(const char *left, const char *right, bool fold_case)
{
    uint32_t a[MAX_COMPARED], b[MAX_COMPARED];
    size_t n = characters(left, fold_case, a), m = characters(right, fold_case, b);
    if (n > MAX_COMPARED || m > MAX_COMPARED || (n > m ? n - m : m - n) > 2)
        return 3;
    int row[MAX_COMPARED + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int above = row[j];
            int change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = CB_MIN(change, CB_MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[m];
}

const char *cb_did_you_mean(const char *word, const char *const *candidates, size_t n, bool fold_case)
{
    const char *best = NULL;
    int best_distance = 3;
    for (size_t i = 0; i < n; i++) {
        int d = distance(word, candidates[i], fold_case);
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

/* ---- times, sizes --------------------------------------------------------------------------- */

void cb_time_rfc3339(struct timespec t, char out[CB_TIME_MAX])
{
    struct tm tm;
    time_t s = t.tv_sec;
    if (!gmtime_r(&s, &tm))
        memset(&tm, 0, sizeof(tm));
    size_t n = strftime(out, CB_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (t.tv_nsec > 0) {
        n += (size_t)snprintf(out + n, CB_TIME_MAX - n, ".%09ld", t.tv_nsec);
        while (out[n - 1] == '0')
            n--;
    }
    out[n++] = 'Z';
    out[n] = 0;
}

bool cb_time_parse_rfc3339(const char *s, struct timespec *ret)
{
    struct tm tm = {0};
    const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!p)
        return false;
    long ns = 0;
    if (*p == '.') {
        long unit = 100000000;
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            ns += (*p - '0') * unit;
    }
    long offset = 0;
    if (*p == '+' || *p == '-') {
        int hours, minutes, used = 0;
        if (sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5)
            return false;
        offset = (hours * 3600L + minutes * 60L) * (*p == '-' ? -1 : 1);
        p += 6;
    } else if (*p == 'Z' || *p == 'z') {
        p++;
    } else {
        return false;
    }
    if (*p)
        return false;
    ret->tv_sec = timegm(&tm) - offset;
    ret->tv_nsec = ns;
    return true;
}

bool cb_time_parse_http(const char *s, int64_t *ret)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};
    for (size_t i = 0; i < CB_LEN(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(s, forms[i], &tm);
        if (end && !*end) {
            *ret = timegm(&tm);
            return true;
        }
    }
    return false;
}

char *cb_human_size(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1000 && u + 1 < CB_LEN(units)) {
        v /= 1000;
        u++;
    }
    snprintf(out, 16, u == 0 || v >= 99.95 ? "%.0f %s" : v >= 9.995 ? "%.1f %s" : "%.2f %s", v, units[u]);
    return out;
}

char *cb_human_duration(double seconds, char out[16])
{
    double ms = CB_MAX(seconds, 0.0) * 1000;
    unsigned whole = (unsigned)(CB_MIN(CB_MAX(seconds, 0.0), 999 * 3600.0) + 0.5);
    if (ms < 99.5)
        snprintf(out, 16, ms < 9.95 ? "%.1fms" : "%.0fms", ms);
    else if (seconds < 59.95)
        snprintf(out, 16, "%.1fs", seconds);
    else if (whole < 3600)
        snprintf(out, 16, "%um%02us", whole / 60, whole % 60);
    else
        snprintf(out, 16, "%uh%02um", whole / 3600, whole / 60 % 60);
    return out;
}
