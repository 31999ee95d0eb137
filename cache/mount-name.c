#include "cache/mount-name.h"
#include "base/text.h"

#include <stdio.h>

void cache_mount_name_done(struct cache_mount_name *n)
{
    free(n->ns);
    free(n->id);
    free(n->layers);
    *n = (struct cache_mount_name){0};
}

/* What somebody may choose freely, line ends included, has its length in front. */
void cache_mount_name_key(const struct cache_mount_name *n, struct cb_buf *key)
{
    cb_buf_printf(key, "%zu %s\n%zu %s\n", strlen(n->ns), n->ns, strlen(n->id), n->id);
    if (n->owned)
        cb_buf_printf(key, "%o:%u:%u\n", n->mode, n->uid, n->gid);
    for (size_t i = 0; i < n->n_layers; i++) {
        char hex[CB_DIGEST_HEX + 1];
        cb_digest_hex(&n->layers[i], hex);
        cb_buf_printf(key, "%s\n", hex);
    }
}

/* "LENGTH TEXT\n"; NULL: it is something else. */
static char *take_text(const char **p)
{
    size_t digits = strcspn(*p, " ");
    uint64_t n;
    CB_AUTO(free) char *number = cb_memdup0(*p, digits);
    const char *text = *p + digits + 1;
    if (!(*p)[digits] || !cb_parse_u64(number, SIZE_MAX, &n) || strlen(text) <= n || text[n] != '\n')
        return NULL;
    *p = text + n + 1;
    return cb_memdup0(text, (size_t)n);
}

static bool take_owner(const char **p, struct cache_mount_name *ret)
{
    int end = 0;
    if (sscanf(*p, "%o:%u:%u\n%n", &ret->mode, &ret->uid, &ret->gid, &end) != 3 || !end || ret->mode > 0777)
        return false;
    *p += end;
    ret->owned = true;
    return true;
}

static bool take_layer(const char **p, struct cache_mount_name *ret)
{
    char hex[CB_DIGEST_HEX + 1] = "";
    struct cb_digest d;
    strncat(hex, *p, CB_DIGEST_HEX);
    if (!cb_digest_parse_hex(hex, &d) || (*p)[CB_DIGEST_HEX] != '\n')
        return false;
    *p += CB_DIGEST_HEX + 1;
    CB_PUSH(ret->layers, ret->n_layers, ret->cap_layers) = d;
    return true;
}

static bool parse(const char *p, struct cache_mount_name *ret)
{
    ret->ns = take_text(&p);
    ret->id = ret->ns ? take_text(&p) : NULL;
    if (!ret->id || (*p && !take_owner(&p, ret)))
        return false;
    while (*p)
        if (!take_layer(&p, ret))
            return false;
    return true;
}

bool cache_mount_name_parse(const char *key, struct cache_mount_name *ret)
{
    CB_AUTO(cb_buf) struct cb_buf again = CB_BUF_INIT;
    *ret = (struct cache_mount_name){0};
    bool is = parse(key, ret);
    if (is)
        cache_mount_name_key(ret, &again);
    if (is && strcmp(again.data, key) == 0) /* there is one way to write it */
        return true;
    cache_mount_name_done(ret);
    return false;
}
