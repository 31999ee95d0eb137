#include "builder/copy/owner.h"

#include "base/limits.h"
#include "parser/owner.h"

bool build_owner_is_plain(const char *text)
{
    if (!*text)
        return true;
    CB_AUTO(df_chown) struct df_chown c = {0};
    df_chown_parse(text, &c);
    return !df_chown_needs_passwd(&c) && !df_chown_needs_group(&c);
}

/* The file's bytes; *found is false when there is no such regular file. */
static int read_table(struct cache_tree *tree, build_read_fn *read, void *arg, const char *path, struct cb_buf *ret, bool *found,
                      struct cb_error *err)
{
    CB_AUTO(cb_error) struct cb_error why = CB_ERROR_INIT;
    *found = false;
    if (!tree)
        return 0;
    struct cache_node *n = NULL;
    /* Nothing at that path, a loop of links, a file on the way: all the same as no file. */
    if (cache_tree_resolve(tree, path, true, &n, &why) <= 0 || n->e.type != CB_FILE)
        return 0;
    *found = true;
    return n->e.size == 0 ? 0 : read(arg, n, CB_MAX_PASSWD, ret, err);
}

int build_owner_resolve(struct cache_tree *tree, build_read_fn *read, void *arg, const char *text, uint32_t *ret_uid,
                        uint32_t *ret_gid, struct cb_error *err)
{
    CB_AUTO(cb_buf) struct cb_buf passwd = CB_BUF_INIT, group = CB_BUF_INIT;
    bool has_passwd = false, has_group = false;
    if (!build_owner_is_plain(text) && (read_table(tree, read, arg, "/etc/passwd", &passwd, &has_passwd, err) < 0 ||
                                        read_table(tree, read, arg, "/etc/group", &group, &has_group, err) < 0))
        return -1;
    struct cb_str p = {passwd.data, passwd.len}, g = {group.data, group.len};
    df_chown_resolve(text, has_passwd ? &p : NULL, has_group ? &g : NULL, ret_uid, ret_gid);
    return 0;
}
