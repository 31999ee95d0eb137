#include "base/path.h"

char *cb_path_clean(const char *path)
{
    bool rooted = path[0] == '/';
    CB_AUTO(cb_buf) struct cb_buf out = CB_BUF_INIT;
    size_t floor = 0; /* what ".." may not remove: the root, or leading ".." */
    if (rooted) {
        cb_buf_addc(&out, '/');
        floor = 1;
    }
    for (const char *p = path; *p;) {
        while (*p == '/')
            p++;
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.')) {
            p += n;
            continue;
        }
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (out.len > floor) {
                size_t cut = out.len;
                while (cut > floor && out.data[cut - 1] != '/')
                    cut--;
                cb_buf_truncate(&out, cut > floor ? cut - 1 : floor);
            } else if (!rooted) {
                if (out.len)
                    cb_buf_addc(&out, '/');
                cb_buf_adds(&out, "..");
                floor = out.len;
            }
        } else {
            if (out.len && out.data[out.len - 1] != '/')
                cb_buf_addc(&out, '/');
            cb_buf_add(&out, p, n);
        }
        p += n;
    }
    if (!out.len)
        cb_buf_addc(&out, '.');
    return cb_buf_detach(&out);
}

char *cb_path_join(const char *a, const char *b)
{
    if (!*a && !*b)
        return cb_strdup("");
    CB_AUTO(free) char *both = *a && *b ? cb_printf("%s/%s", a, b) : cb_strdup(*a ? a : b);
    return cb_path_clean(both);
}

char *cb_path_abs(const char *cwd, const char *path)
{
    return path[0] == '/' ? cb_path_clean(path) : cb_path_join(cwd, path);
}

const char *cb_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *cb_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    CB_AUTO(free) char *head = slash ? cb_memdup0(path, (size_t)(slash - path) + 1) : cb_strdup("");
    return cb_path_clean(head);
}

char *cb_path_rel(const char *path)
{
    CB_AUTO(free) char *rooted = cb_printf("/%s", path);
    CB_AUTO(free) char *clean = cb_path_clean(rooted);
    return cb_strdup(clean + 1);
}
