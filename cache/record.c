/* A record file is two lines of JSON, each with its seal: the head, which a hit reads, and the inputs, which only an
 * explanation reads. The head says how long the inputs are, so a torn file is noticed. */
#include "cache/record.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "cache/store/seal.h"
#include "cache/store/files.h"
#include "cache/store/lease.h"

#include <unistd.h>

#define RECORD_VERSION 1
/* What a hit reads at once: a head is a few hundred bytes and one instruction. */
#define FIRST_READ 4096

struct record_path {
    char dir[sizeof("records/xx")];
    char name[CB_DIGEST_HEX + 1];
    char text[sizeof("records/xx/") + CB_DIGEST_HEX];
};

static struct record_path path_of(const struct cb_digest *key)
{
    struct record_path p = {"records/", "", "records/"};
    cb_digest_hex(key, p.name);
    memcpy(p.dir + 8, p.name, 2);
    memcpy(p.text + 8, p.name, 2);
    p.text[10] = '/';
    memcpy(p.text + 11, p.name, sizeof(p.name));
    return p;
}

void cache_record_done(struct cache_record *r)
{
    for (size_t i = 0; i < r->n_inputs; i++) {
        free(r->inputs[i].name);
        free(r->inputs[i].value);
    }
    free(r->inputs);
    free(r->instruction);
    *r = (struct cache_record){0};
}

void cache_record_input(struct cache_record *r, const char *name, const char *value)
{
    char *n = cb_strdup(name), *v = cb_strdup(value);
    CB_PUSH(r->inputs, r->n_inputs, r->cap_inputs) = (struct cache_input){n, v};
}

/* ---- storing -------------------------------------------------------------------------------- */

static json_t *text_value(const char *s)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    cb_utf8_sanitize(&b, s ? s : "", s ? strlen(s) : 0);
    return json_stringn(b.data, b.len);
}

/* One JSON string. Nearly every name and value is plain ASCII and needs no value object: a COPY of 50,000 files
 * stores as many of both. */
