#include "builder/copy/pathwalk.h"

#include <limits.h>

/* Drops what is no component from the front: used-up strings, slashes, ".". */
static const char *front(struct build_pathwalk *w)
{
    while (w->n > 0) {
        const char *p = w->rest[w->n - 1];
        while (*p == '/' || (*p == '.' && (p[1] == '/' || p[1] == '\0')))
            p++;
        w->rest[w->n - 1] = p;
        if (*p)
            return p;
        w->n--;
    }
    return NULL;
}

bool build_pathwalk_next(struct build_pathwalk *w, struct cb_str *ret)
{
    const char *p = front(w);
    if (!p)
        return false;
    *ret = (struct cb_str){p, strcspn(p, "/")};
    w->rest[w->n - 1] = p + ret->n;
    return true;
}

bool build_pathwalk_in(const struct build_pathwalk *w, const char *path)
{
    const char *rest = w->rest[w->n - 1];
    return rest + strlen(rest) == path + strlen(path);
}

bool build_pathwalk_more(struct build_pathwalk *w)
{
    return front(w) != NULL;
}

int build_pathwalk_link(struct build_pathwalk *w, const char *target, const char *path, struct cb_error *err)
{
    if (++w->links > CB_MAX_SYMLINKS)
        return cb_fail(err, CB_E_FAILED, "resolve '/%s': too many links", path[0] == '/' ? path + 1 : path);
    if (strlen(target) >= PATH_MAX)
        return cb_fail(err, CB_E_FAILED, "resolve '/%s': a link on the way is longer than the system allows",
                       path[0] == '/' ? path + 1 : path);
    front(w); /* frees the place of what is used up, so that `links` bounds `n` */
    w->rest[w->n++] = target;
    return 0;
}
