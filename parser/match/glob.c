#include "parser/match/glob.h"

#include "base/text.h"
#include <string.h>

struct range {
    uint32_t low, high;
};

/* One end of a range in a class: a character, plain or after a backslash. Something must follow it. */
static bool class_char(const char **p, uint32_t *ret)
{
    if (**p == '\0' || **p == '-' || **p == ']')
        return false;
    if (**p == '\\' && *++*p == '\0')
        return false;
    size_t len;
    *ret = cb_utf8_decode(*p, strnlen(*p, 4), &len);
    if (*ret == 0xFFFD && len == 1)
        return false;
    *p += len;
    return **p != '\0';
}

/* Takes a class, after its '['. False: malformed. */
static bool class_match(const char **p, uint32_t c, bool *ret_match)
{
    bool negated = **p == '^', match = false;
    *p += negated;
    for (bool first = true; first || **p != ']'; first = false) {
        struct range r;
        if (!class_char(p, &r.low))
            return false;
        r.high = r.low;
        if (**p == '-') {
            ++*p;
            if (!class_char(p, &r.high))
                return false;
        }
        match |= r.low <= c && c <= r.high;
    }
    ++*p;
    *ret_match = match != negated;
    return true;
}

/* A chunk is the text up to the next star outside a class. */
static const char *chunk_end(const char *p)
{
    bool in_class = false;
    for (; *p; p++) {
        if (*p == '\\') {
            if (p[1])
                p++;
        } else if (*p == '[') {
            in_class = true;
        } else if (*p == ']') {
            in_class = false;
        } else if (*p == '*' && !in_class) {
            break;
        }
    }
    return p;
}

/* Matches a chunk at the start of `name`; *ret_rest is what it leaves. After a mismatch the rest of the chunk is
 * still checked for its form. */
static enum df_glob chunk_match(const char *p, const char *end, const char *name, const char **ret_rest)
{
    bool failed = false;
    while (p < end) {
        size_t len = 0, left = strnlen(name, 4);
        failed = failed || left == 0;
        uint32_t c = failed ? 0 : cb_utf8_decode(name, left, &len);
        bool match = false;
        if (*p == '[') {
            p++;
            if (!class_match(&p, c, &match))
                return DF_GLOB_BAD;
        } else if (*p == '?') {
            match = c != '/';
            p++;
        } else {
            if (*p == '\\' && ++p == end)
                return DF_GLOB_BAD;
            len = 1; /* plain text is compared by bytes */
            match = !failed && *p == *name;
            p++;
        }
        failed = failed || !match;
        if (!failed)
            name += len;
    }
    *ret_rest = name;
    return failed ? DF_GLOB_NO : DF_GLOB_YES;
}

bool df_glob_valid(const char *pattern)
{
    while (*pattern) {
        while (*pattern == '*')
            pattern++;
        const char *end = chunk_end(pattern), *rest;
        if (chunk_match(pattern, end, "", &rest) == DF_GLOB_BAD)
            return false;
        pattern = end;
    }
    return true;
}

/* A chunk after a star: the first place where it matches is as good as any later one, except that the last
 * chunk must reach the end. */
static bool star_match(const char *p, const char *end, const char **name)
{
    for (const char *s = *name;; s++) {
        const char *rest;
        if (chunk_match(p, end, s, &rest) == DF_GLOB_YES && (*end || *rest == '\0')) {
            *name = rest;
            return true;
        }
        if (*s == '\0' || *s == '/')
            return false;
    }
}

enum df_glob df_glob_match(const char *pattern, const char *name)
{
    if (!df_glob_valid(pattern))
        return DF_GLOB_BAD;
    while (*pattern) {
        bool star = *pattern == '*';
        while (*pattern == '*')
            pattern++;
        if (star && *pattern == '\0')
            return strchr(name, '/') ? DF_GLOB_NO : DF_GLOB_YES;
        const char *end = chunk_end(pattern);
        if (star ? !star_match(pattern, end, &name) : chunk_match(pattern, end, name, &name) != DF_GLOB_YES)
            return DF_GLOB_NO;
        pattern = end;
    }
    return *name ? DF_GLOB_NO : DF_GLOB_YES;
}

bool df_glob_has_meta(const char *s)
{
    for (; *s; s++) {
        if (*s == '*' || *s == '?' || *s == '[')
            return true;
        if (*s == '\\' && *++s == '\0')
            break;
    }
    return false;
}