static void dump_text(const char *s, struct cb_buf *out)
{
    size_t n = 0;
    while ((unsigned char)s[n] >= ' ' && (unsigned char)s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
        n++;
    if (s[n]) {
        CB_AUTO(json) json_t *j = text_value(s);
        cb_json_dump(j, CB_JSON_COMPACT, out);
        return;
    }
    cb_buf_addc(out, '"');
    cb_buf_add(out, s, n);
    cb_buf_addc(out, '"');
}

void cache_record_dump_inputs(const struct cache_record *r, struct cb_buf *out)
{
    cb_buf_addc(out, '[');
    for (size_t i = 0; i < r->n_inputs; i++) {
        cb_buf_adds(out, i ? ",[" : "[");
        dump_text(r->inputs[i].name, out);
        cb_buf_addc(out, ',');
        dump_text(r->inputs[i].value, out);
        cb_buf_addc(out, ']');
    }
    cb_buf_addc(out, ']');
}

static const struct {
    const char *key;
    size_t at; /* in struct cb_usage */
} counts[] = {
    {"wallUs", offsetof(struct cb_usage, wall_us)},
    {"cpuUs", offsetof(struct cb_usage, cpu_us)},
    {"maxRss", offsetof(struct cb_usage, peak_memory)},
    {"readBytes", offsetof(struct cb_usage, read_bytes)},
    {"writtenBytes", offsetof(struct cb_usage, written_bytes)},
};

static uint64_t *count_of(const struct cb_usage *u, size_t i)
{
    return (uint64_t *)((char *)u + counts[i].at);
}

void cache_record_put_usage(json_t *j, const struct cb_usage *u)
{
    for (size_t i = 0; i < CB_LEN(counts); i++)
        json_object_set_new(j, counts[i].key, json_integer((json_int_t)*count_of(u, i)));
}

static void dump_head(struct cache_store *s, const struct cache_record *r, size_t inputs_size, struct cb_buf *out)
{
    char layer[CB_DIGEST_TEXT + 1], created[CB_TIME_MAX];
    cb_digest_text(&r->layer, layer);
    cb_time_rfc3339(r->created, created);
    CB_AUTO(json) json_t *j = json_object();
    json_object_set_new(j, "record", json_integer(RECORD_VERSION));
    json_object_set_new(j, "boot", json_string(cache_store_boot_id(s)));
    json_object_set_new(j, "layer", json_string(layer));
    json_object_set_new(j, "created", json_string(created));
    json_object_set_new(j, "instruction", text_value(r->instruction));
    cache_record_put_usage(j, &r->usage);
    json_object_set_new(j, "inputsSize", json_integer((json_int_t)inputs_size));
    cb_json_dump(j, CB_JSON_COMPACT, out);
}

int cache_record_store(struct cache_store *s, const struct cb_digest *key, const struct cache_record *r, struct cb_error *err)
{
    struct record_path path = path_of(key);
    CB_AUTO(cb_buf) struct cb_buf inputs = CB_BUF_INIT;
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    cache_record_dump_inputs(r, &inputs);
    if (inputs.len > CB_MAX_STORE_JSON) { /* no reader would accept it; a record without an explanation still hits */
        cb_buf_reset(&inputs);
        cb_buf_adds(&inputs, "[]");
    }
    cache_seal(&inputs);
    dump_head(s, r, inputs.len, &out);
    cache_seal(&out);
    cb_buf_addc(&out, '\n');
    cb_buf_add(&out, inputs.data, inputs.len);
    cb_buf_addc(&out, '\n');
    if (cache_store_publish(s, path.dir, path.name, out.data, out.len, err) < 0)
        return cb_prefix(err, "record a step");
    return 0;
}

static int link_record(struct cache_store *s, const char *from, const char *dir, const char *to)
{
    char salt[CACHE_RANDOM_NAME + 1];
    int r = linkat(s->root, from, s->root, to, 0) < 0 ? -errno : 0;
    if (r == -ENOENT) {
        r = cb_mkdirs(s->root, dir, 0700);
        if (r == 0)
            r = linkat(s->root, from, s->root, to, 0) < 0 ? -errno : 0;
    }
    if (r != -EEXIST)
        return r;
    cache_random_name(salt);
    CB_AUTO(free) char *tmp = cb_printf("%s/.tmp-%s", dir, salt);
    if (linkat(s->root, from, s->root, tmp, 0) < 0)
        return -errno;
    r = renameat(s->root, tmp, s->root, to) < 0 ? -errno : 0;
    (void)unlinkat(s->root, tmp, 0); /* still there when both were names of one file already */
    return r;
}

int cache_record_link(struct cache_store *s, const struct cb_digest *key, const struct cb_digest *other, struct cb_error *err)
{
    struct record_path from = path_of(key), to = path_of(other);
    int r = link_record(s, from.text, to.dir, to.text);
    return r < 0 ? cb_fail_sys(err, r, "record a step: link '%s/%s'", s->path, to.text) : 0;
}

int cache_record_store_both(struct cache_store *s, const struct cb_digest *key, const struct cb_digest *other,
                            const struct cache_record *r, struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    if (cache_record_store(s, key, r, err) < 0)
        return -1;
    return cache_record_link(s, key, other, &ignored) < 0 ? cache_record_store(s, other, r, err) : 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

static int load_count(json_t *j, const char *key, uint64_t *ret, struct cb_error *err)
{
    int64_t v = 0;
    int r = cb_json_int(j, key, "", &v, err);
    if (r < 0 || v < 0)
        return -1;
    *ret = (uint64_t)v;
    return 0;
}

int cache_record_get_usage(json_t *j, struct cb_usage *ret, struct cb_error *err)
{
    for (size_t i = 0; i < CB_LEN(counts); i++)
        if (load_count(j, counts[i].key, count_of(ret, i), err) < 0)
            return -1;
    return 0;
}

/* 0, or -1 for a head that is not whole. `err` is only a scratch for the getters. */
static int parse_head(const char *text, size_t n, struct cache_record *r, uint64_t *inputs_size, struct cb_error *err)
{
    CB_AUTO(json) json_t *j = cb_json_parse(text, n, "record", err);
    const char *layer = NULL, *created = NULL, *instruction = "";
    int64_t version = 0;
    if (!j || cb_json_int(j, "record", "", &version, err) <= 0 || version != RECORD_VERSION)
        return -1;
    if (cb_json_str(j, "layer", "", &layer, err) <= 0 || !cb_digest_parse(layer, &r->layer))
        return -1;
    if (cb_json_str(j, "created", "", &created, err) <= 0 || !cb_time_parse_rfc3339(created, &r->created))
        return -1;
    if (cb_json_str(j, "instruction", "", &instruction, err) < 0 || load_count(j, "inputsSize", inputs_size, err) < 0)
        return -1;
    if (cache_record_get_usage(j, &r->usage, err) < 0)
        return -1;
    r->instruction = cb_strdup(instruction);
    return 0;
}

/* Reads on until the head's line is whole, of a file of this size. Its length without the newline; -1: there is no newline. */
static ssize_t read_head(int fd, off_t size, struct cb_buf *b)
{
    size_t step = size > 0 && size < FIRST_READ ? (size_t)size : FIRST_READ, seen = 0;
    for (;;) {
        cb_buf_reserve(b, step);
        int n = cb_read_full(fd, b->data + b->len, step);
        if (n < 0)
            return -1;
        b->len += (size_t)n;
        b->data[b->len] = 0;
        const char *end = memchr(b->data + seen, '\n', b->len - seen);
        if (end)
            return end - b->data;
        seen = b->len;
        if ((size_t)n < step || b->len > CB_MAX_STORE_JSON)
            return -1;
        step = b->len;
    }
}

/* Opens and reads the head; the size must be what the head says. The fd; -1: there is none that is whole. */
static int open_record(struct cache_store *s, const struct cb_digest *key, struct cache_record *r, struct stat *st,
                       size_t *inputs_at)
{
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(close) int fd = openat(s->root, path_of(key).text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint64_t inputs_size = 0;
    if (fd < 0 || fstat(fd, st) < 0 || !S_ISREG(st->st_mode))
        return -1;
    ssize_t head = read_head(fd, st->st_size, &b);
    if (head < 0 || parse_head(b.data, cache_unseal(b.data, (size_t)head), r, &inputs_size, &ignored) < 0)
        return -1;
    *inputs_at = (size_t)head + 1;
    if (inputs_size > CB_MAX_STORE_JSON || (uint64_t)st->st_size != *inputs_at + inputs_size + 1)
        return -1;
    return cb_take_fd(&fd);
}

int cache_record_load(struct cache_store *s, const struct cb_digest *key, struct cache_record *ret, struct cb_error *err)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    struct cache_layer layer;
    struct stat st;
    size_t inputs_at;
    CB_AUTO(close) int fd = open_record(s, key, &r, &st, &inputs_at);
    if (fd < 0 || !cache_lease_take(s, fd, path_of(key).text, CACHE_BY_USE))
        return 0;
    int found = cache_layer_find(s, &r.layer, &layer, err);
    if (found <= 0)
        return found;
    cache_note_use(fd, &st);
    *ret = r;
    r = (struct cache_record){0};
    return 1;
}

int cache_record_get_inputs(json_t *list, struct cache_record *r)
{
    size_t i;
    json_t *pair;
    if (!json_is_array(list))
        return -1;
    json_array_foreach (list, i, pair) {
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (!name || !value)
            return -1;
        cache_record_input(r, name, value);
    }
    return 0;
}

static int parse_inputs(const char *text, size_t n, struct cache_record *r)
{
    CB_AUTO(cb_error) struct cb_error ignored = CB_ERROR_INIT;
    CB_AUTO(json) json_t *list = cb_json_parse(text, n, "record", &ignored);
    return list ? cache_record_get_inputs(list, r) : -1;
}

int cache_record_load_inputs(struct cache_store *s, const struct cb_digest *key, struct cache_record *r, struct cb_error *err)
{
    (void)err; /* whatever is wrong with a record, it counts as none */
    CB_AUTO(cache_record) struct cache_record whole = {0};
    CB_AUTO(cb_buf) struct cb_buf b = CB_BUF_INIT;
    struct stat st;
    size_t at;
    CB_AUTO(close) int fd = open_record(s, key, &whole, &st, &at);
    if (fd < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0 || cb_read_fd(fd, CB_MAX_STORE_JSON, &b) < 0)
        return 0;
    size_t n = b.len ? b.len - 1 : 0; /* the line's end */
    if (parse_inputs(b.data, cache_unseal(b.data, n), &whole) < 0)
        return 0;
    for (size_t i = 0; i < whole.n_inputs; i++)
        cache_record_input(r, whole.inputs[i].name, whole.inputs[i].value);
    return 1;
}

int cache_record_peek(struct cache_store *s, const struct cb_digest *key, struct cb_digest *ret_layer, int64_t *ret_used,
                      char **ret_instruction)
{
    CB_AUTO(cache_record) struct cache_record r = {0};
    struct stat st;
    size_t at;
    CB_AUTO(close) int fd = open_record(s, key, &r, &st, &at);
    if (fd < 0)
        return 0;
    *ret_layer = r.layer;
    *ret_used = st.st_mtim.tv_sec;
    if (ret_instruction)
        *ret_instruction = CB_TAKE(r.instruction);
    return 1;
}
