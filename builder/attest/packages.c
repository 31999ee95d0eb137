#include "builder/attest/packages-internal.h"
#include "base/fd.h"
#include "base/pack.h"
#include "base/text.h"

#include <unistd.h>

#define MAX_PACKAGES          500000u /* of one image; distributions have some 100,000 in all */

#define ECOSYSTEM_ENTRY(name) &build_attest_##name,
const struct build_attest_ecosystem *const build_attest_ecosystems[] = {ECOSYSTEMS(ECOSYSTEM_ENTRY) NULL};

void build_attest_packages_done(struct build_attest_packages *p)
{
    free(p->items);
    cb_strv_done(&p->unread);
    cb_arena_done(&p->strings);
    *p = BUILD_ATTEST_PACKAGES_INIT;
}

ssize_t build_attest_read_at(const struct build_attest_file *f, uint64_t offset, void *p, size_t n)
{
    if (offset >= f->size)
        return 0;
    n = (size_t)CB_MIN((uint64_t)n, f->size - offset);
    if (f->fd < 0) {
        memcpy(p, f->bytes.p + offset, n);
        return (ssize_t)n;
    }
    for (size_t have = 0; have < n;) {
        ssize_t r = CB_RETRY(pread(f->fd, (char *)p + have, n - have, (off_t)(offset + have)));
        if (r <= 0)
            return r < 0 ? -errno : (ssize_t)have;
        have += (size_t)r;
    }
    return (ssize_t)n;
}

/* ---- the list ---------------------------------------------------------------------------------------------------------- */

static const char *keep(struct build_attest_packages *to, struct cb_str text)
{
    CB_AUTO(cb_buf) struct cb_buf clean = CB_BUF_INIT;
    const char *end = text.n ? memchr(text.p, 0, text.n) : NULL;
    cb_utf8_sanitize(&clean, text.p, CB_MIN(end ? (size_t)(end - text.p) : text.n, (size_t)BUILD_ATTEST_MAX_TEXT));
    size_t n = CB_MIN(clean.len, (size_t)BUILD_ATTEST_MAX_TEXT);
    while (n < clean.len && (clean.data[n] & 0xc0) == 0x80) /* between characters */
        n--;
    return n ? cb_arena_memdup0(&to->strings, clean.data, n) : "";
}

static void note_too_many(struct build_attest_packages *to)
{
    CB_AUTO(free) char *why = cb_printf("there are more than %u packages; the others are not listed", MAX_PACKAGES);
    if (cb_strv_find(&to->unread, why) < 0)
        cb_strv_push(&to->unread, why);
}

void build_attest_add(struct build_attest_packages *to, const struct build_attest_ecosystem *e, const struct build_attest_file *f,
                      const struct build_attest_facts *facts)
{
    const char *name = keep(to, facts->name);
    if (!*name)
        return;
    if (to->n == MAX_PACKAGES) {
        note_too_many(to);
        return;
    }
    CB_PUSH(to->items, to->n, to->cap) = (struct build_attest_package){.ecosystem = e,
                                                                       .name = name,
                                                                       .version = keep(to, facts->version),
                                                                       .epoch = keep(to, facts->epoch),
                                                                       .arch = keep(to, facts->arch),
                                                                       .licence = keep(to, facts->licence),
                                                                       .source = keep(to, facts->source),
                                                                       .path = keep(to, cb_str(f->path))};
}

static int compare_identity(const struct build_attest_package *a, const struct build_attest_package *b)
{
    const char *const of_a[] = {a->ecosystem->name, a->name, a->version, a->epoch, a->arch};
    const char *const of_b[] = {b->ecosystem->name, b->name, b->version, b->epoch, b->arch};
    int r = 0;
    for (size_t i = 0; r == 0 && i < CB_LEN(of_a); i++)
        r = strcmp(of_a[i], of_b[i]);
    return r;
}

static int compare(const void *a, const void *b)
{
    const struct build_attest_package *x = a, *y = b;
    int r = compare_identity(x, y);
    return r ? r : strcmp(x->path, y->path);
}

void build_attest_packages_sort(struct build_attest_packages *p)
{
    size_t n = 0;
    if (p->n)
        qsort(p->items, p->n, sizeof(*p->items), compare);
    for (size_t i = 0; i < p->n; i++)
        if (n == 0 || compare_identity(&p->items[n - 1], &p->items[i]) != 0)
            p->items[n++] = p->items[i];
    p->n = n;
    cb_strv_sort(&p->unread);
}

void build_attest_package_id(const struct build_attest_package *p, char out[BUILD_ATTEST_ID_MAX])
{
    const char *const parts[] = {p->ecosystem->name, p->name, p->version, p->epoch, p->arch, p->path};
    char hex[CB_DIGEST_HEX + 1];
    struct cb_sha256 sha;
    struct cb_digest digest;
    cb_sha256_init(&sha);
    for (size_t i = 0; i < CB_LEN(parts); i++)
        cb_sha256_add(&sha, parts[i], strlen(parts[i]) + 1);
    cb_sha256_end(&sha, &digest);
    cb_digest_hex(&digest, hex);
    memcpy(out, hex, BUILD_ATTEST_ID_MAX - 1);
    out[BUILD_ATTEST_ID_MAX - 1] = '\0';
}

/* ---- between processes ------------------------------------------------------------------------------------------------- */

void build_attest_packages_put(const struct build_attest_packages *p, struct cb_buf *out)
{
    cb_put_str(out, p->system);
    cb_put_str(out, p->system_version);
    cb_put_u64(out, p->unread.n);
    for (size_t i = 0; i < p->unread.n; i++)
        cb_put_str(out, p->unread.items[i]);
    cb_put_u64(out, p->n);
    for (size_t i = 0; i < p->n; i++) {
        const struct build_attest_package *k = &p->items[i];
        const char *const fields[] = {k->ecosystem->name, k->name, k->version, k->epoch, k->arch, k->licence, k->source, k->path};
        for (size_t n = 0; n < CB_LEN(fields); n++)
            cb_put_str(out, fields[n]);
    }
}

static const struct build_attest_ecosystem *find_ecosystem(struct cb_str name)
{
    for (size_t i = 0; build_attest_ecosystems[i]; i++)
        if (cb_str_eq(cb_str(build_attest_ecosystems[i]->name), name))
            return build_attest_ecosystems[i];
    return NULL;
}

int build_attest_packages_get(const void *bytes, size_t n, struct build_attest_packages *ret, struct cb_error *err)
{
    struct cb_unpack u = cb_unpack(bytes, n);
    ret->system = keep(ret, cb_get_bytes(&u));
    ret->system_version = keep(ret, cb_get_bytes(&u));
    for (uint64_t left = cb_get_u64(&u); left > 0 && !u.failed; left--)
        cb_strv_take(&ret->unread, cb_get_str(&u));
    for (uint64_t left = cb_get_u64(&u); left > 0 && !u.failed; left--) {
        const struct build_attest_ecosystem *e = find_ecosystem(cb_get_bytes(&u));
        struct build_attest_facts f = {.name = cb_get_bytes(&u)};
        f.version = cb_get_bytes(&u);
        f.epoch = cb_get_bytes(&u);
        f.arch = cb_get_bytes(&u);
        f.licence = cb_get_bytes(&u);
        f.source = cb_get_bytes(&u);
        CB_AUTO(free) char *path = cb_get_str(&u);
        if (e)
            build_attest_add(ret, e, &(struct build_attest_file){.path = path}, &f);
        u.failed |= !e;
    }
    return u.failed ? cb_fail(err, CB_E_CORRUPT, "the list of packages is damaged") : 0;
}

/* ---- text -------------------------------------------------------------------------------------------------------------- */

struct cb_str build_attest_cut(struct cb_str *text, char at)
{
    const char *found = text->n ? memchr(text->p, at, text->n) : NULL;
    struct cb_str before = {text->p, found ? (size_t)(found - text->p) : text->n};
    size_t taken = before.n + (found != NULL);
    *text = (struct cb_str){taken ? text->p + taken : text->p, text->n - taken};
    return before;
}

bool build_attest_line(struct cb_str *rest, struct cb_str *line)
{
    if (!rest->n)
        return false;
    *line = build_attest_cut(rest, '\n');
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

bool build_attest_begins(struct cb_str text, const char *with)
{
    size_t n = strlen(with);
    return text.n >= n && memcmp(text.p, with, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct cb_str build_attest_trim(struct cb_str text)
{
    while (text.n && is_blank(text.p[0])) {
        text.p++;
        text.n--;
    }
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

bool build_attest_stanza(struct cb_str *rest, const struct build_attest_key *keys, size_t n, struct build_attest_facts *ret)
{
    struct cb_str line = {0};
    bool any = false;
    *ret = (struct build_attest_facts){0};
    while (build_attest_line(rest, &line)) {
        if (!build_attest_trim(line).n) {
            if (any)
                return true;
            continue;
        }
        any = true;
        for (size_t i = 0; i < n; i++) {
            struct cb_str *field = (struct cb_str *)((char *)ret + keys[i].field);
            size_t length = strlen(keys[i].key);
            if (!field->n && build_attest_begins(line, keys[i].key))
                *field = build_attest_trim((struct cb_str){line.p + length, line.n - length});
        }
    }
    return any;
}
